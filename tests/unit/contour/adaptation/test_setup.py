"""Set-up is told at the reference point in the patient's axes, and the couch correction undoes it in every position."""

from __future__ import annotations

import numpy as np
import pytest

from contour.adaptation.setup import COUCH_AXES, couch_move, measure_setup
from contour.errors import InputError
from registration import RigidTransform

ISOCENTRE = (12.0, -143.0, 67.0)
LEFT, BACK, HEAD = np.eye(3)


def lying_off(turn_xyz_deg: tuple[float, float, float], shift_xyz_mm: tuple[float, float, float]) -> RigidTransform:
    """Daily to plan for a patient who lies turned about the isocentre and shifted."""
    return RigidTransform.about(ISOCENTRE, turn_xyz_deg=turn_xyz_deg, shift_xyz_mm=shift_xyz_mm).inverse()


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_patient_who_lies_off_along_one_axis_shows_that_axis_and_sign(axis: int) -> None:
    shift = [0.0, 0.0, 0.0]
    shift[axis] = 4.0

    found = measure_setup(lying_off((0.0, 0.0, 0.0), tuple(shift)), reference_xyz_mm=ISOCENTRE)

    assert found.shift_xyz_mm == pytest.approx(shift)
    assert found.vector_mm == pytest.approx(4.0)
    assert found.largest_turn_deg == pytest.approx(0.0)


def test_a_turn_about_the_reference_point_is_no_shift_there_and_one_elsewhere() -> None:
    turned = lying_off((2.0, -1.0, 3.0), (0.0, 0.0, 0.0))

    at_point = measure_setup(turned, reference_xyz_mm=ISOCENTRE)
    elsewhere = measure_setup(turned, reference_xyz_mm=(12.0, -143.0, 167.0))

    assert at_point.vector_mm == pytest.approx(0.0, abs=1e-9)
    assert (at_point.pitch_deg, at_point.yaw_deg, at_point.roll_deg) == pytest.approx((2.0, -1.0, 3.0))
    assert elsewhere.vector_mm > 3.0


def test_each_turns_sign_moves_the_patients_parts_as_the_docstring_says() -> None:
    def where(point: np.ndarray, turn: tuple[float, float, float]) -> np.ndarray:
        day_to_plan = lying_off(turn, (0.0, 0.0, 0.0))
        found = measure_setup(day_to_plan, reference_xyz_mm=ISOCENTRE)
        assert (found.pitch_deg, found.yaw_deg, found.roll_deg) == pytest.approx(turn)
        return day_to_plan.inverse().apply(np.asarray(ISOCENTRE) + 100.0 * point) - ISOCENTRE - 100.0 * point

    assert where(HEAD, (5.0, 0.0, 0.0)) @ BACK < -8.0  # the head comes forward
    assert where(HEAD, (0.0, 5.0, 0.0)) @ LEFT > 8.0
    assert where(LEFT, (0.0, 0.0, 5.0)) @ BACK > 8.0


@pytest.mark.parametrize("position", COUCH_AXES)
def test_the_couch_correction_brings_every_point_back_to_the_plan(position: str) -> None:
    day_to_plan = lying_off((3.0, -2.0, 4.0), (6.0, -3.0, 9.0))
    planned = np.random.default_rng(5).normal(scale=80.0, size=(20, 3)) + ISOCENTRE
    today = day_to_plan.inverse().apply(planned)

    couch = measure_setup(day_to_plan, reference_xyz_mm=ISOCENTRE, patient_position=position).couch

    assert couch is not None
    np.testing.assert_allclose(couch_move(couch, isocentre_xyz_mm=ISOCENTRE).apply(today), planned, atol=1e-9)


@pytest.mark.parametrize(
    ("position", "lateral", "longitudinal", "vertical"),
    [
        # a patient 1 mm too far to his left, 2 mm to his back, 4 mm to his head; each row worked out by hand
        ("HFS", -1.0, -4.0, 2.0),  # back is down: up by 2
        ("HFP", 1.0, -4.0, -2.0),  # on his face the back is up: down by 2; his left is the observer's left
        ("FFS", 1.0, 4.0, 2.0),  # head away from the gantry
        ("FFP", -1.0, 4.0, -2.0),
        ("HFDL", 2.0, -4.0, 1.0),  # left side down: 1 mm to the left is 1 mm too low; the face is to the right
        ("HFDR", -2.0, -4.0, -1.0),
        ("FFDL", -2.0, 4.0, 1.0),
        ("FFDR", 2.0, 4.0, -1.0),
    ],
)
def test_the_couch_moves_against_the_patient_along_iec_axes(
    position: str, lateral: float, longitudinal: float, vertical: float
) -> None:
    couch = measure_setup(
        lying_off((0.0, 0.0, 0.0), (1.0, 2.0, 4.0)), reference_xyz_mm=ISOCENTRE, patient_position=position
    ).couch

    assert couch is not None
    assert (couch.lateral_mm, couch.longitudinal_mm, couch.vertical_mm) == pytest.approx(
        (lateral, longitudinal, vertical)
    )


@pytest.mark.parametrize("position", COUCH_AXES)
def test_couch_axes_are_right_handed_in_every_position(position: str) -> None:
    assert np.linalg.det(np.asarray(COUCH_AXES[position])) == pytest.approx(1.0)


def test_couch_turns_have_iec_signs_head_first_supine() -> None:
    def couch(turn: tuple[float, float, float]) -> tuple[float, float, float]:
        found = measure_setup(lying_off(turn, (0.0, 0.0, 0.0)), reference_xyz_mm=ISOCENTRE).couch
        assert found is not None
        return found.pitch_deg, found.roll_deg, found.yaw_deg

    # chin to chest: the head is too high, and its end of the couch has to go down
    assert couch((2.0, 0.0, 0.0)) == pytest.approx((-2.0, 0.0, 0.0))
    # head to the patient's left, the observer's right, is clockwise from above: back counter-clockwise
    assert couch((0.0, 2.0, 0.0)) == pytest.approx((0.0, 0.0, 2.0))
    # the left side, the observer's right, lies too low: it has to rise, and positive roll lowers the right side
    assert couch((0.0, 0.0, 2.0)) == pytest.approx((0.0, -2.0, 0.0))


def test_where_the_days_isocentre_lies_elsewhere_in_its_scan_only_the_rest_is_shift() -> None:
    """The daily scan's own coordinates are 300 mm off; the patient lies 2 mm too far to the left."""
    day_to_plan = RigidTransform(translation_xyz_mm=(-302.0, 0.0, 0.0))

    found = measure_setup(day_to_plan, reference_xyz_mm=ISOCENTRE, daily_reference_xyz_mm=(312.0, -143.0, 67.0))

    assert found.shift_xyz_mm == pytest.approx((2.0, 0.0, 0.0))


def test_a_position_on_no_couch_is_refused_and_an_unknown_one_leaves_the_couch_out() -> None:
    with pytest.raises(InputError, match="SITTING"):
        measure_setup(RigidTransform(), reference_xyz_mm=ISOCENTRE, patient_position="SITTING")
    assert measure_setup(RigidTransform(), reference_xyz_mm=ISOCENTRE, patient_position="").couch is None
