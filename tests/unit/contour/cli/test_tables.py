"""What comes from outside reaches the terminal as text and as nothing else."""

from contour.cli.planned import Planned, RemovalRow, TableRow
from contour.cli.tables import print_findings, print_plan
from contour.dicom.lint_finding import LintFinding
from contour.errors import Finding


def test_a_name_that_would_steer_the_terminal_is_shown_harmless(capsys):
    print_findings([LintFinding.error("EMPTY_ROI", "no\x1b]0;owned\x07 contour", roi="PTV\x1b[2J[bold]")])
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\x07" not in out
    assert "PTV\N{REPLACEMENT CHARACTER}[2J[bold]" in out
    assert "1 errors, 0 warnings, 0 notes" in out


def test_errors_come_before_warnings_and_notes(capsys):
    print_findings([LintFinding.info("C", "c"), LintFinding.error("A", "a"), LintFinding.warning("B", "b")])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines[3:6]] == ["error", "warning", "info"]


def test_a_plan_shows_warnings_stages_and_rows(capsys):
    rows = (TableRow(name="Parotid_L", volume_ml=26.294, slices=22, seconds=0.123),)
    warnings = (Finding(reason="STRUCTURE_NOT_FOUND", message="Larynx was not found"),)
    removals = (RemovalRow(structure="Parotid_L", rule="keep_parts=1", parts=2, volume_ml=0.414),)
    done = Planned(
        rtstruct=b"",
        rows=rows,
        stage_seconds=(("read", 0.26), ("body", 1.0)),
        warnings=warnings,
        removals=removals,
        series=None,
    )
    print_plan(done)
    out = capsys.readouterr().out
    assert "warning: STRUCTURE_NOT_FOUND: Larynx was not found" in out
    assert "clean-up: Parotid_L: keep_parts=1 took 2 parts, 0.41 ml" in out
    assert "read 0.3 s  body 1.0 s" in out
    assert "26.29" in out
    assert "0.12" in out
