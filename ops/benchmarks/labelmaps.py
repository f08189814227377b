"""nnU-Net models here and in nnunetv2 itself, on one scan in one run: seconds, peak memory, what is not the network.

    python ops/benchmarks/labelmaps.py [--slices 300] [--step-mm 3] [--classes 118] [--peer-classes 25]
        [--peer-all] [--exact] [--noise] [--device cpu|cuda]
    python ops/benchmarks/labelmaps.py --trained RESULTS [--patients 3]

The first form: a synthetic patient of 512 x 512 pixels, and the network of TotalSegmentator's 3 mm task
(PlainConvUNet, 32 to 320 features, patch 112 x 112 x 128, not mirrored) with random weights, each kernel smoothed, so
that the answer is patches of labels as a trained network's is. `--noise` adds a row with kernels as they were drawn:
then nearly every voxel has another label than its neighbour, which no network that knows anatomy does, and which is the
worst there can be for the way to the CT's voxels. The share of neighbours with different labels is printed. Ours is the
body, the network and the labels on the CT's voxels (random labels fill the scan, so no structures are cut out of them).
The peer is `predict_single_npy_array`: preprocessing, network, labels on the CT's voxels. Each row is a process of its
own; start-up and loading are not counted. The peer is given 25 classes because it runs out of memory with 118 on most
machines; `--peer-all` tries.

The second form compares exact and fast mode with nnunetv2 on a trained checkpoint (`labelmap_training.py` makes one)
and OpenKBP's validation patients: Dice for each structure, and the share of voxels with the same label.
Needs the judge nnunetv2 (see tests/nnunet_folders.py).
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from whole_job import machine

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests import nnunet_folders

NAME = "3d_fullres"
MOST_PEER_BYTES = 21 * 2**30
"""What the peer may allocate, so that running out of memory ends it and not the machine."""


def plan_and_dataset(classes: int) -> tuple[dict[str, object], dict[str, object]]:
    configuration = nnunet_folders.configuration(patch_size=[112, 112, 128], spacing=[3.0, 3.0, 3.0])
    configuration["architecture"]["arch_kwargs"] = nnunet_folders.architecture(
        n_stages=6,
        features_per_stage=[32, 64, 128, 256, 320, 320],
        kernel_sizes=[[3, 3, 3]] * 6,
        strides=[[1, 1, 1], *[[2, 2, 2]] * 4, [1, 1, 2]],
        n_conv_per_stage=[2] * 6,
        n_conv_per_stage_decoder=[2] * 5,
    )
    plan = nnunet_folders.plans({NAME: configuration})
    labels = {"background": 0, **{f"structure_{n}": n for n in range(1, classes)}}
    return plan, nnunet_folders.dataset(labels)


def smoothed(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The same weights summed over each kernel and spread as a blur, so that neighbours are answered alike."""
    line = torch.tensor([0.25, 0.5, 0.25])
    blur = line[:, None, None] * line[None, :, None] * line[None, None, :]
    found: dict[str, torch.Tensor] = {}
    for key, weights in state.items():
        found[key] = weights
        if weights.ndim == 5 and weights.shape[2:] == blur.shape:
            found[key] = weights.sum((2, 3, 4), keepdim=True) * blur
        elif weights.ndim == 5:
            found[key] = weights.mean((2, 3, 4), keepdim=True).expand_as(weights).contiguous()
    return found


def scan(slices: int, step_mm: float):  # type: ignore[no-untyped-def]
    from contour.phantom import PhantomSettings, head_and_neck_phantom

    settings = PhantomSettings(shape_zyx=(slices, 512, 512), spacing_zyx_mm=(step_mm, 0.9765625, 0.9765625))
    return head_and_neck_phantom(1, settings).ct


