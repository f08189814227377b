import json
import logging
from io import BytesIO
from typing import Any

import pydicom
import pytest

from contour.jobs.review_values import ReviewRules
from contour.phantom import PhantomFiles
from tests.review_bench import PASSWORD, ReviewBench, brush


def edit_of(files: PhantomFiles, *, base: int = 0, request_id: str = "one", name: str = "Parotid_L") -> dict[str, Any]:
    return {
        "base_revision": base,
        "request_id": request_id,
        "structure": name,
        "operation": brush(files, name),
        "seconds": 4.5,
    }


def decision(base: int, **changes: Any) -> dict[str, Any]:
    return {
        "base_revision": base,
        "password": PASSWORD,
        "reasons": ["EDITED"],
        "comment": "",
        "seconds": 12.0,
        **changes,
    }


@pytest.fixture
def bench(open_planned) -> ReviewBench:
    return open_planned()[0]


@pytest.fixture
def review(planned_folder) -> str:
    return f"/api/reviews/{planned_folder[1]}"


def test_an_edit_is_undone_redone_and_reverted(bench: ReviewBench, review: str, coarse_series) -> None:
    client = bench.signed_in("dora")
    before = next(one for one in client.get(review).json()["structures"] if one["name"] == "Parotid_L")
    told = client.post(f"{review}/edits", json=edit_of(coarse_series)).json()
    assert (told["revision"], told["state"], told["can"]["undo"]) == (1, "in_review", True)
    (changed,) = told["structures"]
    assert changed["name"] == "Parotid_L"
    assert changed["edited"]
    assert changed["volume_ml"] > before["volume_ml"] + 0.2
    assert client.get(review).json()["editors"] == ["dora"]
    undone = client.post(f"{review}/undo", json={"base_revision": 1, "request_id": "two"}).json()
    assert undone["structures"][0]["volume_ml"] == pytest.approx(before["volume_ml"])
    assert (undone["can"]["undo"], undone["can"]["redo"]) == (False, True)
    redone = client.post(f"{review}/redo", json={"base_revision": 2, "request_id": "three"}).json()
    assert redone["structures"][0]["bits"] == changed["bits"]
    asked = {"base_revision": 3, "request_id": "four", "structure": "Parotid_L"}
    reverted = client.post(f"{review}/revert", json=asked).json()
    assert reverted["structures"][0]["volume_ml"] == pytest.approx(before["volume_ml"])
    assert reverted["revision"] == 4
    actions = [action for actor, action, _ in bench.audit() if actor == "dora"]
    assert [action for action in actions if action in {"EDITED", "UNDONE", "REDONE", "REVERTED"}] == [
        "EDITED",
        "UNDONE",
        "REDONE",
        "REVERTED",
    ]


def test_a_structure_that_was_erased_whole_is_still_told_and_scored(
    bench: ReviewBench, review: str, coarse_series
) -> None:
    client = bench.signed_in("dora")
    erase = brush(coarse_series, "Parotid_L", radius_mm=50.0) | {"erase": True, "ball": True}
    told = client.post(f"{review}/edits", json=edit_of(coarse_series) | {"operation": erase}).json()
    assert (told["structures"][0]["volume_ml"], told["structures"][0]["slices"]) == (0.0, [])
    row = next(row for row in client.get(f"{review}/score").json()["rows"] if row["name"] == "Parotid_L")
    assert (row["dice"], row["volume_ml"]) == (0.0, 0.0)
    assert client.get(f"{review}/structures/Parotid_L/mask").status_code == 200
    surface = client.get(f"{review}/structures/Parotid_L/surface")
    assert surface.content[:8] == bytes(8)
    gone = next(one for one in client.get(review).json()["structures"] if one["name"] == "Parotid_L")
    assert (gone["centre_xyz_mm"], gone["volume_ml"]) == (None, 0.0)


def test_the_same_request_twice_is_one_edit(bench: ReviewBench, review: str, coarse_series) -> None:
    client = bench.signed_in("dora")
    first = client.post(f"{review}/edits", json=edit_of(coarse_series)).json()
    again = client.post(f"{review}/edits", json=edit_of(coarse_series)).json()
    assert (again["revision"], again["structures"]) == (1, first["structures"])


