"""The pure parts of a review: what holds of a log, which slices need a look, and which case comes first."""

from dataclasses import replace

import numpy as np
import pytest

from contour.adaptation.fraction_report import FractionReport
from contour.anatomy.structures import Structure, crop_to_structure
from contour.errors import Finding, UntrustworthyResultError
from contour.jobs.review_cache import CaseCache
from contour.jobs.review_log import standing_of
from contour.jobs.review_looks import looks_of_fraction, looks_of_plan, slices_of
from contour.jobs.review_masks import structure_from_bytes, structure_to_bytes
from contour.jobs.review_priority import priority_of_fraction, priority_of_plan
from contour.jobs.review_signing import written_name
from contour.jobs.review_views import same_voxels
from contour.store.records import ResultRow
from contour.store.review_records import EditRecord
from tests.phantoms import ball, small_grid
from tests.watched_courses import structure as report_row

GRID = small_grid()


def log_of(*kinds: str) -> tuple[EditRecord, ...]:
    """`a1` is an edit of structure a; undo and redo as they are."""
    return tuple(
        EditRecord(
            revision=n, request_id="", author="dora", structure="" if kind in {"undo", "redo"} else kind[0],
            operation={"kind": kind if kind in {"undo", "redo"} else ("revert" if kind.endswith("!") else "brush")},
            result_sha256=None, seconds=1.0, made_s=0.0,
        )
        for n, kind in enumerate(kinds, start=1)
    )  # fmt: skip


@pytest.mark.parametrize(
    ("kinds", "done", "undone"),
    [
        ((), [], []),
        (("a1", "b1", "a2"), [1, 2, 3], []),
        (("a1", "b1", "undo"), [1], [2]),
        (("a1", "b1", "undo", "undo"), [], [2, 1]),
        (("a1", "b1", "undo", "undo", "redo"), [1], [2]),
        (("a1", "b1", "undo", "redo", "undo"), [1], [2]),
        (("a1", "b1", "undo", "a2"), [1, 4], []),
        (("a1", "a!", "undo"), [1], [2]),
    ],
)
def test_what_holds_follows_from_the_log(kinds, done, undone):
    standing = standing_of(log_of(*kinds))
    assert [one.revision for one in standing.done] == done
    assert [one.revision for one in standing.undone] == undone


def test_a_structures_last_edit_is_none_after_a_revert():
    standing = standing_of(log_of("a1", "b1", "a!"))
    assert standing.last_of("a") is None
    assert standing.last_of("b").revision == 2
    assert standing.last_of("c") is None


@pytest.mark.parametrize("kinds", [("undo",), ("a1", "redo"), ("a1", "undo", "undo")])
def test_a_log_that_undoes_nothing_is_broken(kinds):
    with pytest.raises(UntrustworthyResultError, match="BROKEN_LOG"):
        standing_of(log_of(*kinds))


def graded(structure: Structure) -> Structure:
    level = np.where(structure.mask_zyx, 200, 31).astype(np.uint8)
    return replace(structure, membership_zyx=level)


@pytest.mark.parametrize("structure", [ball(GRID, 9.0), graded(ball(GRID, 9.0))])
def test_stored_voxels_come_back_to_the_bit_and_are_stored_as_the_same_bytes(structure):
    data = structure_to_bytes(structure)
    back = structure_from_bytes(data, ball(GRID, 3.0))
    assert back.lower_zyx == structure.lower_zyx
    assert np.array_equal(back.mask_zyx, structure.mask_zyx)
    assert (back.membership_zyx is None) == (structure.membership_zyx is None)
    assert back.generation == "SEMIAUTOMATIC"
    assert structure_to_bytes(back) == data


@pytest.mark.parametrize("data", [b"", b"contour-mask/1\n{}\n", b"nonsense", structure_to_bytes(ball(GRID, 5.0))[:-4]])
def test_other_bytes_are_no_voxels(data):
    with pytest.raises(UntrustworthyResultError, match="BROKEN_OBJECT"):
        structure_from_bytes(data, ball(GRID, 3.0))


def test_voxels_are_compared_wherever_they_are_cropped():
    one = ball(GRID, 9.0)
    wide = replace(one, lower_zyx=(0, 0, 0), mask_zyx=one.full_mask_zyx())
    nothing = crop_to_structure("None", GRID, np.zeros(GRID.shape_zyx, dtype=bool))
    moved = ball(GRID, 9.0, offset_xyz_mm=(0.0, 0.0, 3.0))
    assert same_voxels(one, wide)
    assert same_voxels(wide, one)
    assert same_voxels(nothing, replace(nothing, lower_zyx=(3, 3, 3)))
    assert not same_voxels(one, moved)
    assert not same_voxels(one, nothing)


def notched(structure: Structure, slice_in_crop: int, *, keep: float) -> Structure:
    mask = structure.mask_zyx.copy()
    rows = np.flatnonzero(mask[slice_in_crop].any(axis=1))
    mask[slice_in_crop, rows[round(keep * rows.size) :]] = False
    return replace(structure, mask_zyx=mask)


def named(name: str, structure: Structure) -> Structure:
    return replace(structure, name=name)


def row(name: str, **changes) -> ResultRow:
    return replace(ResultRow(name=name, volume_ml=25.0, slices=9, elapsed_s=0.1, predicted_dice=0.9), **changes)


