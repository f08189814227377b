"""Editing in the review page with a real mouse, and what a crash, a lost answer or a colleague do to the edits."""

import numpy as np
import pytest
from playwright.sync_api import expect
from scipy.ndimage import label

pytest_plugins = ("tests.e2e.review_page_plugin",)


@pytest.fixture
def editor(sit_down, fresh_case):
    """A dosimetrist with a case that nobody has touched."""
    person = sit_down("dora")
    return person.open(person.review_of(fresh_case()))


def zyx(*steps):
    """An index, or so many voxels."""
    return np.array(steps, dtype=float)


def beyond(cursor):
    """A stroke from a structure's middle outwards, in voxels."""
    return [cursor, cursor + zyx(0, 2, 4), cursor + zyx(0, 3, 7)]


def scroll_up(person, slices):
    """The wheel under the mouse, which is on the axial view."""
    wanted = person.state("k") + slices
    for _ in range(slices):
        person.page.mouse.wheel(0, -100)
    person.until(f"contourReview.k === {wanted}")


def most_apart(one, other):
    """The largest difference of two pictures at a pixel, its channels added; below 200 is how edges are smoothed."""
    return np.abs(one.astype(int) - other).sum(axis=-1).max()


def square(centre, half):
    """The corners of a square in an axial slice."""
    return [
        centre + zyx(0, row * half, column * half) for row, column in ((-1, -1), (-1, 1), (1, 1), (1, -1), (-1, -1))
    ]


def mask_of(person, name):
    """A structure's voxels as the server has them now: (lower corner, voxels)."""
    answer = person.context.request.get(
        f"{person.clinic.url}api/reviews/{person.state('reviewId')}/structures/{name}/mask?source=current"
    )
    lower, shape = ([int(n) for n in answer.headers[header].split(",")] for header in ("x-lower-zyx", "x-shape-zyx"))
    bits = np.unpackbits(np.frombuffer(answer.body(), np.uint8), count=int(np.prod(shape)))
    return lower, bits.reshape(shape).astype(bool)


def holes_in(voxels_yx):
    """How many holes a slice of a structure has."""
    _, count = label(np.pad(~voxels_yx, 1, constant_values=True))
    return count - 1


def test_brush_undo_redo_eraser_and_reload(editor):
    cursor = editor.select("Parotid_L")
    before = volume(editor)
    others = {one["name"]: one["volume_ml"] for one in editor.facts()["structures"] if one["name"] != "Parotid_L"}
    editor.press("b")
    editor["brush-radius"].fill("8")
    editor["brush-radius"].blur()
    picture = editor.picture("axial")
    editor.drag("axial", beyond(cursor))
    grown = volume(editor)
    assert grown > before + 0.5
    expect(editor["message"]).to_contain_text("Saved: brush stroke of Parotid_L")
    expect(editor["state"]).to_have_text("In review")
    editor.page.mouse.move(5, 5)
    assert most_apart(editor.picture("axial"), picture) > 250
    editor.press("Control+z")
    editor.wait_for_revision(2)
    assert volume(editor) == before
    assert most_apart(editor.picture("axial"), picture) < 200
    editor["redo"].click()
    editor.wait_for_revision(3)
    assert volume(editor) == grown
    editor.press("e")
    editor.drag("axial", beyond(cursor))
    rest = volume(editor)
    assert rest < grown - 0.5
    editor.reload()
    assert editor.state("revision") == 4
    assert volume(editor) == rest
    assert {
        one["name"]: one["volume_ml"] for one in editor.facts()["structures"] if one["name"] != "Parotid_L"
    } == others
    editor["revert-Parotid_L"].click()
    editor.wait_for_revision(5)
    assert volume(editor) == before


def volume(person, name="Parotid_L"):
    return float(person[f"volume-{name}"].inner_text().removesuffix(" ml"))


def test_a_freehand_cut_makes_a_hole_that_is_still_there_after_a_reload(editor):
    cursor = editor.select("External")
    lower, voxels = mask_of(editor, "External")
    k = int(cursor[0])
    before = holes_in(voxels[k - lower[0]])
    editor.press("f")
    editor["freehand-mode"].select_option("remove")
    editor.drag("axial", square(cursor + zyx(0, 4, 6), 3))
    assert volume(editor, "External") < voxels.sum() * 5.0 * 3.9 * 4.4 / 1000 - 0.5
    for _ in range(2):
        lower, voxels = mask_of(editor, "External")
        assert holes_in(voxels[k - lower[0]]) == before + 1
        y, x = int(cursor[1]) + 4 - lower[1], int(cursor[2]) + 6 - lower[2]
        assert not voxels[k - lower[0], y, x]
        editor.reload()


def test_whole_structure_edits_do_what_they_say(editor):
    editor.select("Larynx")
    lower, before = mask_of(editor, "Larynx")
    editor["nudge-step"].fill("4.4")
    editor["nudge-L"].click()
    editor.wait_for_revision(1)
    moved_lower, moved = mask_of(editor, "Larynx")
    assert np.array(lower) + zyx(0, 0, 1) == pytest.approx(moved_lower)
    assert moved.sum() == pytest.approx(before.sum(), rel=0.02)
    editor["margin"].click()
    editor["margin-all"].fill("5")
    editor["margin-apply"].click()
    editor.wait_for_revision(2)
    assert mask_of(editor, "Larynx")[1].sum() > 1.3 * before.sum()
    grown = volume(editor, "Larynx")
    editor["smooth"].click()
    editor.wait_for_revision(3)
    assert volume(editor, "Larynx") == pytest.approx(grown, rel=0.02)
    editor.expected |= {"400"}
    combine(editor, "difference", "External")
    expect(editor["message"]).to_contain_text("The combination of Larynx was refused")
    combine(editor, "union", "Parotid_L")
    editor.wait_for_revision(4)
    assert volume(editor, "Larynx") == pytest.approx(grown + volume(editor, "Parotid_L"), rel=0.02)


