"""At which of the network's answers a structure should be drawn, by its Dice on patients.

    python ops/benchmarks/operating_point.py FOLDER [--model NAME] [--models-dir DIR] [--patients 24]

FOLDER holds cases as for `contour train`; those that the model was trained on are the ones to ask, so that nothing is
chosen on patients that it is measured on. Printed is, for each structure, the mean Dice on the network's grid when it
is drawn where the answer is at least 0.2, 0.25 … 0.6. A half is best where a network is sure; where it is seldom right,
about half of the Dice that it reaches (Lipton et al., ECML 2014, doi:10.1007/978-3-662-44851-9_15).
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

from contour.anatomy.agreement import dice
from contour.errors import InputError
from contour.segmentation import ModelStore
from contour.segmentation.segment import answer_all
from contour.segmentation.store import shipped_models_folder
from contour.training.cases import find_cases
from registration.resample import resample

CUTS = tuple(round(0.2 + 0.05 * k, 2) for k in range(9))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="head_neck")
    parser.add_argument("--models-dir", type=Path, default=None)
    parser.add_argument("--patients", type=int, default=24)
    asked = parser.parse_args()
    folders = [asked.models_dir] if asked.models_dir else []
    model = ModelStore([*folders, shipped_models_folder()]).load(asked.model, device="cpu")
    cases = find_cases(asked.folder)
    scores: dict[str, list[list[float]]] = defaultdict(list)
    for case in cases[:: max(1, len(cases) // asked.patients)][: asked.patients]:
        try:
            answers = answer_all(case.read_ct(), model)
        except InputError as refused:
            print(f"{case.name}: {refused}", file=sys.stderr)
            continue
        for answer in answers:
            truth = case.read_mask(answer.rules)
            if truth is None:
                continue
            turned = answer.order.apply_to_volume(truth)
            share = resample(turned, answer.network_grid, outside=0.0).values_zyx
            scores[answer.rules.name].append(
                [dice(answer.probability_zyx >= cut, np.asarray(share >= 0.5)) for cut in CUTS]
            )
    print(f"{'structure':<16}{'n':>4}" + "".join(f"{cut:>8.2f}" for cut in CUTS))
    for name, rows in scores.items():
        means = [statistics.fmean(column) for column in zip(*rows, strict=True)]
        print(f"{name:<16}{len(rows):>4}" + "".join(f"{mean:>8.3f}" for mean in means))
    return 0


if __name__ == "__main__":
    sys.exit(main())
