"""A scan that the model does not know is told by where its structures lie; limits come from the training patients."""

from dataclasses import replace

import numpy as np
import pytest

from contour.anatomy.structures import Structure
from contour.errors import InputError
from contour.segmentation.constellation import Place, ScanEnds, fit, place_of, scan_ends
from contour.segmentation.depth import Shown, check_anatomy, check_network_answer
from contour.segmentation.expected_anatomy import ExpectedAnatomy, ExpectedStructure, Span
from contour.segmentation.spec import parse_spec
from contour.segmentation.view import View, without
from registration import Grid
from tests.tiny_model import SPEC as TINY

PLACES_MM = {
    "Brainstem": ((52.0, 36.0, 0.0), 25.0),
    "Parotid_L": ((13.0, 10.0, 58.0), 28.0),
    "Parotid_R": ((13.0, 10.0, -58.0), 28.0),
    "Bone_Mandible": ((0.0, -36.0, 0.0), 35.0),
    "Larynx": ((-64.0, 0.0, 0.0), 22.0),
    "Esophagus": ((-130.0, 34.0, 4.0), 45.0),
}
"""Centroid towards head, back and left, and half the height."""
WHOLE = ScanEnds(bottom_mm=-300.0, top_mm=200.0, step_mm=3.0)


def expected(name, place, half):
    return ExpectedStructure(
        name=name,
        patients=80,
        volume_ml=Span(lowest=8.0, highest=60.0),
        anchor="middle",
        place_mm=place,
        spread_mm=(8.0, 6.0, 4.0),
        top_mm=place[0] + half,
        bottom_mm=place[0] - half,
        end_spread_mm=8.0,
        cut_top=0.0,
        cut_bottom=0.0,
        farthest=2.5,
    )


ANATOMY = ExpectedAnatomy(
    patients=80,
    soft_tissue_hu=Span(lowest=-5.0, highest=45.0),
    soft_tissue_share=Span(lowest=0.3, highest=0.8),
    size=Span(lowest=0.9, highest=1.12),
    structures=tuple(expected(name, place, half) for name, (place, half) in PLACES_MM.items()),
)


def found(ends=WHOLE, *, size=1.0, shift=(40.0, -300.0, 12.0), names=tuple(PLACES_MM)):
    """The mean patient somewhere else in space, as a scan that ends there shows him."""
    places = []
    for name in names:
        (z, y, x), half = PLACES_MM[name]
        middle, half = size * z + shift[0], size * half
        top, bottom = min(middle + half, ends.top_mm), max(middle - half, ends.bottom_mm)
        if top - bottom < 1.0:
            continue
        places.append(
            Place(
                name=name,
                middle_mm=((top + bottom) / 2, size * y + shift[1], size * x + shift[2]),
                top_mm=top,
                bottom_mm=bottom,
                volume_ml=25.0 * size**3 * (top - bottom) / (2 * half),
                cut_top=middle + half > ends.top_mm,
                cut_bottom=middle - half < ends.bottom_mm,
            )
        )
    return places


def reasons(view: View):
    return [finding.reason for finding in view.findings(tuple(PLACES_MM))]


def test_the_mean_patient_is_accepted_without_a_word():
    assert check_anatomy(found(), WHOLE, ANATOMY, "head and neck") == View()


def test_one_structure_found_in_the_wrong_place_does_not_make_a_patient_foreign():
    places = found()
    lost = replace(places[4], middle_mm=(150.0, -200.0, 90.0))
    assert check_anatomy([*places[:4], lost, *places[5:]], WHOLE, ANATOMY, "head and neck") == View()


@pytest.mark.parametrize("names", [(), ("Larynx",), ("Larynx", "Bone_Mandible")])
def test_a_scan_in_which_next_to_nothing_is_found_is_another_region(names):
    with pytest.raises(InputError, match="head and neck") as refused:
        check_anatomy(found(names=names), WHOLE, ANATOMY, "head and neck")
    assert refused.value.reason == "OTHER_REGION"


