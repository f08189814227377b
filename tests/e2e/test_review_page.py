"""Looking at cases in the review page, as a person does, in a real browser before a real server."""

import re
from io import BytesIO

import numpy as np
import pydicom
import pytest
from playwright.sync_api import expect

from tests.e2e.review_browser import PASSWORD
from tests.e2e.review_scan import Placing, Scan, along, contours_xyz_mm

pytest_plugins = ("tests.e2e.review_page_plugin",)

WINDOWS = {"1": (40, 400), "2": (-600, 1500), "3": (400, 1800), "4": (40, 80)}
EDGE_PX = 60
"""Where the letters are."""
LETTERS = {"axial": "RLAP", "coronal": "RLSI", "sagittal": "APSI"}


@pytest.fixture(scope="module")
def scan(coarse_series):
    return Scan(coarse_series.ct_paths)


@pytest.fixture(scope="module")
def job_id(fresh_case):
    """A case that these tests look at and leave as it is."""
    return fresh_case()


@pytest.fixture
def reader(sit_down, job_id):
    """A physicist who has the case on the screen."""
    person = sit_down("phil")
    return person.open(person.review_of(job_id))


def bare(person):
    """Nothing over the pictures but their letters."""
    person["show-none"].click()
    person["crosshair"].uncheck()


def placing(person, scan, plane="axial"):
    """Where the cursor's voxel is in a view, and the view's scale, whatever way round."""
    cursor = np.array(person.state("cursor"), dtype=float)
    box = person[f"view-{plane}"].bounding_box()
    here = np.array(person.place(plane, cursor))
    step = np.array((0, 10, 0) if plane == "axial" else (10, 0, 0))
    mm = np.linalg.norm(scan.point(cursor + step) - scan.point(cursor))
    scale = np.linalg.norm(np.array(person.place(plane, cursor + step)) - here) / mm
    return Placing(plane, scan.point(cursor), here - (box["x"], box["y"]), float(scale))


def test_a_wrong_password_opens_nothing_and_the_right_one_opens_the_work_list(sit_down):
    person = sit_down()
    assert person.faults() == []
    person.sign_in("mary", "not-her-password")
    expect(person["sign-in-error"]).to_have_text("Name or password is wrong")
    expect(person["worklist"]).to_have_count(0)
    person.sign_in("mary", PASSWORD)
    expect(person["worklist"]).to_be_visible()
    expect(person["who"]).to_have_text("Mary Test, physician")
    person["sign-out"].click()
    expect(person["sign-in-form"]).to_be_visible()
    person.page.reload()
    expect(person["sign-in-form"]).to_be_visible()


def test_a_service_account_does_not_get_in_to_look(sit_down):
    person = sit_down()
    person.sign_in("tps", "whatever-it-may-be")
    expect(person["sign-in-error"]).to_have_text("Name or password is wrong")


def test_the_work_list_puts_the_riskiest_first_says_why_and_can_be_filtered(sit_down, review_template):
    person = sit_down("phil")
    rows = person["worklist-row"]
    expect(rows.first).to_be_visible()
    priorities = [float(text) for text in rows.locator("td:first-child").all_inner_texts()]
    assert len(priorities) == len(review_template.plans) + 1
    assert priorities == sorted(priorities, reverse=True)
    assert all(text.strip() for text in rows.locator("td.why").all_inner_texts())
    person["filter-why"].fill("larynx 17")
    expect(rows).to_have_count(1)
    expect(rows.locator(".verdict")).to_have_text(re.compile("LOOK|PASS"))
    person["filter-why"].fill("PTV_High is a proposal")
    expect(rows).to_have_count(len(review_template.plans))
    person["filter-why"].fill("")
    person["filter-priority"].fill("100000")
    expect(rows).to_have_count(0)
    person["filter-priority"].fill("0")
    for state in ("new", "in_review"):
        person[f"filter-{state}"].click()
    person["filter-rejected"].click()
    person.wait(lambda: rows.count() == sum(one["state"] == "rejected" for one in person.ask("/api/worklist")["items"]))
    assert person.faults() == []
    expect(person["job-row"].first).to_contain_text("Succeeded")


@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
def test_each_plane_shows_the_scan_in_the_radiological_convention(reader, scan, plane):
    bare(reader)
    if plane != "axial":
        reader[f"enlarge-{plane}"].click()
        reader.page.wait_for_timeout(300)
    reader["fit"].click()
    sides = [reader[f"letter-{plane}-{side}"].inner_text() for side in ("left", "right", "top", "bottom")]
    assert "".join(sides) == LETTERS[plane]
    picture = reader.picture(plane)
    grey = picture.mean(axis=-1)
    points = scan.around(plane, reader.state("cursor"), 40)
    places = np.rint(placing(reader, scan, plane).to_view(points)).astype(int)
    inside = ((places > 40) & (places < np.array(grey.shape[::-1]) - 40)).all(axis=1)
    expected = np.clip((scan.hu_at(points[inside]) + 160) / 400 * 255, 0, 255)
    columns, rows = places[inside].T
    middle = np.rint([columns.mean(), rows.mean()]).astype(int)
    assert expected.std() > 40
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 50
    away = np.abs(grey[rows, columns] - expected).mean()
    mirrored, upside_down = (
        np.abs(other - expected).mean()
        for other in (
            grey[rows, (2 * middle[0] - columns).clip(0, grey.shape[1] - 1)],
            grey[(2 * middle[1] - rows).clip(0, grey.shape[0] - 1), columns],
        )
    )
    assert away < 15, (away, mirrored, upside_down)
    assert away < 0.7 * min(mirrored, upside_down), (away, mirrored, upside_down)


