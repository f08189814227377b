"""`contour check`: lint anybody's RTSTRUCT against the CT it was drawn on."""

from __future__ import annotations

import json
from pathlib import Path

import click

from contour.errors import InputError

MAX_RTSTRUCT_BYTES = 512 * 1024 * 1024


@click.command(short_help="Lint an RTSTRUCT against its CT.")
@click.argument("rtstruct", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("ct_dir", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--series",
    "series_uid",
    metavar="UID",
    default=None,
    help="Series Instance UID, where the folder holds several CTs.",
)
@click.option("--json", "as_json", is_flag=True, help="Write the findings as JSON on stdout.")
def check(*, rtstruct: Path, ct_dir: Path, series_uid: str | None, as_json: bool) -> None:
    """Check the structure set RTSTRUCT, from whatever system, against the CT in CT_DIR.

    Exit 1 when there is an error, 0 when there are only warnings or nothing.
    """
    size_bytes = rtstruct.stat().st_size
    if size_bytes > MAX_RTSTRUCT_BYTES:
        raise InputError(
            f"file has {size_bytes} bytes; expected an RTSTRUCT of at most {MAX_RTSTRUCT_BYTES}", reason="TOO_LARGE"
        )

    from contour.dicom.ct_reader import read_ct_folder
    from contour.dicom.rtstruct_lint import lint_rtstruct

    data = rtstruct.read_bytes()
    series = read_ct_folder(ct_dir, series_instance_uid=series_uid)
    findings = lint_rtstruct(data, series)
    errors = sum(finding.severity == "error" for finding in findings)
    if as_json:
        click.echo(json.dumps({"errors": errors, "findings": [finding.as_json() for finding in findings]}, indent=2))
    else:
        from contour.cli.tables import print_findings

        print_findings(findings)
    if errors:
        raise click.exceptions.Exit(1)