def ours(results: Path, slices: int, step_mm: float, *, exact: bool, device: str) -> dict[str, object]:
    from contour.importing.imported import Origin
    from contour.importing.nnunet import read_nnunet
    from contour.segmentation import ModelStore
    from contour.segmentation.body import find_body
    from contour.segmentation.label_structures import label_map

    ct = scan(slices, step_mm)
    with tempfile.TemporaryDirectory() as folder:
        read_nnunet(results, Origin(name="bench", names={})).write(Path(folder))
        model = ModelStore([Path(folder)]).load("bench", device=device, exact=exact)
    engine = model.engines(0)[0].name  # type: ignore[union-attr]
    loaded_mb = peak_mb()
    started = time.perf_counter()
    answer = label_map(ct, find_body(ct), model, lambda stage, fraction: None)  # type: ignore[arg-type]
    return {
        "what": f"contour, {'exact' if exact else 'fast'} ({engine})",
        "total_s": time.perf_counter() - started,
        "network_s": answer.seconds.network,
        "windows": answer.seconds.windows,
        "peak_mb": peak_mb(),
        "loaded_mb": loaded_mb,
        **about_labels(answer.labels),
    }


def theirs(results: Path, slices: int, step_mm: float, *, device: str) -> dict[str, object]:
    if device == "cpu":
        resource.setrlimit(resource.RLIMIT_DATA, (MOST_PEER_BYTES, MOST_PEER_BYTES))
    ct = scan(slices, step_mm)
    hu = np.asarray(ct.values_zyx, dtype=np.float32)
    spent = nnunet_folders.NetworkClock()
    started = time.perf_counter()
    try:
        answer = nnunet_folders.nnunet_labels(results, hu, ct.grid.spacing_zyx_mm, device=device, clock=spent)
    except (MemoryError, RuntimeError) as error:
        return {
            "what": "nnunetv2",
            "failed": f"{type(error).__name__}: out of memory",
            "total_s": time.perf_counter() - started,
            "network_s": spent.seconds,
            "peak_mb": peak_mb(),
        }
    return {
        "what": "nnunetv2",
        "total_s": time.perf_counter() - started,
        "network_s": spent.seconds,
        "peak_mb": peak_mb(),
        **about_labels(answer),
    }


def about_labels(labels: np.ndarray) -> dict[str, object]:
    within = (labels[:, 1:] > 0) & (labels[:, :-1] > 0)
    return {
        "found": len(np.unique(labels[::4, ::4, ::4])) - 1,
        "neighbours_differ": float((labels[:, 1:] != labels[:, :-1])[within].mean()),
    }


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def in_a_process(row: dict[str, object]) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, __file__, "--row", json.dumps(row)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        return {"what": row["who"], "failed": done.stderr.strip().splitlines()[-1] if done.stderr else "killed"}
    answer: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return answer


