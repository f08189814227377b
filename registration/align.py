"""One way to align two scans, whichever method does it.

    aligned = align(daily, plan)
    plan_points = aligned.alignment.map_points(daily_points)

`fixed` is what the result is drawn on (the day), `moving` what is brought there (the plan).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal, get_args

import numpy as np
import torch

from registration.deformable import DeformableSettings, deform
from registration.errors import AlignmentError
from registration.foreground import body_mask
from registration.grid import Coordinates
from registration.inverse import Inverse, invert_field
from registration.itk_demons import DemonsSettings, deform_demons
from registration.keypoints import lattice_about
from registration.matching import PointMatches, field_from_matches, match_keypoints
from registration.plausibility import JacobianSummary, jacobian_summary, unfolded
from registration.rigid import RigidResult, align_rigid
from registration.transform import Alignment, DisplacementField, RigidTransform
from registration.volume import Volume

OnFraction = Callable[[str, float], None]
"""Told a stage (`rigid`, `keypoints`, `deformable`, `inverse`) and how much of it is done; what it raises stops all."""

Method = Literal["rigid", "deformable", "demons"]
Keypoints = Literal["off", "check", "steer"]

_LEAST_VOXELS = 8
_STEERING_MM = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignSettings:
    """How two scans are aligned.

    Args:
        method: `rigid` stops at set-up; `deformable` goes on by local correlation, `demons` by SimpleITK's.
        invertible: Folds are smoothed away, so that every cell of the field keeps a positive volume; without it they
            are counted only.
        keypoints: `check` matches feature points beside the dense field, as its witness; `steer` starts the dense
            field from them as well, which makes the witness partial, and has no part in `demons`; `off` does neither.
        device: `cpu`, `cuda`, or `auto` for a GPU where there is one.
        deformable: Levels and weights.
        demons: SimpleITK's.

    Raises:
        AlignmentError: a method or device that does not exist.
    """

    method: Method = "deformable"
    invertible: bool = True
    keypoints: Keypoints = "check"
    device: str = "cpu"
    deformable: DeformableSettings = field(default_factory=DeformableSettings)
    demons: DemonsSettings = field(default_factory=DemonsSettings)

    def __post_init__(self) -> None:
        if self.method not in get_args(Method):
            raise AlignmentError(f"method must be rigid, deformable or demons, found {self.method!r}")
        if self.keypoints not in {"off", "check", "steer"}:
            raise AlignmentError(f"keypoints must be off, check or steer, found {self.keypoints!r}")
        if self.device not in {"auto", "cpu"} and not self.device.startswith("cuda"):
            raise AlignmentError(f"device must be auto, cpu or cuda, found {self.device!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignmentResult:
    """An alignment and what is known of it.

    Args:
        alignment: Fixed to moving.
        inverse: v in x = y + v(y), with y a moving point after the rigid part is undone; None for a rigid alignment.
        rigid: What speaks for the set-up.
        body: The fixed patient, on a lattice of about 4 mm.
        matches: Feature points found in both scans; None where none were looked for.
        jacobian: Local volume ratios in the body; None for a rigid alignment.
        stage_seconds: Names and seconds, in order.
    """

    alignment: Alignment
    inverse: Inverse | None
    rigid: RigidResult
    body: Volume
    matches: PointMatches | None
    jacobian: JacobianSummary | None
    stage_seconds: tuple[tuple[str, float], ...]


def align(
    fixed: Volume,
    moving: Volume,
    settings: AlignSettings | None = None,
    *,
    start: RigidTransform | None = None,
    on_fraction: OnFraction | None = None,
) -> AlignmentResult:
    """Fixed to moving: set-up first, then what is left.

    The same scans and settings on the same machine and number of threads give the same bytes.

    Args:
        fixed: HU, the scan of the day.
        moving: HU, the planning scan; may lie in another frame of reference and show another part of the patient.
        settings: Method and its weights.
        start: Refined instead of searching for a set-up, where one is known.
        on_fraction: Told how far the work is.

    Raises:
        AlignmentError: a scan without a patient, too thin, or with values that are not finite; scans that do not
            overlap.
    """
    rules = settings or AlignSettings()
    for name, scan in (("fixed", fixed), ("moving", moving)):
        if min(scan.grid.shape_zyx) < _LEAST_VOXELS:
            raise AlignmentError(
                f"the {name} scan has shape {scan.grid.shape_zyx}; expected at least {_LEAST_VOXELS} voxels each way"
            )
    device = _device(rules.device)
    tell = on_fraction or _nobody
    clock = _Clock()
    tell("rigid", 0.0)
    body = body_mask(fixed)
    body_mask(moving)
    found = align_rigid(fixed, moving, body, device=device, start=start)
    clock.end("rigid")
    tell("rigid", 1.0)
    frames = Alignment(
        rigid=found.transform,
        field=None,
        fixed_frame_uid=fixed.grid.frame_of_reference_uid,
        moving_frame_uid=moving.grid.frame_of_reference_uid,
    )
    if rules.method == "rigid":
        return AlignmentResult(
            alignment=frames,
            inverse=None,
            rigid=found,
            body=body,
            matches=None,
            jacobian=None,
            stage_seconds=clock.stages,
        )
    matches = None
    if rules.keypoints != "off":
        tell("keypoints", 0.0)
        matches = match_keypoints(fixed, moving, found.transform, body)
        clock.end("keypoints")
        tell("keypoints", 1.0)
    told = partial(tell, "deformable")
    if rules.method == "demons":
        displaced = deform_demons(fixed, moving, found.transform, body, rules.demons, on_fraction=told)
    else:
        displaced = deform(
            fixed,
            moving,
            found.transform,
            body,
            rules.deformable,
            device=device,
            start=_steered(matches, found.transform, fixed) if rules.keypoints == "steer" else None,
            on_fraction=told,
        )
    if rules.invertible:
        displaced = unfolded(displaced)
    clock.end("deformable")
    tell("inverse", 0.0)
    back = invert_field(displaced)
    clock.end("inverse")
    tell("inverse", 1.0)
    return AlignmentResult(
        alignment=replace(frames, field=displaced),
        inverse=back,
        rigid=found,
        body=body,
        matches=matches,
        jacobian=jacobian_summary(displaced, body),
        stage_seconds=clock.stages,
    )


def there_and_back_mm(forward: Alignment, backward: Alignment, points_xyz_mm: Coordinates) -> Coordinates:
    """How far each fixed point misses itself by way of two alignments made on their own; (n, 3) to (n,)."""
    missed = backward.map_points(forward.map_points(points_xyz_mm)) - points_xyz_mm
    return np.asarray(np.linalg.norm(missed, axis=-1))


def _steered(matches: PointMatches | None, rigid: RigidTransform, fixed: Volume) -> DisplacementField | None:
    return None if matches is None else field_from_matches(matches, rigid, lattice_about(fixed.grid, _STEERING_MM))


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(name)


def _nobody(_stage: str, _fraction: float) -> None:
    """Listens to nobody."""


class _Clock:
    """Seconds since the last stage ended."""

    def __init__(self) -> None:
        self.stages: tuple[tuple[str, float], ...] = ()
        self._last_s = time.perf_counter()

    def end(self, stage: str) -> None:
        now_s = time.perf_counter()
        self.stages = (*self.stages, (stage, now_s - self._last_s))
        self._last_s = now_s
