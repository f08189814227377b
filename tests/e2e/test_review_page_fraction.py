"""A fraction in the review page: what the machine found, plan and day in one picture, and how tissue has moved."""

import json
import re

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.e2e.review_browser import PASSWORD
from tests.e2e.review_scan import Scan

pytest_plugins = ("tests.e2e.review_page_plugin",)


@pytest.fixture
def reader(sit_down, review_template):
    """A physician with the fraction on the screen, and the plan's scan there, too."""
    person = sit_down("mary")
    person.open(person.review_of(review_template.fraction))
    expect(person["mix"]).to_be_enabled()
    return person


def grey(person):
    return person.picture("axial").mean(axis=-1)


def test_the_verdict_its_reasons_and_the_drift_are_told(reader, review_template):
    fraction = reader.facts()["fraction"]
    expect(reader["verdict"]).to_have_text(re.compile("^(PASS|LOOK|REFUSE)$"))
    expect(reader["verdict"]).to_have_text(fraction["verdict"])
    expect(reader["verdict-reasons"].locator("li")).to_have_count(len(fraction["reasons"]))
    for one in fraction["reasons"]:
        expect(reader["verdict-reasons"]).to_contain_text(re.compile(re.escape(one["message"]), re.IGNORECASE))
    for name in ("Parotid_L", "SpinalCord", "CTV_7000"):
        expect(reader["drift"].locator("tr", has_text=name)).to_be_visible()
    truth = json.loads((review_template.course / "fraction_01" / "truth" / "motion.json").read_text())
    assert truth["fraction"] == 1
    shift = re.search(r"([LR]) ([\d.]+), ([PA]) ([\d.]+), ([SI]) ([\d.]+) mm", reader["setup"].inner_text())
    assert shift, reader["setup"].inner_text()
    assert reader.faults() == []


def test_blending_goes_from_the_day_to_the_plan(reader, review_template):
    reader["show-none"].click()
    reader["crosshair"].uncheck()
    reader["planned-shown"].uncheck()
    day = grey(reader)
    scan = Scan(sorted((review_template.course / "fraction_01" / "ct").iterdir()))
    reader["mix"].select_option("blend")
    pictures = {}
    for share in ("0", "0.5", "1"):
        reader["blend"].fill(share)
        pictures[share] = grey(reader)
    assert np.abs(pictures["0"] - day).mean() < 0.5
    plan = pictures["1"]
    apart = np.abs(plan - day)
    assert (apart > 40).mean() > 0.005
    assert np.abs(pictures["0.5"] - (plan + day) / 2).mean() < 3
    body = (day > 60) | (plan > 60)
    assert np.corrcoef(plan[body], day[body])[0, 1] > 0.5
    reader["mix"].select_option("checker")
    board = grey(reader)
    from_day, from_plan = np.abs(board - day) < 2, np.abs(board - plan) < 2
    assert (from_day | from_plan).mean() > 0.9
    differs = apart > 40
    assert 0.15 < from_plan[differs].mean() < 0.85
    reader["tile"].fill("10")
    assert (grey(reader) != board).any()
    reader["mix"].select_option("daily")
    assert (grey(reader) == day).all()
    assert scan.hu_zyx.shape[0] == reader.state("slices")


def test_planned_outlines_are_dashed_beside_the_carried_ones(reader):
    reader["show-none"].click()
    reader["crosshair"].uncheck()
    reader["show-Parotid_L"].check()
    reader.select("Parotid_L")
    with_plan = reader.picture("axial").astype(int)
    reader["planned-shown"].uncheck()
    without = reader.picture("axial").astype(int)
    changed = np.abs(with_plan - without).sum(axis=-1) > 30
    assert 10 < changed.sum() < 3000
    rows, columns = np.nonzero(changed)
    box = reader["view-axial"].bounding_box()
    x, y = np.subtract(reader.place("axial", reader.state("cursor")), (box["x"], box["y"]))
    (right, down), (left, up) = (
        reader.place("axial", reader.state("cursor") + np.array(by)) for by in ((0, 6, 6), (0, -6, -6))
    )
    assert abs(np.median(columns) - x) < abs(right - left)
    assert abs(np.median(rows) - y) < abs(down - up)


@pytest.mark.parametrize("style", ["arrows", "heat"])
def test_the_displacement_is_drawn_with_its_legend(reader, style):
    reader["show-none"].click()
    reader["planned-shown"].uncheck()
    reader["crosshair"].uncheck()
    plain = reader.picture("axial").astype(int)
    reader["displacement"].select_option(style)
    expect(reader["displacement-legend"]).to_contain_text("mm")
    most_mm = int(re.search(r"(\d+) mm", reader["displacement-legend"].inner_text())[1])
    assert 1 <= most_mm < 60
    drawn = reader.picture("axial").astype(int)
    assert (np.abs(drawn - plain).sum(axis=-1) > 30).sum() > 300
    assert np.ptp(drawn, axis=-1).max() > 80
    reader["displacement"].select_option("none")
    assert (reader.picture("axial") == plain).all()
    assert reader.faults() == []


def test_a_fraction_can_be_edited_and_signed_like_a_plan(reader):
    reader.select("Parotid_L")
    reader["nudge-A"].click()
    reader.wait_for_revision(1)
    reader["approve"].click()
    reader["reason-EDITED"].check()
    reader["decision-password"].fill(PASSWORD)
    reader["decision-sign"].click()
    expect(reader["state"]).to_have_text("Approved")
    reader["to-worklist"].click()
    expect(reader["filter-approved"]).to_contain_text(re.compile("[1-9]"))
