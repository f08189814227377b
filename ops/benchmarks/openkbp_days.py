"""Days of real patients with known truth: OpenKBP planning CTs, deformed by the phantom's motions."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from contour.anatomy.structures import Structure, crop_to_structure
from contour.phantom.daily import Day, ScanSettings, day_grid, scan_day
from contour.phantom.motion import Chain, Depth, Sliding, chain
from contour.phantom.neck import NeckChange, neck_motion
from contour.segmentation.body import find_body
from registration.itk_bridge import read_nifti
from registration.volume import Volume

PLAN_FRAME, DAY_FRAME = "2.25.101", "2.25.102"
DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "openkbp"
NAMES = {
    "Brainstem": "Brainstem",
    "SpinalCord": "SpinalCord",
    "RightParotid": "Parotid_R",
    "LeftParotid": "Parotid_L",
    "Esophagus": "Esophagus",
    "Larynx": "Larynx",
    "Mandible": "Bone_Mandible",
    "PTV56": "PTV_5600",
    "PTV63": "PTV_6300",
    "PTV70": "PTV_7000",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """A planning CT with its contours and its body."""

    name: str
    ct: Volume
    structures: tuple[Structure, ...]
    external: Structure
    depth: Depth


def patients(part: str = "validation", *, most: int = 0) -> Iterator[Patient]:
    """In the order of their numbers; all of them where `most` is 0."""
    folders = sorted((DATA / part).iterdir(), key=lambda folder: int(folder.name.removeprefix("pt_")))
    for folder in folders[: most or None]:
        yield read_patient(folder)


def read_patient(folder: Path) -> Patient:
    """One patient's CT and the contours that are there."""
    found = read_nifti(folder / "CT.nii.gz", PLAN_FRAME)
    ct = Volume(grid=found.grid, values_zyx=np.asarray(found.values_zyx).clip(-1024, 3071).astype(np.int16))
    structures = []
    for stem, name in NAMES.items():
        path = folder / f"{stem}.nii.gz"
        if path.exists():
            mask = np.asarray(read_nifti(path, PLAN_FRAME).values_zyx) > 0
            structures.append(replace(crop_to_structure(name, ct.grid, mask), generation="MANUAL"))
    external = find_body(ct)
    return Patient(
        name=folder.name,
        ct=ct,
        structures=tuple(structures),
        external=external,
        depth=Depth.below(external),
    )


def change_of(patient: str, kind: str, seed: int) -> NeckChange:
    """A day's change: `late` is the end of a course, `set-up` a bad day on the couch, `bend` a neck that is bent."""
    rng = np.random.default_rng((zlib.crc32(f"{patient} {kind}".encode()), seed))

    def any_of(low: float, high: float) -> float:
        return float(rng.uniform(low, high))

    small = (any_of(-5, 5), any_of(-5, 5), any_of(-5, 5))
    turn = (any_of(-2, 2), any_of(-2, 2), any_of(-2, 2))
    late = NeckChange(
        set_up_xyz_mm=small,
        set_up_turn_xyz_deg=turn,
        flexion_deg=any_of(-4, 4),
        weight_loss_mm=any_of(2, 9),
        parotid_change=any_of(-0.4, -0.15),
        parotid_medial_mm=any_of(1, 5),
        target_change=any_of(-0.4, -0.1),
        larynx_lift_mm=any_of(-6, 10),
    )
    if kind == "late":
        return late
    if kind == "bend":
        sign = 1.0 if any_of(-1, 1) > 0 else -1.0
        return replace(late, flexion_deg=sign * any_of(6, 12))
    if kind in {"set-up", "slide"}:
        wide = (any_of(-40, 40), any_of(-30, 30), any_of(-40, 40))
        return replace(late, set_up_xyz_mm=wide, set_up_turn_xyz_deg=(any_of(-8, 8), any_of(-8, 8), any_of(-8, 8)))
    raise ValueError(f"no kind of day is called {kind}")


def motion_of(patient: Patient, kind: str, seed: int) -> Chain:
    """Day to plan."""
    motion = neck_motion(patient.structures, change_of(patient.name, kind, seed), patient.depth)
    if kind != "slide":
        return motion
    middle = float(np.mean([s.grid.to_point_xyz_mm(np.asarray(s.lower_zyx, float))[2] for s in patient.structures]))
    slide = Sliding(depth=patient.depth, interface_mm=14.0, shift_z_mm=7.0, width_mm=12.0, centre_z_mm=middle)
    return chain([*motion.motions, slide])


def day_of(patient: Patient, kind: str, seed: int, *, cone_beam: bool = False) -> Day:
    """A day of a patient, with noise of 15 to 25 HU."""
    settings = ScanSettings(noise_hu=15.0 + 10.0 * (seed % 3) / 2.0, cone_beam=cone_beam, seed=seed)
    grid = day_grid(patient.ct.grid, DAY_FRAME)
    return scan_day(patient.ct, patient.structures, motion_of(patient, kind, seed), grid, settings)
