"""Twenty fractions through a real server and a real Prometheus: what is caught, and that every panel has data."""

import json
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from contextlib import closing

import pytest

from contour.client import PlanHandle
from contour.config import DEFAULT_MODEL
from contour.errors import ContourError
from contour.phantom.course import CourseSettings, write_course
from contour.store.audit_store import AuditStore
from contour.store.database import Database
from contour.store.review_records import NewDecision, ReviewState
from contour.store.review_store import ReviewStore
from contour.v1 import adaptation_pb2
from tests import phantoms
from tests.dashboards import EVERYTHING, OPS, panel_expressions
from tests.e2e.server_process import ServerProcess, free_port, wait_until

FRACTIONS, WRONG = 20, 14
SETTINGS = CourseSettings(seed=2, fractions=FRACTIONS, scan=phantoms.COARSE, wrong_patient=WRONG)
PLANS = 7
"""Planning CTs, so that the model's control chart has more patients than it takes its limits from."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("course")
    write_course(made, SETTINGS)
    return made


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Of a clinic that leaves the set-up as it is, so that a margin has to hold its drift."""
    home = tmp_path_factory.mktemp("watched")
    running = ServerProcess(home, runner="", default_model=DEFAULT_MODEL, env={"OMP_NUM_THREADS": "2"})
    (home / "watch.toml").write_text("correction.daily = false\n", encoding="utf-8")
    running.settings["watch_rules"] = str(home / "watch.toml")
    running.start()
    yield running
    running.end()


@pytest.fixture(scope="module")
def prometheus(server, tmp_path_factory, judge):
    """A real Prometheus with our rules that scrapes the server every second; its address."""
    home = tmp_path_factory.mktemp("prometheus")
    for name in ("recording.yml", "alerts.yml"):
        (home / name).write_bytes((OPS / "prometheus" / name).read_bytes())
    (home / "prometheus.yml").write_text(
        "global: {scrape_interval: 1s, evaluation_interval: 1s}\n"
        "rule_files: [recording.yml, alerts.yml]\n"
        "scrape_configs:\n"
        "  - job_name: contour\n"
        f"    static_configs: [{{targets: ['{server.metrics}']}}]\n",
        encoding="utf-8",
    )
    port = free_port()
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                judge("prometheus"), f"--config.file={home / 'prometheus.yml'}", f"--storage.tsdb.path={home / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
        )  # fmt: skip
    address = f"127.0.0.1:{port}"
    wait_until(lambda: is_ready(address), 30.0)
    yield address
    process.kill()
    process.wait(10)


def is_ready(address):
    try:
        with urllib.request.urlopen(f"http://{address}/-/ready", timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, ConnectionError):
        return False


def ask(prometheus, expr):
    """What Prometheus says to an instant query: (labels, value) of each series."""
    query = urllib.parse.urlencode({"query": expr})
    try:
        with urllib.request.urlopen(f"http://{prometheus}/api/v1/query?{query}", timeout=20) as answer:
            said = json.loads(answer.read())
    except urllib.error.HTTPError as error:
        raise AssertionError(f"{expr}: {error.read().decode()}") from error
    result = said["data"]["result"]
    return [(one["metric"], one["value"][1]) for one in result] if said["data"]["resultType"] == "vector" else result


@pytest.fixture(scope="module")
def client(server):
    with server.client(patience_s=60.0) as made:
        yield made


def approve(data, job_id, *, dice, seconds):
    """What the review page writes down of a plan that somebody has mended and signed."""
    with closing(Database(f"sqlite:///{data / 'contour.db'}")) as database:
        reviews = ReviewStore(database, AuditStore(database, clock_s=time.time), clock_s=time.time)
        reviews.open_all()
        (review_id,) = [one.review_id for one in reviews.listing() if one.job_id == job_id]
        score = {"name": "Parotid_L", "dice": dice, "seconds": seconds, "looked_s": 10.0}
        reviews.decide(
            review_id,
            NewDecision(
                state=ReviewState.APPROVED, base_revision=0, reviewer="mary", reasons=("AS_DRAWN",), comment="",
                scores=(score,), file=None,
            ),
        )  # fmt: skip


