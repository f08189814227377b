"""The whole job, from a folder with a CT to a proven RTSTRUCT on disk, per stage; beside what others need for parts.

    python ops/benchmarks/whole_job.py [--case head-and-neck|long|largest] [--model NAME] [--rounds 1] [--no-rt-utils]

Three patients, all synthetic: a head and neck of 120 slices, 300 slices, and 450 slices for the memory, of 512 x 512
each. Every figure comes from a process of its own; peak RSS is what the system counted for that process, imports
included. In the same run SimpleITK and pydicom read the same series, and rt-utils writes the structures that the job
found.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from read_series import READERS, compare
from write_rtstruct import write_with_rt_utils

CASES = {"head-and-neck": (120, 2.5), "long": (300, 1.25), "largest": (450, 2.0)}
"""Slices and slice step in mm."""
GOALS_S = {"head-and-neck": "12", "long": "30", "largest": "none"}
MOST_RSS_MB = {"head-and-neck": 2048, "long": 2048, "largest": 3072}
MOST_OUTSIDE_THE_NETWORK = 0.25
STAGES_OF_THE_NETWORK = {"network"}


def machine() -> str:
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.processor(),
    )
    load = os.getloadavg()[0]
    return f"{len(os.sched_getaffinity(0))} cores, {model}; load average before the run {load:.1f}"


def make_patient(folder: Path, case: str) -> Path:
    from contour.phantom import PhantomSettings, write_phantom

    slices, step_mm = CASES[case]
    settings = PhantomSettings(shape_zyx=(slices, 512, 512), spacing_zyx_mm=(step_mm, 0.9765625, 0.9765625))
    return write_phantom(folder / case, 1, settings).ct_folder


def run_job(ct_folder: Path, out: Path, *, model: str | None, models: Path | None) -> dict[str, object]:
    """In a process of its own: what `contour plan` does, with its clock."""
    started = time.perf_counter()
    from contour.cli.output_file import write_whole
    from contour.cli.planned import PlanRequest, plan_here

    request = PlanRequest(ct_dir=ct_folder, model=model, structures=None, series_uid=None, models_dir=models)
    done = plan_here(request, progress=lambda stage, fraction: None)
    write_whole(out, done.rtstruct)
    return {
        "total_s": time.perf_counter() - started,
        "stages": dict(done.stage_seconds),
        "rows": [(row.name, row.volume_ml, row.slices, row.seconds) for row in done.rows],
        "bytes": len(done.rtstruct),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def rt_utils_writes(ct_folder: Path, ours: Path, out: Path) -> dict[str, object]:
    """In a process of its own: the structures of our file, read back as voxels, written by rt-utils."""
    from contour.dicom.contour_placement import roi_to_structure
    from contour.dicom.ct_reader import read_ct_folder
    from contour.dicom.rtstruct_reader import read_rtstruct

    series = read_ct_folder(ct_folder)
    structures = [roi_to_structure(roi, series) for roi in read_rtstruct(ours.read_bytes()).rois]
    return {"seconds": write_with_rt_utils(ct_folder, out, structures), "bytes": out.stat().st_size}


def in_process_of_its_own(what: str, *paths: Path, more: tuple[str, ...] = ()) -> dict[str, object]:
    command = [sys.executable, __file__, "--one", what, *map(str, paths), *more]
    started = time.perf_counter()
    answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return {**json.loads(answer.stdout.splitlines()[-1]), "wall_s": time.perf_counter() - started}


def report(case: str, runs: list[dict], others: dict[str, float], written: dict | None) -> None:
    slices, step_mm = CASES[case]
    print(f"\n{case}: {slices} slices of 512 x 512, {step_mm} mm; median of {len(runs)}")
    stages = {name: statistics.median(run["stages"][name] for run in runs) for name in runs[0]["stages"]}
    wall_s = statistics.median(run["wall_s"] for run in runs)
    outside_s = sum(seconds for name, seconds in stages.items() if name not in STAGES_OF_THE_NETWORK)
    print(f"  {'stage':<34}{'seconds':>9}")
    for name, seconds in stages.items():
        print(f"  {name:<34}{seconds:>9.2f}")
    print(f"  {'start-up, imports, model':<34}{wall_s - sum(stages.values()):>9.2f}")
    print(f"  {'whole command':<34}{wall_s:>9.2f}   goal {GOALS_S[case]}")
    share = outside_s / sum(stages.values())
    print(f"  {'stages but the network':<34}{share:>9.1%}   goal {MOST_OUTSIDE_THE_NETWORK:.0%}")
    peak_mb = max(run["peak_mb"] for run in runs)
    print(f"  {'peak RSS, MB':<34}{peak_mb:>9.0f}   goal {MOST_RSS_MB[case]}")
    for reader, seconds in others.items():
        print(f"  {f'reading alone, {reader}':<34}{seconds:>9.2f}")
    structures = len(runs[0]["rows"])
    print(
        f"  {f'writing {structures} structures, contour':<34}{stages['write']:>9.2f}   {runs[0]['bytes'] / 1e6:.2f} MB"
    )
    if written:
        times = written["seconds"] / stages["write"]
        print(
            f"  {f'writing {structures} structures, rt-utils':<34}{written['seconds']:>9.2f}   "
            f"{written['bytes'] / 1e6:.2f} MB, {times:.0f} times as long"
        )
    for name, volume_ml, on, seconds in runs[0]["rows"]:
        print(f"    {name:<20}{volume_ml:>10.2f} ml{on:>6} slices{seconds:>8.2f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", choices=CASES, action="append", help="all where none is named")
    parser.add_argument("--model", help="an installed model; the default one otherwise")
    parser.add_argument("--models", type=Path, help="a folder with more models")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--no-rt-utils", action="store_true")
    parser.add_argument("--one", nargs="+", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        what, *paths = asked.one
        places = [Path(path) for path in paths]
        job = what == "job"
        print(json.dumps(run_job(*places, model=asked.model, models=asked.models) if job else rt_utils_writes(*places)))
        return
    print(machine())
    chosen = (("--model", asked.model), ("--models", asked.models))
    more = tuple(str(word) for option in chosen if option[1] for word in option)
    for case in asked.case or CASES:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            ct_folder, out = make_patient(folder, case), folder / "RS.dcm"
            runs = [in_process_of_its_own("job", ct_folder, out, more=more) for _ in range(asked.rounds)]
            readers = compare(ct_folder, asked.rounds)
            others = {reader: readers[reader]["seconds_median"] for reader in READERS}
            written = None
            if not asked.no_rt_utils:
                written = in_process_of_its_own("rt-utils", ct_folder, out, folder / "theirs.dcm")
            report(case, runs, others, written)


if __name__ == "__main__":
    main()
