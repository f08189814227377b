import sqlite3
from dataclasses import replace

import pytest

from contour.errors import InputError, NotFoundError, NotReadyError
from contour.store.records import FractionInputs, JobState, PlanSource


@pytest.fixture
def plan(bench):
    return PlanSource(ct_series_id=bench.complete_series().series_id, planned_fractions=20)


@pytest.fixture
def course(bench, plan):
    return bench.store.courses.create(plan, label="larynx 17", site="head and neck")


@pytest.fixture
def add(bench, course, plan, run_request):
    def queue(data, number=0, *, redo=False, request_id=""):
        asked = replace(run_request(bench.complete_series(data)), inputs=FractionInputs(plan=plan))
        return bench.store.courses.add_fraction(
            course.course_id, asked, number=number, redo=redo, request_id=request_id, queue_limit=50
        )

    return queue


def end(bench, job):
    bench.store.jobs.request_cancel(job.job_id)
    assert bench.store.jobs.get(job.job_id).state is JobState.CANCELLED


def numbers(bench, course):
    return [entry.number for entry in bench.store.courses.get(course.course_id).fractions]


def test_fractions_may_come_out_of_order_and_what_is_missing_is_named(bench, course, add):
    add(b"CT 3.1 day three", 3)
    add(b"CT 1.1 day one", 1)
    add(b"CT 4.1 day four")
    assert numbers(bench, course) == [1, 3, 4]
    assert bench.store.courses.get(course.course_id).missing == (2,)
    assert bench.store.jobs.claim().request.inputs.fraction == 3


def test_the_same_scan_twice_is_one_fraction_whatever_its_upload(bench, course, add):
    first = add(b"CT 1.1 day one", 1)
    assert add(b"CT 1.1 day one").job_id == first.job_id
    assert add(b"CT 1.1 day one", 1).job_id == first.job_id
    assert numbers(bench, course) == [1]
    with pytest.raises(InputError) as caught:
        add(b"CT 1.1 day one", 2)
    assert caught.value.reason == "FRACTION_TAKEN"


def test_a_number_is_given_away_only_where_that_is_asked_for_and_nothing_is_under_way(bench, course, add):
    first = add(b"CT 1.1 day one", 1)
    with pytest.raises(InputError) as caught:
        add(b"CT 9.1 scanned anew", 1)
    assert caught.value.reason == "FRACTION_TAKEN"
    with pytest.raises(NotReadyError) as not_over:
        add(b"CT 9.1 scanned anew", 1, redo=True)
    assert not_over.value.reason == "FRACTION_NOT_OVER"
    end(bench, first)
    second = add(b"CT 9.1 scanned anew", 1, redo=True)
    assert second.job_id != first.job_id
    assert [e.job.job_id for e in bench.store.courses.get(course.course_id).fractions] == [second.job_id]


def test_a_course_outlives_a_restart_and_the_same_request_gives_the_same_job(bench, course, add):
    first = add(b"CT 1.1 day one", 1, request_id="once")
    assert add(b"CT 7.1 another", 7, request_id="once").job_id == first.job_id
    before = bench.store.courses.get(course.course_id)
    assert bench.reopen().courses.get(course.course_id) == before


@pytest.mark.parametrize("number", [201, -1])
def test_a_number_out_of_range_is_refused(add, number):
    with pytest.raises(InputError) as caught:
        add(b"CT 1.1 day one", number)
    assert caught.value.reason == "BAD_FRACTION"


def test_a_deleted_course_takes_its_jobs_along_and_frees_its_series(bench, course, plan, add):
    job = add(b"CT 1.1 day one", 1)
    with pytest.raises(NotReadyError):
        bench.store.courses.delete(course.course_id)
    with pytest.raises(NotReadyError):
        bench.store.series.delete(plan.ct_series_id)
    end(bench, job)
    bench.store.courses.delete(course.course_id)
    for gone in (lambda: bench.store.courses.get(course.course_id), lambda: bench.store.jobs.get(job.job_id)):
        with pytest.raises(NotFoundError):
            gone()
    bench.store.series.delete(plan.ct_series_id)


def test_a_data_folder_of_the_version_before_keeps_its_jobs_and_can_hold_courses(bench, run_request):
    job = bench.store.jobs.enqueue(run_request(bench.complete_series()), queue_limit=5)
    bench.store.close()
    with sqlite3.connect(bench.folder / "contour.db") as connection:
        for statement in (
            "DROP TABLE fraction", "DROP TABLE course", "ALTER TABLE job DROP COLUMN inputs",
            "ALTER TABLE job DROP COLUMN kind", "UPDATE schema_version SET version = 1",
        ):  # fmt: skip
            connection.execute(statement)
    connection.close()
    bench.open()
    found = bench.store.jobs.get(job.job_id)
    assert (found.state, found.request) == (JobState.QUEUED, job.request)
    plan = PlanSource(ct_series_id=bench.complete_series().series_id)
    assert bench.store.courses.create(plan, label="new", site="brain").label == "new"
    bench.reopen()


def test_a_course_of_the_version_before_has_no_site(bench):
    plan = PlanSource(ct_series_id=bench.complete_series().series_id)
    before = bench.store.courses.create(plan, label="old", site="brain")
    bench.store.close()
    with sqlite3.connect(bench.folder / "contour.db") as connection:
        connection.execute("ALTER TABLE course DROP COLUMN site")
        connection.execute("UPDATE schema_version SET version = 2")
    connection.close()
    bench.open()
    assert bench.store.courses.get(before.course_id).site == "unspecified"
    assert bench.store.courses.every() == (bench.store.courses.get(before.course_id),)
