"""How fast structures become an RTSTRUCT, how large it is and how true, beside rt-utils on the same masks.

    python ops/benchmarks/write_rtstruct.py [--slices 300] [--size 512] [--rt-utils] [--graded] [--tilt DEG]

The CT and its 24 structures are made up: ellipsoids of organ sizes, a skin outline with a hole, thin ones.
Dice is by the voxel-centre rule, from the file as pydicom reads it, rasterised by matplotlib.path on every slice.
"""

from __future__ import annotations

import argparse
import itertools
import math
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import numpy as np
import pydicom
from matplotlib.path import Path as Outline
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from contour.anatomy.names import all_structures
from contour.anatomy.structures import Structure, crop_to_structure
from contour.dicom.ct_series import CtSeries, SliceReference
from contour.dicom.ct_writer import CtIdentity, write_ct_series
from contour.dicom.rtstruct_verification import verify_rtstruct
from contour.dicom.rtstruct_writer import StructureSetSettings, build_rtstruct
from registration.grid import Grid
from registration.volume import Volume

SPACING_ZYX_MM = (1.5, 0.9765625, 0.9765625)
STRUCTURES = 24
Result = TypeVar("Result")


def make_grid(slices: int, size: int, *, tilt_deg: float = 0.0) -> Grid:
    sine, cosine = math.sin(math.radians(tilt_deg)), math.cos(math.radians(tilt_deg))
    half_mm = (size - 1) * SPACING_ZYX_MM[1] / 2
    return Grid(
        shape_zyx=(slices, size, size),
        spacing_zyx_mm=SPACING_ZYX_MM,
        origin_xyz_mm=(-half_mm, -half_mm, -412.7),
        axes_xyz=((0.0, -sine, cosine), (0.0, cosine, sine), (1.0, 0.0, 0.0)),
        frame_of_reference_uid=generate_uid(entropy_srcs=["frame"]),
    )


def ellipsoid(grid: Grid, centre: NDArray[np.float64], radii: NDArray[np.float64]) -> NDArray[np.float32]:
    """Normalised distance: 1 on the surface, with a gentle wobble so that no outline is an exact ellipse."""
    axes = [
        (np.arange(size, dtype=np.float32) - mid * size) * step / radius
        for size, mid, step, radius in zip(grid.shape_zyx, centre, grid.spacing_zyx_mm, radii, strict=True)
    ]
    z, y, x = axes[0][:, None, None], axes[1][None, :, None], axes[2][None, None, :]
    wobble = 0.05 * np.sin(3 * z + 5 * y) * np.cos(4 * x)
    return np.sqrt(z * z + y * y + x * x) + wobble.astype(np.float32)


def make_structures(grid: Grid, *, graded: bool) -> list[Structure]:
    random = np.random.default_rng(7)
    length_mm = grid.shape_zyx[0] * grid.spacing_zyx_mm[0]
    width_mm = grid.shape_zyx[2] * grid.spacing_zyx_mm[2]
    made: list[Structure] = []
    for number, kind in enumerate(all_structures()[:STRUCTURES]):
        if number == 0:  # the skin, with a cavity
            away = ellipsoid(grid, np.array([0.5, 0.5, 0.5]), np.array([length_mm, 0.28 * width_mm, 0.4 * width_mm]))
            mask = (away <= 1) & (away > 0.15)
        else:
            radii = random.uniform(0.02, 0.11, 3) * np.array([3 * width_mm, width_mm, width_mm])
            away = ellipsoid(grid, random.uniform(0.35, 0.65, 3), radii)
            mask = away <= 1
        structure = crop_to_structure(kind.name, grid, mask)
        if graded:
            structure = with_membership(structure, away if number else np.abs(away - 0.575) / 0.425)
        made.append(structure)
    return made


def with_membership(structure: Structure, away: NDArray[np.float32]) -> Structure:
    box = tuple(slice(a, a + n) for a, n in zip(structure.lower_zyx, structure.mask_zyx.shape, strict=True))
    membership = np.clip(np.rint(127.5 - (away[box] - 1) * 1000), 0, 255).astype(np.uint8)
    return Structure(
        name=structure.name,
        grid=structure.grid,
        lower_zyx=structure.lower_zyx,
        mask_zyx=membership >= 128,
        membership_zyx=membership,
    )


def make_series(grid: Grid, identity: CtIdentity) -> CtSeries:
    header = Dataset()
    header.PatientName, header.PatientID = identity.patient_name, identity.patient_id
    origins = grid.to_point_xyz_mm(np.stack([np.arange(grid.shape_zyx[0]), *np.zeros((2, grid.shape_zyx[0]))], axis=1))
    return CtSeries(
        volume=Volume(grid=grid, values_zyx=np.broadcast_to(np.int16(0), grid.shape_zyx)),
        slices=tuple(
            SliceReference(
                sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
                sop_instance_uid=identity.sop_instance_uid(number),
                origin_xyz_mm=(float(x), float(y), float(z)),
            )
            for number, (x, y, z) in enumerate(origins)
        ),
        study_instance_uid=identity.study_instance_uid,
        series_instance_uid=identity.series_instance_uid,
        patient_position="HFS",
        header=header,
    )


