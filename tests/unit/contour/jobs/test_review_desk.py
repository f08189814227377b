import hashlib
import shutil
import subprocess
import threading
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest

from contour.dicom.contour_placement import roi_to_structure
from contour.dicom.ct_reader import read_ct_folder
from contour.dicom.rtstruct_reader import read_rtstruct
from contour.errors import ConflictError, InputError, NotAllowedError, NotFoundError, NotReadyError
from contour.jobs.review_log import replayed
from contour.jobs.review_masks import structure_from_bytes
from contour.jobs.review_pool import CasePool
from contour.jobs.review_values import EditAsked, ReviewRules, StepAsked
from contour.store.review_records import ReviewState
from tests.unit.contour.jobs.review_cases import (
    ADMINISTRATOR,
    DOSIMETRIST,
    PHYSICIAN,
    PHYSICIST,
    SERVICE,
    Room,
    brush,
    centre_of,
    row_of,
    texts_of,
    wanted,
)

NAMES = ("External", "Brainstem", "SpinalCord", "Parotid_L", "Parotid_R")


@pytest.fixture(scope="module")
def pool() -> Iterator[CasePool]:
    with CasePool() as opened:
        yield opened


@pytest.fixture(scope="module")
def template(tmp_path_factory, pool, coarse_series) -> tuple[Path, str]:
    """A data folder with one finished plan, and its review's id."""
    made = Room(folder=tmp_path_factory.mktemp("template") / "data", pool=pool)
    review_id = made.plan_job(coarse_series.ct_paths, wanted(coarse_series, *NAMES))
    made.store.close()
    return made.folder, review_id


@pytest.fixture
def room(tmp_path, pool, template) -> Iterator[Room]:
    shutil.copytree(template[0], tmp_path / "data")
    opened = Room(folder=tmp_path / "data", pool=pool)
    yield opened
    opened.store.close()


@pytest.fixture
def parotid(coarse_series):
    return coarse_series.phantom.structure("Parotid_L")


@pytest.fixture
def review_id(template) -> str:
    return template[1]


def mask_of(room: Room, review_id: str, name: str, source="current"):
    found = room.desk.mask(review_id, DOSIMETRIST, name, source)
    size = int(np.prod(found.shape_zyx))
    grid = room.desk.open(review_id, DOSIMETRIST).grid
    whole = np.zeros(grid.shape_zyx, dtype=bool)
    box = tuple(slice(a, a + n) for a, n in zip(found.lower_zyx, found.shape_zyx, strict=True))
    whole[box] = np.unpackbits(np.frombuffer(found.bits, np.uint8), count=size).reshape(found.shape_zyx)
    return whole


def test_a_case_shows_the_machines_voxels_and_all_that_is_known_of_them(room, review_id, coarse_series):
    view = room.desk.open(review_id, DOSIMETRIST)
    assert [one.name for one in view.structures] == list(NAMES)
    assert (view.kind, view.state, view.revision, view.model) == ("plan", ReviewState.NEW, 0, "phantom-net")
    for one in view.structures:
        truth = coarse_series.phantom.structure(one.name)
        assert np.array_equal(mask_of(room, review_id, one.name), truth.full_mask_zyx())
        assert one.volume_ml == pytest.approx(truth.volume_ml)
        assert len(one.slices) == truth.slices
        assert not one.edited
    assert view.structures[3].centre_xyz_mm == pytest.approx(
        centre_of(coarse_series.phantom.structure("Parotid_L")), abs=15
    )
    assert view.structures[3].predicted_dice == 0.9
    assert (view.may.edit, view.may.decide, view.may.undo, view.may.redo) == (True, False, False, False)
    assert view.looks
    assert all(look.structure in NAMES for look in view.looks)


def test_slices_are_handed_out_in_the_grids_order_as_they_were_uploaded(room, review_id, coarse_series):
    view = room.desk.open(review_id, PHYSICIAN)
    for k in (0, 17, view.grid.shape_zyx[0] - 1):
        path = room.desk.instance(review_id, PHYSICIAN, k)
        found = pydicom.dcmread(path)
        expected = view.grid.to_point_xyz_mm(np.array([float(k), 0.0, 0.0]))
        assert np.asarray(found.ImagePositionPatient, dtype=float) == pytest.approx(expected, abs=0.01)
    with pytest.raises(NotFoundError, match="NO_SUCH_SLICE"):
        room.desk.instance(review_id, PHYSICIAN, view.grid.shape_zyx[0])


