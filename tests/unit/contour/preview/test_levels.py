"""The planes chosen for the preview show every structure."""

import numpy as np

from contour.anatomy.structures import crop_to_structure
from contour.preview.levels import informative_planes
from registration import Grid

GRID = Grid(
    shape_zyx=(60, 30, 40),
    spacing_zyx_mm=(2.5, 1.1, 0.9),
    origin_xyz_mm=(4.0, -9.0, 33.0),
    axes_xyz=((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)),
    frame_of_reference_uid="1.2.3",
)


def structure(name, first, last, rows=(5, 12)):
    mask = np.zeros(GRID.shape_zyx, dtype=bool)
    mask[first:last, rows[0] : rows[1], 10:20] = True
    return crop_to_structure(name, GRID, mask)


def test_every_structure_is_cut_by_one_of_the_planes():
    parts = [structure("A", 2, 6), structure("B", 20, 25), structure("C", 40, 43), structure("Body", 0, 60, (0, 30))]
    planes = informative_planes(parts, 0, 4)
    assert list(planes) == sorted(set(planes))
    for first, last in ((2, 6), (20, 25), (40, 43)):
        assert any(first <= plane < last for plane in planes)


def test_a_body_through_all_planes_does_not_draw_them_away_from_an_organ():
    assert informative_planes([structure("Body", 0, 60, (0, 30)), structure("B", 47, 50)], 0, 1)[0] in {47, 48, 49}


def test_planes_are_not_more_than_there_are_and_none_without_structures():
    assert informative_planes([structure("A", 7, 8)], 0, 6) == (7,)
    assert informative_planes([], 0, 6) == ()
    assert informative_planes([structure("A", 0, 0)], 0, 6) == (30,)


def test_a_body_alone_is_shown_over_its_whole_length():
    planes = informative_planes([structure("Body", 0, 60, (0, 30))], 0, 6)
    assert len(planes) == 6
    assert planes[-1] - planes[0] >= 45