@pytest.mark.parametrize("name", ["Parotid_L", "Parotid_R", "Bone_Mandible"])
def test_outlines_lie_where_the_file_has_them(reader, scan, name):
    bare(reader)
    reader[f"show-{name}"].check()
    reader["fill-opacity"].fill("0")
    reader["fit"].click()
    cursor = reader.select(name)
    picture = reader.picture("axial").astype(int)
    colour = next(one["colour"] for one in reader.facts()["structures"] if one["name"] == name)
    is_outline = np.abs(picture - colour).sum(axis=-1) < 90
    is_outline[:EDGE_PX] = is_outline[-EDGE_PX:] = is_outline[:, :EDGE_PX] = is_outline[:, -EDGE_PX:] = False
    rows, columns = np.nonzero(is_outline)
    assert len(rows) > 30
    drawn = placing(reader, scan).to_patient(np.stack([columns, rows], axis=1) + 0.5)
    file = pydicom.dcmread(BytesIO(reader.fetch("file?source=original")))
    z_mm = scan.point(cursor)[2]
    contours = [one for one in contours_xyz_mm(file, name) if abs(one[0, 2] - z_mm) < 0.1]
    wanted = along(contours)[:, :2]
    apart = np.linalg.norm(drawn[:, None] - wanted[None], axis=-1)
    assert apart.min(axis=1).max() < 5.0
    assert apart.min(axis=0).max() < 5.0
    if name.startswith("Parotid"):
        assert (np.median(columns) > picture.shape[1] / 2) == name.endswith("_L")


def test_keys_1_to_4_change_the_window_and_the_picture_follows(reader, scan):
    bare(reader)
    reader["fit"].click()
    points = scan.around("axial", reader.state("cursor"), 25)
    columns, rows = np.rint(placing(reader, scan).to_view(points)).astype(int).T
    inside = (columns > EDGE_PX) & (columns < reader.picture("axial").shape[1] - EDGE_PX)
    points, columns, rows = points[inside], columns[inside], rows[inside]
    for key, (level, width) in reversed(WINDOWS.items()):
        reader.press(key)
        expect(reader["window-text"]).to_have_text(f"L {level} W {width}")
        expect(reader[f"window-{key}"]).to_have_attribute("aria-pressed", "true")
        grey = reader.picture("axial").mean(axis=-1)
        expected = np.clip((scan.hu_at(points) - level + width / 2) / width * 255, 0, 255)
        assert np.corrcoef(grey[rows, columns], expected)[0, 1] > 0.85, key
        assert abs(grey[rows, columns].mean() - expected.mean()) < 12, key


def test_the_wheel_scrolls_by_one_slice_and_the_others_follow(reader):
    before, picture = reader.state("k"), reader.picture("axial")
    reader.move("axial", reader.state("cursor"))
    reader.page.mouse.wheel(0, -100)
    reader.until(f"contourReview.k === {before + 1}")
    expect(reader["slice-axial"]).to_contain_text(f"Axial {before + 2}/60")
    assert (reader.picture("axial") != picture).any()
    for _ in range(3):
        reader.page.mouse.wheel(0, 100)
    reader.until(f"contourReview.k === {before - 2}")
    reader.move("coronal", reader.state("cursor"))
    row = reader.state("cursor")[1]
    reader.page.mouse.wheel(0, -100)
    reader.until(f"contourReview.cursor[1] === {row - 1}")


def test_a_zoomed_and_moved_view_still_tells_the_truth_about_places(reader, scan):
    cursor = reader.select("Parotid_L")
    reader.move("axial", cursor)
    before = placing(reader, scan).px_per_mm
    reader.page.keyboard.down("Control")
    for _ in range(6):
        reader.page.mouse.wheel(0, -100)
    reader.page.keyboard.up("Control")
    reader.wait(lambda: placing(reader, scan).px_per_mm > 1.9 * before)
    x, y = reader.place("axial", cursor)
    reader.page.mouse.down(button="middle")
    reader.page.mouse.move(x + 60, y - 45, steps=5)
    reader.page.mouse.up(button="middle")
    reader.wait(lambda: np.hypot(*np.subtract(reader.place("axial", cursor), (x + 60, y - 45))) < 3)
    check_readout(reader, scan, "axial", cursor)
    reader.press("0")
    reader.wait(lambda: placing(reader, scan).px_per_mm < 1.1 * before)