def combine(person, way, other):
    person["boolean"].click()
    person[f"boolean-{way}"].check()
    person[f"boolean-other-{other}"].check()
    person["boolean-apply"].click()


def test_an_edit_whose_answer_is_lost_is_sent_again_and_applied_once(editor):
    editor.expected |= {"ERR_FAILED"}
    cursor = editor.select("Parotid_L")
    before = volume(editor)
    lost = []

    def lose(route):
        if not lost:
            lost.append(route.fetch().status)
            route.abort()
        else:
            route.continue_()

    editor.page.route("**/edits", lose)
    editor.press("b")
    editor.drag("axial", beyond(cursor))
    assert lost == [200]
    assert editor.state("revision") == 1
    once = volume(editor)
    assert once > before
    editor.press("Control+z")
    editor.wait_for_revision(2)
    assert volume(editor) == before


def test_a_server_that_is_killed_has_every_edit_that_it_acknowledged_and_gets_the_one_that_it_did_not(
    clinic, editor, sit_down
):
    editor.expected |= {
        "ERR_CONNECTION_REFUSED",
        "ERR_INCOMPLETE_CHUNKED_ENCODING",
        "ERR_CONNECTION_RESET",
        "ERR_EMPTY_RESPONSE",
    }
    cursor = editor.select("Parotid_R")
    editor.press("b")
    editor.drag("axial", beyond(cursor))
    scroll_up(editor, 1)
    editor.drag("axial", beyond(cursor))
    review_id, acknowledged = editor.state("reviewId"), volume(editor, "Parotid_R")
    clinic.kill()
    scroll_up(editor, 1)
    editor.drag("axial", beyond(cursor), until_saved=False)
    expect(editor["pending"]).to_contain_text("1 edit is being saved")
    assert editor.state("revision") == 2
    assert volume(editor, "Parotid_R") == acknowledged
    clinic.start()
    colleague = sit_down("phil").open(review_id)
    assert colleague.state("revision") >= 2
    editor.wait_for_revision(3)
    expect(editor["pending"]).to_have_count(0)
    assert volume(editor, "Parotid_R") > acknowledged + 0.2
    colleague.reload()
    assert volume(colleague, "Parotid_R") == volume(editor, "Parotid_R")
    assert clinic.contour("audit", "verify").returncode == 0


def test_a_stroke_that_was_not_saved_survives_a_reload_of_the_page(editor):
    editor.expected |= {"ERR_FAILED"}
    cursor = editor.select("Parotid_L")
    before = volume(editor)
    editor.page.route("**/edits", lambda route: route.abort())
    editor.press("b")
    editor.drag("axial", beyond(cursor), until_saved=False)
    expect(editor["pending"]).to_be_visible()
    editor.page.unroute_all()
    editor.page.route("**/edits", lambda route: route.abort(), times=1)
    editor.reload()
    editor.wait_for_revision(1)
    assert volume(editor) > before


def test_two_people_on_one_case_cannot_overwrite_each_other_silently(editor, sit_down):
    review_id = editor.state("reviewId")
    colleague = sit_down("phil").open(review_id)
    colleague.expected |= {"409"}
    cursor = colleague.select("Parotid_L")
    colleague.press("b")
    editor.select("Parotid_L")
    editor.press("b")
    editor.drag("axial", beyond(cursor))
    hers, her_mask = volume(editor), mask_of(editor, "Parotid_L")[1]
    expect(colleague["changed-by"]).to_contain_text("dora has changed this case meanwhile")
    colleague.drag("axial", [cursor, cursor - zyx(0, 3, 5)], until_saved=False)
    dialog = colleague["conflict-dialog"]
    expect(dialog).to_contain_text("dora has changed this case meanwhile")
    expect(dialog).to_contain_text("brush stroke of Parotid_L")
    assert colleague.faults() == []
    assert np.array_equal(mask_of(colleague, "Parotid_L")[1], her_mask)
    colleague["conflict-load"].click()
    expect(colleague["conflict-discard"]).to_be_visible()
    assert volume(colleague) == hers
    colleague["conflict-discard"].click()
    expect(dialog).to_have_count(0)
    assert colleague.state("revision") == 1
    colleague.drag("axial", [cursor, cursor - zyx(0, 3, 5)])
    assert volume(colleague) > hers
    expect(editor["changed-by"]).to_contain_text("phil")
    editor.expected |= {"409"}
    scroll_up(editor, 1)
    editor.drag("axial", beyond(cursor), until_saved=False)
    editor["conflict-load"].click()
    editor["conflict-apply"].click()
    editor.wait_for_revision(3)
    assert volume(editor) >= volume(colleague)
    colleague["reload-case"].click()
    colleague.wait_for_revision(3)
    assert np.array_equal(mask_of(colleague, "Parotid_L")[1], mask_of(editor, "Parotid_L")[1])
    assert volume(colleague) == volume(editor)
