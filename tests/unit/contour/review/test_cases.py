from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from contour.store.roles import Actor, Role
from tests.review_bench import STRUCTURES, ReviewBench


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory, pool, planned_folder) -> Iterator[tuple[ReviewBench, str]]:
    """One plan that is read by many tests and changed by none."""
    folder, review = planned_folder
    bench = ReviewBench(folder=tmp_path_factory.mktemp("cases"), shared_pool=pool, template=folder)
    yield bench, review
    bench.close()


@pytest.fixture(scope="module")
def get(opened: tuple[ReviewBench, str]) -> Callable[..., Any]:
    client = opened[0].signed_in("dora")

    def fetch(path: str) -> Any:
        return client.get(f"/api/reviews/{opened[1]}{path}")

    return fetch


def mask_of(answer: Any, shape_zyx: tuple[int, int, int]) -> NDArray[np.bool_]:
    """The whole mask from the crop that came."""
    lower, crop = ([int(part) for part in answer.headers[name].split(",")] for name in ("X-Lower-ZYX", "X-Shape-ZYX"))
    bits = np.unpackbits(np.frombuffer(answer.content, np.uint8), count=int(np.prod(crop))).reshape(crop)
    whole = np.zeros(shape_zyx, dtype=bool)
    whole[tuple(slice(a, a + n) for a, n in zip(lower, crop, strict=True))] = bits
    return whole


def test_the_work_list_names_the_plan_and_counts_the_states(opened: tuple[ReviewBench, str]) -> None:
    bench, review = opened
    client = bench.signed_in("dora")
    told = client.get("/api/worklist").json()
    assert told["counts"] == {"new": 1, "in_review": 0, "approved": 0, "rejected": 0}
    (item,) = told["items"]
    assert (item["review_id"], item["kind"], item["state"], item["fraction"]) == (review, "plan", "new", None)
    assert item["structures"] == len(STRUCTURES)
    assert isinstance(item["why"], list)
    assert client.get("/api/worklist?state=approved,rejected").json()["items"] == []
    assert len(client.get("/api/worklist?state=new,in_review").json()["items"]) == 1


@pytest.mark.parametrize("query", ["state=open", "state=new&state=approved", "stat=new", "state=new,x"])
def test_a_query_that_is_not_known_is_refused(opened: tuple[ReviewBench, str], query: str) -> None:
    answer = opened[0].signed_in("dora").get(f"/api/worklist?{query}")
    assert (answer.status_code, answer.json()["reason"]) == (400, "BAD_QUERY")


def test_a_case_tells_where_its_voxels_are_and_what_is_in_it(get: Callable[..., Any], coarse_series) -> None:
    told = get("").json()
    grid = coarse_series.phantom.ct.grid
    assert told["grid"]["shape_zyx"] == list(grid.shape_zyx)
    np.testing.assert_allclose(told["grid"]["spacing_zyx_mm"], grid.spacing_zyx_mm, atol=1e-3)
    np.testing.assert_allclose(told["grid"]["origin_xyz_mm"], grid.origin_xyz_mm, atol=1e-2)
    assert told["slices"] == grid.shape_zyx[0]
    assert {one["name"] for one in told["structures"]} == set(STRUCTURES)
    assert told["can"] == {"edit": True, "decide": False, "undo": False, "redo": False}
    assert (told["state"], told["revision"], told["decision"], told["fraction"]) == ("new", 0, None, None)
    assert told["reason_codes"]["reject"]
    parotid = next(one for one in told["structures"] if one["name"] == "Parotid_L")
    assert parotid["volume_ml"] == pytest.approx(coarse_series.phantom.structure("Parotid_L").volume_ml, rel=0.05)
    assert len(parotid["colour"]) == 3
    assert parotid["slices"] == sorted(parotid["slices"])


def test_each_slice_comes_to_the_byte_as_it_was_uploaded(get: Callable[..., Any], coarse_series) -> None:
    uploaded = {path.read_bytes() for path in coarse_series.ct_paths}
    last = len(coarse_series.ct_paths) - 1
    first_slice, last_slice = get("/instances/0"), get(f"/instances/{last}")
    assert first_slice.headers["content-type"] == "application/dicom"
    assert first_slice.content != last_slice.content
    assert {first_slice.content, last_slice.content} <= uploaded


@pytest.mark.parametrize("k", ["60", "-1", "x", "1.5", "999999999999", "%31%32%33%34", "²", "0%2f..%2f1"])
def test_a_slice_that_is_not_there_is_not_found(get: Callable[..., Any], k: str) -> None:
    answer = get(f"/instances/{k}")
    assert (answer.status_code, set(answer.json())) == (404, {"reason", "message"})


@pytest.mark.parametrize("name", ["Parotid_L", "SpinalCord"])
def test_a_mask_is_the_structure_on_its_own_side(get: Callable[..., Any], coarse_series, name: str) -> None:
    answer = get(f"/structures/{name}/mask")
    assert answer.headers["X-Revision"] == "0"
    found = mask_of(answer, coarse_series.phantom.ct.grid.shape_zyx)
    true = coarse_series.phantom.structure(name).full_mask_zyx()
    assert 2 * (found & true).sum() / (found.sum() + true.sum()) > 0.97
    assert get(f"/structures/{name}/mask?source=original").content == answer.content


