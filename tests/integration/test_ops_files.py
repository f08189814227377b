"""The files in ops/ that run and watch the service: valid to their own tools, of one mind about names and ports."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from contour.config import load_config
from tests.dashboards import DASHBOARDS, EVERYTHING, OPS, labels_asked_for, metrics_of, panel_expressions

PROMETHEUS = OPS / "prometheus"
COURSE = {"course", "site"}
STRUCTURE = COURSE | {"structure"}
AXIS = STRUCTURE | {"axis"}
SITE = {"site", "what", "axis"}

METRICS = {
    "contour_courses": set(),
    "contour_courses_left_out": set(),
    "contour_course_info": COURSE,
    "contour_course_attention": COURSE,
    "contour_course_fractions": COURSE | {"verdict"},
    "contour_course_planned_fractions": COURSE,
    "contour_course_last_fraction": COURSE,
    "contour_course_shift_mm": AXIS,
    "contour_course_shift_mean_mm": AXIS,
    "contour_course_shift_sd_mm": AXIS,
    "contour_course_shift_limit_mm": AXIS | {"side"},
    "contour_course_margin_needed_mm": AXIS,
    "contour_course_margin_planned_mm": AXIS,
    "contour_course_margin_share": STRUCTURE,
    "contour_course_margin_exceeded_fraction": AXIS,
    "contour_course_volume_change_percent": STRUCTURE,
    "contour_course_volume_slope_percent_per_week": STRUCTURE,
    "contour_course_inside_ptv_percent": STRUCTURE,
    "contour_course_expected_error_mm": STRUCTURE,
    "contour_course_trigger_since_fraction": COURSE | {"rule", "level"},
    "contour_course_moved": COURSE | {"source"},
    "contour_site_courses": {"site"},
    "contour_site_mean_error_mm": SITE,
    "contour_site_systematic_error_mm": SITE,
    "contour_site_random_error_mm": SITE,
    "contour_site_margin_mm": SITE,
    "contour_scanner_hu": {"device", "tissue"},
    "contour_scanner_noise_hu": {"device"},
    "contour_scanner_slice_step_mm": {"device"},
    "contour_scanner_limit": {"device", "figure", "side"},
    "contour_scanner_out_of_control": {"device", "figure"},
    "contour_model_confidence": {"model", "version"},
    "contour_model_edit_dice": {"model", "version"},
    "contour_model_review_seconds": {"model", "version"},
    "contour_model_bias": {"model", "reason"},
    "contour_model_limit": {"model", "figure", "side"},
    "contour_model_out_of_control": {"model", "figure"},
    # of the service
    "contour_build_info": {"version"},
    "contour_calls_refused_total": {"reason"},
    "contour_fractions_total": {"verdict"},
    "contour_inputs_rejected_total": {"reason"},
    "contour_instances_total": {"verdict"},
    "contour_jobs": {"state"},
    "contour_jobs_ended_total": {"outcome", "reason"},
    "contour_model_info": {"model", "version", "default"},
    "contour_queue_depth": set(),
    "contour_resident_memory_bytes": {"process"},
    "contour_stage_duration_seconds_bucket": {"stage", "le"},
    "contour_store_bytes": set(),
    "contour_uploaded_bytes_total": set(),
    "contour_worker_restarts_total": {"reason"},
    # Prometheus' own
    "up": set(),
}
OF_EVERY_TARGET = {"job", "instance"}

EXPRESSIONS = panel_expressions({**EVERYTHING, "course": "0123456789ab"})


def read(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def rules(name):
    return [rule for group in read(PROMETHEUS / name)["groups"] for rule in group["rules"]]


ALERTS = {rule["alert"]: rule for rule in rules("alerts.yml")}
RECORDED = {rule["record"] for rule in rules("recording.yml")}
COMPOSE = read(OPS / "compose.yaml")
BOARDS = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(DASHBOARDS.glob("*.json"))}


@pytest.fixture
def promtool(judge):
    """promtool at work in ops/prometheus."""

    def run(*words):
        return subprocess.run(
            [judge("promtool"), *map(str, words)], cwd=PROMETHEUS, capture_output=True, text=True, check=False
        )

    return run


def assert_passed(done):
    assert done.returncode == 0, done.stdout + done.stderr


class TestPrometheus:
    def test_promtool_reads_the_configuration(self, promtool):
        assert_passed(promtool("check", "config", "prometheus.yml"))

    def test_promtool_reads_the_rules(self, promtool):
        assert_passed(promtool("check", "rules", "recording.yml", "alerts.yml"))

    @pytest.mark.parametrize("path", sorted((PROMETHEUS / "tests").glob("*.yml")), ids=lambda path: path.stem)
    def test_alerts_fire_when_they_should_and_are_silent_when_not(self, promtool, path):
        assert_passed(promtool("test", "rules", path))

    def test_each_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not(self):
        fires, silent = set(), set()
        for path in (PROMETHEUS / "tests").glob("*.yml"):
            for case in read(path)["tests"]:
                for one in case.get("promql_expr_test", []):
                    for pattern in re.findall(r'ALERTS\{alertname=~?"([^"]*)"', one["expr"]):
                        named = {name for name in ALERTS if re.fullmatch(pattern, name)}
                        (fires if one["exp_samples"] else silent).update(named)
                for one in case.get("alert_rule_test", []):
                    (fires if one["exp_alerts"] else silent).add(one["alertname"])
        assert fires >= set(ALERTS)
        assert silent >= set(ALERTS)

    @pytest.mark.parametrize("name", ALERTS)
    def test_an_alert_says_how_grave_it_is_whom_it_concerns_and_what_to_do(self, name):
        alert = ALERTS[name]
        assert alert["labels"]["severity"] in {"critical", "warning", "info"}
        assert alert["labels"]["area"] in {"course", "scanner", "model", "service"}
        assert set(alert["annotations"]) == {"summary", "description", "action", "dashboard"}
        assert all(len(text) > 15 for text in alert["annotations"].values())
        assert alert["annotations"]["dashboard"].split("?")[0] in {f"/d/{board['uid']}" for board in BOARDS.values()}
        assert f"`{name}`" in (OPS / "README.md").read_text(encoding="utf-8")

    def test_the_store_is_nearly_full_at_nine_tenths_of_what_the_configuration_allows(self):
        limit = load_config(OPS / "contour.toml").limits.store_bytes
        assert ALERTS["StoreNearlyFull"]["expr"] == f"contour_store_bytes > 0.9 * {limit}"


def named_expressions():
    """Where an expression stands, and the expression."""
    for rule in rules("recording.yml") + rules("alerts.yml"):
        yield rule.get("alert") or rule["record"], rule["expr"]
        for text in rule.get("annotations", {}).values():
            for asked in re.findall(r'printf "((?:[^"\\]|\\.)*)"', text):
                if "contour" in asked:
                    yield rule["alert"], asked.replace("%q", '""').replace('\\"', '"')
    for dashboard, panel, expr in EXPRESSIONS:
        yield f"{dashboard}: {panel}", expr
    for name, board in BOARDS.items():
        for one in board["templating"]["list"]:
            if one["type"] == "query":
                yield f"{name}: ${one['name']}", re.fullmatch(r"label_values\((.*), \w+\)", one["query"]["query"])[1]


class TestNames:
    @pytest.mark.parametrize(("where", "expr"), list(named_expressions()))
    def test_expressions_name_metrics_and_labels_that_there_are(self, where, expr):
        asked = metrics_of(expr)
        assert asked
        assert asked <= set(METRICS) | RECORDED, where
        for metric, label in labels_asked_for(expr):
            assert metric in RECORDED or label in METRICS[metric] | OF_EVERY_TARGET, where

    def test_metrics_are_found_in_an_expression(self):
        expr = 'sum by (a) (rate(x:y_total{b="c"}[5m] offset 1h)) > 0 and on (job) up == bool 1 or z unless vector(0)'
        assert metrics_of(expr) == {"x:y_total", "up", "z"}

    def test_every_metric_of_courses_sites_scanners_and_models_is_shown_and_told_of(self):
        shown = set().union(*(metrics_of(expr) for _, expr in named_expressions()))
        told = (OPS / "README.md").read_text(encoding="utf-8")
        for metric in METRICS:
            if re.match("contour_(course|site|scanner|model)_", metric):
                assert metric in shown
            if metric.startswith("contour_c") or re.match("contour_(site|scanner|model)_", metric):
                assert f"`{metric}`" in told


class TestDashboards:
    def test_the_generator_wrote_them(self):
        assert_passed(
            subprocess.run(
                [sys.executable, OPS / "grafana" / "build.py", "--check"], capture_output=True, text=True, check=False
            )
        )

    def test_promtool_reads_every_expression(self, promtool, tmp_path):
        group = [{"record": f"panel:n{n}", "expr": one.expr} for n, one in enumerate(EXPRESSIONS)]
        path = tmp_path / "panels.yml"
        path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": group}]}))
        assert_passed(promtool("check", "rules", path))

    @pytest.mark.parametrize("name", ["course", "models", "population", "service"])
    def test_a_dashboard_is_what_grafana_expects(self, name):
        board = BOARDS[name]
        assert board["schemaVersion"] >= 39
        assert board["uid"] == f"contour-{name}"
        assert board["title"]
        assert board["description"]
        assert "id" not in board
        assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])

    @pytest.mark.parametrize("name", ["course", "models", "population", "service"])
    def test_panels_stay_on_the_24_columns_and_do_not_overlap(self, name):
        taken = set()
        for panel in BOARDS[name]["panels"]:
            at = panel["gridPos"]
            assert min(at["x"], at["y"]) >= 0
            assert min(at["w"], at["h"]) > 0
            assert at["x"] + at["w"] <= 24
            cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
            assert not cells & taken, panel["title"]
            taken |= cells

    @pytest.mark.parametrize("name", ["course", "models", "population", "service"])
    def test_a_panel_has_title_unit_thresholds_description_and_queries(self, name):
        known = {"timeseries", "stat", "gauge", "bargauge", "table", "state-timeline"}
        variables = {one["name"] for one in BOARDS[name]["templating"]["list"]}
        for panel in BOARDS[name]["panels"]:
            assert panel["type"] in known
            assert panel["title"]
            assert len(panel["description"]) > 25, panel["title"]
            assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
            assert panel["fieldConfig"]["defaults"]["thresholds"]["steps"][0].get("value") is None
            assert panel["targets"], panel["title"]
            letters = [target["refId"] for target in panel["targets"]]
            assert len(set(letters)) == len(letters)
            for one in (panel, *panel["targets"]):
                assert one["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
            for target in panel["targets"]:
                assert set(re.findall(r"\$(\w+)", target["expr"])) <= variables
        titles = [panel["title"] for panel in BOARDS[name]["panels"]]
        assert len(set(titles)) == len(titles)

    @pytest.mark.parametrize("name", ["course", "models", "population", "service"])
    def test_the_data_source_is_the_one_that_is_provisioned(self, name):
        provisioned = read(OPS / "grafana" / "provisioning" / "datasources" / "prometheus.yml")["datasources"]
        first, *others = BOARDS[name]["templating"]["list"]
        assert (first["name"], first["type"], first["query"]) == ("datasource", "datasource", "prometheus")
        assert first["current"]["value"] in {one["uid"] for one in provisioned if one["type"] == "prometheus"}
        assert all(one["datasource"]["uid"] == "${datasource}" for one in others)

    def test_links_between_dashboards_lead_somewhere(self):
        uids = {board["uid"] for board in BOARDS.values()}
        linked = set(re.findall(r'"/d/([^?"]*)', json.dumps(list(BOARDS.values()))))
        assert linked
        assert linked <= uids

    def test_a_variable_without_a_value_is_an_error(self):
        with pytest.raises(KeyError):
            panel_expressions({})


def published(service):
    """Ports of the container by those of the host's loopback."""
    found = {}
    for port in COMPOSE["services"][service]["ports"]:
        host, outside, inside = port.split(":")
        assert host == "127.0.0.1"
        found[int(outside)] = int(inside)
    return found