def test_an_edit_is_on_disk_when_it_is_answered_and_there_after_a_crash(room, review_id, parotid):
    before = mask_of(room, review_id, "Parotid_L")
    answer = room.edit(review_id, "Parotid_L", brush(centre_of(parotid), 14.0))
    (state,) = answer.structures
    assert (answer.revision, state.name, state.edited) == (1, "Parotid_L", True)
    after = mask_of(room, review_id, "Parotid_L")
    assert (after & ~before).any()
    room.reopen()
    assert np.array_equal(mask_of(room, review_id, "Parotid_L"), after)
    view = room.desk.open(review_id, DOSIMETRIST)
    assert (view.state, view.revision, view.reviewer) == (ReviewState.IN_REVIEW, 1, "dora")
    assert view.structures[3].volume_ml == pytest.approx(state.volume_ml)
    assert view.structures[3].original_volume_ml == pytest.approx(parotid.volume_ml)


def test_undo_redo_and_revert_lead_to_the_same_voxels_each_time(room, review_id, parotid):
    drawn = mask_of(room, review_id, "Parotid_L")
    at = centre_of(parotid)
    room.edit(review_id, "Parotid_L", brush(at, 14.0))
    first = mask_of(room, review_id, "Parotid_L")
    room.edit(review_id, "Parotid_L", brush(at, 5.0, erase=True))
    second = mask_of(room, review_id, "Parotid_L")
    room.desk.undo(review_id, DOSIMETRIST, room.step(review_id))
    assert np.array_equal(mask_of(room, review_id, "Parotid_L"), first)
    answer = room.desk.undo(review_id, PHYSICIST, room.step(review_id))
    assert np.array_equal(mask_of(room, review_id, "Parotid_L"), drawn)
    assert not answer.structures[0].edited
    assert (answer.may.undo, answer.may.redo) == (False, True)
    room.desk.redo(review_id, DOSIMETRIST, room.step(review_id))
    room.desk.redo(review_id, DOSIMETRIST, room.step(review_id))
    assert np.array_equal(mask_of(room, review_id, "Parotid_L"), second)
    room.desk.revert(review_id, DOSIMETRIST, "Parotid_L", room.step(review_id))
    assert np.array_equal(mask_of(room, review_id, "Parotid_L"), drawn)
    room.desk.undo(review_id, DOSIMETRIST, room.step(review_id))
    assert np.array_equal(mask_of(room, review_id, "Parotid_L"), second)
    room.reopen()
    assert np.array_equal(mask_of(room, review_id, "Parotid_L"), second)
    for _ in range(2):
        room.desk.undo(review_id, DOSIMETRIST, room.step(review_id))
    with pytest.raises(NotReadyError, match="NOTHING_TO_UNDO"):
        room.desk.undo(review_id, DOSIMETRIST, room.step(review_id))


def test_a_new_edit_forgets_what_was_undone(room, review_id, parotid):
    room.edit(review_id, "Parotid_L", brush(centre_of(parotid), 14.0))
    room.desk.undo(review_id, DOSIMETRIST, room.step(review_id))
    room.edit(review_id, "Parotid_L", brush(centre_of(parotid), 4.0, erase=True))
    with pytest.raises(NotReadyError, match="NOTHING_TO_REDO"):
        room.desk.redo(review_id, DOSIMETRIST, room.step(review_id))


