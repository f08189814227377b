from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from contour.anatomy.structures import Structure
from contour.errors import ConfigError
from contour.phantom import Phantom, PhantomSettings, head_and_neck_phantom
from contour.phantom.settings import ROW_AND_COLUMN_XYZ
from tests import phantoms

NAMES = (
    "External",
    "Brain",
    "Brainstem",
    "SpinalCord",
    "Parotid_L",
    "Parotid_R",
    "Esophagus",
    "Larynx",
    "Bone_Mandible",
    "GTVp",
    "GTVn",
)
PLAUSIBLE_ML = {
    "External": (5500, 9500),
    "Brain": (1000, 1500),
    "Brainstem": (20, 32),
    "SpinalCord": (14, 26),
    "Parotid_L": (18, 40),
    "Parotid_R": (15, 36),
    "Esophagus": (6, 15),
    "Larynx": (16, 36),
    "Bone_Mandible": (55, 85),
    "GTVp": (4, 18),
    "GTVn": (2, 20),
}


def centroid_xyz_mm(structure: Structure) -> np.ndarray:
    index = np.argwhere(structure.mask_zyx).mean(axis=0) + np.asarray(structure.lower_zyx)
    return structure.grid.to_point_xyz_mm(index)


def test_structures_carry_tg263_names_in_a_fixed_order(coarse_patient: Phantom) -> None:
    assert tuple(structure.name for structure in coarse_patient.structures) == NAMES
    with pytest.raises(KeyError):
        coarse_patient.structure("Heart")


def test_volumes_are_those_of_a_grown_up(coarse_patient: Phantom) -> None:
    for name, (least, most) in PLAUSIBLE_ML.items():
        assert least < coarse_patient.structure(name).volume_ml < most, name


def test_left_parotid_lies_to_the_left_and_is_the_larger(coarse_patient: Phantom) -> None:
    left, right = coarse_patient.structure("Parotid_L"), coarse_patient.structure("Parotid_R")
    assert centroid_xyz_mm(left)[0] > centroid_xyz_mm(right)[0] + 80
    assert left.volume_ml > 1.05 * right.volume_ml


def test_organs_follow_one_another_from_head_to_feet_and_front_to_back(coarse_patient: Phantom) -> None:
    brain, brainstem, jaw, larynx, esophagus = (
        centroid_xyz_mm(coarse_patient.structure(name))
        for name in ("Brain", "Brainstem", "Bone_Mandible", "Larynx", "Esophagus")
    )
    assert brain[2] > brainstem[2] > jaw[2] > larynx[2] > esophagus[2]
    assert jaw[1] < larynx[1] < centroid_xyz_mm(coarse_patient.structure("SpinalCord"))[1]


def test_cord_lies_behind_the_oesophagus_in_every_slice_they_share(coarse_patient: Phantom) -> None:
    cord = coarse_patient.structure("SpinalCord").full_mask_zyx()
    esophagus = coarse_patient.structure("Esophagus").full_mask_zyx()
    shared = np.flatnonzero(cord.any(axis=(1, 2)) & esophagus.any(axis=(1, 2)))
    assert shared.size > 5
    for k in shared:
        assert np.argwhere(cord[k])[:, 0].min() > np.argwhere(esophagus[k])[:, 0].max()


def test_cord_joins_the_brainstem_and_leaves_through_the_last_slice(coarse_patient: Phantom) -> None:
    cord, brainstem = coarse_patient.structure("SpinalCord"), coarse_patient.structure("Brainstem")
    assert cord.lower_zyx[0] == 0
    assert abs(cord.lower_zyx[0] + cord.mask_zyx.shape[0] - brainstem.lower_zyx[0]) <= 1


def test_external_holds_every_structure(coarse_patient: Phantom) -> None:
    external = coarse_patient.structure("External").full_mask_zyx()
    for name in NAMES[1:]:
        assert not (coarse_patient.structure(name).full_mask_zyx() & ~external).any(), name


def test_organs_do_not_overlap(coarse_patient: Phantom) -> None:
    taken = np.zeros(coarse_patient.ct.grid.shape_zyx, dtype=np.uint8)
    for name in NAMES[1:]:
        taken += coarse_patient.structure(name).full_mask_zyx()
    assert taken.max() == 1


def test_couch_and_mask_are_bright_and_outside_the_patient() -> None:
    quiet = replace(phantoms.COARSE, noise_hu=0.0)
    bare = replace(quiet, has_couch=False, has_mask=False)
    dressed, plain = phantoms.patient(quiet), phantoms.patient(bare)
    external = plain.structure("External").full_mask_zyx()
    added = dressed.ct.values_zyx.astype(int) - plain.ct.values_zyx
    assert np.array_equal(external, dressed.structure("External").full_mask_zyx())
    assert (added[~external] > 300).sum() > 500
    assert np.abs(added[external] > 60).mean() < 0.01


def test_couch_lies_on_the_side_that_gravity_points_to() -> None:
    for position, axis, sign in (("HFS", 1, 1), ("HFP", 1, -1), ("HFDL", 0, 1), ("FFDR", 0, -1)):
        settings = replace(phantoms.COARSE, patient_position=position, noise_hu=0.0, has_mask=False)
        with_couch = phantoms.patient(settings)
        without = phantoms.patient(replace(settings, has_couch=False))
        drawn = np.argwhere(with_couch.ct.values_zyx.astype(int) - without.ct.values_zyx > 250)
        couch_xyz_mm = with_couch.ct.grid.to_point_xyz_mm(drawn.mean(axis=0))
        patient_xyz_mm = centroid_xyz_mm(with_couch.structure("External"))
        assert sign * (couch_xyz_mm - patient_xyz_mm)[axis] > 40, position


