"""How a head-and-neck patient changes over a course: what is typical, told by the plan's own structures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from contour.anatomy.names import describe_structure
from contour.anatomy.structures import Structure, crop_to_structure
from contour.errors import InputError
from contour.phantom.motion import (
    Chain,
    Depth,
    Flexion,
    LocalScaling,
    LocalShift,
    Motion,
    SetUp,
    WeightLoss,
    chain,
    ellipsoid_of,
)
from registration.grid import Triple
from registration.transform import RigidTransform

PAROTIDS = ("Parotid_L", "Parotid_R")
STIFF = ("Brain", "Brainstem", "SpinalCord", "Bone_Mandible")
_NECK_MM = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NeckChange:
    """What is different on a day.

    Args:
        set_up_xyz_mm: Shift of the patient from plan to day.
        set_up_turn_xyz_deg: Turn of the patient from plan to day, about the middle of the body.
        flexion_deg: Bend of the neck; positive takes the head forward.
        weight_loss_mm: How much deeper the skin lies.
        parotid_change: Volume change of each parotid gland, -0.3 for a third less.
        parotid_medial_mm: How far each has moved towards the middle.
        target_change: Volume change of the gross target.
        larynx_lift_mm: How far the larynx has moved towards the head.
    """

    set_up_xyz_mm: Triple = (0.0, 0.0, 0.0)
    set_up_turn_xyz_deg: Triple = (0.0, 0.0, 0.0)
    flexion_deg: float = 0.0
    weight_loss_mm: float = 0.0
    parotid_change: float = 0.0
    parotid_medial_mm: float = 0.0
    target_change: float = 0.0
    larynx_lift_mm: float = 0.0


def neck_motion(structures: Sequence[Structure], change: NeckChange, depth: Depth, *, target: str = "") -> Chain:
    """Day to plan, for a patient with these structures.

    Args:
        structures: Of the plan; those that are missing or empty do not move.
        change: What is different.
        depth: Of the plan's body.
        target: Which structure shrinks; the first target by name where empty.

    Raises:
        InputError: a change that would fold tissue.
    """
    found = {structure.name: structure for structure in structures if not structure.is_empty}
    middle = _middle(found)
    turned = RigidTransform.about(middle, turn_xyz_deg=change.set_up_turn_xyz_deg, shift_xyz_mm=change.set_up_xyz_mm)
    motions: list[Motion] = [SetUp(rigid=turned.inverse())]
    if change.flexion_deg:
        motions.append(Flexion(pivot_xyz_mm=_pivot(found, middle), angle_deg=-change.flexion_deg, over_mm=_NECK_MM))
    if change.weight_loss_mm:
        motions.append(WeightLoss(depth=depth, loss_mm=change.weight_loss_mm, stiff=_stiff(found)))
    motions += _parotids(found, change, middle)
    shrunk = target or next((name for name in found if describe_structure(name).is_target), "")
    if change.target_change and shrunk in found:
        motions.append(_scaled(found[shrunk], change.target_change))
    if change.larynx_lift_mm and "Larynx" in found:
        centre, _ = ellipsoid_of(found["Larynx"])
        radius_mm = max(25.0, 1.3 * abs(change.larynx_lift_mm) * 1.5 / 0.9)
        motions.append(
            LocalShift(centre_xyz_mm=centre, radius_mm=radius_mm, shift_xyz_mm=(0.0, 0.0, change.larynx_lift_mm))
        )
    return chain(motions)


def _stiff(found: dict[str, Structure]) -> Depth | None:
    """Beside brain and bone, as far as they are drawn."""
    drawn = [found[name] for name in STIFF if name in found]
    if not drawn:
        return None
    mask = np.any([structure.full_mask_zyx() for structure in drawn], axis=0)
    return Depth.below(crop_to_structure("stiff", drawn[0].grid, mask))


def _parotids(found: dict[str, Structure], change: NeckChange, middle: Triple) -> list[Motion]:
    motions: list[Motion] = []
    for name in PAROTIDS:
        if name not in found:
            continue
        centre, _ = ellipsoid_of(found[name])
        if change.parotid_medial_mm:
            inward = float(np.sign(middle[0] - centre[0])) * change.parotid_medial_mm
            motions.append(LocalShift(centre_xyz_mm=centre, radius_mm=28.0, shift_xyz_mm=(inward, 0.0, 0.0)))
        if change.parotid_change:
            motions.append(_scaled(found[name], change.parotid_change))
    return motions


def _scaled(structure: Structure, volume_change: float) -> LocalScaling:
    centre, half_axes = ellipsoid_of(structure)
    return LocalScaling(centre_xyz_mm=centre, half_axes=half_axes, volume_change=volume_change)


def _middle(found: dict[str, Structure]) -> Triple:
    inner = [ellipsoid_of(structure)[0] for name, structure in found.items() if name != "External"]
    if not inner:
        raise InputError("a neck needs at least one structure besides the body", reason="NO_STRUCTURES")
    x, y, z = (float(v) for v in np.mean(np.asarray(inner), axis=0))
    return (x, y, z)


def _pivot(found: dict[str, Structure], middle: Triple) -> Triple:
    """Behind the cord, 6 cm below the structures' middle."""
    cord = found.get("SpinalCord")
    behind = ellipsoid_of(cord)[0] if cord is not None else (middle[0], middle[1] + 40.0, middle[2])
    return (behind[0], behind[1] + 15.0, middle[2] - 60.0)
