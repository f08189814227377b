"""`contour demo course` as somebody plays it who wants to see what is caught."""

import csv

import pytest

from tests.integration.test_cli_plan import contour


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    out = tmp_path_factory.mktemp("demo") / "course"
    return out, contour("demo", "course", "--out", out, "--fractions", 2, "--wrong-patient", 2)


def test_the_other_patient_is_refused_when_it_comes_and_told_at_once(played):
    _, run = played
    assert run.returncode == 0, run.stderr
    told = run.stdout.splitlines()
    (first,) = [line for line in told if line.startswith("fraction  1:")]
    (second,) = [line for line in told if line.startswith("fraction  2:")]
    assert "REFUSE" not in first
    assert "REFUSE" in second
    assert any("1 of the fractions refused: 2" in line for line in told[told.index(second) :])


def test_scans_and_fractions_and_a_report_are_left_behind(played):
    out, run = played
    assert run.stdout.splitlines()[-1] == str(out / "report" / "report.html")
    assert sorted(path.name for path in out.iterdir()) == ["fractions", "report", "scans"]
    rows = list(csv.DictReader((out / "report" / "fractions.csv").read_text().splitlines()))
    assert [row["verdict"] for row in rows][1] == "REFUSE"


def test_a_wrong_patient_after_the_last_fraction_is_refused_before_anything_is_drawn(tmp_path):
    run = contour("demo", "course", "--out", tmp_path / "out", "--fractions", 5)
    assert run.returncode == 2
    assert "--wrong-patient 14 of 5 fractions" in run.stderr
    assert not (tmp_path / "out").exists()
