"""The shipped rules read, a site changes what it names, and what is wrong is refused with one line that names it."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

from contour.adaptation.watch import rules as rules_module
from contour.adaptation.watch.rules import default_watch_toml, read_watch_rules
from contour.adaptation.watch.triggers import _APPLY
from contour.errors import ConfigError


def test_the_shipped_rules_read_and_say_what_their_comments_say() -> None:
    rules = read_watch_rules()

    assert rules.corrected_daily is True
    assert (rules.first_fractions, rules.site_courses, rules.prior_courses) == (5, 10, 5)
    assert {one.name: (one.level, one.values) for one in rules.rules} == {
        "margin_exceeded": ("replan", (("share", 1.0),)),
        "margin_forecast": ("watch", (("fractions", 5.0),)),
        "coverage": ("replan", (("percent", 95.0), ("fractions", 3.0))),
        "target_volume": ("watch", (("percent", 20.0), ("fractions", 2.0))),
        "organ_volume": ("watch", (("percent", 20.0), ("fractions", 2.0))),
        "volume_trend": ("watch", (("percent_per_week", 5.0), ("fractions", 5.0))),
        "target_dose": ("replan", (("percent", 5.0), ("fractions", 2.0))),
        "setup_chart": ("watch", ()),
        "setup_trend": ("watch", (("mm", 3.0), ("fractions", 8.0))),
        "target_chart": ("watch", ()),
        "refused": ("watch", (("fractions", 1.0),)),
        "missing": ("watch", (("fractions", 1.0),)),
    }
    assert rules.planned_margins_xyz_mm == ()
    assert rules.device_names == ()


def test_the_shipped_file_given_as_a_sites_own_changes_nothing() -> None:
    assert read_watch_rules(default_watch_toml()) == read_watch_rules()


def test_every_shipped_rule_is_applied_and_no_other() -> None:
    assert set(_APPLY) == {one.name for one in read_watch_rules().rules}


def test_the_modules_example_is_true() -> None:
    assert doctest.testmod(rules_module).failed == 0
    assert doctest.testmod(rules_module).attempted > 0


def test_a_site_changes_what_it_names_and_keeps_the_rest(tmp_path: Path) -> None:
    file = tmp_path / "watch.toml"
    file.write_text(
        "correction.daily = false\nbaseline.first_fractions = 7\n"
        '[rules]\ncoverage.level = "off"\nrefused.fractions = 3\n'
        '[margin.planned."head and neck"]\nlr_mm = 3\nap_mm = 4.5\nsi_mm = 0\n'
        '[devices]\na1b2 = "CBCT of Linac 2"\n',
        encoding="utf-8",
    )
    rules = read_watch_rules(file)

    assert rules.corrected_daily is False
    assert (rules.first_fractions, rules.site_courses) == (7, 10)
    assert (rules.rule("coverage").level, rules.rule("coverage").value("percent")) == ("off", 95.0)
    assert (rules.rule("refused").level, rules.rule("refused").count("fractions")) == ("watch", 3)
    assert rules.planned_margin_xyz_mm("head and neck") == (3.0, 4.5, 0.0)
    assert rules.planned_margin_xyz_mm("brain") is None
    assert rules.device_names == (("a1b2", "CBCT of Linac 2"),)
    assert read_watch_rules().rule("coverage").level == "replan"


@pytest.mark.parametrize(
    ("toml", "told"),
    [
        ("rules = [", "not TOML"),
        ("rules.coverage.level = 'off'\nrules.coverage.level = 'off'", "not TOML"),
        ("colour.red = 1", "unknown table 'colour'"),
        ("rule.coverage.level = 'off'", "unknown table 'rule'"),
        ("rules = 3", "rules is 3; expected a table"),
        ("margin = 3", "margin is 3; expected a table"),
        ("margin = []", "margin is \\[\\]; expected a table"),
        ("rules.cover.level = 'off'", "unknown rules.'cover'"),
        ('rules."cov\\nerage" = 1', "unknown rules.'cov"),
        ("baseline.fractions = 5", "unknown baseline.'fractions'"),
        ("correction.weekly = true", "unknown correction.'weekly'"),
        ("rules.coverage = 'off'", "rules.coverage is 'off'; expected some of level, percent, fractions"),
        ("rules.coverage.share = 1.0", "rules.coverage is .*; expected some of level, percent, fractions"),
        ("rules.setup_chart.percent = 1.0", "rules.setup_chart is .*; expected some of level"),
        ("rules.coverage.level = 'on'", "rules.coverage.level is 'on'; expected one of replan, watch, off"),
        ("rules.coverage.level = true", "rules.coverage.level is True; expected one of"),
        ("rules.coverage.level = ['off']", "rules.coverage.level is \\['off'\\]; expected one of"),
        ("rules.coverage.percent = '95'", "rules.coverage.percent is '95'; expected a number from 0.1 to 1000"),
        ("rules.coverage.percent = true", "rules.coverage.percent is True; expected a number"),
        ("rules.coverage.percent = nan", "rules.coverage.percent is nan; expected a number"),
        ("rules.coverage.percent = inf", "rules.coverage.percent is inf; expected a number"),
        ("rules.coverage.percent = -5.0", "rules.coverage.percent is -5.0; expected a number"),
        (f"rules.coverage.percent = 1{'0' * 400}", "rules.coverage.percent is 1000.*; expected a number"),
        ("rules.coverage.fractions = 2.5", "rules.coverage.fractions is 2.5; expected a whole number"),
        ("rules.coverage.fractions = 0", "rules.coverage.fractions is 0; expected a number from 1 to 200"),
        ("rules.margin_exceeded.share = 0.0", "rules.margin_exceeded.share is 0.0; expected a number from 0.1 to 10"),
        ("baseline.first_fractions = 2", "baseline.first_fractions is 2; expected a number from 3"),
        ("baseline.first_fractions = {}", "baseline.first_fractions is {}; expected a number"),
        ("baseline.site_courses = 1", "baseline.site_courses is 1; expected a number from 2"),
        ("margin.prior_courses = 2.5", "margin.prior_courses is 2.5; expected a whole number"),
        ("correction.daily = 1", "correction.daily is 1; expected true or false"),
        ("correction.daily = 'yes'", "correction.daily is 'yes'; expected true or false"),
        ("margin.planned = 3", "margin.planned is no table"),
        ("margin.planned.knee = {lr_mm = 1, ap_mm = 1, si_mm = 1}", "unknown treatment site 'knee'"),
        ("margin.planned.brain = {lr_mm = 1, ap_mm = 1}", "expected lr_mm, ap_mm, si_mm"),
        ("margin.planned.brain = {lr_mm = 1, ap_mm = 1, si_mm = 1, x_mm = 1}", "expected lr_mm, ap_mm, si_mm"),
        ("margin.planned.brain = 3", "expected lr_mm, ap_mm, si_mm"),
        ("margin.planned.brain = {lr_mm = -1, ap_mm = 1, si_mm = 1}", "brain.lr_mm is -1; expected a number from 0"),
        ("margin.planned.brain = {lr_mm = nan, ap_mm = 1, si_mm = 1}", "brain.lr_mm is nan; expected a number"),
        ("devices = 3", "devices must be a table of names by device"),
        ("devices.a1 = 3", "devices must be a table of names by device"),
        ('devices.a1 = "Linac\\n2"', "devices must be a table of names by device"),
    ],
)
def test_what_is_wrong_is_refused_with_one_line_that_names_it(toml: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told) as refused:
        read_watch_rules(toml)

    assert len(str(refused.value).splitlines()) == 1


def test_a_file_that_is_no_text_is_no_toml(tmp_path: Path) -> None:
    file = tmp_path / "watch.toml"
    file.write_bytes("[devices]\na1 = 'Gerät'\n".encode("latin-1"))

    with pytest.raises(ConfigError, match="not TOML"):
        read_watch_rules(file)


def test_a_file_that_is_not_there_is_an_oserror(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_watch_rules(tmp_path / "none.toml")
