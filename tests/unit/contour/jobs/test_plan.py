"""The planning walk as a use-case: what comes out, in which order it tells, and when nothing comes out."""

from datetime import UTC, datetime
from itertools import count

import pytest

from contour.dicom.ct_reader import read_ct_folder
from contour.dicom.rtstruct_reader import read_rtstruct
from contour.errors import CancelledError, NotFoundError
from contour.jobs.contourers import ByModel
from contour.jobs.plan import plan_contours, wanted_structures
from contour.progress import STAGES
from contour.segmentation import ModelStore
from tests.tiny_model import FOUND, save_tiny_model

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return ModelStore([save_tiny_model(tmp_path_factory.mktemp("models"))]).load("tiny", device="cpu")


@pytest.fixture(scope="module")
def series(coarse_series):
    return read_ct_folder(coarse_series.ct_folder)


def uids():
    numbers = count(1)
    return lambda: f"2.25.{next(numbers)}"


def plan(series, model, **changes):
    settings = {"structures": None, "now": NOW, "uid_source": uids(), "progress": lambda stage, fraction: None}
    return plan_contours(series, ByModel(model), **(settings | changes))


def test_the_same_clock_and_uids_give_the_same_bytes(series, model):
    assert plan(series, model).rtstruct == plan(series, model).rtstruct


def test_the_file_holds_what_was_found_and_a_warning_says_what_was_not(series, model):
    result = plan(series, model)
    written = read_rtstruct(result.rtstruct)
    assert tuple(roi.name for roi in written.rois) == tuple(row.name for row in result.rows) == FOUND
    assert written.sop_instance_uid == result.sop_instance_uid == "2.25.1"
    assert written.approval_status == "UNAPPROVED"
    assert [finding.reason for finding in result.warnings] == ["STRUCTURE_NOT_FOUND"]
    assert "Larynx" in result.warnings[0].message


def test_rows_agree_with_the_checks_that_were_read_back_from_the_file(series, model):
    result = plan(series, model)
    assert [row.volume_ml for row in result.rows] == pytest.approx([check.volume_ml for check in result.checks])
    assert all(check.dice >= 0.999 for check in result.checks)
    assert all(row.slices > 0 for row in result.rows)


def test_stages_are_told_in_order_and_each_to_its_end(series, model):
    told = []
    result = plan(series, model, progress=lambda stage, fraction: told.append((stage, fraction)))
    order = [STAGES.index(stage) for stage, _ in told]
    assert order == sorted(order)
    assert {stage for stage, fraction in told if fraction >= 1.0} == set(STAGES) - {"read"}
    assert [stage for stage, _ in result.stage_seconds] == [stage for stage in STAGES if stage != "read"]


@pytest.mark.parametrize("at", ["body", "network", "clean-up", "write", "verify"])
def test_progress_can_stop_the_work_at_any_stage(series, model, at):
    def stop(stage, _fraction):
        if stage == at:
            raise CancelledError("stopped by a test")

    with pytest.raises(CancelledError):
        plan(series, model, progress=stop)


def test_structures_are_asked_for_by_name_or_alias_and_come_in_the_models_order(series, model):
    result = plan(series, model, structures=("left parotid", "External"))
    assert [row.name for row in result.rows] == ["External", "Parotid_L"]


def test_a_structure_that_the_model_does_not_know_is_refused_with_the_list(series, model):
    with pytest.raises(NotFoundError, match="this model contours External, Brain") as caught:
        plan(series, model, structures=("SpinalCord",))
    assert caught.value.reason == "UNKNOWN_STRUCTURE"


def test_names_asked_for_twice_count_once():
    assert wanted_structures(("larynx", "Larynx"), ("External", "Larynx")) == ("Larynx",)
    assert wanted_structures(None, ("External",)) is None