def test_crumbs_in_the_right_places_are_no_anatomy():
    crumbs = [replace(place, volume_ml=0.4) for place in found()]
    with pytest.raises(InputError) as refused:
        check_anatomy(crumbs, WHOLE, ANATOMY, "head and neck")
    assert refused.value.reason == "OTHER_REGION"


def test_organs_strewn_at_random_are_another_region():
    rng = np.random.default_rng(3)
    strewn = [
        replace(place, middle_mm=tuple(rng.uniform(-200, 200, 3).tolist()), top_mm=150.0, bottom_mm=100.0)
        for place in found()
    ]
    with pytest.raises(InputError):
        check_anatomy(strewn, WHOLE, ANATOMY, "head and neck")


@pytest.mark.parametrize(("size", "told"), [(0.6, ["PAEDIATRIC_SIZE"]), (0.8, ["PAEDIATRIC_SIZE"]), (0.95, [])])
def test_a_child_is_told_by_how_close_the_structures_lie(size, told):
    assert reasons(check_anatomy(found(size=size), WHOLE, ANATOMY, "head and neck")) == told


def test_what_lies_beyond_the_scans_end_is_not_in_view_and_what_crosses_it_is_cut_off():
    ends = replace(WHOLE, bottom_mm=40.0 - 64.0)  # through the middle of the larynx
    view = check_anatomy(found(ends), ends, ANATOMY, "head and neck")
    assert view.not_in_view == ("Esophagus",)
    assert [(name, finding.reason) for name, finding in view.of_structures] == [
        ("Larynx", "CUT_OFF"),
        ("Esophagus", "NOT_IN_VIEW"),
    ]
    assert "feet end" in view.of_structures[0][1].message


def test_a_head_alone_keeps_what_it_shows():
    ends = replace(WHOLE, bottom_mm=40.0 + 20.0)
    view = check_anatomy(found(ends), ends, ANATOMY, "head and neck")
    assert set(view.not_in_view) == {"Larynx", "Esophagus"}


def test_a_neck_without_its_head_says_that_the_head_is_missing():
    ends = replace(WHOLE, top_mm=40.0 - 30.0)
    view = check_anatomy(found(ends), ends, ANATOMY, "head and neck")
    assert {"Brainstem", "Parotid_L", "Parotid_R"} <= set(view.not_in_view)
    assert all("head end" in finding.message for _, finding in view.of_structures)


def test_an_answer_far_beyond_the_scans_end_is_dropped_and_a_large_one_is_believed():
    ends = replace(WHOLE, bottom_mm=40.0 - 45.0)
    invented = Place(
        name="Esophagus",
        middle_mm=(0.0, -266.0, 16.0),
        top_mm=6.0,
        bottom_mm=-5.0,
        volume_ml=2.0,
        cut_top=False,
        cut_bottom=True,
    )
    assert "Esophagus" in check_anatomy([*found(ends), invented], ends, ANATOMY, "head and neck").not_in_view
    large = replace(invented, volume_ml=30.0)
    assert "Esophagus" not in check_anatomy([*found(ends), large], ends, ANATOMY, "head and neck").not_in_view


def test_a_dropped_structure_is_empty_and_says_what_was_dropped():
    grid = Grid(
        shape_zyx=(4, 5, 6),
        spacing_zyx_mm=(3.0, 2.0, 1.0),
        origin_xyz_mm=(7.0, 8.0, 9.0),
        axes_xyz=((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)),
        frame_of_reference_uid="1.2.3",
    )
    larynx = Structure(name="Larynx", grid=grid, lower_zyx=(1, 1, 1), mask_zyx=np.ones((2, 3, 4), dtype=bool))
    left = without(View(not_in_view=("Larynx",)), larynx)
    assert left.is_empty
    assert [(removal.rule, removal.volume_ml) for removal in left.removals] == [("not in view", larynx.volume_ml)]
    assert without(View(not_in_view=("Brainstem",)), larynx) is larynx


def test_a_model_of_one_or_two_structures_judges_no_anatomy():
    small = replace(ANATOMY, structures=ANATOMY.structures[:2])
    assert check_anatomy([], WHOLE, small, "head and neck") == View()


