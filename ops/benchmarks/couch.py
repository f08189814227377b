"""Does a scan with couch, head rest, mask and noise get the answer that the same patient gets without them?

    python ops/benchmarks/couch.py FOLDER [--patients 40 | --case pt_201 ...] [--model NAME] [--out DIR]
    python ops/benchmarks/couch.py FOLDER --spacings [--case pt_201]

FOLDER is openkbp/validation: CTs of 128 x 128 pixels, blanked outside the patient. Each is contoured three times: as it
is; brought to 512 x 512 pixels, still blanked; and at 512 x 512 in air, on a synthetic couch (`placing.py`). Printed
are Dice between the last two, which differ by couch, mask, air and noise alone (`couch`); between the first and each of
them, where they meet on the blanked CT's 4 to 5 mm pixels (`resampled`: what resampling alone changes; `both`); with
the truth before and after; and the reason for each `couch` below 0.97. DIR gets the figures and a picture per patient:
outline of the body blue, answer on the blanked scan green, on the placed one red. With --spacings the blanked
patient is brought to slices of 1 to 5 mm and pixels of 0.8 to 5 mm instead, 1.5 x 1.5 x 3 mm among them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from couch_picture import draw_case
from placing import Mask, draw_setup, left_of, place, placed_grid, resample_blanked
from scipy import ndimage

from contour.anatomy.agreement import dice
from contour.anatomy.structures import Structure
from contour.segmentation import LoadedModel, ModelStore, segment
from contour.segmentation.store import EXTERNAL, shipped_models_folder
from contour.training.cases import Case, find_cases
from registration.grid import Grid
from registration.resample import resample
from registration.volume import Volume

GOAL = 0.97
SLICE_STEPS_MM = (2.0, 2.5, 3.0)
SPACINGS_MM = ((1.0, 0.8), (3.0, 0.8), (3.0, 1.5), (1.0, 2.5), (3.0, 3.5), (5.0, 1.0), (5.0, 5.0), (3.0, 5.0))
"""Slice step and pixel."""
TISSUE_HU = -300

Masks = dict[str, Mask]
Found = dict[str, Structure]


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """One structure in one patient; `truth_…` are None where nobody contoured it."""

    case: str
    structure: str
    couch: float
    resampled: float
    both: float
    truth_blanked: float | None
    truth_placed: float | None
    blanked_ml: float
    placed_ml: float
    reason: str


def answers(ct: Volume, model: LoadedModel, onto: Grid) -> Masks:
    """Every structure that is found in a CT, External too, on another grid."""
    return {structure.name: on_grid(structure, onto) for structure in segment(ct, model).structures}


def onto_grid(found: Found, onto: Grid) -> Masks:
    """Each structure on another grid."""
    return {name: on_grid(structure, onto) for name, structure in found.items()}


def find(ct: Volume, model: LoadedModel) -> Found:
    """Every structure by name, External too."""
    return {structure.name: structure for structure in segment(ct, model).structures}


def on_grid(structure: Structure, onto: Grid) -> Mask:
    """A voxel is inside where at least half of what lies about it is."""
    if structure.grid == onto or structure.is_empty:
        return structure.full_mask_zyx() if structure.grid == onto else np.zeros(onto.shape_zyx, dtype=np.bool_)
    crop = structure.grid.cropped(structure.lower_zyx, shape_of(structure.mask_zyx))
    return np.asarray(resample(Volume(grid=crop, values_zyx=structure.mask_zyx), onto, outside=0.0).values_zyx >= 0.5)


def shape_of(mask: Mask) -> tuple[int, int, int]:
    """The shape as three numbers."""
    z, y, x = mask.shape
    return z, y, x


def compare(case: Case, model: LoadedModel, *, seed: int, picture: Path | None) -> list[Agreement]:
    """Contour a patient blanked, blanked at 512 x 512, and placed."""
    ct = case.read_ct()
    number = (seed, int("".join(filter(str.isdigit, case.name)) or 0))
    step_mm = float(np.random.default_rng(number).choice(SLICE_STEPS_MM))
    fine = placed_grid(ct, slice_step_mm=step_mm, pixel_mm=ct.grid.spacing_zyx_mm[1] * ct.grid.shape_zyx[1] / 512)
    setup = draw_setup(number)
    before = answers(ct, model, ct.grid)
    blanked_found = find(resample_blanked(ct, fine), model)
    placed_ct = place(ct, fine, setup, seed=number)
    placed_found = find(placed_ct, model)
    resampled, placed = onto_grid(blanked_found, ct.grid), onto_grid(placed_found, ct.grid)
    if picture is not None:
        draw_case(picture, placed_ct, [on_fine(mask, ct.grid, fine) for mask in pictured(before, placed)])
    rows = []
    for structure in model.spec.structures:
        name = structure.name
        truth = case.read_mask(structure)
        rows.append(
            Agreement(
                case=case.name,
                structure=name,
                couch=dice(blanked_found[name].full_mask_zyx(), placed_found[name].full_mask_zyx()),
                resampled=dice(before[name], resampled[name]),
                both=dice(before[name], placed[name]),
                truth_blanked=None if truth is None else dice(before[name], truth.values_zyx),
                truth_placed=None if truth is None else dice(placed[name], truth.values_zyx),
                blanked_ml=np.count_nonzero(before[name]) * ct.grid.voxel_volume_mm3 / 1000,
                placed_ml=np.count_nonzero(placed[name]) * ct.grid.voxel_volume_mm3 / 1000,
                reason="",
            )
        )
    return [replace(row, reason=reason_for(row, ct, resampled, placed)) for row in rows]


def pictured(before: Masks, placed: Masks) -> tuple[Mask, Mask, Mask]:
    """The body, what was found before, what is found now."""
    organs = [name for name in before if name != EXTERNAL]
    return (
        placed[EXTERNAL],
        np.logical_or.reduce([before[name] for name in organs]),
        np.logical_or.reduce([placed[name] for name in organs]),
    )


def on_fine(mask: Mask, grid: Grid, fine: Grid) -> Mask:
    """A mask of the blanked grid on the placed one."""
    return np.asarray(resample(Volume(grid=grid, values_zyx=mask.copy()), fine, outside=0.0).values_zyx >= 0.5)


def reason_for(row: Agreement, ct: Volume, resampled: Masks, placed: Masks) -> str:
    """Why a structure is answered otherwise on the couch, by what can be measured; "" where it is not."""
    if row.couch >= GOAL:
        return ""
    one, two, body = resampled[row.structure], placed[row.structure], placed[EXTERNAL]
    if not one.any() or not two.any():
        return f"found in one scan only: {row.blanked_ml:.1f} and {row.placed_ml:.1f} ml"
    cut = np.count_nonzero(one & ~body) / np.count_nonzero(one)
    if cut > 0.01:
        return f"{cut:.0%} of the answer lies outside the placed body: a piece was not kept"
    near = box_about(one | two, ct.grid, 40.0)
    lost_ml, extra_ml = body_difference_ml(ct, body, near)
    return f"within 40 mm the body lacks {lost_ml:.1f} ml of tissue and holds {extra_ml:.1f} ml more"


def box_about(mask: Mask, grid: Grid, room_mm: float) -> tuple[slice, ...]:
    """The box of a mask with room on all sides."""
    spans = []
    for axis, step in enumerate(grid.spacing_zyx_mm):
        at = np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis)))
        room = round(room_mm / step)
        spans.append(slice(max(0, int(at[0]) - room), int(at[-1]) + room + 1))
    return tuple(spans)


def body_difference_ml(ct: Volume, body: Mask, box: tuple[slice, ...]) -> tuple[float, float]:
    """Tissue of the blanked scan that the body on the placed one lacks, and what that body holds beside."""
    left, tissue = left_of(ct), ct.values_zyx > TISSUE_HU
    filled = left | (body & ~near_air(left))
    voxel_ml = ct.grid.voxel_volume_mm3 / 1000
    lost = np.count_nonzero((tissue & ~body)[box]) * voxel_ml
    return lost, np.count_nonzero((body & ~filled)[box]) * voxel_ml


def near_air(left: Mask) -> Mask:
    """What of a blanked scan is outside, but for cavities closed in by what was left in their slice."""
    return ~np.stack([ndimage.binary_fill_holes(plane) for plane in left])


def print_table(rows: Sequence[Agreement]) -> float:
    """Per structure and over all; the mean Dice between the two answers."""
    print(
        f"\n{'structure':<16}{'n':>4}{'couch':>8}{'worst':>8}  {'worst patient':<14}{'>= 0.97':>8}"
        f"{'resampled':>11}{'both':>8}{'truth, blanked':>16}{'placed':>8}"
    )
    for name in dict.fromkeys(row.structure for row in rows):
        print_row(name, [row for row in rows if row.structure == name])
    return print_row("all", rows)


def print_row(name: str, rows: Sequence[Agreement]) -> float:
    """One line of the table; its mean Dice with and without couch."""
    worst = min(rows, key=lambda row: row.couch)
    mean = statistics.fmean(row.couch for row in rows)
    print(
        f"{name:<16}{len(rows):>4}{mean:>8.3f}{worst.couch:>8.3f}  {worst.case:<14}"
        f"{sum(row.couch >= GOAL for row in rows):>8}{statistics.fmean(row.resampled for row in rows):>11.3f}"
        f"{statistics.fmean(row.both for row in rows):>8.3f}"
        f"{mean_of(row.truth_blanked for row in rows):>16.3f}{mean_of(row.truth_placed for row in rows):>8.3f}"
    )
    return mean


def mean_of(values: Iterable[float | None]) -> float:
    """The mean of those that are there."""
    there = [value for value in values if value is not None]
    return statistics.fmean(there) if there else float("nan")


def compare_spacings(case: Case, model: LoadedModel) -> list[tuple[str, dict[str, float]]]:
    """Dice between the answer on a blanked scan and on the same scan at other spacings."""
    ct = case.read_ct()
    before = answers(ct, model, ct.grid)
    lines = []
    for step_mm, pixel_mm in SPACINGS_MM:
        other = resample_blanked(ct, placed_grid(ct, slice_step_mm=step_mm, pixel_mm=pixel_mm))
        after = answers(other, model, ct.grid)
        scores = {s.name: dice(before[s.name], after[s.name]) for s in model.spec.structures}
        lines.append((f"{pixel_mm:g} x {pixel_mm:g} x {step_mm:g} mm", scores))
        words = " ".join(f"{name} {score:.3f}" for name, score in scores.items())
        print(f"{case.name}  {lines[-1][0]:<18} mean {statistics.fmean(scores.values()):.3f}  {words}", flush=True)
    return lines


def main() -> int:
    """Run it; 1 where the mean over all structures and patients is below 0.97."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="holds a folder per patient")
    parser.add_argument("--patients", type=int, default=40)
    parser.add_argument("--case", action="append", help="only these")
    parser.add_argument("--model", default="head_neck")
    parser.add_argument("--models-dir", type=Path, default=None)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--spacings", action="store_true")
    parser.add_argument("--out", type=Path, default=None)
    asked = parser.parse_args()
    folders = [asked.models_dir] if asked.models_dir else []
    model = ModelStore([*folders, shipped_models_folder()]).load(asked.model, device=asked.device)
    cases = [case for case in find_cases(asked.folder) if not asked.case or case.name in asked.case]
    if asked.out:
        asked.out.mkdir(parents=True, exist_ok=True)
    if asked.spacings:
        lines = [line for case in cases[: asked.patients] for line in compare_spacings(case, model)]
        for spacing in dict.fromkeys(name for name, _ in lines):
            every = [score for name, scores in lines if name == spacing for score in scores.values()]
            print(f"{spacing:<20}mean {statistics.fmean(every):.3f}  worst {min(every):.3f}")
        return 0
    rows: list[Agreement] = []
    for case in cases[: asked.patients]:
        started_s = time.perf_counter()
        picture = asked.out / f"{case.name}.png" if asked.out else None
        found = compare(case, model, seed=asked.seed, picture=picture)
        rows += found
        mean = statistics.fmean(row.couch for row in found)
        print(f"{case.name}  mean {mean:.3f}  {time.perf_counter() - started_s:.0f} s", flush=True)
        for row in found:
            if row.reason:
                print(f"  {row.structure:<14}{row.couch:.3f}  {row.reason}", flush=True)
    mean = print_table(rows)
    if asked.out:
        (asked.out / "couch.json").write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    return 0 if mean >= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
