"""A clinic with a real server and its review page, and people who use it in a real Chromium."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from axe_playwright_python.sync_playwright import Axe
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Dialog, Locator, Page, expect

from contour.client import ContourClient
from contour.store.people import open_people
from contour.store.roles import Role
from tests.e2e.server_process import ROOT, free_port

PASSWORD = "seven-odd-oranges"
PEOPLE = {"dora": "dosimetrist", "phil": "physicist", "mary": "physician", "ada": "administrator", "tps": "service"}
CHROMIUM = Path("/usr/bin/chromium")
CHROMIUM_WORDS = ("--no-sandbox", "--enable-unsafe-swiftshader")
"""It draws without a graphics card, WebGL as well, as it does by itself on a machine that has none."""
SIZE = {"width": 1600, "height": 950}
PATIENCE_S = 60.0
_READY = re.compile(r"contour is ready: gRPC on (\S+), metrics on \S+, review page on (\S+)\n")
_TELL_CSP = """document.addEventListener('securitypolicyviolation', (event) =>
    console.error(`CSP refused ${event.violatedDirective}: ${event.blockedURI}`))"""
_NETWORK = re.compile(r"Failed to load resource: (?:the server responded with a status of (\d+)|net::(ERR_\w+))")

expect.set_options(timeout=1000 * PATIENCE_S)


@dataclass
class Clinic:
    """A data folder, the command line on it, and `contour serve` as it runs. The page keeps its address."""

    folder: Path
    review: dict[str, Any] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None

    def __post_init__(self) -> None:
        settings = {"listen": f"127.0.0.1:{free_port()}", **self.review}
        lines = [
            f"{key} = {str(value).lower() if value in (True, False) else repr(value)}"
            for key, value in settings.items()
        ]
        self.config = self.folder / "contour.toml"
        self.config.write_text(
            "\n".join(
                [
                    'listen = "127.0.0.1:0"',
                    'metrics = "127.0.0.1:0"',
                    'data = "data"',
                    "grace_s = 2.0",
                    "[review]",
                    *lines,
                ]
            )
        )
        self.url = f"http://{settings['listen']}/"

    @property
    def data(self) -> Path:
        """What the server keeps."""
        return self.folder / "data"

    @classmethod
    def copy_of(cls, other: Path, folder: Path, **review: Any) -> Clinic:
        """A clinic that goes on from the data of one that is closed."""
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copytree(other, folder / "data")
        return cls(folder, review)

    def contour(self, *words: str, said: str = "") -> subprocess.CompletedProcess[str]:
        """`contour ...` with this clinic's configuration."""
        command = [sys.executable, "-c", "from contour.cli import main; main()", *words, "--config", str(self.config)]
        return subprocess.run(
            command, input=said, capture_output=True, text=True, cwd=self.folder, env=_env(), timeout=120, check=False
        )

    def add_people(self) -> None:
        """Everybody of PEOPLE, with the same password: the first by the command line, the others as it does it."""
        (first, role), *others = PEOPLE.items()
        words = ["user", "add", first, "--role", role, "--full-name", f"{first.title()} Test", "--password-stdin"]
        done = self.contour(*words, said=PASSWORD + "\n")
        assert done.returncode == 0, done.stderr
        with open_people(self.data, clock_s=time.time) as people:
            for name, role in others:
                people.accounts.create(name, Role(role), PASSWORD, full_name=f"{name.title()} Test")

    def client(self) -> ContourClient:
        """A planning system that has a token."""
        made = self.contour("user", "token", "tps")
        assert made.returncode == 0, made.stderr
        return ContourClient(self.grpc, token=made.stdout.strip(), patience_s=120.0)

    def start(self) -> Clinic:
        """Run the server; returns when it says that it is ready."""
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", "from contour.cli import main; main()", "serve", "--config", str(self.config)],
                stdout=subprocess.PIPE, stderr=log, text=True, cwd=self.folder, env=_env(),
            )  # fmt: skip
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        found = _READY.fullmatch(line)
        assert found, line + self.log()[-3000:]
        self.grpc = found[1]
        assert found[2].rstrip("/") == self.url.rstrip("/")
        return self

    def kill(self) -> None:
        """As a power cut would: no time for anything."""
        if self.process is not None:
            self.process.kill()
            self._reap()

    def end(self) -> None:
        """Ask it to stop, and see that it does."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            finally:
                self.kill()
        elif self.process is not None:
            self._reap()

    def log(self) -> str:
        """What the server wrote to stderr."""
        return (self.folder / "log").read_text(encoding="utf-8")

    def _reap(self) -> None:
        assert self.process is not None
        self.process.wait(10)
        if self.process.stdout is not None:
            self.process.stdout.close()
        self.process = None


def _env() -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CONTOUR_")}
    return clean | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


@dataclass
class Person:
    """Somebody at a screen: a browser context of their own, one page, and what the browser complained about."""

    clinic: Clinic
    context: BrowserContext
    page: Page
    complaints: list[str] = field(default_factory=list)
    expected: set[str] = field(default_factory=lambda: {"401"})

    @classmethod
    def at(cls, clinic: Clinic, browser: Browser) -> Person:
        """Sits down before the page, not signed in. 401 is what a page that asks who it is gets."""
        context = browser.new_context(viewport=SIZE, locale="en-GB", accept_downloads=True)
        context.set_default_timeout(1000 * PATIENCE_S)
        context.add_init_script(_TELL_CSP)
        person = cls(clinic, context, context.new_page())
        person.page.on("console", lambda message: person._hear(message.type, message.text))
        person.page.on("pageerror", lambda error: person.complaints.append(str(error)))
        person.page.on("dialog", _leave)
        person.page.goto(clinic.url)
        return person

    def _hear(self, kind: str, text: str) -> None:
        network = _NETWORK.search(text)
        if kind == "error" and not (network and (network[1] or network[2]) in self.expected):
            self.complaints.append(text)

    def __getitem__(self, test_id: str) -> Locator:
        return self.page.get_by_test_id(test_id)

    def sign_in(self, name: str, password: str = PASSWORD) -> Person:
        """Types name and password."""
        self["sign-in-name"].fill(name)
        self["sign-in-password"].fill(password)
        self["sign-in-submit"].click()
        return self

    def open(self, review_id: str, *, masks: bool = True) -> Person:
        """Clicks a case of the work list; returns when all images, and its outlines, are there."""
        self[f"open-{review_id}"].click()
        self.wait_for_case(masks=masks)
        return self

    def wait_for_case(self, *, masks: bool = True) -> None:
        """Until the case is on the screen."""
        self.until("window.contourReview && contourReview.loadedSlices === contourReview.slices")
        if masks:
            rows = self["structures"].locator("> li").count()
            self.until(f"contourReview.masksLoaded >= {rows}")

    def until(self, true: str, limit_s: float = PATIENCE_S) -> None:
        """Waits until a JavaScript expression is true; by asking, for the page's policy forbids it eval."""
        self.wait(lambda: bool(self.page.evaluate(true)), limit_s, what=true)

    def wait(self, true: Callable[[], bool], limit_s: float = PATIENCE_S, what: str = "") -> None:
        """Waits for something while the browser lives on."""
        deadline = time.monotonic() + limit_s
        while not true():
            if time.monotonic() > deadline:
                said = self.page.evaluate("document.body.innerText.slice(-600)")
                raise AssertionError(
                    f"waited {limit_s:g} s for {what}; complaints {self.complaints}; page says {said!r}"
                )
            self.page.wait_for_timeout(50)

    def state(self, name: str) -> Any:
        """What the open case tells tests of itself."""
        return self.page.evaluate(f"contourReview.{name}")

    def press(self, key: str) -> None:
        """A key, with the focus wherever it is."""
        self.page.keyboard.press(key)

    def place(self, plane: str, index_zyx: Sequence[float]) -> tuple[float, float]:
        """Where a voxel is on the screen."""
        x, y = self.page.evaluate(f"contourReview.toCanvas({plane!r}, {[float(at) for at in index_zyx]})")
        box = self[f"view-{plane}"].bounding_box()
        assert box is not None
        return box["x"] + x, box["y"] + y

    def move(self, plane: str, index_zyx: Sequence[float]) -> None:
        """The mouse to a voxel."""
        self.page.mouse.move(*self.place(plane, index_zyx))

    def drag(self, plane: str, indices_zyx: Sequence[Sequence[float]], *, until_saved: bool = True) -> None:
        """A stroke with the left button from voxel to voxel; returns when the server has it."""
        revision = self.state("revision")
        self.move(plane, indices_zyx[0])
        self.page.mouse.down()
        for index in indices_zyx[1:]:
            self.page.mouse.move(*self.place(plane, index), steps=4)
        self.page.mouse.up()
        if until_saved:
            self.wait_for_revision(revision + 1)

    def wait_for_revision(self, revision: int) -> None:
        """Until the server has answered with it and nothing is on its way."""
        self.until(f"contourReview.revision >= {revision} && contourReview.pendingEdits === 0")

    def volume_ml(self, name: str) -> float:
        """What the list says."""
        return float(self[f"volume-{name}"].inner_text().removesuffix(" ml"))

    def select(self, name: str) -> NDArray[np.float64]:
        """Chooses a structure and goes to its middle; the cursor (z, y, x) there."""
        self[f"select-{name}"].click()
        self[f"jump-{name}"].click()
        self.page.wait_for_timeout(100)
        return np.array(self.state("cursor"), dtype=float)

    def picture(self, plane: str) -> NDArray[np.uint8]:
        """What the screen shows of a plane, (rows, columns, 3), once it stands still."""
        before = b""
        while (now := self[f"view-{plane}"].screenshot()) != before:
            before = now
        return np.asarray(Image.open(BytesIO(now)).convert("RGB"))

    def faults(self) -> list[str]:
        """What axe-core finds serious or critical in what is on the screen."""
        found = Axe().run(self.page).response["violations"]
        return [
            f"{one['impact']} {one['id']}: {[node['html'][:120] for node in one['nodes'][:3]]}"
            for one in found
            if one["impact"] in ("serious", "critical")
        ]

    def reload(self) -> None:
        """F5."""
        self.page.reload()
        self.wait_for_case()

    def review_of(self, job_id: str) -> str:
        """The review of a job."""
        return str(next(one["review_id"] for one in self.ask("/api/worklist")["items"] if one["job_id"] == job_id))

    def facts(self) -> Any:
        """What the server says of the case on the screen."""
        return self.ask(f"/api/reviews/{self.state('reviewId')}")

    def fetch(self, path: str) -> bytes:
        """Bytes that the server gives out for the case on the screen."""
        answer = self.context.request.get(f"{self.clinic.url}api/reviews/{self.state('reviewId')}/{path}")
        assert answer.ok, answer.text()
        return answer.body()

    def ask(self, path: str) -> Any:
        """What the server answers this person's session, read as JSON."""
        answer = self.context.request.get(self.clinic.url.rstrip("/") + path)
        assert answer.ok, answer.text()
        return answer.json()


def _leave(dialog: Dialog) -> None:
    dialog.accept()


@contextmanager
def somebody(clinic: Clinic, browser: Browser) -> Iterator[Person]:
    """A person who goes away at the end; nothing may have gone wrong in the browser meanwhile."""
    person = Person.at(clinic, browser)
    try:
        yield person
        assert person.complaints == [], person.complaints
    finally:
        person.context.close()
