"""Metrics of courses: bounded, without a name that a stranger gave, and none where nothing is known."""

from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from contour.adaptation.watch.course import course_errors, watch_course
from contour.adaptation.watch.models import ModelObservation, bias_findings, watch_models
from contour.adaptation.watch.rules import read_watch_rules
from contour.adaptation.watch.scanners import ScanObservation, watch_scanners
from contour.adaptation.watch.site_history import site_history
from contour.jobs.course_watching import Overview, WatchedCourse
from contour.server.course_metrics import CourseReadings
from contour.store.records import Course, PlanSource
from tests import watched_courses as courses

RULES = read_watch_rules()


def watched(number, history):
    course = Course(
        course_id=f"{number:032x}", label="", site="head and neck", plan=PlanSource(ct_series_id="a"), created_s=0.0,
        fractions=(),
    )  # fmt: skip
    return WatchedCourse(course=course, history=history, watch=watch_course(history, site="head and neck", rules=RULES))


def overview(*histories):
    errors = [course_errors(history.fractions, RULES) for history in histories]
    scans = [ScanObservation(device="ct-0123456789", quality=courses.QUALITY)] * 7
    seen = [ModelObservation(model="m", version="1", confidence=0.8 + 0.01 * (n % 3)) for n in range(8)]
    return Overview(
        courses=tuple(watched(number, history) for number, history in enumerate(histories)),
        sites=(("head and neck", site_history(errors, RULES)),),
        scanners=watch_scanners(scans, RULES),
        models=watch_models(seen, RULES),
    )


def scrape(view, ceiling=10):
    registry = CollectorRegistry()
    registry.register(CourseReadings(lambda: view, ceiling=ceiling))
    found = {}
    for family in registry.collect():
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    generate_latest(registry)
    return found


def value(found, name, **labels):
    return [v for have, v in found.get(name, ()) if labels.items() <= have.items()]


def test_a_course_is_told_with_its_shifts_limits_margins_and_rules():
    found = scrape(overview(courses.setup_drifts(20, by=(0.0, 3.0, 0.0)), courses.course_of(8)))
    last = value(found, "contour_course_shift_mm", course="000000000000", structure="set-up", axis="AP")
    assert len(last) == 2
    assert max(last) > 2.0
    assert value(found, "contour_course_trigger_since_fraction", rule="setup_chart") == [9]
    assert value(found, "contour_course_fractions", verdict="REFUSE") == [1, 0]
    assert value(found, "contour_course_margin_planned_mm", axis="LR")
    assert value(found, "contour_course_moved", source="set-up") == [1, 0]


def test_no_course_beyond_the_ceiling_is_told_but_counted():
    found = scrape(overview(*[courses.course_of(6)] * 4), ceiling=1)
    assert value(found, "contour_courses") == [4]
    assert value(found, "contour_courses_left_out") == [3]
    assert len(found["contour_course_info"]) == 1


@pytest.mark.parametrize("name", ["Smith John", "GTV_Smith", "PTV_70 Meier", "z" * 60, 'a"b\n'])
def test_a_structure_whose_name_could_be_a_persons_is_not_told(name):
    def day(number):
        return courses.fraction(number, courses.structure(name), courses.structure("Parotid_L"))

    found = scrape(overview(courses.course_of(6, day)))
    told = {labels["structure"] for samples in found.values() for labels, _ in samples if "structure" in labels}
    assert told == {"set-up", "Parotid_L"}


def test_what_is_not_known_is_absent_and_not_0():
    found = scrape(overview(courses.course_of(1)))
    assert "contour_course_shift_limit_mm" not in found
    assert "contour_course_margin_share" not in found
    assert not value(found, "contour_course_moved", source="model")


def test_what_reviewers_do_is_told_and_when_they_seem_to_let_contours_pass():
    reviewed = [
        ModelObservation(model="m", version="1", confidence=None, edit=dice, review_s=seconds)
        for dice, seconds in [(0.9 + 0.01 * (n % 3), 60.0 + n % 4) for n in range(8)] + [(1.0, 5.0)] * 9
    ]
    models = watch_models(reviewed, RULES)
    view = replace(overview(courses.course_of(3)), models=models, bias=bias_findings(models))
    found = scrape(view)
    assert value(found, "contour_model_review_seconds", model="m", version="1")[0] < 60.0
    assert value(found, "contour_model_bias", model="m", reason="EDITS_STOPPED") == [1]
    assert value(found, "contour_model_bias", model="m", reason="REVIEWS_QUICKER") == [1]
    assert value(found, "contour_model_limit", model="m", figure="review_s", side="lower")
    assert not value(scrape(overview(courses.course_of(3))), "contour_model_bias")


def test_a_site_a_scanner_and_a_model_are_told():
    found = scrape(overview(courses.course_of(8), courses.setup_drifts(12, by=(1.0, 0.0, 0.0))))
    sigma = value(found, "contour_site_systematic_error_mm", what="set-up", axis="LR")[0]
    random = value(found, "contour_site_random_error_mm", what="set-up", axis="LR")[0]
    margin = value(found, "contour_site_margin_mm", what="set-up", axis="LR")[0]
    assert margin == pytest.approx(2.5 * sigma + 0.7 * random)
    assert value(found, "contour_scanner_hu", tissue="muscle") == [52.0]
    assert value(found, "contour_scanner_out_of_control", figure="noise_hu") == [0.0]
    assert value(found, "contour_model_confidence", model="m")[0] == pytest.approx(0.81, abs=0.01)
