"""One method on one pair, in a process of its own, so that its peak memory is its own. Called by `deformation.py`."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from deformation_pairs import Pair, load_pair
from numpy.typing import NDArray

from registration.align import AlignSettings, Method, align
from registration.grid import Grid
from registration.itk_bridge import to_itk, write_nifti
from registration.plausibility import cell_jacobians
from registration.transform import Alignment, DisplacementField
from registration.volume import Volume

Moved = NDArray[np.float32]
"""(Z, Y, X, 3): from each voxel of the day to its place in the plan, in mm along x, y, z."""
Answer = Moved | Alignment


def ours(pair: Pair, method: Method = "deformable") -> Alignment:
    """All of `align`: body, set-up search, deformation, unfolding and the inverse; the peers only deform."""
    return align(pair.day, pair.plan, AlignSettings(method=method, keypoints="off")).alignment


def everywhere(alignment: Alignment, grid: Grid) -> Moved:
    """On every voxel, for counting; no part of the time."""
    index = np.moveaxis(np.indices(grid.shape_zyx), 0, -1)
    return np.asarray(alignment.map_grid(grid, slice(None)) - grid.to_point_xyz_mm(index), dtype=np.float32)


def second_method(pair: Pair) -> Alignment:
    return ours(pair, "demons")


def convex_adam(pair: Pair) -> Moved:
    import torch
    from convexAdam.convex_adam_MIND import convex_adam_pt

    images = [torch.from_numpy(scan.values_zyx.astype(np.float32)) for scan in (pair.day, pair.plan)]
    voxels = convex_adam_pt(*images, dtype=torch.float32, device=torch.device("cpu"))
    return np.asarray(voxels[..., ::-1] * np.asarray(pair.day.grid.spacing_zyx_mm[::-1]), dtype=np.float32)


def greedy(pair: Pair) -> Moved:
    from picsl_greedy import Greedy3D

    day, plan = images_of(pair)
    tool = Greedy3D()
    tool.execute("-d 3 -m NCC 2x2x2 -i fix mov -n 100x50x10 -o warp", fix=day, mov=plan, warp=None)
    return lps(tool["warp"])


def itk_demons(pair: Pair) -> Moved:
    day, plan = images_of(pair)
    field = None
    for shrink, steps in ((4, 80), (2, 50), (1, 20)):
        fixed, moving = (
            sitk.Shrink(sitk.SmoothingRecursiveGaussian(one, 0.5 * shrink * one.GetSpacing()[0]), [shrink] * 3)
            for one in (day, plan)
        )
        demons = sitk.FastSymmetricForcesDemonsRegistrationFilter()
        demons.SetNumberOfIterations(steps)
        demons.SetStandardDeviations(1.5)
        field = (
            demons.Execute(fixed, moving)
            if field is None
            else demons.Execute(fixed, moving, sitk.Resample(field, fixed, sitk.Transform(), sitk.sitkLinear))
        )
    return lps(sitk.Resample(field, day, sitk.Transform(), sitk.sitkLinear))


def elastix(pair: Pair) -> Moved:
    import itk

    day, plan = (itk.GetImageFromArray(scan.values_zyx.astype(np.float32)) for scan in (pair.day, pair.plan))
    for one in (day, plan):
        one.SetSpacing([float(s) for s in pair.day.grid.spacing_zyx_mm[::-1]])
    rules = itk.ParameterObject.New()
    rules.AddParameterMap(rules.GetDefaultParameterMap("bspline", 4, 10.0))
    _, found = itk.elastix_registration_method(day, plan, parameter_object=rules, log_to_console=False)
    with tempfile.TemporaryDirectory() as made:  # transformix writes the field to a file as well
        return np.asarray(itk.transformix_deformation_field(day, found, output_directory=made), dtype=np.float32)


def plastimatch(pair: Pair) -> Moved:
    stages = "".join(
        f"[STAGE]\nxform=bspline\nimpl=plastimatch\nmetric=mse\nmax_its={steps}\ngrid_spac={grid} {grid} {grid}\n"
        f"res={res} {res} {res}\nregularization_lambda=0.005\n"
        for steps, grid, res in ((50, 40, 4), (50, 20, 2), (40, 12, 1))
    )
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        write_nifti(pair.day, folder / "day.nii")
        write_nifti(pair.plan, folder / "plan.nii")
        rules = folder / "rules.txt"
        rules.write_text(
            f"[GLOBAL]\nfixed={folder / 'day.nii'}\nmoving={folder / 'plan.nii'}\nvf_out={folder / 'vf.mha'}\n{stages}"
        )
        subprocess.run(["plastimatch", "register", rules], check=True, stdout=subprocess.DEVNULL)
        return lps(sitk.ReadImage(str(folder / "vf.mha")))


METHODS: dict[str, Callable[[Pair], Answer]] = {
    "contour": ours,
    "contour demons": second_method,
    "convexAdam": convex_adam,
    "greedy NCC": greedy,
    "SimpleITK demons": itk_demons,
    "elastix B-spline": elastix,
    "plastimatch B-spline": plastimatch,
}


def images_of(pair: Pair) -> tuple[sitk.Image, sitk.Image]:
    day, plan = (
        to_itk(Volume(grid=scan.grid, values_zyx=scan.values_zyx.astype(np.float32))) for scan in (pair.day, pair.plan)
    )
    return day, plan


def lps(field: sitk.Image) -> Moved:
    return np.asarray(sitk.GetArrayFromImage(field), dtype=np.float32)


def main() -> None:
    method, source, out = sys.argv[1:]
    pair = load_pair(Path(source))
    started_s = time.perf_counter()
    found = METHODS[method](pair)
    seconds = time.perf_counter() - started_s
    used = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    moved = everywhere(found, pair.day.grid) if isinstance(found, Alignment) else found
    missed = np.linalg.norm(moved[tuple(pair.landmarks_zyx.T)] - pair.truth_xyz_mm, axis=-1)
    field = DisplacementField(grid=pair.day.grid, displacements_xyz_mm=np.ascontiguousarray(moved))
    lowest, _ = cell_jacobians(field)
    inside = pair.landmarks_zyx[(pair.landmarks_zyx < np.asarray(lowest.shape)).all(axis=1)]
    Path(out).write_text(
        json.dumps(
            {
                "seconds": seconds,
                "peak_gb": max(used) * 1024 / 1e9,
                "mean_mm": float(missed.mean()),
                "median_mm": float(np.median(missed)),
                "p95_mm": float(np.percentile(missed, 95)),
                "max_mm": float(missed.max()),
                "folded_percent": 100.0 * float((lowest[tuple(inside.T)] <= 0.0).mean()),
            }
        )
    )


if __name__ == "__main__":
    main()
