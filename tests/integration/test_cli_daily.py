"""`contour daily` and `contour course sum` as a physicist runs them, on a course whose truth is known."""

import csv
import json
import re
import shutil
import subprocess

import numpy as np
import pydicom
import pytest

from contour.adaptation.carry import carry_structure
from contour.anatomy.agreement import dice
from contour.dicom.ct_reader import read_ct_folder
from contour.dicom.plan_structures import read_plan_structures
from contour.dicom.rtdose_reader import read_rtdose
from contour.dicom.spatial_registration import read_spatial_registration
from contour.phantom.course import CourseSettings, write_course
from registration.transform import Alignment
from tests import phantoms
from tests.integration.test_cli_plan import contour
from tests.registration_standard import by_the_standard

FRACTIONS = 5
OBJECTS = ["deformable.dcm", "dose_on_plan.dcm", "dose_today.dcm", "rigid.dcm", "structures.dcm"]
EVIDENCE = ["drift.json", "report.png"]


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """Fraction 2 is another patient, 3 is flipped, 4 the plan CT again."""
    folder = tmp_path_factory.mktemp("daily") / "course"
    settings = CourseSettings(
        seed=2, fractions=FRACTIONS, scan=phantoms.COARSE, wrong_patient=2, flipped=3, plan_again=4
    )
    write_course(folder, settings)
    return folder


def daily(course, number, out, *more):
    plan = course / "plan"
    return contour(
        "daily", "--plan-ct", plan / "ct", "--plan-structures", plan / "RS.dcm", "--plan-dose", plan / "RD.dcm",
        "--planned-fractions", FRACTIONS, "--fraction", number,
        "--daily-ct", course / f"fraction_{number:02d}" / "ct", "--out", out, "--model", "none", *more,
    )  # fmt: skip


@pytest.fixture(scope="module")
def done(course, tmp_path_factory):
    """Fractions 5 and 1, in that order."""
    made = {}
    for number in (5, 1):
        out = tmp_path_factory.mktemp("out") / f"fraction_{number}"
        run = daily(course, number, out)
        assert run.returncode == 0, run.stderr
        made[number] = (out, run)
    return made


@pytest.fixture(scope="module")
def last(done):
    return done[5][0]


def test_a_fraction_gives_every_file_and_says_where(done):
    out, run = done[5]
    assert sorted(path.name for path in out.iterdir()) == sorted([*OBJECTS, *EVIDENCE])
    assert re.fullmatch(rf"(PASS|LOOK): {out}", run.stdout.splitlines()[-1])
    assert "Parotid_L" in run.stdout
    stages = [line.split()[0] for line in run.stderr.splitlines()]
    assert stages[:6] == ["read", "scan", "rigid", "keypoints", "deformable", "inverse"]


def test_every_object_conforms(last, judge):
    for name in OBJECTS:
        said = subprocess.run([judge("dciodvfy"), last / name], capture_output=True, text=True, check=False)
        assert [line for line in (said.stdout + said.stderr).splitlines() if line.startswith("Error")] == [], name


def test_outside_code_takes_true_landmarks_to_their_places_by_the_deformable_object(course, last):
    with (course / "fraction_05" / "truth" / "landmarks.csv").open() as file:
        rows = np.asarray([[float(value) for value in row] for row in list(csv.reader(file))[1:]])
    day, plan = rows[:, :3], rows[:, 3:]
    missed = np.linalg.norm(by_the_standard((last / "deformable.dcm").read_bytes(), day) - plan, axis=1)
    set_up = read_spatial_registration((last / "rigid.dcm").read_bytes())
    frames = [read_ct_folder(f).frame_of_reference_uid for f in (course / "fraction_05" / "ct", course / "plan" / "ct")]
    by_setup = np.linalg.norm(set_up.between(*frames).apply(day) - plan, axis=1)
    assert missed.mean() < 1.5  # voxels of 5 x 3.9 x 4.4 mm
    assert missed.mean() < 0.6 * by_setup.mean()


def test_carried_structures_meet_the_truth_and_are_better_than_by_set_up_alone(course, last):
    day = read_ct_folder(course / "fraction_05" / "ct")
    plan = read_ct_folder(course / "plan" / "ct")
    structures = read_plan_structures((course / "plan" / "RS.dcm").read_bytes(), plan).structures
    true = read_plan_structures((course / "fraction_05" / "truth" / "RS.dcm").read_bytes(), day).structures
    carried = read_plan_structures((last / "structures.dcm").read_bytes(), day).structures
    rigid = read_spatial_registration((last / "rigid.dcm").read_bytes()).between(
        day.frame_of_reference_uid, plan.frame_of_reference_uid
    )
    set_up = Alignment(
        rigid=rigid,
        field=None,
        fixed_frame_uid=day.frame_of_reference_uid,
        moving_frame_uid=plan.frame_of_reference_uid,
    )
    truth = {one.name: one.full_mask_zyx() for one in true}
    found = {one.name: dice(one.full_mask_zyx(), truth[one.name]) for one in carried}
    stiff = {
        one.name: dice(carry_structure(one, set_up, day.grid).structure.full_mask_zyx(), truth[one.name])
        for one in structures
    }
    assert np.mean([found[name] for name in ("Parotid_L", "Parotid_R")]) >= 0.90
    assert min(found[name] for name in ("CTV_7000", "PTV_7000", "GTVn")) >= 0.90
    # a few tenths of a millimetre are a few hundredths of Dice where a voxel is 5 mm thick
    assert {name: (found[name], stiff[name]) for name in found if found[name] < stiff[name] - 0.02} == {}
    assert np.mean(list(found.values())) > np.mean([stiff[name] for name in found])