@pytest.fixture(scope="module")
def played(prometheus, server, client, folder):
    """The course, and beside it a short one of the same patient, planning CTs contoured and a file refused."""
    ct = client.upload_series(sorted((folder / "plan" / "ct").iterdir()))
    plan = PlanHandle(
        ct=ct,
        structures=client.upload_series([folder / "plan" / "RS.dcm"]),
        dose=client.upload_series([folder / "plan" / "RD.dcm"]),
        planned_fractions=FRACTIONS,
    )
    for number in range(PLANS):
        approve(
            server.folder / "data", client.plan(ct).job_id, dice=0.9 + 0.01 * (number % 3), seconds=50.0 + number % 2
        )
    with pytest.raises(ContourError):
        client.upload_series([next((folder / "fraction_01" / "ct").iterdir()).read_bytes()[:2000]])
    course = client.courses.create(plan, label="played", site="head and neck")
    short = client.courses.create(plan, label="short", site="head and neck")
    for number in range(1, FRACTIONS + 1):
        scan = client.upload_series(sorted((folder / f"fraction_{number:02d}" / "ct").iterdir()))
        client.courses.adapt(course, scan, fraction=number)
        if number in {1, 2, 3}:
            client.courses.adapt(short, scan, fraction=number)
    return course


@pytest.fixture(scope="module")
def watched(played, client):
    return client.courses.watched(played)


def test_the_wrong_patient_is_refused_and_told(watched):
    course, watch = watched
    fourteenth = next(one for one in course.fractions if one.fraction == WRONG)
    assert fourteenth.verdict == adaptation_pb2.FRACTION_VERDICT_REFUSE
    refused = next(one for one in watch.triggers if one.rule == "refused")
    assert refused.since == WRONG
    assert all(point.fraction != WRONG for axis in watch.setup.axes for point in axis.points)


def test_the_drift_of_the_set_up_is_found_after_it_began(watched):
    _, watch = watched
    ap = watch.setup.axes[1]
    assert ap.points[-1].value > 6.0  # 1 mm a fraction to the back from the ninth on
    setup = next(source for source in watch.sources if source.source == "set-up")
    assert setup.state == "moved"
    assert setup.since >= 9


def test_the_drift_outgrows_the_margin_and_the_forecast_says_so(watched):
    _, watch = watched
    told = {(one.rule, one.axis) for one in watch.triggers}
    assert {("margin_forecast", "AP"), ("margin_exceeded", "")} & told
    crossings = [one.exceeded_at for margin in watch.margins for one in margin.forecasts if one.axis == "AP"]
    assert any(9 <= one <= FRACTIONS for one in crossings)


def test_the_target_and_the_glands_shrink_at_a_rate(watched):
    _, watch = watched
    slopes = {one.name: one.trend for one in watch.volumes if one.trend is not None}
    for name in ("GTVp", "Parotid_L", "Parotid_R"):
        assert slopes[name].differs_from_zero
        assert slopes[name].high_percent_per_week < 0, name
    patient = next(source for source in watch.sources if source.source == "patient")
    assert patient.state == "moved"


def test_the_scanner_did_not_move_while_the_patient_did(watched):
    _, watch = watched
    scanner = next(source for source in watch.sources if source.source == "scanner")
    assert scanner.state == "quiet", scanner.evidence


def test_the_worst_course_is_listed_first_with_why(played, client):
    listed = client.courses.listing(worst_first=True)
    assert listed[0].label == "played"
    assert listed[0].watch.attention >= listed[1].watch.attention
    assert listed[0].watch.triggers
    assert not listed[0].fractions


def test_watching_a_course_tells_what_is_made_of_it(played, client):
    first = next(iter(client.courses.changes(played)))
    assert first.watch.attention != adaptation_pb2.ATTENTION_UNSPECIFIED
    assert len(first.watch.setup.axes[0].shifts_mm) == FRACTIONS - 1


def test_metrics_are_as_promtool_wants_them_and_hold_no_patient(played, server, judge, folder):
    with urllib.request.urlopen(f"http://{server.metrics}/metrics", timeout=60) as answer:
        text = answer.read()
    said = subprocess.run([judge("promtool"), "check", "metrics"], input=text, capture_output=True, check=False)
    assert said.returncode == 0, said.stdout + said.stderr
    assert b"PHANTOM" not in text.upper()
    assert played.course_id.encode() not in text
    assert f'course="{played.course_id[:12]}"'.encode() in text


def test_every_panel_of_every_dashboard_has_data(played, prometheus):
    course = played.course_id[:12]
    known = f'contour_course_last_fraction{{course="{course}"}}'
    wait_until(lambda: [value for _, value in ask(prometheus, known)] == [str(FRACTIONS)], 60.0)
    expressions = panel_expressions({**EVERYTHING, "course": course})
    assert len(expressions) > 30
    empty = [f"{one.dashboard} / {one.panel}: {one.expr}" for one in expressions if not ask(prometheus, one.expr)]
    assert not empty, "\n".join(empty)


def test_the_alerts_that_should_fire_do(played, prometheus):
    def firing():
        return {labels["alertname"] for labels, _ in ask(prometheus, 'ALERTS{alertstate=~"pending|firing"}')}

    wait_until(firing, 60.0)
    found = firing()
    assert any("Course" in name for name in found), found
    assert not any("Scanner" in name for name in found), found
