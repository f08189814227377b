"""What the witnesses say against what is true, on OpenKBP patients whose day is known; fits the expected error.

    python ops/benchmarks/trust.py --out FOLDER [--patients 12]      measure, going on where it was broken off
    python ops/benchmarks/trust.py --out FOLDER --fit                fit, print and write the weights

Days are those of `openkbp_days`: late in a course, a bent neck, a bad set-up, sliding; the bad set-up as a cone-beam
scan too, and the late day by an engine that stops early. Beside them what must be caught: another patient's scan, the
scan flipped along each axis, the plan CT again, and an abdomen. The fit is made without one patient after the
other to see how well it foretells what it has not seen.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from openkbp_days import DATA, DAY_FRAME, Patient, day_of, patients
from scipy.optimize import nnls
from scipy.stats import spearmanr

from contour.adaptation import expected_error as shipped
from contour.adaptation.carry import carry_structure
from contour.adaptation.evidence import StructureEvidence, boundary_points_xyz_mm
from contour.adaptation.expected_error import FEATURES, features_of
from contour.adaptation.scan_check import copy_evidence
from contour.adaptation.trust import Scene, alignment_quality, structure_evidence
from contour.anatomy.agreement import dice
from contour.phantom.motion import Chain
from registration.align import AlignSettings, align
from registration.deformable import LEVELS, DeformableSettings
from registration.itk_bridge import read_nifti
from registration.volume import Volume

KINDS = ("late", "bend", "set-up", "slide", "cone-beam", "stopped")
BACKWARD = AlignSettings(keypoints="off", deformable=DeformableSettings(levels=LEVELS[:3]))
STOPPED = DeformableSettings(levels=LEVELS[:1])
"""An engine that gives up at 12 mm: what the witnesses say of bad contours has to be learnt from bad contours."""


def measured(
    daily: Volume, patient: Patient, motion: Chain | None, truths: dict[str, Any], *, stopped: bool = False
) -> dict[str, Any]:
    """Scan-level figures, and for a day with known motion one row per structure."""
    started_s = time.perf_counter()
    aligned = align(daily, patient.ct, AlignSettings(deformable=STOPPED) if stopped else None)
    aligned_s = time.perf_counter() - started_s
    backward = replace(BACKWARD, deformable=STOPPED) if stopped else BACKWARD
    back = align(patient.ct, daily, backward, start=aligned.alignment.rigid.inverse())
    scene = Scene.of(daily, patient.ct, aligned, back.alignment)
    matches = aligned.matches
    found: dict[str, Any] = {
        "quality": asdict(alignment_quality(scene, "deformable")),
        "rigid": {k: getattr(aligned.rigid, k) for k in ("agreement", "bone_agreement", "overlap", "margin")},
        "match_share": matches.share if matches is not None else 0.0,
        "copy": asdict(copy_evidence(daily, patient.ct, aligned.alignment)),
        "align_s": aligned_s,
        "structures": [],
    }
    if motion is None:
        return found
    for structure in patient.structures:
        truth = truths[structure.name]
        if truth.is_empty:
            continue
        carried = carry_structure(structure, aligned.alignment, daily.grid).structure
        evidence = structure_evidence(scene, carried)
        if evidence is None:
            continue
        points = boundary_points_xyz_mm(carried)
        missed = np.linalg.norm(aligned.alignment.map_points(points) - motion(points), axis=1)
        rigid = carry_structure(structure, aligned.alignment.rigid_only, daily.grid).structure
        found["structures"].append(
            {
                "name": structure.name,
                "error_mm": float(missed.mean()),
                "dice": dice(carried.full_mask_zyx(), truth.full_mask_zyx()),
                "dice_rigid": dice(rigid.full_mask_zyx(), truth.full_mask_zyx()),
                "ml": truth.volume_ml,
                "evidence": asdict(evidence),
            }
        )
    return found


def cases(most: int) -> Iterator[tuple[str, Patient, Volume, Chain | None, dict[str, Any]]]:
    """Name, patient, daily scan, motion where it is known, and the true structures by name."""
    everyone = list(patients(most=most))
    abdomen = read_nifti(DATA.parent / "totalsegmentator_example" / "example_ct_3mm.nii.gz", DAY_FRAME)
    for number, patient in enumerate(everyone):
        for kind in KINDS:
            change = {"cone-beam": "set-up", "stopped": "late"}.get(kind, kind)
            day = day_of(patient, change, number, cone_beam=kind == "cone-beam")
            yield f"{patient.name} {kind}", patient, day.ct, day.motion, {s.name: s for s in day.structures}
        day = day_of(patient, "late", number)
        for axis, name in enumerate("zyx"):
            flipped = Volume(grid=day.ct.grid, values_zyx=np.flip(day.ct.values_zyx, axis).copy())
            yield f"{patient.name} flipped-{name}", patient, flipped, None, {}
        stranger = day_of(everyone[(number + 1) % len(everyone)], "late", number)
        yield f"{patient.name} stranger", patient, stranger.ct, None, {}
        if number < 4:
            again = Volume(
                grid=replace(patient.ct.grid, frame_of_reference_uid=DAY_FRAME), values_zyx=patient.ct.values_zyx.copy()
            )
            yield f"{patient.name} copy", patient, again, None, {}
            yield f"{patient.name} abdomen", patient, abdomen, None, {}


def run(out: Path, most: int) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for name, patient, daily, motion, truths in cases(most):
        path = out / f"{name.replace(' ', '_')}.json"
        if path.exists():
            continue
        started_s = time.perf_counter()
        try:
            row = measured(daily, patient, motion, truths, stopped=name.endswith("stopped"))
        except ValueError as error:
            row = {"failed": str(error)}
        row["name"] = name
        path.write_text(json.dumps(row))
        print(f"{name}: {time.perf_counter() - started_s:.0f} s", flush=True)


def fit(out: Path) -> None:
    rows = [json.loads(path.read_text()) for path in sorted(out.glob("*.json"))]
    print("\nScan-level figures, median [least, most] per kind")
    kinds: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if "failed" not in row:
            kinds.setdefault(row["name"].split(" ")[1], []).append(row)
    for kind, some in kinds.items():
        figures = {
            "bone": [r["rigid"]["bone_agreement"] for r in some],
            "overlap": [r["rigid"]["overlap"] for r in some],
            "matches": [r["match_share"] for r in some],
            "after": [r["quality"]["agreement_after"] for r in some],
            "before": [r["quality"]["agreement_before"] for r in some],
            "inverse": [r["quality"]["inverse_consistency_p95_mm"] for r in some],
            "landmark": [r["quality"]["landmark_mean_mm"] or 0.0 for r in some],
            "identical": [r["copy"]["identical"] for r in some],
            "grain": [r["copy"]["noise_correlation"] for r in some],
        }
        text = "  ".join(f"{k} {np.median(v):.2f} [{min(v):.2f}, {max(v):.2f}]" for k, v in figures.items())
        print(f"{kind:>10} n={len(some):3d}  {text}")
    names, features, truth = [], [], []
    print("\nCarried structures: mean Dice, with set-up only in brackets; mean error in mm")
    table: dict[str, list[tuple[float, float, float]]] = {}
    for row in rows:
        for one in row.get("structures", []):
            evidence = StructureEvidence(**one["evidence"])
            names.append(row["name"].split(" ")[0])
            features.append(features_of(evidence))
            truth.append(one["error_mm"])
            if not row["name"].endswith("stopped"):
                table.setdefault(one["name"], []).append((one["dice"], one["dice_rigid"], one["error_mm"]))
    for name, values in sorted(table.items()):
        mean = np.mean(values, axis=0)
        worse = sum(d < r - 1e-9 for d, r, _ in values)
        print(
            f"{name:>14} n={len(values):3d}  {mean[0]:.3f} ({mean[1]:.3f})  {mean[2]:.2f} mm  worse than rigid: {worse}"
        )
    a, b, who = np.asarray(features), np.asarray(truth), np.asarray(names)
    foretold = np.zeros_like(b)
    for patient in np.unique(who):
        weights, _ = nnls(a[who != patient], b[who != patient])
        foretold[who == patient] = a[who == patient] @ weights
    weights, _ = nnls(a, b)
    below = float(np.quantile(b / np.maximum(foretold, 1e-6), 0.9))
    rank = float(spearmanr(foretold, b).statistic)
    print(f"\nExpected error over {b.size} contours of {np.unique(who).size} patients, each left out of its own fit:")
    print(
        f"  true mean {b.mean():.2f} mm, mean absolute miss {np.abs(foretold - b).mean():.2f} mm, Spearman {rank:.2f}"
    )
    print(f"  nine in ten below {below:.2f} x foretold; over 2 mm truly: {int((b > 2).sum())}")
    for name, column in zip(FEATURES, a.T, strict=True):
        print(f"  {name:>22} alone: Spearman {spearmanr(column, b).statistic:.2f}")
    form = {
        "weights": {name: round(float(w), 5) for name, w in zip(FEATURES, weights, strict=True)},
        "likely_below": round(below, 3),
        "patients": int(np.unique(who).size),
        "contours": int(b.size),
        "rank_correlation": round(rank, 3),
        "made_by": "ops/benchmarks/trust.py on OpenKBP validation patients, deformed",
    }
    path = Path(shipped.__file__).with_name("expected_error.json")
    path.write_text(json.dumps(form, indent=2) + "\n")
    print(json.dumps(form, indent=2))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--patients", type=int, default=12)
    parser.add_argument("--fit", action="store_true")
    arguments = parser.parse_args()
    if arguments.fit:
        fit(arguments.out)
    else:
        run(arguments.out, arguments.patients)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    main()