def test_the_structure_set_names_its_plan_and_waits_for_a_person(course, last):
    carried = pydicom.dcmread(last / "structures.dcm")
    planned = pydicom.dcmread(course / "plan" / "RS.dcm")
    assert carried.PredecessorStructureSetSequence[0].ReferencedSOPInstanceUID == planned.SOPInstanceUID
    assert carried.ApprovalStatus == "UNAPPROVED"


def test_the_report_says_how_sure_it_is_of_each_structure(last):
    report = json.loads((last / "drift.json").read_text())
    for row in report["structures"]:
        assert 0.0 < row["trust"]["expected_error_mm"] < 6.0
        assert {witness["name"] for witness in row["trust"]["witnesses"]} >= {"features", "network"}
    heard = {w["name"]: w["available"] for w in report["structures"][0]["trust"]["witnesses"]}
    assert heard["network"] is False  # none was asked
    assert report["dose"]["approximation"].startswith("dose cloud fixed in the room")


def test_the_dose_table_has_every_point(last):
    report = json.loads((last / "drift.json").read_text())
    row = next(row for row in report["dose"]["rows"] if row["name"] == "Parotid_L")
    for side in ("plan", "today"):
        assert {"d98_gy", "d95_gy", "d50_gy", "d2_gy", "mean_gy"} <= set(row[side])
        assert [point["dose_gy"] for point in row[side]["at_dose"]] == [20.0, 30.0, 45.0, 60.0]
    assert row["today_less_plan"]["mean_gy"] == pytest.approx(
        row["today"]["mean_gy"] - row["plan"]["mean_gy"], abs=0.02
    )


