"""The OpenKBP validation patients, written as DICOM series, through a real server: does every one come back, how well?

    python ops/benchmarks/validation_through_server.py FOLDER [--patients 40] [--model NAME] [--out DIR]

FOLDER is openkbp/validation. A server process on a data folder of its own; each patient is uploaded, contoured and
fetched by `contour.client`. Each structure set is judged by dciodvfy and dcentvfy where they are installed, and by the
Dice of what its polygons enclose with the clinical masks. Prints a line per patient and a table per structure; exit 1
where a patient failed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from contour.anatomy.agreement import dice
from contour.anatomy.names import tg263_name
from contour.client import ContourClient, Planned
from contour.dicom.contour_placement import roi_to_structure
from contour.dicom.ct_reader import read_ct_folder
from contour.dicom.ct_writer import CtIdentity, write_ct_series
from contour.dicom.rtstruct_reader import read_rtstruct
from contour.errors import ContourError
from registration.itk_bridge import read_nifti


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """One patient's way through the server."""

    patient: str
    upload_s: float
    job_s: float
    dice: dict[str, float]
    judged: str


@contextmanager
def running_server(folder: Path, model: str) -> Iterator[tuple[str, str]]:
    """`contour serve` in a process of its own; the addresses of gRPC and metrics."""
    config = folder / "contour.toml"
    config.write_text(f'data = "jobs"\nauth = "off"\n[review]\nlisten = ""\n[models]\ndefault = {json.dumps(model)}\n')
    command = [sys.executable, "-c", "from contour.cli import main; main()", "serve", "--config", str(config)]
    command += ["--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0"]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        words = (process.stdout.readline() if process.stdout else "").split()
        if len(words) < 2:
            raise SystemExit(f"the server did not start, see {folder / 'server.log'}")
        yield words[5].rstrip(","), words[-1]
    finally:
        process.terminate()
        process.communicate()


def walk(client: ContourClient, patient: Path, folder: Path) -> Walk:
    """Write, send, contour, fetch, judge."""
    ct = read_nifti(patient / "CT.nii.gz", f"2.25.{int(patient.name.removeprefix('pt_'))}")
    paths = write_ct_series(ct, folder / patient.name / "ct", CtIdentity(seed=patient.name))
    started_s = time.perf_counter()
    handle = client.upload_series(paths)
    sent_s = time.perf_counter()
    planned = client.plan(handle)
    done_s = time.perf_counter()
    out = folder / patient.name / "rs.dcm"
    out.write_bytes(planned.rtstruct)
    return Walk(
        patient=patient.name,
        upload_s=sent_s - started_s,
        job_s=done_s - sent_s,
        dice=agreement(planned, patient, folder / patient.name / "ct"),
        judged=judge(out, paths),
    )


def agreement(planned: Planned, patient: Path, ct_folder: Path) -> dict[str, float]:
    """Dice per structure that the clinic had contoured; 0 where it was not found."""
    series = read_ct_folder(ct_folder)
    found = {roi.name: roi for roi in read_rtstruct(planned.rtstruct).rois}
    scores: dict[str, float] = {}
    for path in sorted(patient.glob("*.nii.gz")):
        name = tg263_name(path.name.removesuffix(".nii.gz"))
        if name is None or name.startswith("PTV"):
            continue
        truth = read_nifti(path).values_zyx > 0
        if truth.any():
            mask = roi_to_structure(found[name], series).full_mask_zyx() if name in found else truth & False
            scores[name] = dice(mask, truth)
    return scores


def judge(rtstruct: Path, ct: list[Path]) -> str:
    """What the conformance checkers say: "ok", their number of errors, or "not installed"."""
    if shutil.which("dciodvfy") is None:
        return "not installed"
    said = subprocess.run(["dciodvfy", str(rtstruct)], capture_output=True, text=True, check=False)
    errors = sum(line.startswith("Error") for line in (said.stdout + said.stderr).splitlines())
    together = subprocess.run(["dcentvfy", str(rtstruct), *map(str, ct)], capture_output=True, check=False)
    return "ok" if errors == 0 and together.returncode == 0 else f"{errors} errors, dcentvfy {together.returncode}"


def resident_mb(metrics_url: str) -> str:
    """Memory of server and worker at the end, as the metrics tell it."""
    with urllib.request.urlopen(metrics_url) as answer:  # noqa: S310 - our own server
        lines = answer.read().decode().splitlines()
    rows = [line.split() for line in lines if line.startswith("contour_resident_memory_bytes{")]
    return ", ".join(
        f"{name.partition(chr(34))[2].partition(chr(34))[0]} {float(size) / 2**20:.0f} MiB" for name, size in rows
    )


def print_table(walks: list[Walk], failed: int) -> None:
    """Per structure, then what it took."""
    print(f"\n{'structure':<16}{'n':>4}{'mean':>8}{'worst':>8}  worst patient")
    for name in sorted({name for one in walks for name in one.dice}):
        scores = sorted((one.dice[name], one.patient) for one in walks if name in one.dice)
        mean = statistics.fmean(score for score, _ in scores)
        print(f"{name:<16}{len(scores):>4}{mean:>8.3f}{scores[0][0]:>8.3f}  {scores[0][1]}")
    if walks:
        upload_s, job_s = (
            statistics.median(values) for values in zip(*((w.upload_s, w.job_s) for w in walks), strict=True)
        )
        print(f"\n{len(walks)} patients came back, {failed} failed; median upload {upload_s:.1f} s, job {job_s:.1f} s")
        print(
            f"conformance: {sum(one.judged == 'ok' for one in walks)} of {len(walks)} ok; load {os.getloadavg()[0]:.1f}"
        )


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="holds pt_N folders")
    parser.add_argument("--patients", type=int, default=40)
    parser.add_argument("--model", default="head_neck")
    parser.add_argument("--out", type=Path, default=None, help="keep the series and structure sets here")
    chosen = parser.parse_args()
    patients = sorted(chosen.folder.glob("pt_*"))[: chosen.patients]
    walks: list[Walk] = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = chosen.out or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        with running_server(folder, chosen.model) as (address, metrics), ContourClient(address) as client:
            for patient in patients:
                try:
                    walks.append(walk(client, patient, folder))
                except ContourError as error:
                    print(f"{patient.name}  FAILED  {error}", flush=True)
                    continue
                last = walks[-1]
                scores = " ".join(f"{name} {score:.2f}" for name, score in last.dice.items())
                print(f"{last.patient}  {last.upload_s:.1f} + {last.job_s:.1f} s  {last.judged}  {scores}", flush=True)
            print_table(walks, len(patients) - len(walks))
            print(f"resident at the end: {resident_mb(metrics)}")
    return 0 if len(walks) == len(patients) else 1


if __name__ == "__main__":
    sys.exit(main())
