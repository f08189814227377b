"""A course's report: one page that runs nothing and loads nothing, charts that are XML, tables that a script reads."""

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from contour.adaptation.watch.course import watch_course
from contour.adaptation.watch.rules import read_watch_rules
from contour.preview.course_page import course_report_files
from tests import watched_courses as courses

MADE = datetime(2026, 11, 29, 8, 30, tzinfo=UTC)
HOSTILE = "<script>alert(1)</script>"


def watch(history):
    return watch_course(history, site="head and neck", rules=read_watch_rules())


def report(history, title="Larynx 17"):
    return dict(course_report_files(watch(history), title=title, made=MADE))


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.text = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text.append(data)

    def of(self, wanted):
        return [attributes for tag, attributes in self.tags if tag == wanted]


def drifting():
    return courses.setup_drifts(20, by=(0.0, 3.0, 0.0))


def test_the_page_says_what_moved_since_when_and_that_it_is_no_medical_device():
    text = " ".join(Page(report(drifting())["report.html"].decode()).text)
    assert "Moved: set-up since fraction 9" in text
    assert "WRONG_PATIENT" in text
    assert "not a medical device" in text
    assert "20 of 30 fractions, 1 refused" in text


def test_nothing_runs_and_nothing_is_loaded():
    page = Page(report(drifting())["report.html"].decode())
    assert not page.of("script")
    assert not page.of("img")
    assert not page.of("link")
    policy = next(meta["content"] for meta in page.of("meta") if "http-equiv" in meta)
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"


def test_ids_of_charts_that_share_the_page_differ_and_every_reference_is_met():
    text = report(drifting())["report.html"].decode()
    ids = [attributes["id"] for _, attributes in Page(text).tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    used = [attributes["xlink:href"][1:] for attributes in Page(text).of("use")]
    assert used
    assert set(used) <= set(ids)


def test_names_from_outside_are_text_and_no_markup():
    def day(number):
        return courses.fraction(number, courses.structure(HOSTILE), courses.structure("=cmd()"), setup=(0.1, 0.2, 0.3))

    files = report(courses.course_of(6, day), title=HOSTILE)
    page = Page(files["report.html"].decode())
    assert not page.of("script")
    assert HOSTILE in "".join(page.text)
    cells = {row["what"] for row in csv.DictReader(io.StringIO(files["shifts.csv"].decode()))}
    assert "'=cmd()" in cells


@pytest.mark.parametrize("name", ["verdicts.svg", "setup.svg", "targets.svg", "margins.svg", "volumes.svg"])
def test_a_chart_is_xml_and_the_same_bytes_each_time(name):
    first, again = report(drifting())[name], report(drifting())[name]
    assert first == again
    assert ElementTree.fromstring(first).tag.endswith("svg")  # noqa: S314 - our own bytes


def test_the_table_of_shifts_leaves_out_what_did_not_come_and_what_was_refused():
    def day(number):
        return courses.refused(14) if number == 14 else courses.quiet(number)

    rows = csv.DictReader(io.StringIO(report(courses.course_of(20, day, without=(6,)))["shifts.csv"].decode()))
    numbers = [int(row["fraction"]) for row in rows if (row["what"], row["axis"]) == ("set-up", "AP")]
    assert numbers == [n for n in range(1, 21) if n not in (6, 14)]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_course_that_has_hardly_begun_has_a_report_that_says_so(count):
    files = report(courses.course_of(count))
    text = " ".join(Page(files["report.html"].decode()).text)
    assert "No rule asks for anything" in text or "No fraction has come yet" in text
    assert "is known yet" in text


def test_a_refused_fraction_is_named_in_the_table_of_fractions():
    rows = list(csv.DictReader(io.StringIO(report(drifting())["fractions.csv"].decode())))
    assert [row["reason"] for row in rows if row["verdict"] == "REFUSE"] == ["WRONG_PATIENT"]


def test_the_banner_is_told_by_words():
    calm = replace(watch(courses.course_of(8)), attention="replan")
    text = dict(course_report_files(calm, title="x", made=MADE))["report.html"].decode()
    assert "RE-PLAN: the plan should be adapted" in text