def test_who_is_behind_is_told_by_whom_and_changes_nothing(bench: ReviewBench, review: str, coarse_series) -> None:
    dora, phil = bench.signed_in("dora"), bench.signed_in("phil")
    assert dora.post(f"{review}/edits", json=edit_of(coarse_series)).status_code == 200
    answer = phil.post(f"{review}/edits", json=edit_of(coarse_series, request_id="late", name="Parotid_R"))
    assert answer.status_code == 409
    told = answer.json()
    assert (told["reason"], told["revision"], told["by"]) == ("EDIT_CONFLICT", 1, "dora")
    assert phil.get(review).json()["revision"] == 1
    late = phil.post(f"{review}/approve", json=decision(0))
    assert (late.status_code, late.json()["reason"]) == (409, "EDIT_CONFLICT")


def test_every_change_needs_the_csrf_text(bench: ReviewBench, review: str, coarse_series) -> None:
    client = bench.signed_in("phil")
    del client.headers["X-CSRF"]
    bodies = {
        "edits": edit_of(coarse_series),
        "undo": {"base_revision": 0, "request_id": "a"},
        "redo": {"base_revision": 0, "request_id": "a"},
        "revert": {"base_revision": 0, "request_id": "a", "structure": "Parotid_L"},
        "approve": decision(0),
        "reject": decision(0, reasons=["OTHER"]),
        "reopen": {"reason": "again"},
    }
    for name, body in bodies.items():
        answer = client.post(f"{review}/{name}", json=body)
        assert (answer.status_code, answer.json()["reason"]) == (403, "CSRF"), name
    assert client.get(review).json()["revision"] == 0


def test_each_role_changes_only_what_it_may(bench: ReviewBench, review: str, coarse_series) -> None:
    may = {
        "dora": (True, False),
        "phil": (True, True),
        "mary": (True, True),
        "sam": (False, False),
        "ada": (False, False),
    }
    for name, (edits, decides) in may.items():
        client = bench.signed_in(name)
        edited = client.post(f"{review}/undo", json={"base_revision": 0, "request_id": name})
        decided = client.post(f"{review}/approve", json=decision(99))
        assert edited.json()["reason"] == ("NOTHING_TO_UNDO" if edits else "NOT_ALLOWED"), name
        assert decided.json()["reason"] == ("EDIT_CONFLICT" if decides else "NOT_ALLOWED"), name


def test_approving_signs_writes_a_file_and_leaves_the_machines_as_it_was(
    bench: ReviewBench, review: str, coarse_series
) -> None:
    bench.signed_in("dora").post(f"{review}/edits", json=edit_of(coarse_series))
    phil = bench.signed_in("phil")
    machines = phil.get(f"{review}/file?source=original")
    assert phil.get(f"{review}/file?source=approved").status_code == 409
    told = phil.post(f"{review}/approve", json=decision(1)).json()["decision"]
    assert (told["state"], told["reviewer"], told["revision"], told["reasons"]) == ("approved", "phil", 1, ["EDITED"])
    assert {row["name"] for row in told["scores"]} >= {"Parotid_L"}
    approved = phil.get(f"{review}/file?source=approved")
    assert approved.headers["content-type"] == "application/dicom"
    assert approved.headers["content-disposition"].startswith('attachment; filename="')
    found = pydicom.dcmread(BytesIO(approved.content))
    assert found.ApprovalStatus == "APPROVED"
    assert found.SOPInstanceUID == told["sop_instance_uid"]
    assert phil.get(f"{review}/file?source=original").content == machines.content
    closed = bench.signed_in("dora").post(f"{review}/edits", json=edit_of(coarse_series, base=1, request_id="late"))
    assert (closed.status_code, closed.json()["reason"]) == (409, "REVIEW_CLOSED")
    assert phil.post(f"{review}/reopen", json={"reason": "the cord is missing a slice"}).status_code == 200
    assert phil.get(review).json()["state"] == "in_review"


def test_each_download_is_in_the_audit(bench: ReviewBench, review: str) -> None:
    client = bench.signed_in("dora")
    assert client.get(f"{review}/file").status_code == 200
    assert client.get(f"{review}/file?source=original").status_code == 200
    assert [action for actor, action, _ in bench.audit() if actor == "dora"].count("DOWNLOADED") == 2
    assert bench.store.audit.verify().is_intact


def test_opening_a_case_is_in_the_audit(bench: ReviewBench, review: str) -> None:
    bench.signed_in("mary").get(review)
    assert ("mary", "SAW") in [(actor, action) for actor, action, _ in bench.audit()]