def test_a_place_is_in_millimetres_of_its_own_axes():
    mask = np.zeros((10, 12, 14), dtype=bool)
    mask[2:5, 3:4, 6:8] = True
    mask[9, 0, 0] = True
    ends = ScanEnds(bottom_mm=0.0, top_mm=60.0, step_mm=3.0)
    place = place_of("Larynx", mask, (np.array([3.0, 2.0, 1.0]), np.array([10.0, 0.0, -5.0])), ends, keep_parts=1)
    assert place.middle_mm == (19.0, 6.0, 1.5)
    assert (place.bottom_mm, place.top_mm) == (16.0, 22.0)
    assert place.volume_ml == pytest.approx(6 * 6.0 / 1000)
    assert not place.cut_top
    assert not place.cut_bottom


def test_a_scan_ends_where_its_patient_does():
    hu = np.full((20, 40, 40), -1024, dtype=np.int16)
    hu[4:15, 5:35, 5:35] = 30
    hu[16, 5:7, 5:7] = 30
    assert scan_ends(hu, (3.0, 2.0, 2.0)) == ScanEnds(bottom_mm=12.0, top_mm=42.0, step_mm=3.0)
    assert scan_ends(np.full_like(hu, -1024), (3.0, 2.0, 2.0)) is None


def test_the_fit_gives_back_shift_and_size():
    result = fit(found(size=0.7), ANATOMY)
    assert result.size == pytest.approx(0.7)
    assert result.shift_mm == pytest.approx((40.0, -300.0, 12.0))
    assert max(result.distances.values()) == pytest.approx(0.0, abs=1e-9)


SPEC = parse_spec(
    TINY.partition("[[structures]]")[0].replace("[12.0, 12.0, 12.0]", "[5.0, 6.0, 6.0]")
    + "".join(f'[[structures]]\nname = "{name}"\n' for name in PLACES_MM)
)


def drawn(upright=True):
    """A scan of the mean patient and what a perfect network says of it: nothing of a patient who lies the wrong way."""
    hu = np.full((100, 50, 50), -1024, dtype=np.float32)
    hu[3:97, 5:45, 5:45] = 30.0
    answer = np.zeros((len(PLACES_MM), *hu.shape), dtype=np.float32)
    for channel, ((z, y, x), half) in enumerate(PLACES_MM.values()):
        k, j, i = round((z + 250) / 5), round(y / 6) + 25, round(x / 6) + 25
        reach = round(half / 5)
        answer[channel, k - reach : k + reach, j - 3 : j + 3, i - 3 : i + 3] = 0.9
    hu = hu if upright else hu[::-1, :, ::-1].copy()
    return Shown(hu_zyx=hu, inside_zyx=hu > -500, spacing_zyx_mm=(5.0, 6.0, 6.0)), answer


def never_asked(turned):
    raise AssertionError("a sound answer needs no second one")


def test_a_sound_answer_is_accepted_at_once():
    shown, answer = drawn()
    assert check_network_answer(answer, shown, SPEC, ANATOMY, ask=never_asked) == View()


def test_a_patient_whom_the_network_knows_only_when_turned_lies_upside_down():
    shown, answer = drawn(upright=False)
    asked = []

    def ask(turned):
        asked.append(turned)
        return answer

    with pytest.raises(InputError) as refused:
        check_network_answer(np.zeros_like(answer), shown, SPEC, ANATOMY, ask=ask)
    assert refused.value.reason == "UPSIDE_DOWN"
    assert len(asked) == 1
    np.testing.assert_array_equal(asked[0].hu_zyx, shown.hu_zyx[::-1, :, ::-1])
    np.testing.assert_array_equal(asked[0].inside_zyx, shown.inside_zyx[::-1, :, ::-1])


def test_a_scan_that_the_network_knows_neither_way_is_another_region():
    shown, answer = drawn()
    with pytest.raises(InputError) as refused:
        check_network_answer(np.zeros_like(answer), shown, SPEC, ANATOMY, ask=lambda turned: np.zeros_like(answer))
    assert refused.value.reason == "OTHER_REGION"


def test_a_model_that_knows_no_patients_says_nothing():
    shown, answer = drawn()
    assert check_network_answer(np.zeros_like(answer), shown, SPEC, None, ask=never_asked) == View()
