"""Learnt limits: where organs lie and how large they are comes back out of cases that were drawn with known numbers."""

from dataclasses import replace

import numpy as np
import pytest

from contour.segmentation.expected_anatomy import parse_anatomy
from contour.segmentation.spec import parse_spec
from contour.training.anatomy import learn_anatomy
from contour.training.prepared import PreparedCase
from tests.tiny_model import SPEC as TINY

ORGAN = '\n[[structures]]\nname = "{}"\n'
HEAD = TINY.partition("[[structures]]")[0].replace("[12.0, 12.0, 12.0]", "[3.0, 4.0, 4.0]")
SPEC = parse_spec(
    HEAD
    + "".join(ORGAN.format(name) for name in ("Brainstem", "Larynx", "SpinalCord", "Thyroid", "Parotid_L", "PTV_High"))
    + "proposal = true\n"
)
PLACES = {
    "Brainstem": (70, 22, 20, 8),
    "Larynx": (40, 16, 20, 6),
    "SpinalCord": (34, 24, 20, 34),
    "Parotid_L": (60, 20, 28, 7),
}
"""Middle voxel and half the height in voxels, in the mean patient."""


def case(seed, *, contoured=("Brainstem", "Larynx", "SpinalCord", "Parotid_L", "PTV_High"), shift=None):
    """A patient somewhere in his box, labels twice as fine in plane; the cord runs out of the scan at its feet end."""
    rng = np.random.default_rng(seed)
    hu = np.full((100, 44, 40), -1024, dtype=np.int16)
    dz, dy, dx = rng.integers(-3, 4, 3) if shift is None else shift
    hu[dz + 6 : dz + 94, dy + 5 : dy + 35, dx + 8 : dx + 33] = rng.normal(30, 8, (88, 30, 25)).astype(np.int16)
    labels = np.zeros((100, 88, 80), dtype=np.int16)
    for channel, name in enumerate(SPEC.structure_names):
        if name in contoured and name in PLACES:
            z, y, x, half = PLACES[name]
            lower = max(dz + 6, dz + z - half)
            inside = np.s_[
                lower : dz + z + half + 1, 2 * (dy + y - 2) : 2 * (dy + y + 3), 2 * (dx + x - 2) : 2 * (dx + x + 3)
            ]
            labels[inside] |= 1 << channel
    return PreparedCase(
        name=f"pt_{seed}",
        hu_zyx=hu,
        labels_zyx=labels,
        label_step_zyx=(1.0, 2.0, 2.0),
        label_start_zyx=(0.0, 0.5, 0.5),
        contoured=np.array([name in contoured for name in SPEC.structure_names]),
    )


def test_places_are_learnt_whatever_the_shift_and_with_contours_missing():
    cases = [case(seed) for seed in range(12)] + [case(20, contoured=("Larynx",)), case(21, contoured=())]
    anatomy = learn_anatomy(cases, SPEC)
    assert [one.name for one in anatomy.structures] == ["Brainstem", "Larynx", "SpinalCord", "Parotid_L"]
    brainstem, larynx, cord, _ = anatomy.structures
    apart = np.subtract(brainstem.place_mm, larynx.place_mm)
    assert apart == pytest.approx((30 * 3.0, 6 * 4.0, 0.0), abs=0.1)
    assert (brainstem.patients, larynx.patients) == (12, 13)
    assert brainstem.top_mm - brainstem.bottom_mm == pytest.approx(16 * 3.0, abs=0.1)
    assert brainstem.volume_ml.lowest == pytest.approx(17 * 3.0 * 20.0**2 / 1000, rel=1e-3)
    assert (cord.cut_bottom, cord.cut_top) == (1.0, 0.0)
    assert cord.anchor == "top"
    assert anatomy.size.lowest == pytest.approx(1.0, abs=0.01)
    assert anatomy.size.highest == pytest.approx(1.0, abs=0.01)
    assert 20 <= anatomy.soft_tissue_hu.lowest <= anatomy.soft_tissue_hu.highest <= 40
    assert parse_anatomy(anatomy.to_json(), SPEC) == anatomy


def test_a_structure_that_every_scan_cuts_at_both_ends_has_no_place():
    cut = case(1, shift=(0, 0, 0))
    cut.labels_zyx[6:94, 40:44, 40:44] |= 1 << SPEC.structure_names.index("Thyroid")
    contoured = np.array([name in ("Larynx", "Thyroid") for name in SPEC.structure_names])
    anatomy = learn_anatomy([replace(cut, contoured=contoured)], SPEC)
    assert [one.name for one in anatomy.structures] == ["Larynx"]


def test_patients_without_contours_still_tell_their_soft_tissue():
    anatomy = learn_anatomy([case(1, contoured=()), case(2, contoured=())], SPEC)
    assert anatomy.structures == ()
    assert anatomy.patients == 2


def test_air_is_nobody_to_learn_from():
    nobody = case(1)
    nobody.hu_zyx[:] = -1024
    assert learn_anatomy([nobody], SPEC) is None
