"""`contour models import`, `pull` and `public`: models that others trained, brought in as data."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from contour.cli.options import folder_of_models, names

if TYPE_CHECKING:
    from contour.importing.imported import ImportedModel, Origin

Command = TypeVar("Command", bound=Callable[..., Any])
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def _name(context: click.Context, parameter: click.Parameter, value: str) -> str:
    if not _NAME.fullmatch(value):
        raise click.BadParameter(f"found {value!r}; expected a-z, 0-9, _ and -, at most 64", context, parameter)
    return value


def _orientation(context: click.Context, parameter: click.Parameter, value: str) -> str:
    if value and not re.fullmatch("[LR][PA][SI]", value):
        raise click.BadParameter(f"found {value!r}; expected LPS, RAS or the like, x y z", context, parameter)
    return value


def _hash(context: click.Context, parameter: click.Parameter, value: str) -> str:
    if not _SHA256.fullmatch(value.lower()):
        raise click.BadParameter(f"found {value[:80]!r}; expected 64 hexadecimal digits", context, parameter)
    return value.lower()


def what_is_said(command: Command) -> Command:
    """Adds the options that say of a model what its files don't."""
    options = (
        click.option("--name", required=True, callback=_name, help="What the model is called here: a-z, 0-9, _ and -."),
        click.option(
            "--structures",
            "map_file",
            default=None,
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="TOML: its makers' names to TG-263 names; an empty name leaves a structure out.",
        ),
        click.option("--version", "version", default="1.0.0", show_default=True, help="Version to give it."),
        click.option("--licence", default="", help="Licence of the weights, where the files don't say."),
        click.option(
            "--orientation",
            default="",
            callback=_orientation,
            help="How its training images were turned, LPS or RAS, where the files don't say.",
        ),
        click.option("--replace", is_flag=True, help="Replace a model of that name."),
        folder_of_models,
    )
    for option in reversed(options):
        command = option(command)
    return command


def nnunet_choice(command: Command) -> Command:
    """Adds which of an nnU-Net's results are taken."""
    for option in (
        click.option(
            "--configuration",
            default=None,
            help="3d_fullres, 3d_lowres or 3d_cascade_fullres, where several are there.",
        ),
        click.option("--folds", default=None, callback=names, help="Folds of the ensemble: 0,1,2,3,4; else all there."),
    ):
        command = option(command)
    return command


@click.group(name="import", no_args_is_help=False, short_help="Bring in a model that was trained elsewhere.")
def import_models() -> None:
    """Bring in a model that was trained elsewhere: an nnU-Net v2 results folder or a MONAI bundle."""


@import_models.command(short_help="An nnU-Net v2 results folder.")
@click.argument("results", type=click.Path(exists=True, file_okay=False, path_type=Path))
@nnunet_choice
@what_is_said
def nnunet(
    *, results: Path, folds: tuple[str, ...] | None, configuration: str | None, replace: bool, **said: Any
) -> None:
    """Bring in the nnU-Net v2 model in RESULTS.

    RESULTS is a folder TRAINER__PLANS__CONFIGURATION, with plans.json, dataset.json and fold_N/checkpoint_final.pth, or
    the folder above it. A cascade brings both its stages. Nothing in the folder is executed or changed.
    """
    from contour.cli.stage_view import stage_view
    from contour.importing.nnunet import read_nnunet

    with stage_view(("import",)) as progress:
        model = read_nnunet(
            results,
            _origin(said),
            folds=folds,
            configuration=configuration,
            on_network=lambda done, all_of_them: progress("import", done / all_of_them),
        )
    _write(model, said["models_dir"], replace=replace)


@import_models.command(short_help="A MONAI bundle.")
@click.argument("bundle", type=click.Path(exists=True, file_okay=False, path_type=Path))
@what_is_said
def monai(*, bundle: Path, replace: bool, **said: Any) -> None:
    """Bring in the MONAI bundle in BUNDLE.

    Its network has to be a MONAI class (SegResNet, SegResNetDS, DynUNet, UNet, SwinUNETR) with plain arguments. Its
    configuration is read as data: an expression that is more than a literal is refused by name, never evaluated.
    """
    from contour.importing.monai_bundle import read_bundle

    _write(read_bundle(bundle, _origin(said)), said["models_dir"], replace=replace)


@click.command(short_help="Fetch an archive with a model, and bring it in.")
@click.argument("url")
@click.option("--sha256", required=True, callback=_hash, help="Of the archive; checked before anything is opened.")
@nnunet_choice
@what_is_said
def pull(
    *,
    url: str,
    sha256: str,
    folds: tuple[str, ...] | None,
    configuration: str | None,
    replace: bool,
    **said: Any,
) -> None:
    """Fetch the archive at URL (http, https or file), check its hash, and bring in the model in it.

    What broke off goes on where it was. An archive that would write outside its folder is refused.
    """
    from contour.cli.fetch_view import fetch_view
    from contour.cli.installed import writable_models_folder
    from contour.importing.pull import PullRequest, pull_model

    folder = writable_models_folder(said["models_dir"])
    with fetch_view() as progress:
        pulled = pull_model(
            PullRequest(
                url=url, sha256=sha256, origin=_origin(said), folds=folds, configuration=configuration, replace=replace
            ),
            folder,
            progress=progress,
        )
    _tell(pulled.model, pulled.folder)


@click.command(short_help="Public models that can be pulled, and what their licences allow.")
@click.option("--name", default=None, help="Show one entry in full.")
def public(*, name: str | None) -> None:
    """List public models of the TotalSegmentator family: what they contour, and what their licences allow.

    Hashes could not be checked where this list was made; an entry says so.
    """
    from contour.cli.public_table import print_public_models

    print_public_models(name)


def _origin(said: dict[str, Any]) -> Origin:
    from contour.errors import ModelError
    from contour.importing.imported import Origin
    from contour.importing.naming import parse_name_map

    map_file = said["map_file"]
    try:
        text = "" if map_file is None else map_file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ModelError("the map of structures is not UTF-8", reason="BAD_STRUCTURE_MAP") from error
    return Origin(
        name=said["name"],
        version=said["version"],
        licence=said["licence"],
        orientation=said["orientation"],
        names=parse_name_map(text),
    )


def _write(model: ImportedModel, models_dir: Path | None, *, replace: bool) -> None:
    from contour.cli.installed import writable_models_folder

    _tell(model, model.write(writable_models_folder(models_dir), replace=replace))


def _tell(model: ImportedModel | None, folder: Path) -> None:
    if model is not None:
        click.echo(f"{len(model.structures)} structures: {', '.join(one.name for one in model.structures)}")
        if model.unmapped:
            renamed = ", ".join(f"{one.source} (here {one.name})" for one in model.unmapped)
            click.echo(f"Not in the table of TG-263 names: {renamed}. Give names of your own with --structures.")
        for note in model.notes:
            click.echo(f"Note: {note}.")
    click.echo(f"Model: {folder}")