def varied_edits(room: Room, review_id: str, files) -> None:
    left, right, cord = (files.phantom.structure(name) for name in ("Parotid_L", "Parotid_R", "SpinalCord"))
    room.edit(review_id, "Parotid_L", brush(centre_of(left), 13.0))
    room.edit(review_id, "Parotid_R", {"kind": "nudge", "offset_xyz_mm": [3.0, -2.5, 6.0]})
    room.edit(review_id, "SpinalCord", {"kind": "margin", **dict.fromkeys(
        ("left_mm", "right_mm", "anterior_mm", "posterior_mm", "superior_mm", "inferior_mm"), 4.0)})  # fmt: skip
    room.desk.undo(review_id, DOSIMETRIST, room.step(review_id))
    room.edit(review_id, "Parotid_R", {"kind": "smooth", "radius_mm": 5.0})
    room.edit(review_id, "Brainstem", {"kind": "boolean", "way": "union", "others": ["SpinalCord"]})
    room.desk.revert(review_id, DOSIMETRIST, "Parotid_L", room.step(review_id))
    room.edit(review_id, "Parotid_L", brush(centre_of(left), 4.0, erase=True))
    room.edit(review_id, "SpinalCord", brush(centre_of(cord), 6.0))
    assert centre_of(right)


def test_the_log_played_again_gives_the_very_voxels_that_were_stored(room, review_id, coarse_series):
    varied_edits(room, review_id, coarse_series)
    edits = room.store.reviews.edits(review_id)
    room.reopen()
    case, _ = room.desk._room.case(review_id)
    again = replayed({name: case.original(name) for name in case.names}, edits)
    for name in NAMES:
        stored = case.graded(name)
        assert again[name].lower_zyx == stored.lower_zyx
        assert np.array_equal(again[name].mask_zyx, stored.mask_zyx)
        if again[name].membership_zyx is not None:
            assert np.array_equal(again[name].membership_zyx, stored.membership_zyx)


def test_a_stored_result_that_is_lost_is_worked_out_from_the_log(room, review_id, coarse_series):
    varied_edits(room, review_id, coarse_series)
    before = {name: mask_of(room, review_id, name) for name in NAMES}
    for edit in room.store.reviews.edits(review_id):
        if edit.result_sha256 is not None:
            room.store.files.object_path(edit.result_sha256).unlink(missing_ok=True)
    room.reopen()
    for name in NAMES:
        assert np.array_equal(mask_of(room, review_id, name), before[name])


def test_whoever_is_behind_is_told_so_and_overwrites_nothing(room, review_id, parotid):
    room.edit(review_id, "Parotid_L", brush(centre_of(parotid), 13.0))
    held = mask_of(room, review_id, "Parotid_L")
    with pytest.raises(ConflictError, match="EDIT_CONFLICT") as caught:
        room.edit(review_id, "Parotid_L", brush(centre_of(parotid), 5.0, erase=True), actor=PHYSICIST, base_revision=0)
    assert (caught.value.revision, caught.value.by) == (1, "dora")
    with pytest.raises(ConflictError):
        room.desk.undo(review_id, PHYSICIST, StepAsked(base_revision=0, request_id="late"))
    with pytest.raises(ConflictError):
        room.desk.reject(review_id, PHYSICIST, room.decision(review_id, "OTHER", base_revision=0))
    assert np.array_equal(mask_of(room, review_id, "Parotid_L"), held)
    assert len(room.store.reviews.edits(review_id)) == 1


