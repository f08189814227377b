"""The second deformable method: SimpleITK's symmetric demons, coarse to fine.

It is there to be compared with: quick, simple, known in every clinic. It believes that a tissue has the same grey
value in both scans, which noise and cone-beam shading break; `registration.deformable` does not, and comes nearer to
the truth (ops/benchmarks/deformation.py prints both).

Reference: Vercauteren et al., doi:10.1016/j.neuroimage.2008.10.040.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from registration.foreground import PADDING_HU, about_body, at_least
from registration.itk_bridge import to_itk
from registration.resample import resample
from registration.transform import Alignment, DisplacementField, RigidTransform
from registration.volume import Volume
from registration.warp import warp

OnFraction = Callable[[float], None]

_LOWEST_HU, _HIGHEST_HU = -1000.0, 400.0
_NODE_MM = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DemonsSettings:
    """How SimpleITK looks for a deformation.

    Args:
        voxels_mm: Coarse to fine.
        steps: On each level.
        smooth_mm: The field is smoothed by so much after each step.
    """

    voxels_mm: tuple[float, ...] = (8.0, 5.0, 3.0)
    steps: int = 60
    smooth_mm: float = 4.0


def deform_demons(
    fixed: Volume,
    moving: Volume,
    rigid: RigidTransform,
    body: Volume,
    settings: DemonsSettings,
    *,
    on_fraction: OnFraction | None = None,
) -> DisplacementField:
    """U in x -> rigid(x + u(x)), on nodes of about 3 mm about the fixed body; float32 millimetres.

    Where the moving scan has no data the day's own values stand in, so that nothing pulls there.

    Args:
        fixed: HU.
        moving: HU, in any frame; `rigid` leads there.
        rigid: Fixed to moving.
        body: True in the fixed patient, on any lattice along the fixed grid's axes.
        settings: Levels and steps.
        on_fraction: Called with 0 to 1 after each level; what it raises stops the work.
    """
    region = about_body(fixed.grid, body)
    set_up = Alignment(
        rigid=rigid,
        field=None,
        fixed_frame_uid=fixed.grid.frame_of_reference_uid,
        moving_frame_uid=moving.grid.frame_of_reference_uid,
    )
    field: DisplacementField | None = None
    nodes = region.resampled(at_least(region, _NODE_MM))
    for number, voxel_mm in enumerate(settings.voxels_mm, start=1):
        grid = region.resampled(at_least(region, voxel_mm))
        wanted = resample(fixed, grid, outside=_LOWEST_HU).values_zyx
        brought = warp(moving, set_up, grid, outside=np.nan).values_zyx
        brought = np.where(np.isfinite(brought) & (brought > PADDING_HU), brought, wanted)
        images = [
            to_itk(Volume(grid=grid, values_zyx=np.clip(values, _LOWEST_HU, _HIGHEST_HU).astype(np.float32)))
            for values in (wanted, brought)
        ]
        demons = sitk.FastSymmetricForcesDemonsRegistrationFilter()
        demons.SetNumberOfIterations(settings.steps)
        demons.SetStandardDeviations([settings.smooth_mm / step for step in grid.spacing_zyx_mm[::-1]])
        start = np.zeros((*grid.shape_zyx, 3), dtype=np.float32) if field is None else field.on(grid)
        begin = sitk.GetImageFromArray(start.astype(np.float64), isVector=True)
        begin.CopyInformation(images[0])
        found = np.asarray(sitk.GetArrayFromImage(demons.Execute(*images, begin)), dtype=np.float32)
        field = DisplacementField(grid=grid, displacements_xyz_mm=np.ascontiguousarray(found))
        if on_fraction is not None:
            on_fraction(number / len(settings.voxels_mm))
    if field is None:
        return DisplacementField(grid=nodes, displacements_xyz_mm=np.zeros((*nodes.shape_zyx, 3), dtype=np.float32))
    return DisplacementField(grid=nodes, displacements_xyz_mm=field.on(nodes))
