"""Time, peak memory, landmark error and folds of ours and of the peers, on the same pairs in one run.

    python ops/benchmarks/deformation.py [--peers FOLDER] [--only METHOD] [--pair NAME] [--threads N]

Peers come from FOLDER, so that they cannot change what we run on:
    pip install --no-deps --target FOLDER convexAdam==0.2.0 picsl-greedy==1.4.0.3
    pip install --target FOLDER itk-elastix==0.25.4
and plastimatch from Debian. One that is not there is named and left out. Ours is timed with everything that `align`
does, set-up search and inverse included; the peers are timed from loaded images to displacement field, and the pairs
are such that they need no set-up. Folds are cells of the voxel grid with a corner turned inside out, at the landmarks.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from deformation_pairs import SOURCES, make_pair, save_pair
from deformation_peers import METHODS

WORKER = Path(__file__).with_name("deformation_peers.py")
ROOT = Path(__file__).resolve().parents[2]


def run(method: str, pair: Path, folder: Path, peers: Path | None, threads: int) -> dict[str, float] | str:
    out = folder / "figures.json"
    out.unlink(missing_ok=True)
    paths = [str(ROOT), *([str(peers)] if peers else [])]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "OMP_NUM_THREADS": str(threads),
        "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": str(threads),
    }
    done = subprocess.run(
        [sys.executable, WORKER, method, pair, out], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode or not out.exists():
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        return lines[-1] if lines else f"exit code {done.returncode}"
    figures: dict[str, float] = json.loads(out.read_text())
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--peers", type=Path, default=None)
    parser.add_argument("--only", choices=list(METHODS), action="append")
    parser.add_argument("--pair", choices=list(SOURCES), action="append")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        for name in arguments.pair or SOURCES:
            pair = make_pair(name)
            path = folder / f"{name}.npz"
            save_pair(pair, path)
            print(f"\n{name}: {pair.day.values_zyx.size / 1e6:.1f} million voxels, {arguments.threads} threads")
            print(f"{'':>21}  time s  peak GB   mean  median    p95    max mm  folded %")
            for method in arguments.only or METHODS:
                found = run(method, path, folder, arguments.peers, arguments.threads)
                if isinstance(found, str):
                    print(f"{method:>21}  not run: {found[:90]}", flush=True)
                    continue
                print(
                    f"{method:>21}  {found['seconds']:6.1f}  {found['peak_gb']:7.2f}  {found['mean_mm']:5.3f}"
                    f"   {found['median_mm']:5.3f}  {found['p95_mm']:5.2f}  {found['max_mm']:8.2f}"
                    f"  {found['folded_percent']:8.3f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