def test_a_wrong_signature_is_refused_and_after_some_none_is_looked_at(bench: ReviewBench, review: str) -> None:
    client = bench.signed_in("phil")
    for _ in range(5):
        answer = client.post(f"{review}/approve", json=decision(0, password="wrong-password-1"))
        assert (answer.status_code, answer.json()["reason"]) == (401, "SIGNATURE_REFUSED")
    answer = client.post(f"{review}/approve", json=decision(0))
    assert (answer.status_code, answer.json()["reason"]) == (429, "TOO_MANY_ATTEMPTS")
    assert client.get(review).json()["state"] == "new"


def test_with_four_eyes_who_edited_cannot_approve(open_planned, review: str, coarse_series) -> None:
    bench, _ = open_planned(rules=ReviewRules(four_eyes=True))
    phil, mary = bench.signed_in("phil"), bench.signed_in("mary")
    phil.post(f"{review}/edits", json=edit_of(coarse_series))
    answer = phil.post(f"{review}/approve", json=decision(1))
    assert (answer.status_code, answer.json()["reason"]) == (403, "FOUR_EYES")
    assert mary.post(f"{review}/approve", json=decision(1)).status_code == 200


def test_rejecting_needs_a_known_reason(bench: ReviewBench, review: str) -> None:
    client = bench.signed_in("mary")
    for reasons in ([], ["NICE"], ["EDITED"]):
        answer = client.post(f"{review}/reject", json=decision(0, reasons=reasons))
        assert (answer.status_code, answer.json()["reason"]) == (400, "BAD_REASON")
    told = client.post(f"{review}/reject", json=decision(0, reasons=["BAD_SCAN"], comment="Bewegung\nim Kiefer")).json()
    assert told["decision"]["state"] == "rejected"
    assert client.get("/api/worklist?state=rejected").json()["counts"]["rejected"] == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"base_revision": -1},
        {"base_revision": "0"},
        {"base_revision": True},
        {"base_revision": 0.0},
        {"request_id": ""},
        {"request_id": "x" * 65},
        {"request_id": 7},
        {"structure": None},
        {"structure": "S" * 65},
        {"operation": []},
        {"operation": "brush"},
        {"operation": {}},
        {"operation": {"kind": "format-disk"}},
        {"seconds": -1},
        {"seconds": 1e9},
        {"seconds": "4"},
        {"more": 1},
    ],
)
def test_an_edit_that_is_not_to_the_letter_is_refused(
    bench: ReviewBench, review: str, coarse_series, wrong: dict[str, Any]
) -> None:
    client = bench.signed_in("dora")
    answer = client.post(f"{review}/edits", json=edit_of(coarse_series) | wrong)
    assert answer.status_code == 400
    assert answer.json()["reason"] in {"BAD_FIELD", "BAD_OPERATION", "BAD_REQUEST"}
    assert client.get(review).json()["revision"] == 0


def test_bodies_that_are_no_json_or_too_large_are_refused(bench: ReviewBench, review: str, coarse_series) -> None:
    client = bench.signed_in("dora")
    headers = {"Content-Type": "application/json"}
    body = json.dumps(edit_of(coarse_series)).encode()
    for data in (b"", b"[]", b"{", body.replace(b"4.5", b"NaN"), body + b"x"):
        answer = client.post(f"{review}/edits", content=data, headers=headers)
        assert (answer.status_code, answer.json()["reason"]) == (400, "BAD_BODY")
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        answer = client.post(f"{review}/edits", content=body, headers={"Content-Type": kind})
        assert (answer.status_code, answer.json()["reason"]) == (400, "BAD_BODY")
    large = client.post(f"{review}/edits", content=body + b" " * (1 << 20), headers=headers)
    assert (large.status_code, large.json()["reason"]) == (413, "BODY_TOO_LARGE")
    assert client.get(review).json()["revision"] == 0


def test_an_unforeseen_error_says_nothing_and_is_logged(
    bench: ReviewBench, review: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("Mustermann^Erika")

    monkeypatch.setattr(bench.desk, "score", broken)
    log = logging.getLogger("contour.review.answers")  # what ran before in this process may have silenced it
    monkeypatch.setattr(log, "disabled", False)
    caplog.set_level("ERROR", logger=log.name)
    answer = bench.signed_in("dora").get(f"{review}/score")
    assert answer.status_code == 500
    assert answer.json()["reason"] == "INTERNAL"
    assert "Mustermann" not in answer.text
    assert "content-security-policy" in answer.headers
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == [
        "a request ended with an error that nobody foresaw"
    ]