def test_of_many_reviewers_at_once_one_wins_each_revision(room, review_id, parotid):
    outcomes: list[str] = []

    def try_it(number: int) -> None:
        try:
            asked = EditAsked(
                base_revision=0, request_id=f"at-once-{number}", structure="Parotid_L",
                operation=brush(centre_of(parotid), 10.0 + number),
            )  # fmt: skip
            room.desk.edit(review_id, DOSIMETRIST, asked)
            outcomes.append("done")
        except ConflictError:
            outcomes.append("conflict")

    threads = [threading.Thread(target=try_it, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["conflict"] * 5 + ["done"]
    assert room.revision(review_id) == 1


def test_the_same_request_again_edits_once_and_answers_alike(room, review_id, parotid):
    operation = brush(centre_of(parotid), 13.0)
    first = room.edit(review_id, "Parotid_L", operation, request_id="once", base_revision=0)
    again = room.edit(review_id, "Parotid_L", operation, request_id="once", base_revision=0)
    assert first == again
    assert room.revision(review_id) == 1


def test_an_edit_that_changes_nothing_is_no_revision(room, review_id):
    answer = room.edit(review_id, "Parotid_L", brush([500.0, 500.0, centre_z(room, review_id)], 2.0))
    assert (answer.revision, answer.structures) == (0, ())


def centre_z(room: Room, review_id: str) -> float:
    centre = room.desk.open(review_id, DOSIMETRIST).structures[3].centre_xyz_mm
    assert centre is not None
    return centre[2]


def test_a_crash_between_object_and_commit_loses_nothing_that_was_answered(room, review_id, parotid, monkeypatch):
    room.edit(review_id, "Parotid_L", brush(centre_of(parotid), 13.0))
    held = mask_of(room, review_id, "Parotid_L")

    def die(*_: object) -> None:
        raise RuntimeError("the power is gone")

    monkeypatch.setattr(room.store.reviews, "append_edit", die)
    with pytest.raises(RuntimeError):
        room.edit(review_id, "Parotid_L", brush(centre_of(parotid), 5.0, erase=True))
    objects = {path.name for path in (room.folder / "objects").rglob("*") if path.is_file()}
    room.reopen()
    swept = objects - {path.name for path in (room.folder / "objects").rglob("*") if path.is_file()}
    assert len(swept) == 1
    assert room.revision(review_id) == 1
    assert np.array_equal(mask_of(room, review_id, "Parotid_L"), held)
    assert room.store.audit.verify().is_intact
    assert [action for _, action in room.audited(review_id)].count("EDITED") == 1


def test_approving_writes_a_new_file_beside_the_machines(room, review_id, coarse_series, parotid, judge, tmp_path):
    original = room.job_path(review_id).read_bytes()
    room.edit(review_id, "Parotid_L", brush(centre_of(parotid), 13.0))
    room.edit(review_id, "Parotid_R", brush(centre_of(parotid), 13.0))
    room.desk.undo(review_id, DOSIMETRIST, room.step(review_id))
    edited = mask_of(room, review_id, "Parotid_L")
    decision = room.desk.approve(review_id, PHYSICIAN, room.decision(review_id, "EDITED", comment="parotid widened"))
    assert room.job_path(review_id).read_bytes() == original
    assert room.desk.original_file(review_id, SERVICE).data == original
    handed = room.desk.approved_file(review_id, SERVICE)
    assert decision.file is not None
    assert hashlib.sha256(handed.data).hexdigest() == decision.file.sha256 == handed.sha256

    found = read_rtstruct(handed.data)
    series = read_ct_folder(coarse_series.ct_folder)
    by_name = {roi.name: roi for roi in found.rois}
    assert np.array_equal(roi_to_structure(by_name["Parotid_L"], series).full_mask_zyx(), edited)
    before, after = texts_of(original), texts_of(handed.data)
    untouched = [name for name in NAMES if name != "Parotid_L"]
    assert {name: after[name] for name in untouched} == {name: before[name] for name in untouched}
    assert {name: by_name[name].generation for name in NAMES} == {
        **dict.fromkeys(untouched, "AUTOMATIC"), "Parotid_L": "SEMIAUTOMATIC",
    }  # fmt: skip
    same = [one for one in after["Parotid_L"] if one in before["Parotid_L"]]
    assert len(same) == len(before["Parotid_L"]) - 1

    dataset = pydicom.dcmread(BytesIO(handed.data))
    machine = pydicom.dcmread(BytesIO(original))
    assert dataset.ApprovalStatus == "APPROVED"
    assert str(dataset.ReviewerName) == "mary"
    assert dataset.SOPInstanceUID != machine.SOPInstanceUID
    assert dataset.PredecessorStructureSetSequence[0].ReferencedSOPInstanceUID == machine.SOPInstanceUID
    assert dataset.FrameOfReferenceUID == machine.FrameOfReferenceUID

    path = tmp_path / "approved.dcm"
    path.write_bytes(handed.data)
    answer = subprocess.run([judge("dciodvfy"), path], capture_output=True, text=True, check=False)
    lines = (answer.stdout + answer.stderr).splitlines()
    assert "RTStructureSet" in lines
    assert [line for line in lines if line.startswith("Error")] == []


def test_a_decision_is_scored_against_what_the_machine_drew(room, review_id, parotid):
    room.edit(review_id, "Parotid_L", brush(centre_of(parotid), 15.0), seconds=11.0)
    room.edit(review_id, "Parotid_L", brush(centre_of(parotid), 4.0, erase=True), seconds=7.5)
    now = {row.name: row for row in room.desk.score(review_id, PHYSICIST)}
    assert 0.5 < now["Parotid_L"].dice < 1.0
    assert 0.5 < now["Parotid_L"].surface_dice < 1.0
    assert now["Parotid_L"].added_path_length_mm > 10.0
    assert now["Parotid_L"].seconds == 18.5
    assert (now["Brainstem"].dice, now["Brainstem"].surface_dice, now["Brainstem"].added_path_length_mm) == (
        1.0,
        1.0,
        0.0,
    )
    decision = room.desk.approve(review_id, PHYSICIAN, room.decision(review_id, seconds=50.0))
    row = next(row for row in decision.scores if row["name"] == "Parotid_L")
    assert row["dice"] == pytest.approx(now["Parotid_L"].dice, abs=1e-5)
    assert (row["seconds"], row["looked_s"], row["edited"]) == (18.5, 10.0, True)


def test_an_approved_set_is_closed_until_it_is_reopened(room, review_id, parotid):
    room.desk.approve(review_id, PHYSICIAN, room.decision(review_id, "AS_DRAWN"))
    first = room.desk.approved_file(review_id, PHYSICIAN)
    with pytest.raises(NotReadyError, match="REVIEW_CLOSED"):
        room.edit(review_id, "Parotid_L", brush(centre_of(parotid), 13.0))
    with pytest.raises(NotReadyError, match="REVIEW_CLOSED"):
        room.desk.reject(review_id, PHYSICIAN, room.decision(review_id, "OTHER"))
    view = room.desk.open(review_id, PHYSICIAN)
    assert (view.may.edit, view.may.decide) == (False, False)
    assert view.decision is not None
    room.desk.reopen(review_id, PHYSICIAN, "the tumour board disagrees")
    with pytest.raises(NotReadyError, match="NOT_APPROVED"):
        room.desk.approved_file(review_id, PHYSICIAN)
    room.edit(review_id, "Parotid_L", brush(centre_of(parotid), 13.0))
    second = room.desk.approve(review_id, PHYSICIAN, room.decision(review_id, "EDITED"))
    uids = [
        pydicom.dcmread(BytesIO(one)).SOPInstanceUID
        for one in (first.data, room.desk.approved_file(review_id, PHYSICIAN).data)
    ]
    assert uids[0] != uids[1] == second.file.sop_instance_uid
    assert [one.state for one in room.store.reviews.decisions(review_id)] == [ReviewState.APPROVED] * 2
    room.reopen()
    assert room.desk.approved_file(review_id, PHYSICIAN).sha256 == second.file.sha256


def test_a_rejection_needs_a_reason_and_writes_no_file(room, review_id):
    with pytest.raises(InputError, match="BAD_REASON"):
        room.desk.reject(review_id, PHYSICIAN, room.decision(review_id))
    with pytest.raises(InputError, match="BAD_REASON"):
        room.desk.reject(review_id, PHYSICIAN, room.decision(review_id, "AS_DRAWN"))
    decision = room.desk.reject(review_id, PHYSICIAN, room.decision(review_id, "WRONG_ANATOMY"))
    assert (decision.state, decision.file) == (ReviewState.REJECTED, None)
    with pytest.raises(NotReadyError, match="NOT_APPROVED"):
        room.desk.approved_file(review_id, PHYSICIAN)


def test_a_structure_that_was_erased_is_left_out_of_the_approved_file(room, review_id, coarse_series):
    left = coarse_series.phantom.structure("Parotid_L")
    index = np.argwhere(left.mask_zyx) + np.asarray(left.lower_zyx)
    for k in np.unique(index[:, 0]).tolist():
        here = index[index[:, 0] == k].mean(axis=0)
        point = [float(v) for v in left.grid.to_point_xyz_mm(here)]
        room.edit(review_id, "Parotid_L", brush(point, 45.0, erase=True))
    assert not mask_of(room, review_id, "Parotid_L").any()
    room.desk.approve(review_id, PHYSICIAN, room.decision(review_id, "EDITED"))
    names = [roi.name for roi in read_rtstruct(room.desk.approved_file(review_id, PHYSICIAN).data).rois]
    assert names == [name for name in NAMES if name != "Parotid_L"]
    view = room.desk.open(review_id, PHYSICIAN)
    assert (view.structures[3].centre_xyz_mm, view.structures[3].slices) == (None, ())
    assert room.desk.surface(review_id, PHYSICIAN, "Parotid_L").to_bytes() == bytes(8)


def test_who_may_do_what_goes_by_the_role(room, review_id, parotid):
    operation = brush(centre_of(parotid), 13.0)
    for actor in (SERVICE, ADMINISTRATOR):
        with pytest.raises(NotAllowedError, match="NOT_ALLOWED"):
            room.edit(review_id, "Parotid_L", operation, actor=actor)
    for actor in (DOSIMETRIST, SERVICE, ADMINISTRATOR):
        with pytest.raises(NotAllowedError):
            room.desk.approve(review_id, actor, room.decision(review_id))
    with pytest.raises(NotAllowedError):
        room.desk.open(review_id, SERVICE)
    with pytest.raises(NotAllowedError):
        room.desk.original_file(review_id, ADMINISTRATOR)
    assert room.desk.open(review_id, ADMINISTRATOR).may.edit is False


def test_a_wrong_password_signs_nothing(room, review_id):
    with pytest.raises(NotAllowedError, match="SIGNATURE_REFUSED"):
        room.desk.approve(review_id, PHYSICIAN, room.decision(review_id, password="guess"))
    assert room.store.reviews.get(review_id).state is ReviewState.NEW


def test_with_four_eyes_who_edited_cannot_approve(tmp_path, pool, coarse_series, parotid):
    room = Room(folder=tmp_path / "data", pool=pool, rules=ReviewRules(four_eyes=True))
    review_id = room.plan_job(coarse_series.ct_paths, wanted(coarse_series, *NAMES))
    room.edit(review_id, "Parotid_L", brush(centre_of(parotid), 13.0), actor=PHYSICIST)
    with pytest.raises(NotAllowedError, match="FOUR_EYES"):
        room.desk.approve(review_id, PHYSICIST, room.decision(review_id))
    room.desk.approve(review_id, PHYSICIAN, room.decision(review_id))
    room.store.close()


def test_a_site_may_leave_approving_to_physicians(tmp_path, pool, coarse_series):
    room = Room(folder=tmp_path / "data", pool=pool, rules=ReviewRules(approvers=("physician",)))
    review_id = room.plan_job(coarse_series.ct_paths, wanted(coarse_series, "Brainstem"))
    assert not room.desk.open(review_id, PHYSICIST).may.decide
    with pytest.raises(NotAllowedError, match="NOT_ALLOWED"):
        room.desk.approve(review_id, PHYSICIST, room.decision(review_id))
    room.desk.approve(review_id, PHYSICIAN, room.decision(review_id))
    room.store.close()


def test_every_step_is_in_the_audit_and_the_audit_holds_together(room, review_id, parotid):
    room.desk.open(review_id, DOSIMETRIST)
    room.desk.mask(review_id, DOSIMETRIST, "Parotid_L")
    room.edit(review_id, "Parotid_L", brush(centre_of(parotid), 13.0))
    room.desk.undo(review_id, DOSIMETRIST, room.step(review_id))
    room.desk.redo(review_id, DOSIMETRIST, room.step(review_id))
    room.desk.revert(review_id, DOSIMETRIST, "Parotid_L", room.step(review_id))
    room.desk.approve(review_id, PHYSICIAN, room.decision(review_id))
    room.desk.approved_file(review_id, SERVICE)
    room.desk.reopen(review_id, PHYSICIAN, "second look")
    assert room.audited(review_id) == [
        ("dora", "SAW"), ("dora", "EDITED"), ("dora", "UNDONE"), ("dora", "REDONE"), ("dora", "REVERTED"),
        ("mary", "APPROVED"), ("tps", "DOWNLOADED"), ("mary", "REOPENED"),
    ]  # fmt: skip
    assert room.store.audit.verify().is_intact
    room.clock_s[0] += 3600.0
    room.desk.mask(review_id, DOSIMETRIST, "Parotid_L")
    assert room.audited(review_id)[-1] == ("dora", "SAW")
    assert [one.by for one in room.changes] == ["dora"] * 4 + ["mary"] * 2


def test_surfaces_enclose_what_the_masks_hold(room, review_id, parotid):
    assert room.desk.surface(review_id, DOSIMETRIST, "Parotid_L").volume_ml == pytest.approx(
        parotid.volume_ml, rel=0.08
    )
    room.edit(review_id, "Parotid_L", brush(centre_of(parotid), 20.0))
    wider = room.desk.surface(review_id, DOSIMETRIST, "Parotid_L").volume_ml
    assert wider > parotid.volume_ml * 1.05


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"operation": {"kind": "undo"}}, "BAD_OPERATION"),
        ({"operation": {"kind": "brush"}}, "BAD_OPERATION"),
        ({"request_id": ""}, "BAD_REQUEST"),
        ({"request_id": "a b"}, "BAD_REQUEST"),
        ({"seconds": float("nan")}, "BAD_REQUEST"),
        ({"seconds": -1.0}, "BAD_REQUEST"),
    ],
)
def test_what_cannot_be_meant_is_refused(room, review_id, parotid, changes, reason):
    asked = {"operation": brush(centre_of(parotid)), **changes}
    with pytest.raises(InputError, match=reason):
        room.edit(review_id, "Parotid_L", **asked)
    assert room.revision(review_id) == 0


