"""An imported nnU-Net answers as nnunetv2's own predictor does, whatever its plan, and however the scan lies."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from contour.anatomy.agreement import dice
from contour.importing.imported import Origin
from contour.importing.nnunet import read_nnunet
from contour.phantom import PhantomSettings
from contour.segmentation import ModelStore, segment
from contour.segmentation.body import find_body
from contour.segmentation.label_structures import label_map
from contour.segmentation.labelmaps.predict import predict_labels
from registration.grid import Grid
from registration.itk_bridge import to_itk
from registration.orientation import AxisOrder
from registration.volume import Volume
from tests import nnunet_folders as folders
from tests import nnunet_training, phantoms

FULL = "3d_fullres"
FOUR = {"background": 0, "spinal_cord": 1, "parotid_left": 2, "parotid_right": 3}
REGIONS = {"background": 0, "brain": [1, 2, 3], "brainstem": [2, 3], "tongue": 3}
SETTINGS = PhantomSettings(shape_zyx=(52, 84, 96), spacing_zyx_mm=(5.0, 5.2, 4.7), tilt_xyz_deg=(6.0, -3.0, 9.0))
RESIDUAL = {
    "network_class_name": "dynamic_network_architectures.architectures.unet.ResidualEncoderUNet",
    "arch_kwargs": folders.residual_architecture(),
    "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
}
CASCADE = {
    "3d_lowres": folders.configuration(spacing=[9.0, 8.0, 8.5], next_stage="3d_cascade_fullres"),
    FULL: folders.configuration(spacing=[6.0, 5.5, 6.5]),
    "3d_cascade_fullres": {"inherits_from": FULL, "previous_stage": "3d_lowres"},
}

pytestmark = pytest.mark.usefixtures("nnunet")


def full(**changes):
    return {FULL: folders.configuration(**{"spacing": [6.0, 5.5, 6.5], **changes})}


VARIANTS = {
    "plain": (folders.plans(full()), folders.dataset(FOUR), {"mirror_axes": (0, 1, 2)}),
    "residual, two folds": (
        folders.plans(full(architecture=RESIDUAL)), folders.dataset(FOUR), {"folds": ("0", "1"), "mirror_axes": (1,)},
    ),
    "regions": (
        folders.plans(full()), folders.dataset(REGIONS, regions_class_order=[1, 2, 3]), {"mirror_axes": (0, 2)},
    ),
    "transposed, standardised": (
        folders.plans(
            full(normalization_schemes=["ZScoreNormalization"]),
            transpose_forward=[1, 2, 0], transpose_backward=[2, 0, 1],
        ),
        folders.dataset(FOUR), {"mirror_axes": (0, 2)},
    ),
    "coarse slices, rescaled": (
        folders.plans(full(spacing=[16.0, 4.8, 4.9], normalization_schemes=["RescaleTo01Normalization"])),
        folders.dataset(FOUR), {"mirror_axes": None},
    ),
    "own spacing, not normalised": (
        folders.plans(full(spacing=[5.0, 5.2, 4.7], normalization_schemes=["NoNormalization"])),
        folders.dataset(FOUR), {"mirror_axes": None},
    ),
    "standardised inside": (
        folders.plans(full(normalization_schemes=["ZScoreNormalization"], use_mask_for_norm=[True])),
        folders.dataset(FOUR), {"mirror_axes": None},
    ),
    "linear by torch": (
        folders.plans(
            full(
                **{
                    f"resampling_fn_{what}": "resample_torch_fornnunet"
                    for what in ("data", "seg", "probabilities")
                },
                **{
                    f"resampling_fn_{what}_kwargs": {"is_seg": what == "seg", "force_separate_z": False}
                    for what in ("data", "seg", "probabilities")
                },
            )
        ),
        folders.dataset(FOUR), {"mirror_axes": None},
    ),
}  # fmt: skip


def imported(results, where, *, exact=True, **said):
    read_nnunet(results, Origin(name="other", names={}, **said)).write(where / "models")
    return ModelStore([where / "models"]).load("other", device="cpu", exact=exact)


def our_labels(ct, model):
    return predict_labels(ct, model.spec, model.engines, exact=True).labels


def require_same(ours, theirs, grid, *, channels=4):
    """At least 99.9 % of the voxels, and Dice 0.995 for every structure over 1 ml."""
    assert ours.shape == theirs.shape
    assert (ours == theirs).mean() >= 0.999
    assert len(np.unique(theirs)) > 1
    for label in range(1, channels):
        if (theirs == label).sum() * grid.voxel_volume_mm3 > 1000:
            assert dice(ours == label, theirs == label) >= 0.995


@pytest.fixture(scope="module")
def patient():
    return phantoms.patient(SETTINGS)


@pytest.mark.parametrize("variant", VARIANTS)
def test_random_weights_give_the_labels_that_nnunetv2_gives(variant, patient, tmp_path):
    plan, data, how = VARIANTS[variant]
    results = folders.write_results(tmp_path / "results", FULL, plan, data, **how)
    hu, grid = patient.ct.values_zyx.astype(np.float32), patient.ct.grid
    theirs = folders.nnunet_labels(results, hu, grid.spacing_zyx_mm, folds=how.get("folds", ("0",)))
    require_same(our_labels(patient.ct, imported(results, tmp_path)), theirs, grid)


def test_a_cascade_gives_the_labels_that_nnunetv2_gives(patient, tmp_path):
    plan, data = folders.plans(CASCADE), folders.dataset(FOUR)
    hu, grid = patient.ct.values_zyx.astype(np.float32), patient.ct.grid
    first, second = (
        folders.write_results(tmp_path / "results", name, plan, data, mirror_axes=(2,), seed=4)
        for name in ("3d_lowres", "3d_cascade_fullres")
    )
    previous = folders.nnunet_labels(first, hu, grid.spacing_zyx_mm)
    theirs = folders.nnunet_labels(second, hu, grid.spacing_zyx_mm, previous=previous)
    model = imported(tmp_path / "results", tmp_path)
    assert [stage.name for stage in model.spec.stages] == ["3d_lowres", "3d_cascade_fullres"]
    require_same(our_labels(patient.ct, model), theirs, grid)


def test_old_plans_give_the_labels_that_nnunetv2_gives(patient, tmp_path):
    old = folders.configuration(spacing=[6.0, 5.5, 6.5])
    del old["architecture"]
    old |= {
        "UNet_class_name": "PlainConvUNet", "UNet_base_num_features": 6, "unet_max_num_features": 16,
        "n_conv_per_stage_encoder": [2, 2, 2], "n_conv_per_stage_decoder": [2, 2], "num_pool_per_axis": [1, 2, 2],
        "pool_op_kernel_sizes": [[1, 1, 1], [1, 2, 2], [2, 2, 2]],
        "conv_kernel_sizes": [[1, 3, 3], [3, 3, 3], [3, 3, 3]],
    }  # fmt: skip
    plan, data = folders.plans({FULL: old}), folders.dataset(FOUR)
    results = folders.write_results(tmp_path / "results", FULL, plan, data, mirror_axes=None)
    hu, grid = patient.ct.values_zyx.astype(np.float32), patient.ct.grid
    theirs = folders.nnunet_labels(results, hu, grid.spacing_zyx_mm)
    require_same(our_labels(patient.ct, imported(results, tmp_path)), theirs, grid)


@pytest.fixture(scope="module")
def trained(patient, tmp_path_factory):
    """Results of a network that has learnt the patient, its own answer, and where they lie.

    It has batch normalisation: instance normalisation makes a network that has learnt as little as this one depend on
    where windows fall. `ops/benchmarks/labelmaps.py --trained` measures one that has learnt more.
    """
    where = tmp_path_factory.mktemp("trained")
    batch_norm = {**RESIDUAL, "arch_kwargs": folders.residual_architecture(
        norm_op="torch.nn.modules.batchnorm.BatchNorm3d", norm_op_kwargs={}
    )}  # fmt: skip
    plan = folders.plans(full(spacing=[7.0, 7.5, 7.0], architecture=batch_norm))
    data = folders.dataset(nnunet_training.LABELS)
    state = nnunet_training.train(patient, plan, data, FULL)
    results = folders.write_results(where / "results", FULL, plan, data, mirror_axes=(1,), state=state)
    hu = patient.ct.values_zyx.astype(np.float32)
    return results, folders.nnunet_labels(results, hu, patient.ct.grid.spacing_zyx_mm), where


def test_a_trained_network_gives_the_labels_that_nnunetv2_gives(trained, patient):
    results, theirs, where = trained
    wanted = nnunet_training.labels_of(patient)
    assert min(dice(theirs == label, wanted == label) for label in (1, 2, 3)) > 0.5  # it has learnt something
    require_same(our_labels(patient.ct, imported(results, where / "exact")), theirs, patient.ct.grid)


def test_fast_mode_is_within_dice_0_99_of_exact_mode_on_a_trained_network(trained, patient):
    results, theirs, where = trained
    model = imported(results, where / "fast", exact=False)
    fast = label_map(patient.ct, find_body(patient.ct), model, lambda stage, fraction: None).labels
    for label in (1, 2, 3):
        assert dice(fast == label, theirs == label) >= 0.99


def test_the_structures_of_a_segmentation_are_the_label_map(trained, patient):
    results, theirs, where = trained
    model = imported(results, where / "segment")
    found = segment(patient.ct, model, structures=("External", "Brain", "Bone"))
    by_name = {structure.name: structure for structure in found.structures}
    assert (by_name["Bone"].full_mask_zyx() == (theirs == 2)).mean() > 0.999
    assert (by_name["Brain"].full_mask_zyx() == (theirs == 3)).mean() > 0.999
    assert [name for name, _ in found.stage_seconds] == ["body", "network", "restore", "clean-up"]


@pytest.mark.parametrize("orientation", ["LPS", "RAS", "LAI"])
def test_the_scan_is_turned_as_the_training_images_were(orientation, patient, tmp_path):
    """However the array lies (here sagittal, feet first), nnunetv2 on the image that SimpleITK turned says the same."""
    plan, data = folders.plans(full()), folders.dataset(FOUR)
    results = folders.write_results(tmp_path / "results", FULL, plan, data, mirror_axes=None)
    laid = AxisOrder(source=(2, 0, 1), reverse=(True, True, False)).apply_to_volume(patient.ct)
    ct = Volume(grid=laid.grid, values_zyx=np.ascontiguousarray(laid.values_zyx))
    model = imported(results, tmp_path, orientation=orientation)

    image = sitk.Cast(to_itk(ct), sitk.sitkFloat32)
    turned = sitk.DICOMOrient(image, orientation)
    labels = folders.nnunet_labels(results, sitk.GetArrayFromImage(turned), turned.GetSpacing()[::-1])
    answer = sitk.GetImageFromArray(labels)
    answer.CopyInformation(turned)
    back = sitk.Resample(answer, image, sitk.Transform(), sitk.sitkNearestNeighbor)
    require_same(our_labels(ct, model), sitk.GetArrayFromImage(back), ct.grid)


def test_the_oblique_grid_of_these_tests_is_oblique(patient):
    assert isinstance(patient.ct.grid, Grid)
    assert not np.allclose(np.abs(patient.ct.grid.axes_xyz).max(axis=1), 1.0, atol=1e-3)
