"""Operations as values and as JSON: what may be said, what comes back, and what is refused."""

import json
import math

import pytest

from contour.anatomy.editing import (
    Boolean,
    Brush,
    Freehand,
    Interpolate,
    Margin,
    Nudge,
    Smooth,
    operation_from_json,
    operation_to_json,
)
from contour.errors import InputError

POINTS = ((1.0, -2.5, 3.25), (4.0, 5.0, 6.0), (-7.0, 8.0, 0.1))
SIDES = ("left_mm", "right_mm", "anterior_mm", "posterior_mm", "superior_mm", "inferior_mm")
OPERATIONS = [
    Brush(plane="axial", points_xyz_mm=POINTS[:1], radius_mm=0.5, erase=False),
    Brush(plane="sagittal", points_xyz_mm=POINTS, radius_mm=50.0, erase=True, ball=True),
    Freehand(plane="coronal", points_xyz_mm=POINTS, mode="remove"),
    Nudge(offset_xyz_mm=(0.1, -0.2, 30.0)),
    Interpolate(),
    Margin(**dict.fromkeys(SIDES, 3.5)),
    Margin(**dict.fromkeys(SIDES, 0.0) | {"left_mm": -30.0}),
    Boolean(way="difference", others=("Brain", "Lung_L")),
    Smooth(radius_mm=2.0),
]
FORMS = [operation_to_json(operation) for operation in OPERATIONS]
BRUSH, FREEHAND, NUDGE = FORMS[0], FORMS[2], FORMS[3]
BOOLEAN = FORMS[7]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.KIND)
def test_an_operation_comes_back_from_json_text_as_it_went(operation):
    text = json.dumps(operation_to_json(operation), allow_nan=False)
    assert operation_from_json(json.loads(text)) == operation


def test_the_form_names_its_kind_and_all_it_holds():
    assert BRUSH == {
        "kind": "brush", "plane": "axial", "points_xyz_mm": [[1.0, -2.5, 3.25]], "radius_mm": 0.5,
        "erase": False, "ball": False,
    }  # fmt: skip


def test_whole_numbers_are_read_and_what_has_a_usual_value_may_be_left_out():
    form = {"kind": "brush", "plane": "axial", "points_xyz_mm": [[1, 2, 3]], "radius_mm": 5, "erase": False}
    assert operation_from_json(form) == Brush(
        plane="axial", points_xyz_mm=((1.0, 2.0, 3.0),), radius_mm=5.0, erase=False, ball=False
    )
    assert operation_from_json({"kind": "interpolate"}) == Interpolate(axis="z")


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form["kind"])
def test_a_key_too_many_is_refused_and_named_and_so_is_one_that_is_missing(form):
    with pytest.raises(InputError, match="unknown key 'colour'"):
        operation_from_json(form | {"colour": 1})
    for key in set(form) - {"kind", "ball", "axis"}:
        with pytest.raises(InputError, match=f"has no {key}") as refused:
            operation_from_json({name: value for name, value in form.items() if name != key})
        assert refused.value.reason == "BAD_OPERATION"


BAD = {
    "no object": [],
    "nothing": None,
    "text": "brush",
    "no kind": {},
    "an unknown kind": {"kind": "clear"},
    "undo, which is no geometry": {"kind": "undo"},
    "a kind that is a list": {"kind": ["brush"]},
    "a radius too small": BRUSH | {"radius_mm": 0.49},
    "a radius too large": BRUSH | {"radius_mm": 50.1},
    "a radius that is no number": BRUSH | {"radius_mm": math.nan},
    "an infinite radius": BRUSH | {"radius_mm": math.inf},
    "a radius as text": BRUSH | {"radius_mm": "5"},
    "a radius that is true": BRUSH | {"radius_mm": True},
    "a radius of 400 digits": BRUSH | {"radius_mm": 10**400},
    "a flag that is a number": BRUSH | {"erase": 1},
    "a flag that is nothing": BRUSH | {"ball": None},
    "an unknown plane": BRUSH | {"plane": "oblique"},
    "a plane that is a number": BRUSH | {"plane": 0},
    "no points": BRUSH | {"points_xyz_mm": []},
    "too many points": BRUSH | {"points_xyz_mm": [[0, 0, 0]] * 2001},
    "points as an object": BRUSH | {"points_xyz_mm": {"0": [0, 0, 0]}},
    "a point of two numbers": BRUSH | {"points_xyz_mm": [[0, 0]]},
    "a point of four numbers": BRUSH | {"points_xyz_mm": [[0, 0, 0, 0]]},
    "a point that is flat": BRUSH | {"points_xyz_mm": [0, 0, 0]},
    "a point that is text": BRUSH | {"points_xyz_mm": ["000"]},
    "a point that is not finite": BRUSH | {"points_xyz_mm": [[0, 0, math.inf]]},
    "a point a mile away": BRUSH | {"points_xyz_mm": [[0, 0, 1.6e6]]},
    "a line for an outline": FREEHAND | {"points_xyz_mm": [[0, 0, 0], [1, 1, 0]]},
    "too many corners": FREEHAND | {"points_xyz_mm": [[0, 0, 0]] * 5001},
    "an unknown mode": FREEHAND | {"mode": "xor"},
    "a nudge out of the room": NUDGE | {"offset_xyz_mm": [0, 0, 501]},
    "a nudge of nothing": NUDGE | {"offset_xyz_mm": None},
    "an axis that is not filled along": {"kind": "interpolate", "axis": "x"},
    "a margin too large": FORMS[5] | {"left_mm": 30.5},
    "margins that grow and shrink": FORMS[5] | {"left_mm": -1.0},
    "an unknown way": BOOLEAN | {"way": "xor"},
    "no others": BOOLEAN | {"others": []},
    "another twice": BOOLEAN | {"others": ["A", "A"]},
    "too many others": BOOLEAN | {"others": [str(n) for n in range(65)]},
    "others as text": BOOLEAN | {"others": "Brain"},
    "a name that is a number": BOOLEAN | {"others": [3]},
    "a name of a page": BOOLEAN | {"others": ["x" * 65]},
    "an empty name": BOOLEAN | {"others": [""]},
    "smoothing too little": {"kind": "smooth", "radius_mm": 0.4},
    "smoothing too much": {"kind": "smooth", "radius_mm": 10.5},
}


@pytest.mark.parametrize("form", BAD.values(), ids=BAD)
def test_what_cannot_be_meant_is_refused(form):
    with pytest.raises(InputError) as refused:
        operation_from_json(form)
    assert refused.value.reason == "BAD_OPERATION"


def test_a_long_unknown_key_is_not_echoed_in_full():
    with pytest.raises(InputError) as refused:
        operation_from_json(BRUSH | {"x" * 5000: 1})
    assert len(str(refused.value)) < 300


def test_an_operation_that_is_made_by_hand_is_checked_as_well():
    with pytest.raises(InputError, match=r"radius_mm is 60; expected 0\.5 to 50"):
        Brush(plane="axial", points_xyz_mm=POINTS, radius_mm=60.0, erase=False)
    with pytest.raises(InputError, match="2 points; expected 3 to 5000"):
        Freehand(plane="axial", points_xyz_mm=POINTS[:2], mode="add")