@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
def test_hu_under_the_cursor_are_those_of_the_dicom_pixel_there(reader, scan, plane):
    cursor = np.array(reader.state("cursor"))
    normal = ["axial", "coronal", "sagittal"].index(plane)
    for offset in ((0, 0, 0), (5, -9, 7), (-6, 8, -11)):
        check_readout(reader, scan, plane, cursor + np.where(np.arange(3) == normal, 0, offset))


def check_readout(person, scan, plane, index):
    person.move(plane, index)
    said = re.fullmatch(
        r"([LR]) ([\d.]+)\s+([PA]) ([\d.]+)\s+([SI]) ([\d.]+) mm\s+(-?\d+) HU", person["readout"].inner_text()
    )
    assert said, person["readout"].inner_text()
    point = np.array([float(said[n + 1]) * (1 if said[n] in "LPS" else -1) for n in (1, 3, 5)])
    assert np.abs(point - scan.point(index)).max() < 2.5
    assert int(said[7]) == scan.hu_at(point)


def test_jumps_go_to_a_structure_to_what_needs_a_look_and_to_the_must_look_region(reader):
    facts = reader.facts()
    parotid = next(one for one in facts["structures"] if one["name"] == "Parotid_R")
    reader["jump-Parotid_R"].click()
    reader.wait(lambda: reader.state("k") in parotid["slices"])
    assert facts["looks"]
    for look in facts["looks"][:2]:
        reader.press("n")
        expect(reader["message"]).to_contain_text(f"{look['structure']}, slice {look['k'] + 1}")
        assert reader.state("k") == look["k"]
        assert reader.state("activeStructure") == look["structure"]
    region = next(one for one in facts["structures"] if one["look_of"])
    reader["next-region"].click()
    expect(reader["message"]).to_contain_text(f"Must-look region of {region['look_of']}")
    assert reader.state("k") in region["slices"]


def test_hidden_structures_are_not_drawn_and_surfaces_appear(reader):
    names = [one["name"] for one in reader.facts()["structures"] if one["slices"]]
    reader.until(f"contourReview.surfaces === {len(names)}")
    assert len(np.unique(reader.picture("surfaces").reshape(-1, 3), axis=0)) > 100
    reader["crosshair"].uncheck()
    shown = reader.picture("axial").astype(int)
    reader["show-none"].click()
    hidden = reader.picture("axial").astype(int)
    coloured = [np.ptp(picture[EDGE_PX:-EDGE_PX, EDGE_PX:-EDGE_PX], axis=-1).max() for picture in (shown, hidden)]
    assert coloured[0] > 60
    assert coloured[1] == 0


def test_no_dialog_and_no_page_has_a_serious_fault_of_accessibility(reader):
    reader["select-Larynx"].click()
    assert reader.faults() == []
    for opener in ("margin", "boolean", "approve", "reject"):
        reader[opener].click()
        expect(reader.page.locator("dialog[open]")).to_be_visible()
        assert reader.faults() == [], opener
        reader.press("Escape")
        expect(reader.page.locator("dialog[open]")).to_have_count(0)


def test_the_keyboard_alone_signs_in_opens_a_case_and_reaches_every_control(sit_down, job_id):
    person = sit_down()
    expect(person["sign-in-name"]).to_be_focused()
    person.page.keyboard.type("phil")
    person.press("Tab")
    person.page.keyboard.type(PASSWORD)
    person.press("Enter")
    expect(person["worklist"]).to_be_visible()
    review_id = person.review_of(job_id)
    expect(person[f"open-{review_id}"]).to_be_visible()
    tab_to(person, f"open-{review_id}")
    person.press("Enter")
    person.wait_for_case()
    reached = tab_to(person, "download-original")
    wanted = [
        *("show-Parotid_L", "select-Parotid_L", "jump-Parotid_L", "tool-brush", "window-3", "next-look"),
        *("fill-opacity", "fit", "nudge-L", "margin", "boolean", "smooth", "approve", "reject"),
    ]
    assert [name for name in wanted if name in reached] == wanted
    assert sorted(reached.index(name) for name in wanted) == [reached.index(name) for name in wanted]
    person["select-Parotid_L"].focus()
    person.press("Space")
    assert person.state("activeStructure") == "Parotid_L"
    k = person.state("k")
    person.press("PageUp")
    person.until(f"contourReview.k === {k + 10}")
    person.press("b")
    assert person.state("tool") == "brush"


def tab_to(person, test_id, most=150):
    """Presses Tab until the focus is there; the test ids on the way."""
    seen = []
    for _ in range(most):
        person.press("Tab")
        focused, outlined = person.page.evaluate(
            "[document.activeElement.dataset.testid, document.activeElement.matches(':focus-visible')]"
        )
        seen.append(focused)
        assert outlined
        if focused == test_id:
            return seen
    raise AssertionError(f"{test_id} is not reached by the keyboard, only {seen}")
