"""Progress for people and for logs."""

import pytest

from contour.cli.stage_view import BarStages, PlainStages, stage_view
from contour.progress import STAGES


def run(view):
    with view as progress:
        for stage in STAGES:
            progress(stage, 0.0)
            progress(stage, 0.6)  # a server may never get to tell that a stage was done


def test_plain_lines_tell_each_stage_once_even_where_its_end_was_not_told(capsys):
    run(PlainStages())
    lines = capsys.readouterr().err.splitlines()
    assert [line.split()[0] for line in lines] == list(STAGES)
    assert all(line.endswith(" s") for line in lines)


def test_a_stage_that_failed_is_not_told_as_done(capsys):
    def breaks_in_body():
        with PlainStages() as progress:
            progress("read", 1.0)
            progress("body", 0.5)
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        breaks_in_body()
    assert [line.split()[0] for line in capsys.readouterr().err.splitlines()] == ["read"]


def test_bars_end_full_and_are_numbered(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    run(BarStages())
    err = capsys.readouterr().err
    for number, stage in enumerate(STAGES, start=1):
        assert f"{number}/{len(STAGES)} {stage}" in err
    assert err.count("100 %") >= len(STAGES)


def test_a_log_gets_lines_and_a_terminal_bars(monkeypatch):
    assert isinstance(stage_view(), PlainStages)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert isinstance(stage_view(), BarStages)