def test_a_slice_whose_area_jumps_or_that_is_missing_needs_a_look():
    smooth = named("Parotid_R", ball(GRID, 14.0))
    jumpy = named("Parotid_L", notched(ball(GRID, 14.0), 4, keep=0.4))
    gap = named("Brainstem", notched(ball(GRID, 14.0), 5, keep=0.0))
    looks = looks_of_plan((smooth, jumpy, gap), [row("Parotid_R"), row("Parotid_L"), row("Brainstem")])
    first = {name: next(one for one in looks if one.structure == name) for name in ("Parotid_L", "Brainstem")}
    assert first["Parotid_L"].slice_z == jumpy.lower_zyx[0] + 4
    assert first["Brainstem"].slice_z == gap.lower_zyx[0] + 5
    assert first["Brainstem"].why.startswith("empty")
    assert [one.score for one in looks] == sorted((one.score for one in looks), reverse=True)
    smooth_scores = [one.score for one in looks if one.structure == "Parotid_R"]
    assert max(smooth_scores, default=0.0) < first["Parotid_L"].score


def test_a_must_look_region_comes_before_everything_else():
    region = named("zLook_GTVp", ball(GRID, 10.0))
    gap = named("Brainstem", notched(ball(GRID, 14.0), 5, keep=0.0))
    looks = looks_of_plan((gap, region), [row("Brainstem", predicted_dice=0.2), row("zLook_GTVp", look_of="GTVp")])
    assert (looks[0].structure, looks[0].score) == ("zLook_GTVp", 1.0)
    assert "GTVp" in looks[0].why
    assert looks[0].slice_z in slices_of(region)


def test_a_doubtful_model_raises_a_structures_looks():
    jumpy = named("Parotid_L", notched(ball(GRID, 14.0), 4, keep=0.6))
    unsure, sure = (looks_of_plan((jumpy,), [row("Parotid_L", predicted_dice=dice)])[0] for dice in (0.5, 0.98))
    assert unsure.score > sure.score


def test_carried_structures_that_are_not_trusted_need_a_look():
    report = FractionReport(
        verdict="LOOK", reasons=(), plan_series_uid="2.25.1", daily_series_uid="2.25.2",
        structures=(report_row("Parotid_L", trust="REFUSE"), report_row("Brainstem")),
    )  # fmt: skip
    looks = looks_of_fraction((named("Parotid_L", ball(GRID, 12.0)), named("Brainstem", ball(GRID, 12.0))), report)
    assert (looks[0].structure, looks[0].score, looks[0].why) == ("Parotid_L", 0.95, "REFUSE")


def test_targets_and_cord_weigh_more_than_the_skin():
    def value(name: str) -> float:
        return priority_of_plan([row(name)], ()).value

    assert value("GTVp") > value("SpinalCord") > value("Parotid_L") > value("External") > 0


def test_the_priority_is_risk_times_what_has_to_be_redrawn():
    found = priority_of_plan([row("Parotid_L", predicted_dice=0.8), row("Brainstem")], ())
    surface_cm2 = 4.835976 * 25.0 ** (2 / 3)
    assert found.expected_edit_cm2 == pytest.approx(0.3 * surface_cm2, abs=0.01)
    assert found.risk == pytest.approx((0.5 * 0.2 + 0.8 * 0.1) / 0.3, abs=1e-3)
    assert found.value == pytest.approx(found.risk * found.expected_edit_cm2)


def test_warnings_proposals_and_must_look_regions_raise_the_risk():
    plain = priority_of_plan([row("Parotid_L")], ())
    warned = priority_of_plan([row("Parotid_L")], [Finding(reason="X", message="x")] * 2)
    looked = priority_of_plan([row("Parotid_L"), row("zLook", look_of="GTVp")], ())
    assert plain.risk < warned.risk < looked.risk == 1.0
    assert "2 warnings" in warned.why
    assert looked.why[0] == "must look: GTVp"
    assert priority_of_plan([], ()).value == 0.0


def test_a_refused_fraction_is_more_pressing_than_any_other():
    def priority(verdict, *rows):
        report = FractionReport(
            verdict=verdict, reasons=(), plan_series_uid="2.25.1", daily_series_uid="2.25.2", structures=rows
        )
        return priority_of_fraction(report)

    rows = [report_row(name) for name in ("CTV_7000", "Parotid_L", "SpinalCord")]
    refused, look, fine = priority("REFUSE"), priority("LOOK", *rows), priority("PASS", *rows)
    assert refused.value > look.value > fine.value > 0


@pytest.mark.parametrize(
    ("full_name", "account", "written"),
    [
        ("Doe^Jane", "jane", "Doe^Jane"),
        ("Jane Mary Doe", "jane", "Doe^Jane Mary"),
        ("", "jane", "jane"),
        ("=\\", "jane", "jane"),
        ("x" * 80, "jane", "x" * 64),
        ("", "", "unknown"),
    ],
)
def test_whoever_signs_is_written_as_a_person_name_can_hold(full_name, account, written):
    assert written_name(full_name, account) == written


class Sized:
    """Stands for an open case of so many bytes: the cache looks at nothing else."""

    def __init__(self, nbytes: int) -> None:
        self.nbytes = nbytes


def test_the_cache_keeps_the_cases_opened_last_within_number_and_size():
    cache = CaseCache(most=3, most_bytes=100)
    reads: list[str] = []

    def get(name: str, nbytes: int = 10) -> None:
        cache.get(name, lambda: reads.append(name) or Sized(nbytes))  # type: ignore[arg-type, func-returns-value]

    for name in ("a", "b", "c", "a", "d", "a"):
        get(name)
    assert reads == ["a", "b", "c", "d"]
    get("b")
    assert reads[-1] == "b"
    get("large", 95)
    get("a")
    assert reads[-1] == "a"
    get("a")
    assert reads.count("a") == 2
