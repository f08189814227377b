"""Scans that a head-and-neck model does not know: which rule answers each, and how often are good ones refused?

    python ops/benchmarks/depth.py FOLDER [--patients 40] [--model NAME] [--models-dir DIR] [--other DIR] [--cases A,B]

FOLDER is openkbp/validation. Every patient is contoured as he is, and again in each way that spoils a scan: cut to the
head, half of the neck cut off, turned against the header, HU shifted, squeezed or without air, shrunk to a child. The
folder --other is totalsegmentator_example: a real abdomen and pelvis, and a real chest as DICOM. Prints cases and
outcomes, then the false refusals and false warnings on the untouched patients; exit 1 where one of those was refused.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from contour.anatomy.names import tg263_name
from contour.dicom.ct_reader import read_ct_folder
from contour.errors import InputError
from contour.segmentation import LoadedModel, ModelStore, best_device, segment, shipped_models_folder
from registration.itk_bridge import read_nifti
from registration.volume import Volume

UNTOUCHED = "as he is"
OF_DEPTH = {"PAEDIATRIC_SIZE", "UNUSUALLY_LARGE", "HU_UNUSUAL", "NOT_IN_VIEW", "CUT_OFF"}
"""Warnings that belong to these rules; others say something else."""
_BODY_HU, _SMALLEST_SLICE_MM2 = -900, 2000.0
_HALF_NECK_MM = 55.0
"""Half the way from the brainstem's end to the oesophagus's beginning in the training patients ('contour anatomy')."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one scan was answered with: the reason of its refusal, or its warnings, (reason, message) each."""

    case: str
    scan: str
    refused: str | None
    warnings: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        if self.refused:
            return f"refused {self.refused}"
        return " + ".join(sorted({reason for reason, _ in self.warnings})) or "passed"


def untouched(ct: Volume, middle: int, brainstem_end: int) -> Volume:
    return ct


def slices(ct: Volume, first: int, last: int) -> Volume:
    """Slices first to last - 1."""
    grid = ct.grid.cropped((first, 0, 0), (last - first, *ct.grid.shape_zyx[1:]))
    return Volume(grid=grid, values_zyx=ct.values_zyx[first:last].copy())


def with_values(ct: Volume, values_zyx: NDArray[np.generic]) -> Volume:
    return Volume(grid=ct.grid, values_zyx=np.ascontiguousarray(values_zyx))


def shrunk(ct: Volume, factor: float) -> Volume:
    a, b, c = (step * factor for step in ct.grid.spacing_zyx_mm)
    return Volume(grid=replace(ct.grid, spacing_zyx_mm=(a, b, c)), values_zyx=ct.values_zyx)


SPOILT: dict[str, Callable[[Volume, int, int], Volume]] = {
    UNTOUCHED: untouched,
    "head only": lambda ct, middle, end: slices(ct, end, ct.grid.shape_zyx[0]),
    "lower half of neck cut": lambda ct, middle, end: slices(ct, middle, ct.grid.shape_zyx[0]),
    "head and upper half cut": lambda ct, middle, end: slices(ct, 0, middle),
    "mirrored head to feet": lambda ct, middle, end: with_values(ct, ct.values_zyx[::-1]),
    "feet first by mistake": lambda ct, middle, end: with_values(ct, ct.values_zyx[::-1, :, ::-1]),
    "HU + 1000": lambda ct, middle, end: with_values(ct, ct.values_zyx + np.int16(1000)),
    "HU - 1000": lambda ct, middle, end: with_values(ct, ct.values_zyx - np.int16(1000)),
    "HU + 300": lambda ct, middle, end: with_values(ct, ct.values_zyx + np.int16(300)),
    "HU squeezed to 30 %": lambda ct, middle, end: with_values(ct, np.rint(ct.values_zyx * 0.3).astype(np.int16)),
    "air set to 0 HU": lambda ct, middle, end: with_values(ct, np.where(ct.values_zyx < -500, 0, ct.values_zyx)),
    "size x 0.8": lambda ct, middle, end: shrunk(ct, 0.8),
    "size x 0.6": lambda ct, middle, end: shrunk(ct, 0.6),
}
"""Each makes a scan from the CT, the slice in the middle of the neck, and the one where the brainstem ends."""


