"""Reading one CT series: contour beside SimpleITK's series reader and plain pydicom, in the same run.

    python ops/benchmarks/read_series.py [--slices 300] [--size 512] [--rounds 5] [--folder DIR] [--json FILE]

Every figure comes from a process of its own: seconds of the reading alone, and what its memory peaked at above the
imports. The rounds take turns, so that a busy machine is busy for all.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

READERS = ("contour", "SimpleITK", "pydicom")


def read_with_contour(folder: Path) -> int:
    from contour.dicom.ct_reader import read_ct_folder

    return read_ct_folder(folder).volume.nbytes


def read_with_simpleitk(folder: Path) -> int:
    import SimpleITK as sitk

    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    return sitk.GetArrayViewFromImage(reader.Execute()).nbytes


def read_with_pydicom(folder: Path) -> int:
    import pydicom
    from pydicom.pixels import apply_rescale

    datasets = [pydicom.dcmread(path) for path in sorted(folder.iterdir())]
    datasets.sort(key=lambda dataset: float(dataset.ImagePositionPatient[2]))
    return np.stack([apply_rescale(dataset.pixel_array, dataset).astype(np.int16) for dataset in datasets]).nbytes


def memory_mb(field: str) -> float:
    """Of this process, as Linux counts it: VmRSS now, VmHWM at its peak."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))


def measure_one(reader: str, folder: Path) -> dict[str, float]:
    read: Callable[[Path], int] = globals()[f"read_with_{reader.lower()}"]
    import SimpleITK as sitk  # noqa: F401 - imports are not what is measured

    import contour.dicom.ct_reader  # noqa: F401

    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    before_mb = memory_mb("VmRSS")
    started = time.perf_counter()
    volume_bytes = read(folder)
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "peak_mb": memory_mb("VmHWM") - before_mb, "volume_mb": volume_bytes / 2**20}


def write_series(folder: Path, slices: int, size: int) -> None:
    from contour.dicom.ct_writer import CtIdentity, write_ct_series
    from registration import Grid, Volume

    grid = Grid(
        shape_zyx=(slices, size, size),
        spacing_zyx_mm=(1.5, 0.9765625, 0.9765625),
        origin_xyz_mm=(-250.0, -240.0, -700.0),
        axes_xyz=((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)),
        frame_of_reference_uid="2.25.5",
    )
    noise = np.random.default_rng(0).integers(-1000, 2000, (size, size), dtype=np.int16)
    values = np.stack([np.roll(noise, place, axis=0) for place in range(slices)])
    write_ct_series(Volume(grid=grid, values_zyx=values), folder, CtIdentity(seed="benchmark"))


def compare(folder: Path, rounds: int) -> dict[str, dict[str, float]]:
    runs: dict[str, list[dict[str, float]]] = {reader: [] for reader in READERS}
    for _ in range(rounds):
        for reader in READERS:
            command = [sys.executable, __file__, "--one", reader, "--folder", str(folder)]
            answer = subprocess.run(command, capture_output=True, text=True, check=True)
            runs[reader].append(json.loads(answer.stdout))
    return {
        reader: {
            "seconds_median": statistics.median(run["seconds"] for run in found),
            "seconds_min": min(run["seconds"] for run in found),
            "seconds_max": max(run["seconds"] for run in found),
            "peak_mb": max(run["peak_mb"] for run in found),
            "volume_mb": found[0]["volume_mb"],
        }
        for reader, found in runs.items()
    }


def print_table(figures: dict[str, dict[str, float]]) -> None:
    print(f"{'reader':<12}{'median s':>10}{'min s':>8}{'max s':>8}{'peak MiB':>10}{'volume MiB':>12}{'x contour':>11}")
    ours = figures["contour"]["seconds_median"]
    for reader, row in figures.items():
        print(
            f"{reader:<12}{row['seconds_median']:>10.3f}{row['seconds_min']:>8.3f}{row['seconds_max']:>8.3f}"
            f"{row['peak_mb']:>10.0f}{row['volume_mb']:>12.0f}{row['seconds_median'] / ours:>11.2f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slices", type=int, default=300)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="a series of one's own instead of a made one")
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    parser.add_argument("--one", choices=READERS, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(measure_one(asked.one, asked.folder)))
        return
    with tempfile.TemporaryDirectory() as made:
        if asked.folder is None:
            write_series(Path(made), asked.slices, asked.size)
        figures = compare(asked.folder or Path(made), asked.rounds)
    print_table(figures)
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