def outside_dice(path: Path, grid: Grid, structures: list[Structure], *, every: int) -> float:
    """Worst Dice of any structure, by matplotlib's own polygons on every so many slices."""
    dataset = pydicom.dcmread(path)
    rows, columns = np.mgrid[: grid.shape_zyx[1], : grid.shape_zyx[2]]
    worst = 1.0
    for structure, item in zip(structures, dataset.ROIContourSequence, strict=True):
        low = structure.lower_zyx
        wanted = set(range(low[0], low[0] + structure.mask_zyx.shape[0], every))
        masks = {z: np.zeros(grid.shape_zyx[1:], dtype=bool) for z in wanted}
        for contour in item.ContourSequence:
            points = np.array(contour.ContourData, dtype=np.float64).reshape(-1, 3)
            z, y, x = grid.to_index_zyx(points).T
            if round(float(z[0])) not in wanted:
                continue
            y0, y1 = max(0, int(y.min())), int(y.max()) + 2
            x0, x1 = max(0, int(x.min())), int(x.max()) + 2
            box = (slice(y0, y1), slice(x0, x1))
            centres = np.stack([columns[box].ravel(), rows[box].ravel()], axis=1)
            inside = Outline(np.stack([x, y], axis=1)).contains_points(centres)
            masks[round(float(z[0]))][box] ^= inside.reshape(rows[box].shape)
        shared = total = 0
        for z, mask in masks.items():
            truth = np.zeros_like(mask)
            crop = structure.mask_zyx[z - low[0]]
            truth[low[1] : low[1] + crop.shape[0], low[2] : low[2] + crop.shape[1]] = crop
            shared += int((mask & truth).sum())
            total += int(mask.sum()) + int(truth.sum())
        worst = min(worst, 2 * shared / max(1, total))
    return worst


def timed(work: Callable[[], Result]) -> tuple[Result, float]:
    started = time.perf_counter()
    return work(), time.perf_counter() - started


def write_with_rt_utils(folder: Path, out: Path, structures: list[Structure]) -> float:
    from rt_utils import RTStructBuilder

    masks = [np.ascontiguousarray(structure.full_mask_zyx().transpose(1, 2, 0)) for structure in structures]
    builder = RTStructBuilder.create_new(dicom_series_path=str(folder))

    def write() -> None:
        for structure, mask in zip(structures, masks, strict=True):
            builder.add_roi(mask=mask, name=structure.name)
        builder.save(str(out))

    return timed(write)[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--slices", type=int, default=300)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument(
        "--rt-utils", action="store_true", help="write the same with rt-utils (needs contour-rt[judges])"
    )
    parser.add_argument("--graded", action="store_true", help="give the structures a membership, as a network does")
    parser.add_argument(
        "--tilt", type=float, default=0.0, help="degrees about x; rt-utils ignores where that puts things"
    )
    parser.add_argument("--dice-every", type=int, default=10, help="judge Dice on every so many slices")
    given = parser.parse_args()
    grid = make_grid(given.slices, given.size, tilt_deg=given.tilt)
    structures = make_structures(grid, graded=given.graded)
    identity = CtIdentity(seed="write-benchmark")
    series = make_series(grid, identity)
    numbers = itertools.count(1)
    settings = StructureSetSettings(
        label="BENCHMARK", now=datetime.now(UTC), uid_source=lambda: generate_uid(entropy_srcs=[str(next(numbers))])
    )
    print(f"{len(structures)} structures, {sum(s.volume_ml for s in structures) / 1000:.1f} l, on {grid.shape_zyx}")
    data, seconds = timed(lambda: build_rtstruct(series, structures, settings))
    checks, verify_s = timed(lambda: verify_rtstruct(data, series, structures))
    rows = [("contour-rt", seconds, len(data) / 1e6, 0.0)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "ours.dcm").write_bytes(data)
        rows[0] = (*rows[0][:3], outside_dice(folder / "ours.dcm", grid, structures, every=given.dice_every))
        if given.rt_utils:
            ramp = np.broadcast_to(np.int16(0), grid.shape_zyx)
            write_ct_series(Volume(grid=grid, values_zyx=ramp), folder / "ct", identity)
            theirs = write_with_rt_utils(folder / "ct", folder / "theirs.dcm", structures)
            size = (folder / "theirs.dcm").stat().st_size / 1e6
            dice = outside_dice(folder / "theirs.dcm", grid, structures, every=given.dice_every)
            rows.append(("rt-utils", theirs, size, dice))
    print(f"{'writer':<12}{'seconds':>9}{'MB':>8}{'worst Dice':>12}")
    for writer, spent, size, dice in rows:
        print(f"{writer:<12}{spent:>9.2f}{size:>8.2f}{dice:>12.4f}")
    print(f"verify_rtstruct {verify_s:.2f} s over {sum(c.points for c in checks)} points")
    if len(rows) == 2:
        print(
            f"rt-utils takes {rows[1][1] / rows[0][1]:.1f} times as long "
            f"and {rows[1][2] / rows[0][2]:.2f} times the space"
        )


if __name__ == "__main__":
    main()
