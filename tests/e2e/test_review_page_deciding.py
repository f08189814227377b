"""Signing in the review page: approving, rejecting, opening again, and the file, the audit and the rules behind it."""

import json
import subprocess
from io import BytesIO

import pydicom
import pytest
from playwright.sync_api import expect

from contour.dicom.ct_reader import read_ct_folder
from contour.dicom.plan_structures import read_plan_structures
from tests.e2e.review_browser import PASSWORD, Clinic
from tests.e2e.review_scan import contours_xyz_mm
from tests.e2e.test_review_page_editing import beyond, volume, zyx

pytest_plugins = ("tests.e2e.review_page_plugin",)


def sign(person, how, reason, comment="", password=PASSWORD):
    person[how].click()
    person[f"reason-{reason}"].check()
    person["decision-comment"].fill(comment)
    person["decision-password"].fill(password)
    person["decision-sign"].click()


def download(person, which):
    with person.page.expect_download() as started:
        person[f"download-{which}"].click()
    return pydicom.dcmread(BytesIO(started.value.path().read_bytes())), started.value


def test_from_signing_in_to_an_approved_file_that_holds_the_edit(
    clinic, sit_down, fresh_case, coarse_series, judge, tmp_path
):
    person = sit_down("mary")
    review_id = person.review_of(fresh_case())
    person.open(review_id)
    person.press("3")
    person.press("1")
    cursor = person.select("Parotid_L")
    person.page.mouse.move(*person.place("axial", cursor))
    person.page.mouse.wheel(0, -100)
    person.page.mouse.wheel(0, 100)
    person.press("b")
    person.drag("axial", beyond(cursor))
    person.drag("coronal", [cursor, cursor + zyx(2, 0, 4)])
    with_both = volume(person)
    person.press("Control+z")
    person.wait_for_revision(3)
    edited_ml = volume(person)
    assert edited_ml < with_both

    sign(person, "approve", "EDITED", "left parotid: deep lobe added", password="not-her-password")
    expect(person["decision-error"]).to_contain_text("password is wrong")
    assert person.state("state") == "in_review"
    person["decision-password"].fill(PASSWORD)
    person["decision-sign"].click()
    expect(person["state"]).to_have_text("Approved")
    expect(person["banner"]).to_contain_text("APPROVED")
    expect(person["decision"]).to_contain_text("left parotid: deep lobe added")
    expect(person["score"].locator("tr", has_text="Parotid_L")).to_be_visible()
    expect(person["tool-brush"]).to_be_disabled()
    expect(person["undo"]).to_be_disabled()
    assert person.faults() == []

    machine, _ = download(person, "original")
    approved, file = download(person, "approved")
    assert (machine.ApprovalStatus, approved.ApprovalStatus) == ("UNAPPROVED", "APPROVED")
    assert str(approved.ReviewerName) == "Test^Mary"
    assert approved.PredecessorStructureSetSequence[0].ReferencedSOPInstanceUID == machine.SOPInstanceUID
    generated = {one.ROIName: one.ROIGenerationAlgorithm for one in approved.StructureSetROISequence}
    assert generated.pop("Parotid_L") == "SEMIAUTOMATIC"
    assert set(generated.values()) == {"AUTOMATIC"}
    for name in generated:
        before, after = ([one.tolist() for one in contours_xyz_mm(each, name)] for each in (machine, approved))
        assert after == before, name
    data = file.path().read_bytes()
    series = read_ct_folder(coarse_series.ct_folder)
    by_name = {one.name: one for one in read_plan_structures(data, series).structures}
    assert by_name["Parotid_L"].volume_ml == pytest.approx(edited_ml, rel=0.02)
    (tmp_path / "approved.dcm").write_bytes(data)
    said = subprocess.run([judge("dciodvfy"), tmp_path / "approved.dcm"], capture_output=True, text=True, check=False)
    assert "RTStructureSet" in said.stdout + said.stderr
    assert [line for line in (said.stdout + said.stderr).splitlines() if line.startswith("Error")] == []

    checked = clinic.contour("audit", "verify")
    assert checked.returncode == 0, checked.stderr
    assert checked.stdout.startswith("Audit intact: ")
    listed = clinic.contour("audit", "list", "--json", "--subject", review_id).stdout.splitlines()
    done = [(entry["actor"], entry["action"]) for entry in map(json.loads, reversed(listed))]
    assert {actor for actor, _ in done} == {"mary"}
    actions = [action for _, action in done]
    assert actions[0] == "SAW"
    assert actions.count("EDITED") == 2
    assert actions.count("DOWNLOADED") == 2
    assert actions.index("UNDONE") < actions.index("APPROVED") < actions.index("DOWNLOADED")