def test_names_that_are_not_there_are_not_found(room, review_id):
    for ask in (
        lambda: room.desk.open("0" * 32, DOSIMETRIST),
        lambda: room.desk.open("../../etc", DOSIMETRIST),
        lambda: room.desk.mask(review_id, DOSIMETRIST, "Spleen"),
        lambda: room.desk.mask(review_id, DOSIMETRIST, "Parotid_L", "planned"),
        lambda: room.edit(review_id, "Spleen", brush([0.0, 0.0, 0.0])),
    ):
        with pytest.raises(NotFoundError):
            ask()
    with pytest.raises(NotReadyError, match="NO_PLAN_VOLUME"):
        room.desk.plan_volume(review_id, DOSIMETRIST)
    with pytest.raises(NotReadyError, match="NO_DISPLACEMENT"):
        room.desk.displacement(review_id, DOSIMETRIST)


def test_the_work_list_is_in_order_of_risk_times_expected_edit(tmp_path, pool, coarse_series):
    room = Room(folder=tmp_path / "data", pool=pool)
    structures = wanted(coarse_series, "Brainstem", "Parotid_L")
    sure = room.plan_job(
        coarse_series.ct_paths, structures, rows=tuple(row_of(one, predicted_dice=0.99) for one in structures)
    )
    unsure = room.plan_job(
        coarse_series.ct_paths, structures, rows=tuple(row_of(one, predicted_dice=0.6) for one in structures)
    )
    found = room.desk.worklist(DOSIMETRIST)
    assert [one.review_id for one in found.items] == [unsure, sure]
    for one in found.items:
        assert one.priority == pytest.approx(one.risk * one.expected_edit_cm2, abs=0.01)
    assert any("Brainstem" in text for text in found.items[0].why)
    room.desk.reject(unsure, PHYSICIAN, room.decision(unsure, "OTHER"))
    assert [one.review_id for one in room.desk.worklist(DOSIMETRIST, (ReviewState.NEW,)).items] == [sure]
    assert dict(found.counts)[ReviewState.NEW] == 2
    with pytest.raises(NotAllowedError):
        room.desk.worklist(SERVICE)
    room.store.close()


def test_stored_voxels_that_were_tampered_with_are_refused(room, review_id, parotid):
    room.edit(review_id, "Parotid_L", brush(centre_of(parotid), 13.0))
    (edit,) = room.store.reviews.edits(review_id)
    data = room.store.files.object_path(edit.result_sha256).read_bytes()
    with pytest.raises(Exception, match="BROKEN_OBJECT"):
        structure_from_bytes(data[:-9], parotid)
