"""Draws the README's pictures of the review page: the work list, and a case with an edited parotid.

    python ops/readme/review_pictures.py

Three synthetic patients with their true structures, in a real store behind a real page, in Debian's Chromium.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
SIZE = {"width": 1600, "height": 900}


def main() -> None:
    from playwright.sync_api import sync_playwright

    from contour.jobs.changes import Changes
    from contour.jobs.review_values import ReviewRules
    from contour.phantom import PhantomSettings, write_phantom
    from contour.review.config import ReviewConfig
    from contour.review.page import review_page
    from tests import phantoms
    from tests.e2e.review_browser import CHROMIUM, CHROMIUM_WORDS
    from tests.review_bench import PASSWORD, ReviewBench

    fine = PhantomSettings(shape_zyx=(100, 512, 512), spacing_zyx_mm=(3.0, 0.9765625, 0.9765625))
    with tempfile.TemporaryDirectory() as made, sync_playwright() as playwright:
        folder = Path(made)
        bench = ReviewBench(folder=folder)
        bench.person("mary")
        for seed, settings in ((3, phantoms.COARSE), (2, phantoms.COARSE), (1, fine)):
            files = write_phantom(folder / str(seed), seed, settings)
            names = tuple(one.name for one in files.phantom.structures if not one.is_empty)
            job = bench.queue_plan(files)
            bench.finish_plan(job, files, names)
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(CHROMIUM_WORDS))
        with review_page(ReviewConfig(listen="127.0.0.1:0"), ReviewRules(), bench.store, Changes()) as url:
            page = browser.new_page(viewport=SIZE, locale="en-GB")
            page.set_default_timeout(120_000)
            page.goto(url)
            page.get_by_test_id("sign-in-name").fill("mary")
            page.get_by_test_id("sign-in-password").fill(PASSWORD)
            page.get_by_test_id("sign-in-submit").click()
            rows = page.get_by_test_id("worklist-row")
            rows.nth(2).wait_for()
            page.wait_for_timeout(1000)
            page.screenshot(path=str(HERE / "review_worklist.png"))
            rows.filter(has_text=job.job_id[:8]).get_by_role("link").click()
            _edit_parotid(page)
            page.screenshot(path=str(HERE / "review_case.png"))
        browser.close()
        bench.close()


def _edit_parotid(page) -> None:
    def until(true: str) -> None:
        while not page.evaluate(true):
            page.wait_for_timeout(100)

    until("window.contourReview && contourReview.loadedSlices === contourReview.slices && contourReview.surfaces > 8")
    page.get_by_test_id("select-Parotid_L").click()
    page.get_by_test_id("jump-Parotid_L").click()
    page.keyboard.press("b")
    page.wait_for_timeout(1000)
    middle = page.evaluate("contourReview.cursor")
    box = page.get_by_test_id("view-axial").bounding_box()
    places = [
        page.evaluate(f"contourReview.toCanvas('axial', {[middle[0], middle[1] + down, middle[2] + left]})")
        for down, left in ((0, 0), (10, 6), (22, 8))
    ]
    page.mouse.move(box["x"] + places[0][0], box["y"] + places[0][1])
    page.mouse.down()
    for x, y in places[1:]:
        page.mouse.move(box["x"] + x, box["y"] + y, steps=5)
    page.mouse.up()
    until("contourReview.revision === 1 && contourReview.pendingEdits === 0")
    page.wait_for_timeout(3000)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