def mounted(service):
    """Paths in the container by those in ops/; volumes by name are left out."""
    found = {}
    for mount in COMPOSE["services"][service]["volumes"]:
        source, inside, *mode = mount.split(":")
        if source.startswith("."):
            assert mode == ["ro"], mount
            found[inside] = OPS / source
        else:
            assert source in COMPOSE["volumes"]
    return found


class TestCompose:
    def test_images_are_pinned_and_named_without_a_registry(self):
        images = {name: service.get("image") for name, service in COMPOSE["services"].items()}
        assert images.pop("contour") is None  # built
        for image in images.values():
            assert re.fullmatch(r"\w+/\w+:v?\d+\.\d+\.\d+", image)

    @pytest.mark.parametrize("service", COMPOSE["services"])
    def test_what_is_mounted_exists_and_ports_are_on_the_loopback(self, service):
        for path in mounted(service).values():
            assert path.exists()
        assert published(service)
        assert COMPOSE["services"][service]["healthcheck"]["test"]
        assert COMPOSE["services"][service]["read_only"] is True

    def test_the_containerfile_copies_what_exists_and_is_not_run_by_root(self):
        build = COMPOSE["services"]["contour"]["build"]
        context = (OPS / build["context"]).resolve()
        text = (context / build["dockerfile"]).read_text(encoding="utf-8")
        copied = [word for line in re.findall(r"^COPY (.*) /src\S*$", text, re.MULTILINE) for word in line.split()]
        assert {"contour", "registration", "weights", "pyproject.toml"} <= set(copied)
        assert all((context / word).exists() for word in copied)
        assert "USER contour" in text
        assert "FROM python:3.11-slim" in text

    def test_the_server_listens_where_compose_publishes_and_prometheus_asks(self):
        config = load_config(OPS / "contour.toml")
        config.for_server()
        review = config.for_review()
        assert mounted("contour")["/etc/contour/contour.toml"] == OPS / "contour.toml"
        assert config.data.as_posix() == "/var/lib/contour"
        assert published("contour") == {50051: int(config.listen.rpartition(":")[2]), 8080: review.port}
        (scraped,) = read(PROMETHEUS / "prometheus.yml")["scrape_configs"]
        port = config.metrics.rpartition(":")[2]
        assert scraped["static_configs"] == [{"targets": [f"contour:{port}"]}]
        assert COMPOSE["services"]["contour"]["expose"] == [port]
        assert scraped["job_name"] == "contour"

    def test_prometheus_finds_its_rules_and_alertmanager(self):
        config = read(PROMETHEUS / "prometheus.yml")
        there = mounted("prometheus")
        assert "--config.file=/etc/prometheus/prometheus.yml" in COMPOSE["services"]["prometheus"]["command"]
        for name in ("prometheus.yml", *config["rule_files"]):
            assert there[f"/etc/prometheus/{name}"].resolve() == PROMETHEUS / name
        (one,) = config["alerting"]["alertmanagers"]
        (port,) = published("alertmanager").values()
        assert one["static_configs"] == [{"targets": [f"alertmanager:{port}"]}]

    def test_grafana_finds_data_sources_and_dashboards(self):
        ports = {name: next(iter(published(name).values())) for name in ("prometheus", "alertmanager")}
        provisioning = mounted("grafana")["/etc/grafana/provisioning"]
        for one in read(provisioning / "datasources" / "prometheus.yml")["datasources"]:
            assert one["url"] == f"http://{one['type']}:{ports[one['type']]}"
        (provider,) = read(provisioning / "dashboards" / "contour.yml")["providers"]
        assert mounted("grafana")[provider["options"]["path"]].resolve() == DASHBOARDS
        home = Path(COMPOSE["services"]["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
        assert home.parent.as_posix() == provider["options"]["path"]
        assert home.stem in BOARDS

    def test_secrets_come_from_outside_the_repository(self):
        for secret in COMPOSE["secrets"].values():
            assert secret["file"].startswith("${CONTOUR_SECRETS:?")
        asked = re.findall(
            r"/run/secrets/(\w+)", (OPS / "alertmanager" / "alertmanager.yml").read_text(encoding="utf-8")
        )
        assert set(asked) == set(COMPOSE["services"]["alertmanager"]["secrets"])


class TestAlertmanager:
    CONFIG = OPS / "alertmanager" / "alertmanager.yml"

    def test_amtool_reads_the_configuration(self, judge):
        done = subprocess.run(
            [judge("amtool"), "check-config", self.CONFIG], capture_output=True, text=True, check=False
        )
        assert_passed(done)

    @pytest.mark.parametrize("name", ALERTS)
    def test_every_alert_reaches_a_receiver_of_its_own_area(self, judge, name):
        labels = [f"{key}={value}" for key, value in {"alertname": name, **ALERTS[name]["labels"]}.items()]
        done = subprocess.run(
            [judge("amtool"), "config", "routes", "test", f"--config.file={self.CONFIG}", *labels],
            capture_output=True,
            text=True,
            check=False,
        )
        service = ALERTS[name]["labels"]["area"] == "service" or ALERTS[name]["labels"]["severity"] == "info"
        urgent = ALERTS[name]["labels"]["severity"] == "critical"
        assert done.stdout.strip() == f"{'service' if service else 'physics'}-{'now' if urgent else 'mail'}"

    def test_a_course_that_asks_for_a_new_plan_is_not_told_of_as_worth_a_look(self):
        config = read(self.CONFIG)
        assert {
            "source_matchers": ['alertname="CourseNeedsReplanning"'],
            "target_matchers": ['alertname="CourseToLookAt"'],
            "equal": ["course", "site"],
        } in config["inhibit_rules"]
        for rule in config["inhibit_rules"]:
            named = re.findall(r'alertname!?="(\w+)"', " ".join(rule["source_matchers"] + rule["target_matchers"]))
            assert set(named) <= set(ALERTS)

    def test_messages_about_a_course_are_one_message_each(self):
        routes = read(self.CONFIG)["route"]["routes"]
        assert all("course" in one["group_by"] for one in routes if 'area="course"' in one["matchers"])
