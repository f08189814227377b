"""The training curve, read back after kills and drawn."""

import io
import json

import numpy as np
from PIL import Image

from contour.training.curve import draw_curve, read_curve, running_mean


def write(path, lines):
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines) + "\n")
    return path


def test_steps_that_a_resumed_run_did_again_count_once_and_a_torn_line_is_passed_over(tmp_path):
    path = write(
        tmp_path / "curve.jsonl",
        [
            {"step": 1, "loss": 3.0, "rate": 0.1},
            {"step": 2, "loss": 2.5, "rate": 0.2},
            {"step": 2, "held_out_loss": 2.7},
            '{"step": 3, "lo{"step": 2, "loss": 2.4, "rate": 0.2}',
            {"step": 2, "loss": 2.25, "rate": 0.2},
            {"step": 3, "loss": 2.0, "rate": 0.1},
        ],
    )
    curve = read_curve(path)
    assert curve.loss.tolist() == [[1, 3.0], [2, 2.25], [3, 2.0]]
    assert curve.rate[:, 1].tolist() == [0.1, 0.2, 0.1]
    assert curve.held_out_loss.tolist() == [[2, 2.7]]


def test_a_running_mean_keeps_a_straight_line_straight_and_calms_noise():
    steps = np.arange(1.0, 1001.0)
    line = np.stack([steps, 3 - 0.001 * steps], axis=1)
    np.testing.assert_allclose(running_mean(line)[10:-10], line[10:-10], atol=1e-9)
    np.testing.assert_allclose(running_mean(line)[[0, -1], 1], line[[5, -6], 1], atol=1e-9)
    noise = np.stack([steps, np.random.default_rng(1).normal(size=1000)], axis=1)
    assert running_mean(noise)[20:-20, 1].std() < 0.35


def test_a_curve_of_any_length_is_drawn(tmp_path):
    for steps in (0, 1, 2, 9000):
        lines = [{"step": n, "loss": 2 / n, "rate": 1e-3 / n} for n in range(1, steps + 1)]
        curve = read_curve(write(tmp_path / "curve.jsonl", lines))
        picture = Image.open(io.BytesIO(draw_curve(curve, title="tiny 0.0.1")))
        assert picture.format == "PNG"
        assert picture.width > 800


def test_the_same_curve_gives_the_same_bytes(tmp_path):
    curve = read_curve(write(tmp_path / "curve.jsonl", [{"step": n, "loss": 1 / n, "rate": 0.1} for n in range(1, 50)]))
    assert draw_curve(curve, title="a") == draw_curve(curve, title="a")
