"""The review page on a series of 300 slices: how soon the first image is there, and how fast one scrolls.

    python ops/benchmarks/review_page.py [--slices 300] [--rounds 3] [--json FILE]

A synthetic head and neck of 512 x 512 pixels with its true structures lies in a real store behind a real server; each
round is a new Chromium (Debian's, without a graphics card), signed in at the work list. First image: from
the click on the case to the axial picture. All slices: until every slice is decoded. Scrolling: 100 turns of the mouse
wheel upwards through slices that were not on the screen before, each sent when the slice before is on the screen; a
frame counts when the axial view has rendered a new slice, and the time is that of requestAnimationFrame. As peer,
Cornerstone3D's own stack viewport with its own DICOM loader scrolls through the same files in the same browser, where
the page's node_modules are there (npm ci in contour/review/web); it draws no outlines, no other planes and no panels.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import http.server
import itertools
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
WEB = ROOT / "contour" / "review" / "web"
CHROMIUM = "/usr/bin/chromium"
WAYS = {
    "": ["--no-sandbox", "--enable-unsafe-swiftshader"],
    ", composited by SwiftShader": [
        *("--no-sandbox", "--enable-unsafe-swiftshader", "--use-angle=swiftshader", "--ignore-gpu-blocklist"),
    ],
}
"""What Chromium is told: by itself without a graphics card it puts pages together in plain software, which is quick."""
NAMES = ("External", "Brain", "Brainstem", "SpinalCord", "Parotid_L", "Parotid_R", "Bone_Mandible", "Larynx", "GTVp")
MOST_FIRST_IMAGE_S = 2.0
LEAST_FRAMES_PER_S = 20.0
OURS, PEER = "contour", "Cornerstone3D's stack viewport"
TURNS = 100
PAGE = 10
"""Slices that PageUp goes over."""
WAIT_S = 180.0

SCROLL = """async (turns) => {
    const view = document.querySelector(SELECTOR);
    const box = view.getBoundingClientRect();
    const shown = () => SHOWN;
    const turn = (deltaY) => view.dispatchEvent(new WheelEvent('wheel', {
        deltaY, clientX: box.x + 90, clientY: box.y + 90, bubbles: true, cancelable: true }));
    const start = await new Promise(requestAnimationFrame);
    const stamps = [start];
    let seen = shown();
    for (let n = 0; n < turns; n++) {
        turn(-100);
        for (;;) {
            const now = await new Promise(requestAnimationFrame);
            if (now - start > 60000) throw new Error(`stuck after ${stamps.length} frames`);
            if (shown() !== seen) { seen = shown(); stamps.push(now); break; }
        }
    }
    return stamps;
}"""

PEER_PAGE = """<!doctype html><meta charset=utf-8><link rel="icon" href="data:,">
<div id=view style="width:960px;height:800px"></div><script type=module src=/peer.js></script>"""

PEER_SCRIPT = """
import { init as initCore, RenderingEngine, Enums, utilities } from "@cornerstonejs/core";
import { init as initLoader } from "@cornerstonejs/dicom-image-loader";
const t0 = performance.now();
await initCore(); await initLoader({ maxWebWorkers: 1 });
const given = new URLSearchParams(location.search);
const [count, first] = [Number(given.get("slices")), Number(given.get("first"))];
const ids = Array.from({ length: count }, (_, k) => `wadouri:${location.origin}/ct/${k}.dcm`);
const element = document.getElementById("view");
const engine = new RenderingEngine("peer");
engine.enableElement({ viewportId: "peer", type: Enums.ViewportType.STACK, element });
const viewport = engine.getViewport("peer");
window.peer = { shown: "", firstMs: null, ready: false };
element.addEventListener(Enums.Events.IMAGE_RENDERED, () => {
  window.peer.shown = viewport.getCurrentImageId();
  window.peer.firstMs ??= performance.now();
});
await viewport.setStack(ids, first);
viewport.setProperties({ voiRange: { lower: -160, upper: 240 } });
viewport.render();
let at = first, busy = Promise.resolve();
element.addEventListener("wheel", (event) => { event.preventDefault(); at += event.deltaY < 0 ? 1 : -1;
  busy = busy.then(() => viewport.setImageIdIndex(at)); }, { passive: false });