def test_a_rejected_case_has_its_reason_leaves_the_list_and_can_be_opened_again(sit_down, fresh_case):
    person = sit_down("phil")
    review_id = person.review_of(fresh_case())
    person.open(review_id)
    person["reject"].click()
    person["decision-password"].fill(PASSWORD)
    expect(person["decision-sign"]).to_be_disabled()
    person.press("Escape")
    sign(person, "reject", "WRONG_ANATOMY", "larynx is hyoid bone")
    expect(person["state"]).to_have_text("Rejected")
    expect(person["decision"]).to_contain_text("Wrong anatomy")
    expect(person["download-approved"]).to_have_count(0)
    person["to-worklist"].click()
    expect(person["worklist"]).to_be_visible()
    expect(person[f"open-{review_id}"]).to_have_count(0)
    person["filter-rejected"].click()
    person.open(review_id)
    person["reopen"].click()
    person["reopen-reason"].fill("looked at the wrong slice")
    assert person.faults() == []
    person["reopen-confirm"].click()
    expect(person["state"]).to_have_text("In review")
    expect(person["approve"]).to_be_enabled()


def test_a_dosimetrist_edits_but_has_no_button_to_approve_and_an_administrator_edits_nothing(sit_down, fresh_case):
    dosimetrist = sit_down("dora")
    review_id = dosimetrist.review_of(fresh_case())
    dosimetrist.open(review_id)
    expect(dosimetrist["tool-brush"]).to_be_enabled()
    administrator = sit_down("ada").open(review_id)
    expect(administrator["tool-brush"]).to_be_disabled()
    expect(administrator["download-original"]).to_have_count(0)
    for person in (dosimetrist, administrator):
        for how in ("approve", "reject"):
            assert person[how].count() == 0 or person[how].is_disabled()
    asked = {"base_revision": 0, "password": PASSWORD, "reasons": ["AS_DRAWN"], "comment": "", "seconds": 1}
    answer = dosimetrist.context.request.post(
        f"{dosimetrist.clinic.url}api/reviews/{review_id}/approve",
        data=asked,
        headers={"X-CSRF": dosimetrist.ask("/api/session")["csrf"]},
    )
    assert (answer.status, answer.json()["reason"]) == (403, "NOT_ALLOWED")


@pytest.fixture(scope="module")
def strict_clinic(review_template, tmp_path_factory):
    """Where who edited cannot approve."""
    running = Clinic.copy_of(review_template.data, tmp_path_factory.mktemp("strict"), four_eyes=True)
    running.start()
    yield running
    running.end()


def test_with_four_eyes_who_edited_cannot_approve_and_a_colleague_can(strict_clinic, sit_down, review_template):
    editor = sit_down("phil", at=strict_clinic)
    editor.expected |= {"403"}
    review_id = editor.review_of(review_template.plans[0])
    editor.open(review_id)
    cursor = editor.select("Parotid_L")
    editor.press("b")
    editor.drag("axial", beyond(cursor))
    if editor["approve"].is_enabled():
        sign(editor, "approve", "EDITED")
        expect(editor["decision-error"]).to_contain_text("somebody else has to")
    assert editor.state("state") == "in_review"
    colleague = sit_down("mary", at=strict_clinic).open(review_id)
    sign(colleague, "approve", "EDITED")
    expect(colleague["state"]).to_have_text("Approved")
    expect(colleague["decision"]).to_contain_text("mary")