def spoilt(patient: Path, cases: list[str]) -> Iterator[tuple[str, Volume]]:
    """The cases of one patient; those that need a brainstem are left out where the clinic drew none."""
    ct = read_nifti(patient / "CT.nii.gz")
    body_mm2 = np.count_nonzero(ct.values_zyx > _BODY_HU, axis=(1, 2)) * np.prod(ct.grid.spacing_zyx_mm[1:])
    lowest = int(np.flatnonzero(body_mm2 >= _SMALLEST_SLICE_MM2)[0])
    brainstem = patient / "Brainstem.nii.gz"
    end = int(np.flatnonzero(read_nifti(brainstem).values_zyx.any(axis=(1, 2)))[0]) if brainstem.is_file() else -1
    middle = end - round(_HALF_NECK_MM / ct.grid.spacing_zyx_mm[0])
    for case in cases:
        needs_brainstem = "head only" in case or "half" in case
        if not needs_brainstem or 0 <= lowest < middle:
            yield case, SPOILT[case](ct, middle, end)


def other_regions(folder: Path) -> Iterator[tuple[str, Volume]]:
    yield "real abdomen and pelvis", read_nifti(folder / "example_ct_3mm.nii.gz")
    yield "real chest, DICOM", read_ct_folder(folder / "ct_dicom").volume


def outcome(case: str, scan: str, ct: Volume, model: LoadedModel) -> Outcome:
    try:
        done = segment(ct, model)
    except InputError as error:
        return Outcome(case=case, scan=scan, refused=error.reason, warnings=((error.reason, error.message),))
    told = tuple((one.reason, one.message) for one in done.warnings if one.reason in OF_DEPTH)
    return Outcome(case=case, scan=scan, refused=None, warnings=told)


def false_warnings(folder: Path, one: Outcome) -> list[str]:
    """Warnings of an untouched patient that his clinical contours contradict, or that no clinic would share.

    A structure that the clinic contoured is in view; that the scan's end cuts something off is no false warning.
    """
    drawn = {tg263_name(path.name.removesuffix(".nii.gz")) for path in (folder / one.scan).glob("*.nii.gz")}
    return [
        f"{reason}: {message}"
        for reason, message in one.warnings
        if reason != "CUT_OFF" and (reason != "NOT_IN_VIEW" or message.partition(" ")[0] in drawn)
    ]


def print_report(folder: Path, outcomes: list[Outcome]) -> int:
    """The table, then what was said of untouched patients; how many of those were refused."""
    print(f"\n{'case':<26}{'scans':>6}{'answered':>10}  outcomes")
    for case in dict.fromkeys(one.case for one in outcomes):
        of_case = [one for one in outcomes if one.case == case]
        answered = sum(str(one) != "passed" for one in of_case)
        kinds = "; ".join(f"{count} {kind}" for kind, count in Counter(map(str, of_case)).most_common())
        print(f"{case:<26}{len(of_case):>6}{answered:>10}  {kinds}")
    good = [one for one in outcomes if one.case == UNTOUCHED]
    refused = [one for one in good if one.refused]
    warned = [(one, told) for one in good if not one.refused and (told := false_warnings(folder, one))]
    print(f"\nfalse refusals {len(refused)} of {len(good)}; false warnings {len(warned)} of {len(good)}")
    for one, told in [*((one, [message for _, message in one.warnings]) for one in refused), *warned]:
        print(f"  {one.scan}: {'; '.join(told)}")
    return len(refused)


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="holds pt_N folders")
    parser.add_argument("--patients", type=int, default=40)
    parser.add_argument("--model", default="head_neck")
    parser.add_argument("--models-dir", type=Path, default=None)
    parser.add_argument("--other", type=Path, default=None, help="totalsegmentator_example")
    parser.add_argument("--cases", default=",".join(SPOILT), help="commas between them")
    chosen = parser.parse_args()
    folders = [chosen.models_dir] if chosen.models_dir else []
    model = ModelStore([*folders, shipped_models_folder()]).load(chosen.model, device=best_device())
    if model.anatomy is None:
        print(f"{chosen.model} has no anatomy.json; see 'contour anatomy'")
        return 1
    scans = ((case, "-", ct) for case, ct in (other_regions(chosen.other) if chosen.other else ()))
    patients = (
        (case, patient.name, ct)
        for patient in sorted(chosen.folder.glob("pt_*"))[: chosen.patients]
        for case, ct in spoilt(patient, [case for case in chosen.cases.split(",") if case])
    )
    outcomes: list[Outcome] = []
    for case, scan, ct in chain(scans, patients):
        outcomes.append(outcome(case, scan, ct, model))
        print(f"{case:<26}{scan:<8}{outcomes[-1]}", flush=True)
    return 1 if print_report(chosen.folder, outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