const { imageLoader } = await import("@cornerstonejs/core");
await Promise.all(ids.map((id) => imageLoader.loadAndCacheImage(id)));
window.peer.allMs = performance.now();
window.peer.ready = true;
"""


def machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":", 1)[1].strip() for line in lines if "model name" in line), platform.processor())
    load = os.getloadavg()[0]
    return f"{len(os.sched_getaffinity(0))} cores, {model}; load average before the run {load:.1f}"


@contextlib.contextmanager
def clinic(folder: Path, slices: int) -> Iterator[tuple[str, Path, str, str]]:
    """A server with one case: its address, the folder of slices, and name and password of somebody who may look."""
    from contour.jobs.changes import Changes
    from contour.jobs.review_values import ReviewRules
    from contour.phantom import PhantomSettings, write_phantom
    from contour.review.config import ReviewConfig
    from contour.review.page import review_page
    from tests.review_bench import PASSWORD, ReviewBench

    settings = PhantomSettings(shape_zyx=(slices, 512, 512), spacing_zyx_mm=(375.0 / slices, 0.9765625, 0.9765625))
    files = write_phantom(folder / "patient", 1, settings)
    bench = ReviewBench(folder=folder)
    try:
        bench.finish_plan(bench.queue_plan(files), files, NAMES)
        with review_page(ReviewConfig(listen="127.0.0.1:0"), ReviewRules(), bench.store, Changes()) as url:
            yield url, files.ct_folder, "dora", PASSWORD
    finally:
        bench.close()


def turns_in(slices: int) -> int:
    """How many slices are scrolled through."""
    return min(TURNS, slices // 2)


def first_of(slices: int) -> int:
    """The slice that scrolling starts from."""
    return (slices - turns_in(slices)) // 2


def wait_for(page: Page, true: str) -> float:
    """Seconds until a JavaScript expression is true; asked every 10 ms, for the page's policy forbids eval."""
    started = time.perf_counter()
    while not page.evaluate(true):
        if time.perf_counter() - started > WAIT_S:
            raise TimeoutError(f"waited {WAIT_S:g} s for {true}")
        page.wait_for_timeout(10)
    return time.perf_counter() - started


def frames_per_s(page: Page, selector: str, shown: str, turns: int) -> dict[str, float]:
    script = SCROLL.replace("SELECTOR", repr(selector)).replace("SHOWN", shown)
    stamps = page.evaluate(script, turns)
    steps = [after - before for before, after in itertools.pairwise(stamps)]
    return {
        "frames_per_s": 1000 * len(steps) / (stamps[-1] - stamps[0]),
        "longest_frame_ms": max(steps),
    }