@pytest.mark.parametrize(
    ("name", "low_hu", "high_hu"),
    [
        ("Brain", 15, 60),
        ("Brainstem", 15, 50),
        ("SpinalCord", 15, 60),
        ("Parotid_L", -30, 40),
        ("GTVp", 50, 110),
        ("Bone_Mandible", 400, 1600),
    ],
)
def test_tissue_has_its_brightness(coarse_patient: Phantom, name: str, low_hu: float, high_hu: float) -> None:
    inside = coarse_patient.structure(name).full_mask_zyx()
    assert low_hu < np.median(coarse_patient.ct.values_zyx[inside]) < high_hu


def test_air_fat_muscle_and_bone_are_all_there_within_the_scale(coarse_patient: Phantom) -> None:
    values = coarse_patient.ct.values_zyx
    assert values.dtype == np.int16
    assert values.min() >= -1024
    assert values.max() <= 3071
    inside = values[coarse_patient.structure("External").full_mask_zyx()]
    for low, high in ((-1024, -700), (-140, -60), (20, 90), (300, 1500)):
        assert ((inside >= low) & (inside < high)).mean() > 0.005


@pytest.mark.parametrize("patient_name", ["oblique_patient", "feet_first_patient"])
def test_another_scan_finds_the_same_anatomy_at_the_same_millimetres(
    coarse_patient: Phantom, patient_name: str, request: pytest.FixtureRequest
) -> None:
    other: Phantom = request.getfixturevalue(patient_name)
    for name in NAMES[1:]:
        if name in {"SpinalCord", "Esophagus"}:
            continue
        one, two = coarse_patient.structure(name), other.structure(name)
        assert two.volume_ml == pytest.approx(one.volume_ml, rel=0.08), name
        assert np.abs(centroid_xyz_mm(one) - centroid_xyz_mm(two)).max() < 1.5, name


def test_a_finer_grid_agrees_with_a_coarse_one(coarse_patient: Phantom) -> None:
    fine = head_and_neck_phantom(
        phantoms.DEFAULT_SEED,
        PhantomSettings(shape_zyx=(75, 192, 192), spacing_zyx_mm=(4.0, 2.6, 2.6), noise_hu=0.0),
    )
    for name in ("External", "Brain", "Brainstem", "Parotid_L", "Parotid_R", "Larynx", "Bone_Mandible"):
        one, two = coarse_patient.structure(name), fine.structure(name)
        assert two.volume_ml == pytest.approx(one.volume_ml, rel=0.06), name


def test_grids_of_all_positions_follow_dicoms_normal() -> None:
    for position in ROW_AND_COLUMN_XYZ:
        patient = head_and_neck_phantom(
            2, PhantomSettings(shape_zyx=(6, 24, 24), spacing_zyx_mm=(30.0, 21.0, 21.0), patient_position=position)
        )
        assert patient.ct.grid.handedness == 1
        assert patient.ct.grid.axes_xyz[0][2] == (1.0 if position.startswith("HF") else -1.0)
        assert patient.structure("External").volume_ml > 3000


def test_a_seed_is_one_patient_and_another_seed_another() -> None:
    settings = PhantomSettings(shape_zyx=(20, 64, 64), spacing_zyx_mm=(15.0, 8.0, 8.0))
    first, again, other = (head_and_neck_phantom(seed, settings) for seed in (5, 5, 6))
    assert np.array_equal(first.ct.values_zyx, again.ct.values_zyx)
    assert not np.array_equal(first.ct.values_zyx, other.ct.values_zyx)
    assert first.structure("External").volume_ml != other.structure("External").volume_ml


def test_many_seeds_all_give_patients_with_every_organ() -> None:
    settings = replace(phantoms.COARSE, noise_hu=0.0, has_couch=False, has_mask=False)
    for seed in range(10, 16):
        patient = head_and_neck_phantom(seed, settings)
        for name, (least, most) in PLAUSIBLE_ML.items():
            assert 0.8 * least < patient.structure(name).volume_ml < 1.2 * most, (seed, name)


def test_a_scan_of_the_head_alone_has_an_empty_oesophagus() -> None:
    settings = PhantomSettings(
        shape_zyx=(20, 64, 64), spacing_zyx_mm=(5.0, 4.0, 4.0), centre_offset_xyz_mm=(0.0, 0.0, 90.0)
    )
    patient = head_and_neck_phantom(1, settings)
    assert patient.structure("Esophagus").is_empty
    assert not patient.structure("Brain").is_empty


def test_every_voxel_is_shifted_by_a_badly_calibrated_scanner() -> None:
    settings = PhantomSettings(shape_zyx=(8, 48, 48), spacing_zyx_mm=(30.0, 11.0, 11.0), noise_hu=0.0)
    true, shifted = (head_and_neck_phantom(1, replace(settings, hu_offset=offset)) for offset in (0.0, 20.0))
    inside = (true.ct.values_zyx > -1000) & (true.ct.values_zyx < 3000)
    assert (shifted.ct.values_zyx[inside] - true.ct.values_zyx[inside] == 20).all()


@pytest.mark.parametrize(
    "wrong",
    [{"patient_position": "HFX"}, {"shape_zyx": (0, 4, 4)}, {"spacing_zyx_mm": (1.0, -1.0, 1.0)}, {"noise_hu": -1.0}],
)
def test_settings_that_cannot_be_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        replace(PhantomSettings(), **wrong)  # type: ignore[arg-type]
