"""A course through a real server: fractions out of order, twice, redone, refused, cut off by a power cut."""

import json
import subprocess
from io import BytesIO

import numpy as np
import pydicom
import pytest

from contour.client import PlanHandle
from contour.config import DEFAULT_MODEL
from contour.dicom.ct_reader import read_ct_folder
from contour.dicom.plan_structures import read_plan_structures
from contour.errors import InputError, NotFoundError, NotReadyError
from contour.phantom.course import CourseSettings, write_course
from contour.v1 import adaptation_pb2, contouring_pb2
from tests import phantoms
from tests.e2e.server_process import ServerProcess, wait_until

SETTINGS = CourseSettings(seed=1, fractions=3, scan=phantoms.COARSE, plan_again=3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("course")
    write_course(made, SETTINGS)
    return made


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    running = ServerProcess(
        tmp_path_factory.mktemp("courses"), runner="", default_model=DEFAULT_MODEL, env={"OMP_NUM_THREADS": "2"}
    ).start()
    yield running
    running.end()


@pytest.fixture(scope="module")
def client(server):
    with server.client(patience_s=30.0) as made:
        yield made


def scan(client, folder, number):
    return client.upload_series(sorted((folder / f"fraction_{number:02d}" / "ct").iterdir()))


@pytest.fixture(scope="module")
def plan(client, folder):
    return PlanHandle(
        ct=client.upload_series(sorted((folder / "plan" / "ct").iterdir())),
        structures=client.upload_series([folder / "plan" / "RS.dcm"]),
        dose=client.upload_series([folder / "plan" / "RD.dcm"]),
        planned_fractions=3,
    )


@pytest.fixture(scope="module")
def course(client, plan):
    return client.courses.create(plan, label="larynx 17")


@pytest.fixture(scope="module")
def second(client, course, folder):
    """Fraction 2, which comes first."""
    return client.courses.adapt(course, scan(client, folder, 2), fraction=2)


@pytest.fixture(scope="module")
def files(client, second):
    return dict(client.courses.files(second))


def test_a_fraction_gives_every_file(second, files):
    assert second.verdict in {"PASS", "LOOK"}
    assert second.fraction == 2
    assert set(files) == {
        "structures.dcm", "rigid.dcm", "deformable.dcm", "drift.json", "report.png", "dose_today.dcm",
        "dose_on_plan.dcm",
    }  # fmt: skip
    assert files["report.png"].startswith(b"\x89PNG")


def test_every_object_conforms_and_names_its_plan(files, folder, judge, tmp_path):
    for name in ("structures.dcm", "rigid.dcm", "deformable.dcm", "dose_today.dcm", "dose_on_plan.dcm"):
        (tmp_path / name).write_bytes(files[name])
        said = subprocess.run([judge("dciodvfy"), tmp_path / name], capture_output=True, text=True, check=False)
        assert [line for line in (said.stdout + said.stderr).splitlines() if line.startswith("Error")] == [], name
    carried = pydicom.dcmread(BytesIO(files["structures.dcm"]))
    planned = pydicom.dcmread(folder / "plan" / "RS.dcm")
    before = carried.PredecessorStructureSetSequence[0]
    assert before.ReferencedSOPInstanceUID == planned.SOPInstanceUID
    assert carried.ApprovalStatus == "UNAPPROVED"
    numbers = {roi.ROIName: roi.ROINumber for roi in planned.StructureSetROISequence}
    for roi in carried.StructureSetROISequence:
        assert roi.ROINumber == numbers[roi.ROIName]


def volumes_ml(structures, scan_folder):
    series = read_ct_folder(scan_folder)
    return {one.name: one.volume_ml for one in read_plan_structures(structures, series).structures}


def test_what_shrank_is_told_to_have_shrunk(files, folder):
    report = json.loads(files["drift.json"])
    told = {row["drift"]["name"]: row["drift"]["volume_change_percent"] for row in report["structures"]}
    planned = volumes_ml((folder / "plan" / "RS.dcm").read_bytes(), folder / "plan" / "ct")
    day = folder / "fraction_02"
    true = volumes_ml((day / "truth" / "RS.dcm").read_bytes(), day / "ct")

    for name in ("Parotid_L", "Parotid_R", "GTVp"):
        change = 100.0 * (true[name] / planned[name] - 1.0)
        assert change < -10.0
        assert told[name] == pytest.approx(change, abs=9.0), name  # voxels of 5 x 3.9 x 4.4 mm
    assert report["dose"]["rows"]


def test_the_course_keeps_its_order_and_says_what_is_missing(client, course, second):
    found = client.courses.get(course)

    assert [entry.fraction for entry in found.fractions] == [2]
    assert list(found.missing_fractions) == [1]
    assert found.fractions[0].job_id == second.job_id
    assert found.fractions[0].state == contouring_pb2.JOB_STATE_SUCCEEDED
    assert found.fractions[0].HasField("setup")
    assert next(client.courses.changes(course)) == found


def test_the_same_scan_again_is_the_same_fraction(client, course, folder, second):
    again = client.courses.start(course, scan(client, folder, 2))

    assert again == second.job_id
    with pytest.raises(InputError, match="fraction 2 already"):
        client.courses.start(course, scan(client, folder, 2), fraction=3)


def test_a_number_that_is_taken_is_not_given_away(client, course, folder, second):
    with pytest.raises(InputError) as caught:
        client.courses.start(course, scan(client, folder, 1), fraction=2)
    assert caught.value.reason == "FRACTION_TAKEN"


def contours(data):
    return [
        (roi.ReferencedROINumber, [tuple(contour.ContourData) for contour in roi.ContourSequence])
        for roi in pydicom.dcmread(BytesIO(data)).ROIContourSequence
    ]


def test_a_fraction_that_is_redone_gives_the_same(client, course, folder, second, files):
    redone = client.courses.adapt(course, scan(client, folder, 2), redo=True)
    again = dict(client.courses.files(redone))

    assert redone.job_id != second.job_id
    assert again["drift.json"] == files["drift.json"]
    assert again["report.png"] == files["report.png"]
    assert contours(again["structures.dcm"]) == contours(files["structures.dcm"])
    old, new = (
        pydicom.dcmread(BytesIO(one["deformable.dcm"])).DeformableRegistrationSequence[0] for one in (files, again)
    )
    grids = [one.DeformableRegistrationGridSequence[0].VectorGridData for one in (old, new)]
    assert np.array_equal(*[np.frombuffer(grid, dtype="<f4") for grid in grids])
    assert [entry.job_id for entry in client.courses.get(course).fractions] == [redone.job_id]


def test_a_refused_fraction_keeps_its_evidence_and_hands_out_no_contours(client, course, folder):
    refused = client.courses.adapt(course, scan(client, folder, 3), fraction=3)

    assert refused.verdict == "REFUSE"
    assert refused.reasons[0].reason == "UNCHANGED_COPY"
    assert set(refused.files) == {"drift.json", "report.png"}
    with pytest.raises(NotReadyError) as caught:
        client.courses.fetch(refused.job_id, "structures.dcm")
    assert caught.value.reason == "UNCHANGED_COPY"
    entry = client.courses.get(course).fractions[-1]
    assert (entry.verdict, entry.reason) == (adaptation_pb2.FRACTION_VERDICT_REFUSE, "UNCHANGED_COPY")


def test_a_series_that_a_course_needs_cannot_be_deleted(client, course, plan):
    with pytest.raises(NotReadyError) as caught:
        client.delete_series(plan.structures.series_id)
    assert caught.value.reason == "SERIES_IN_USE"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"limits_toml": "nonsense = 1"}, "BAD_LIMITS"),
        ({"model": "nobody"}, "UNKNOWN_MODEL"),
        ({"fraction": 900}, "BAD_FRACTION"),
    ],
)
def test_what_cannot_be_done_is_refused_at_once(client, course, folder, change, reason):
    with pytest.raises((InputError, NotFoundError)) as caught:
        client.courses.start(course, scan(client, folder, 1), **change)
    assert caught.value.reason == reason


def test_a_plan_without_structures_fails_by_name(client, plan, folder):
    bare = PlanHandle(ct=plan.ct)
    with pytest.raises(InputError) as caught:
        client.courses.adapt(bare, scan(client, folder, 1))
    assert caught.value.reason == "NO_STRUCTURE_SET"


def test_a_power_cut_in_the_midst_of_a_fraction_loses_nothing(client, server, course, folder):
    job_id = client.courses.start(course, scan(client, folder, 1), fraction=1)
    steps = client.courses.watch(job_id)
    for step in steps:
        if step.stage in {"deformable", "backward"}:
            break
    server.kill()
    server.start()
    wait_until(lambda: client.progress(job_id).is_over, limit_s=240.0)

    done = client.courses.result(job_id)
    assert done.verdict in {"PASS", "LOOK"}
    assert [entry.fraction for entry in client.courses.get(course).fractions] == [1, 2, 3]


def test_courses_are_listed_and_deleted(client, plan):
    short = client.courses.create(plan, label="to be deleted")
    assert client.courses.listing()[0].label == "to be deleted"

    client.courses.delete(short)

    with pytest.raises(NotFoundError):
        client.courses.get(short)
