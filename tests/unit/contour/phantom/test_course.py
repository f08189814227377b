"""A synthetic course is what it says: the day shows tissue where the truth puts it, and incidents are real."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from contour.dicom.ct_reader import read_ct_folder
from contour.dicom.plan_structures import read_plan_structures
from contour.errors import InputError
from contour.phantom.course import CourseSettings, write_course
from registration.volume import Volume
from registration.warp import sample
from tests import phantoms

SETTINGS = CourseSettings(seed=3, fractions=4, scan=phantoms.COARSE, flipped=2, plan_again=3)


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("course")
    write_course(folder, SETTINGS)
    return folder


def landmarks(folder: Path) -> np.ndarray:
    with (folder / "truth" / "landmarks.csv").open() as file:
        return np.asarray([[float(v) for v in row] for row in list(csv.reader(file))[1:]]).reshape(-1, 2, 3)


def test_the_day_shows_at_each_landmark_what_the_plan_shows_at_its_partner(course: Path) -> None:
    day, plan = (read_ct_folder(folder / "ct").volume for folder in (course / "fraction_04", course / "plan"))
    pairs = landmarks(course / "fraction_04")
    smooth = [
        Volume(grid=one.grid, values_zyx=gaussian_filter(one.values_zyx.astype(np.float32), 0.7)) for one in (day, plan)
    ]
    seen = [sample(one, pairs[:, n], outside=np.nan) for n, one in enumerate(smooth)]
    known = np.isfinite(seen[0]) & np.isfinite(seen[1])
    assert known.sum() > 1000
    assert np.corrcoef(seen[0][known], seen[1][known])[0, 1] > 0.97
    unmoved = sample(smooth[1], pairs[:, 0], outside=np.nan)
    known &= np.isfinite(unmoved)
    assert np.corrcoef(seen[0][known], unmoved[known])[0, 1] < 0.93


def test_what_is_to_shrink_shrinks_and_the_brain_does_not(course: Path) -> None:
    day, plan = (read_ct_folder(folder / "ct") for folder in (course / "fraction_04", course / "plan"))
    true = (course / "fraction_04" / "truth" / "RS.dcm").read_bytes()
    planned = {
        one.name: one.volume_ml
        for one in read_plan_structures((course / "plan" / "RS.dcm").read_bytes(), plan).structures
    }
    today = {one.name: one.volume_ml for one in read_plan_structures(true, day).structures}
    change = {name: today[name] / planned[name] - 1.0 for name in today}
    assert -0.5 < change["Parotid_L"] < -0.2
    assert -0.5 < change["Parotid_R"] < -0.2
    assert -0.65 < change["GTVp"] < -0.2
    assert abs(change["Brain"]) < 0.03


def test_incidents_have_no_truth_and_say_what_they_are(course: Path) -> None:
    for number, incident in ((2, "flipped"), (3, "plan CT again")):
        truth = course / f"fraction_{number:02d}" / "truth"
        assert json.loads((truth / "motion.json").read_text())["incident"] == incident
        assert not (truth / "RS.dcm").exists()
        assert landmarks(course / f"fraction_{number:02d}").shape[0] == 0
    plan, again = (read_ct_folder(f / "ct") for f in (course / "plan", course / "fraction_03"))
    assert np.array_equal(plan.volume.values_zyx, again.volume.values_zyx)
    assert plan.series_instance_uid != again.series_instance_uid


def test_the_same_settings_give_the_same_bytes(course: Path, tmp_path: Path) -> None:
    write_course(tmp_path, SETTINGS)

    def digests(folder: Path) -> dict[str, str]:
        files = (path for path in sorted(folder.rglob("*")) if path.is_file())
        return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}

    assert digests(tmp_path) == digests(course)


@pytest.mark.parametrize("change", [{"fractions": 0}, {"fractions": 61}, {"flipped": 5}, {"wrong_patient": -1}])
def test_a_course_that_cannot_be_is_refused(change: dict[str, int]) -> None:
    with pytest.raises(InputError) as caught:
        CourseSettings(**({"fractions": 4} | change))  # type: ignore[arg-type]
    assert caught.value.reason == "BAD_COURSE"