def test_a_server_gives_the_same_files(course, done, running_server, tmp_path):
    plan, out = course / "plan", tmp_path / "out"
    run = contour(
        "daily", "--plan-ct", plan / "ct", "--plan-structures", plan / "RS.dcm", "--plan-dose", plan / "RD.dcm",
        "--planned-fractions", FRACTIONS, "--fraction", 1, "--daily-ct", course / "fraction_01" / "ct", "--out", out,
        "--server", running_server.address,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert sorted(path.name for path in out.iterdir()) == sorted([*OBJECTS, *EVIDENCE])
    here, there = (pydicom.dcmread(folder / "structures.dcm") for folder in (done[1][0], out))
    for mine, theirs in zip(here.ROIContourSequence, there.ROIContourSequence, strict=True):
        assert mine.ReferencedROINumber == theirs.ReferencedROINumber
        assert [c.ContourData for c in mine.ContourSequence] == [c.ContourData for c in theirs.ContourSequence]


def test_the_course_sums_up_its_fractions_in_order_and_names_what_is_missing(course, done, tmp_path, judge):
    plan = course / "plan"
    summed = contour(
        "course", "sum", done[5][0], done[1][0], "--plan-ct", plan / "ct", "--plan-structures", plan / "RS.dcm",
        "--plan-dose", plan / "RD.dcm", "--out", tmp_path / "sum",
    )  # fmt: skip
    assert summed.returncode == 0, summed.stderr
    assert "missing: fractions 2, 3, 4" in summed.stdout
    report = json.loads((tmp_path / "sum" / "course.json").read_text())
    assert [row["number"] for row in report["fractions"]] == [1, 5]
    assert report["dose"]["delivered_fractions"] == [1, 5]
    dose = tmp_path / "sum" / "dose_accumulated.dcm"
    said = subprocess.run([judge("dciodvfy"), dose], capture_output=True, text=True, check=False)
    assert [line for line in (said.stdout + said.stderr).splitlines() if line.startswith("Error")] == []
    total = read_rtdose(dose.read_bytes()).volume.values_zyx
    parts = [read_rtdose((done[n][0] / "dose_on_plan.dcm").read_bytes()).volume.values_zyx for n in (1, 5)]
    np.testing.assert_allclose(total, parts[0] + parts[1], atol=1e-4)
    gtv = next(row for row in report["dose"]["rows"] if row["name"] == "GTVp")
    assert gtv["accumulated"]["mean_gy"] == pytest.approx(70.0 * 2 / FRACTIONS, abs=0.3)


def test_the_report_of_a_folder_of_fractions_is_a_page_with_charts_and_tables(done, tmp_path):
    for number, (out, _) in done.items():
        shutil.copytree(out, tmp_path / "fractions" / f"fraction_{number}")
    run = contour("course", "report", tmp_path / "fractions", "--site", "head and neck", "--out", tmp_path / "report")
    assert run.returncode == 0, run.stderr
    assert {"report.html", "setup.svg", "shifts.csv"} <= {path.name for path in (tmp_path / "report").iterdir()}
    rows = list(csv.DictReader((tmp_path / "report" / "fractions.csv").read_text().splitlines()))
    assert [row["fraction"] for row in rows] == ["1", "5"]
    assert all(row["device"].startswith("ct-") and int(row["days_since_plan"]) > 0 for row in rows)
    assert "missing" in run.stdout


def test_a_report_needs_a_folder_with_fractions(tmp_path):
    none = contour("course", "report", tmp_path / "nothing", "--out", tmp_path / "report")
    assert (none.returncode, "NO_SUCH_FOLDER" in none.stderr) == (1, True)
    empty = contour("course", "report", tmp_path, "--out", tmp_path / "report")
    assert (empty.returncode, "NO_FRACTIONS" in empty.stderr) == (1, True)


def test_a_course_does_not_take_a_fraction_twice_or_a_folder_that_is_none(done, tmp_path):
    twice = contour("course", "sum", done[1][0], done[1][0], "--out", tmp_path / "sum")
    assert (twice.returncode, "FRACTION_CONFLICT" in twice.stderr) == (1, True)
    none = contour("course", "sum", tmp_path, "--out", tmp_path / "sum")
    assert (none.returncode, "NO_FRACTION" in none.stderr) == (1, True)
    assert not (tmp_path / "sum").exists()


@pytest.mark.parametrize(
    ("number", "reasons"),
    [(2, {"OTHER_PATIENT_OR_REGION", "MAYBE_OTHER_PATIENT"}), (3, {"FLIPPED_SCAN"}), (4, {"UNCHANGED_COPY"})],
)
def test_a_scan_that_cannot_be_trusted_is_refused_by_name_without_contours(course, number, reasons, tmp_path):
    out = tmp_path / "out"
    run = daily(course, number, out)
    assert run.returncode == 1
    assert run.stderr.splitlines()[-1].split(": ")[1] in reasons
    assert sorted(path.name for path in out.iterdir()) == EVIDENCE
    assert json.loads((out / "drift.json").read_text())["verdict"] == "REFUSE"


def test_another_region_is_refused_by_name(course, data_folder, tmp_path):
    plan = course / "plan"
    abdomen = data_folder / "totalsegmentator_example" / "ct_dicom"
    run = contour(
        "daily", "--plan-ct", plan / "ct", "--plan-structures", plan / "RS.dcm", "--daily-ct", abdomen,
        "--out", tmp_path / "out", "--model", "none",
    )  # fmt: skip
    assert run.returncode == 1
    assert run.stderr.splitlines()[-1].split(": ")[1] in {"WRONG_PATIENT", "OTHER_PATIENT_OR_REGION", "NOT_ALIGNED"}


def test_what_is_there_already_is_not_overwritten(course, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    run = daily(course, 1, tmp_path)
    assert (run.returncode, "OUTPUT_EXISTS" in run.stderr) == (1, True)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    ("change", "reason", "code"),
    [
        ("a CT slice as structures", "NOT_RTSTRUCT", 1),
        ("structures of another series", "OTHER_SERIES", 1),
        ("limits that are no TOML", "BAD_CONFIG", 2),
        ("half a dose", "TRUNCATED_PIXEL_DATA", 1),
    ],
)
def test_a_bad_input_is_named_in_one_line_and_leaves_nothing(course, change, reason, code, tmp_path):
    plan, out = tmp_path / "course" / "plan", tmp_path / "out"
    shutil.copytree(course / "plan", plan)
    shutil.copytree(course / "fraction_01", tmp_path / "course" / "fraction_01")
    more = []
    if change == "a CT slice as structures":
        shutil.copy(next((plan / "ct").iterdir()), plan / "RS.dcm")
    elif change == "structures of another series":
        shutil.copy(course / "fraction_05" / "truth" / "RS.dcm", plan / "RS.dcm")
    elif change == "half a dose":
        data = (plan / "RD.dcm").read_bytes()
        (plan / "RD.dcm").write_bytes(data[: len(data) // 2])
    else:
        (tmp_path / "limits.toml").write_text("[setup\n")
        more = ["--limits", tmp_path / "limits.toml"]
    run = daily(tmp_path / "course", 1, out, *more)
    lines = [line for line in run.stderr.splitlines() if line.startswith("contour: ")]
    assert run.returncode == code, run.stderr
    assert len(lines) == 1
    assert reason in lines[0]
    assert "Traceback" not in run.stderr
    assert not out.exists()