def test_a_surface_encloses_the_structure(get: Callable[..., Any], coarse_series) -> None:
    data = get("/structures/Parotid_R/surface").content
    points, triangles = np.frombuffer(data[:8], "<u4")
    corners = np.frombuffer(data[8 : 8 + 12 * int(points)], "<f4").reshape(-1, 3)
    faces = np.frombuffer(data[8 + 12 * int(points) :], "<u4").reshape(-1, 3)
    assert faces.shape[0] == triangles
    assert faces.max() < points
    structure = coarse_series.phantom.structure("Parotid_R")
    centre = structure.grid.to_point_xyz_mm(np.argwhere(structure.full_mask_zyx())).mean(axis=0)
    np.testing.assert_allclose(corners.mean(axis=0), centre, atol=4.0)


@pytest.mark.parametrize(
    "path",
    [
        "/structures/None/mask",
        "/structures/..%2f..%2fetc/mask",
        "/structures/a%00b/mask",
        "/structures/" + "A" * 65 + "/mask",
        "/structures/None/surface",
    ],
)
def test_a_structure_that_is_not_there_is_not_found(get: Callable[..., Any], path: str) -> None:
    answer = get(path)
    assert (answer.status_code, answer.json()["reason"]) == (404, "UNKNOWN_STRUCTURE")


@pytest.mark.parametrize("source", ["other", "", "../x"])
def test_a_source_that_is_not_known_is_refused(get: Callable[..., Any], source: str) -> None:
    assert get(f"/structures/Parotid_L/mask?source={source}").json()["reason"] == "BAD_QUERY"
    assert get(f"/file?source={source}").json()["reason"] == "BAD_QUERY"


def test_a_plan_has_neither_a_plan_volume_nor_a_displacement(get: Callable[..., Any]) -> None:
    assert get("/volume?source=plan").status_code == 409
    assert get("/displacement").status_code == 409


def test_an_unedited_structure_scores_as_the_machine_drew_it(get: Callable[..., Any]) -> None:
    rows = get("/score").json()["rows"]
    assert {row["name"] for row in rows} == set(STRUCTURES)
    assert all(row["dice"] == 1.0 and row["added_path_length_mm"] == 0.0 and not row["edited"] for row in rows)


@pytest.mark.parametrize("review", ["0" * 32, "x", "..", "%2e%2e%2f", "0" * 31 + "G"])
def test_a_review_that_is_not_there_is_not_found(opened: tuple[ReviewBench, str], review: str) -> None:
    answer = opened[0].signed_in("dora").get(f"/api/reviews/{review}")
    assert answer.status_code == 404
    assert answer.json()["reason"] in {"REVIEW_NOT_FOUND", "ADDRESS_NOT_FOUND"}


def test_nobody_who_is_not_signed_in_learns_of_a_case(opened: tuple[ReviewBench, str]) -> None:
    bench, review = opened
    client = bench.client()
    for path in ("", "/instances/0", "/structures/Parotid_L/mask", "/score", "/file", "/volume", "/displacement"):
        answer = client.get(f"/api/reviews/{review}{path}")
        assert (answer.status_code, answer.json()["reason"]) == (401, "NOT_SIGNED_IN"), path
    for path in ("/api/worklist", "/api/jobs", "/api/events"):
        assert client.get(path).status_code == 401


def test_a_planning_systems_account_watches_jobs_and_sees_no_case(opened: tuple[ReviewBench, str]) -> None:
    bench, review = opened
    client = bench.signed_in("sam")
    assert client.get("/api/jobs").json()["items"][0]["state"] == "succeeded"
    for path in ("/api/worklist", f"/api/reviews/{review}", f"/api/reviews/{review}/instances/0", "/api/events"):
        answer = client.get(path)
        assert (answer.status_code, answer.json()["reason"]) == (403, "NOT_ALLOWED"), path


def test_an_administrator_sees_cases_and_takes_none_away(opened: tuple[ReviewBench, str]) -> None:
    bench, review = opened
    client = bench.signed_in("ada")
    assert client.get(f"/api/reviews/{review}").status_code == 200
    assert client.get(f"/api/reviews/{review}/file").json()["reason"] == "NOT_ALLOWED"


def test_a_slice_that_is_gone_from_disk_says_nothing_of_the_disk(open_planned, tmp_path: Path) -> None:
    bench, review = open_planned()
    client = bench.signed_in("dora")
    path = bench.desk.instance(review, Actor(name="dora", role=Role.DOSIMETRIST), 3)
    path.unlink()
    answer = client.get(f"/api/reviews/{review}/instances/3")
    assert (answer.status_code, answer.json()["reason"]) == (404, "INSTANCE_GONE")
    assert str(tmp_path) not in answer.text
    assert path.name not in answer.text