def measure_ours(browser: Browser, url: str, name: str, password: str) -> dict[str, float]:
    context = browser.new_context(viewport={"width": 1600, "height": 950})
    page = context.new_page()
    page.goto(url)
    page.get_by_test_id("sign-in-name").fill(name)
    page.get_by_test_id("sign-in-password").fill(password)
    page.get_by_test_id("sign-in-submit").click()
    link = page.locator("[data-testid=worklist-row] a").first
    link.wait_for(timeout=1000 * WAIT_S)
    started = time.perf_counter()
    link.click()
    wait_for(page, "window.contourReview !== undefined && contourReview.firstImageMs !== null")
    told_s, seen_s = page.evaluate("contourReview.firstImageMs") / 1000, time.perf_counter() - started
    wait_for(page, "contourReview.loadedSlices === contourReview.slices")
    all_s = time.perf_counter() - started
    wait_for(page, f"contourReview.surfaces === {len(NAMES)}")
    page.wait_for_timeout(500)
    renderer = page.evaluate("contourReview.renderer")
    slices = page.evaluate("contourReview.slices")
    page.keyboard.press("End")
    for _ in range(first_of(slices) // PAGE):
        page.keyboard.press("PageUp")
    wait_for(page, f"contourReview.k === {first_of(slices) // PAGE * PAGE}")
    page.wait_for_timeout(500)
    found = frames_per_s(page, "[data-testid=view-axial]", "contourReview.frames", turns_in(slices))
    context.close()
    return {"first_image_s": seen_s, "first_image_told_s": told_s, "all_slices_s": all_s, **found, "renderer": renderer}


@contextlib.contextmanager
def peer_site(folder: Path, ct_folder: Path) -> Iterator[str]:
    """Cornerstone3D's own stack viewer and the slices, served from a folder."""
    site = folder / "peer"
    site.mkdir()
    (site / "index.html").write_text(PEER_PAGE)
    source = folder / "peer.mjs"
    source.write_text(PEER_SCRIPT)
    bundle = (
        "import { build } from 'esbuild'; import { cornerstonePlugin } from './bundling/cornerstone_plugin.mjs';"
        "await build({ bundle: true, minify: true, format: 'esm', target: 'es2022', plugins: [cornerstonePlugin],"
        " define: { 'process.env.NODE_ENV': '\"production\"', global: 'globalThis' }, logLevel: 'error',"
        f" nodePaths: ['node_modules'], entryPoints: {{ peer: {str(source)!r} }}, outdir: {str(site)!r} }});"
    )
    subprocess.run(["node", "--input-type=module", "-e", bundle], cwd=WEB, check=True)
    (site / "static").symlink_to(WEB.parent / "static")
    (site / "ct").mkdir()
    for k, path in enumerate(sorted(ct_folder.iterdir())):
        (site / "ct" / f"{k}.dcm").symlink_to(path)
    handler = functools.partial(QuietHandler, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Says nothing on stderr, and gives modules the type that browsers ask for."""

    extensions_map = {**http.server.SimpleHTTPRequestHandler.extensions_map, ".js": "text/javascript"}  # noqa: RUF012

    def log_message(self, *_: object) -> None:
        """Nothing."""


def measure_peer(browser: Browser, url: str, slices: int) -> dict[str, float]:
    context = browser.new_context(viewport={"width": 1600, "height": 950})
    page = context.new_page()
    page.on("pageerror", lambda error: print(f"peer: {error}", file=sys.stderr))
    page.goto(f"{url}/?slices={slices}&first={first_of(slices)}")
    wait_for(page, "window.peer !== undefined && window.peer.ready")
    first_ms, all_ms = page.evaluate("[peer.firstMs, peer.allMs]")
    found = frames_per_s(page, "#view", "peer.shown", turns_in(slices))
    context.close()
    return {"first_image_s": first_ms / 1000, "all_slices_s": all_ms / 1000, **found}


def show(name: str, rounds: list[dict[str, float]]) -> None:
    def median(figure: str) -> float:
        return statistics.median(float(one[figure]) for one in rounds)

    spread = [one["frames_per_s"] for one in rounds]
    print(
        f"| {name} | {median('first_image_s'):.2f} | {median('all_slices_s'):.1f} | {median('frames_per_s'):.1f} "
        f"({min(spread):.1f} to {max(spread):.1f}) | {median('longest_frame_ms'):.0f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--slices", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    said = machine()
    rounds: dict[str, list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as made, contextlib.ExitStack() as stack:
        folder = Path(made)
        url, ct_folder, name, password = stack.enter_context(clinic(folder, given.slices))
        with_peer = (WEB / "node_modules").is_dir()
        peer_url = stack.enter_context(peer_site(folder, ct_folder)) if with_peer else ""
        playwright = stack.enter_context(sync_playwright())
        measures = {OURS: lambda browser: measure_ours(browser, url, name, password)}
        if with_peer:
            measures[PEER] = lambda browser: measure_peer(browser, peer_url, given.slices)
        for _ in range(given.rounds):
            for (way, words), (who, measure) in itertools.product(WAYS.items(), measures.items()):
                browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=words)
                rounds.setdefault(who + way, []).append(measure(browser))
                browser.close()
    print(f"{given.slices} slices of 512 x 512, {given.rounds} rounds, medians; {said}")
    print(f"goals: first image within {MOST_FIRST_IMAGE_S:g} s, at least {LEAST_FRAMES_PER_S:g} frames/s")
    print("| | first image s | all slices s | frames/s while scrolling | longest frame ms |")
    print("|---|---|---|---|---|")
    for who, found in rounds.items():
        show(who, found)
    if not with_peer:
        print("no peer: there is no node_modules in contour/review/web (npm ci)")
    if given.json is not None:
        given.json.write_text(json.dumps({"machine": said, "rounds": rounds}, indent=1) + "\n")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
