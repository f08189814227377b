from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from contour.jobs.review_pool import CasePool
from contour.store.roles import Role
from tests.review_bench import PASSWORD, ReviewBench, TestClient
from tests.unit.contour.jobs.review_cases import Room
from tests.unit.contour.jobs.test_review_fractions import NAMES, Fraction, make_fraction, put

Opened = tuple[TestClient, str, Fraction, Room]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory, pool: CasePool, coarse_series) -> Iterator[Opened]:
    """A fraction of the phantom, and the path of its review."""
    folder: Path = tmp_path_factory.mktemp("fraction")
    fraction = make_fraction(folder, coarse_series)
    room = Room(folder=folder / "data", pool=pool)
    review_id = put(room, fraction)
    room.store.accounts.create("mary", Role.PHYSICIAN, PASSWORD)
    bench = ReviewBench.over(room.store, room.desk, folder)
    yield bench.signed_in("mary"), f"/api/reviews/{review_id}", fraction, room
    bench.feed.close()
    room.store.close()


def shape_of(answer: Any, name: str = "X-Shape-ZYX") -> tuple[int, ...]:
    return tuple(int(part) for part in answer.headers[name].split(","))


def test_a_fraction_is_told_with_its_verdict_and_evidence(opened: Opened) -> None:
    client, review, _, _ = opened
    (item,) = client.get("/api/worklist").json()["items"]
    assert (item["kind"], item["fraction"], item["verdict"]) == ("fraction", 1, "LOOK")
    told = client.get(review).json()["fraction"]
    assert (told["verdict"], told["number"]) == ("LOOK", 1)
    assert (told["reasons"][0]["reason"], told["reasons"][0]["message"]) == ("LOOKS_ODD", "the left parotid shrank")
    assert [row["drift"]["name"] for row in told["rows"]] == list(NAMES)
    assert [one["name"] for one in told["planned"]] == list(NAMES)
    assert (told["has_plan_volume"], told["has_displacement"]) == (True, True)


def test_the_plan_ct_comes_on_the_days_grid_and_fits_the_day_once_deformed(opened: Opened) -> None:
    client, review, fraction, _ = opened
    daily = np.asarray(fraction.daily.volume.values_zyx)
    for source, most_hu in (("plan", 200.0), ("deformed", 1.0)):
        answer = client.get(f"{review}/volume?source={source}")
        assert answer.headers["content-encoding"] == "gzip"
        values = np.frombuffer(answer.content, "<i2").reshape(shape_of(answer))
        assert values.shape == daily.shape
        assert np.abs(values[daily > -400].astype(float) - daily[daily > -400]).mean() < most_hu


def test_the_displacement_comes_with_where_its_nodes_are(opened: Opened) -> None:
    client, review, fraction, _ = opened
    answer = client.get(f"{review}/displacement")
    vectors = np.frombuffer(answer.content, "<f4").reshape(*shape_of(answer), 3)
    step, start = (np.array(shape_of(answer, name)) for name in ("X-Step-ZYX", "X-Start-ZYX"))
    index = np.moveaxis(np.indices(vectors.shape[:3]), 0, -1) * step + start
    assert fraction.alignment.field is not None
    expected = fraction.alignment.field.at(fraction.daily.grid.to_point_xyz_mm(index.astype(np.float64)))
    assert np.abs(vectors - expected).max() < 0.02


def test_the_plans_structures_come_as_planned(opened: Opened) -> None:
    client, review, _, _ = opened
    planned = client.get(f"{review}/structures/Parotid_L/mask?source=planned")
    today = client.get(f"{review}/structures/Parotid_L/mask?source=current")
    assert planned.status_code == today.status_code == 200
    assert planned.content != today.content
    assert client.get(f"{review}/structures/Spleen/mask?source=planned").json()["reason"] == "UNKNOWN_STRUCTURE"