def run_row(row: dict[str, object]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        plan, data = plan_and_dataset(int(row["classes"]))  # type: ignore[call-overload]
        state = nnunet_folders.network_of(plan, data, NAME).state_dict()
        state = state if row["noise"] else smoothed(state)
        results = nnunet_folders.write_results(Path(folder), NAME, plan, data, mirror_axes=None, state=state)
        size = int(row["slices"]), float(row["step_mm"])  # type: ignore[call-overload, arg-type]
        device = str(row["device"])
        if row["who"] == "nnunetv2":
            print(json.dumps(theirs(results, *size, device=device)))
        else:
            print(json.dumps(ours(results, *size, exact=row["who"] == "exact", device=device)))


def compare_speed(options: argparse.Namespace) -> None:
    print(f"{machine()}; {options.slices} slices of 512 x 512, {options.step_mm:g} mm; {options.device}")
    base = {"slices": options.slices, "step_mm": options.step_mm, "device": options.device, "noise": False}
    rows = [
        {**base, "who": "fast", "classes": options.classes},
        *([{**base, "who": "fast", "classes": options.classes, "noise": True}] if options.noise else []),
        {**base, "who": "fast", "classes": options.peer_classes},
        *([{**base, "who": "exact", "classes": options.peer_classes}] if options.exact else []),
        {**base, "who": "nnunetv2", "classes": options.peer_classes},
        *([{**base, "who": "nnunetv2", "classes": options.classes}] if options.peer_all else []),
    ]
    print(f"{'':44} {'classes':>7} {'total s':>8} {'network s':>9} {'rest s':>7} {'rest':>5} {'peak MB':>8}")
    seconds: dict[tuple[str, object], float] = {}
    for row in rows:
        answer = in_a_process(row)
        if "failed" in answer:
            spent = f", after {answer['total_s']:.0f} s" if "total_s" in answer else ""
            print(f"{answer['what']!s:44} {row['classes']:>7} {answer['failed']}{spent}", flush=True)
            continue
        total, network = float(answer["total_s"]), float(answer["network_s"])  # type: ignore[arg-type]
        seconds[str(row["who"]), row["classes"]] = total
        what = f"{answer['what']}{', noise' if row['noise'] else ''}"
        print(
            f"{what:44} {row['classes']:>7} {total:8.1f} {network:9.1f} {total - network:7.1f} "
            f"{(total - network) / total:5.0%} {answer['peak_mb']:8.0f}",
            flush=True,
        )
        if "windows" in answer:
            print(
                f"   {answer['windows']} windows; {answer['loaded_mb']:.0f} MB once loaded; {answer['found']} labels; "
                f"{float(answer['neighbours_differ']):.1%} of neighbours differ",  # type: ignore[arg-type]
                flush=True,
            )
    peer, own = (seconds.get((who, options.peer_classes)) for who in ("nnunetv2", "fast"))
    if peer and own:
        print(f"{options.peer_classes} classes: contour takes 1/{peer / own:.1f} of nnunetv2's time; the goal is 1/3")


def compare_answers(results: Path, patients: int) -> None:
    from openkbp_days import patients as validation

    from contour.anatomy.agreement import dice
    from contour.importing.imported import Origin
    from contour.importing.nnunet import find_results, read_nnunet
    from contour.segmentation import ModelStore
    from contour.segmentation.body import find_body
    from contour.segmentation.label_structures import label_map

    folder = find_results(results).path
    with tempfile.TemporaryDirectory() as models:
        read_nnunet(folder, Origin(name="bench", names={})).write(Path(models))
        store = ModelStore([Path(models)])
        exact, fast = (store.load("bench", device="cpu", exact=flag) for flag in (True, False))
    names = {one.labels[0]: one.rules.name for one in exact.spec.labelled}  # type: ignore[union-attr]
    print(
        f"{machine()}; trained network, OpenKBP validation, mirrored along {exact.spec.stages[0].windows.mirror_axes}"
    )  # type: ignore[union-attr]
    print("patient, same label exact/nnunetv2, seconds (nnunetv2, exact, fast); Dice fast/exact, exact/nnunetv2")
    for patient in validation(most=patients):
        started = time.perf_counter()
        peer = nnunet_folders.nnunet_labels(
            folder, np.asarray(patient.ct.values_zyx, dtype=np.float32), patient.ct.grid.spacing_zyx_mm
        )
        spent = [time.perf_counter() - started]
        found = []
        for model in (exact, fast):
            started = time.perf_counter()
            found.append(label_map(patient.ct, find_body(patient.ct), model, lambda *_: None).labels)  # type: ignore[arg-type]
            spent.append(time.perf_counter() - started)
        print(f"{patient.name}: {(found[0] == peer).mean():.5f}; {', '.join(f'{s:.1f}' for s in spent)} s", flush=True)
        for label, name in names.items():
            own, other, peers = found[1] == label, found[0] == label, peer == label
            volume_ml = other.sum() * patient.ct.grid.voxel_volume_mm3 / 1000
            print(
                f"   {name:16} {volume_ml:7.1f} ml  fast/exact {dice(own, other):.4f}  "
                f"exact/nnunetv2 {dice(other, peers):.5f}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slices", type=int, default=300)
    parser.add_argument("--step-mm", type=float, default=3.0)
    parser.add_argument("--classes", type=int, default=118)
    parser.add_argument("--peer-classes", type=int, default=25)
    parser.add_argument("--peer-all", action="store_true")
    parser.add_argument("--exact", action="store_true")
    parser.add_argument("--noise", action="store_true")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--trained", type=Path, default=None)
    parser.add_argument("--patients", type=int, default=3)
    parser.add_argument("--row", default=None, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.row is not None:
        run_row(json.loads(options.row))
    elif options.trained is not None:
        compare_answers(options.trained, options.patients)
    else:
        compare_speed(options)


if __name__ == "__main__":
    main()
