"""The process that reads cases may die, hang or fail: a request ends, and the next one is answered."""

import os
import signal
import time

import pytest

from contour.errors import Finding, InputError, NotFoundError, SeriesRejectedError, ServiceUnavailableError
from contour.jobs.review_pool import CasePool


def add(a: int, *, b: int) -> int:
    return a + b


def pid() -> int:
    return os.getpid()


def die() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def hang() -> None:
    time.sleep(60.0)


def refuse() -> None:
    raise NotFoundError("no such thing", reason="NO_SUCH_THING")


def reject() -> None:
    raise SeriesRejectedError((Finding(reason="GAP", message="a slice is missing", measured=(("slice", "3"),)),))


def blunder() -> None:
    raise ZeroDivisionError("PATIENT^NAME")


@pytest.fixture(scope="module")
def pool():
    with CasePool(limit_s=5.0) as opened:
        yield opened


def test_functions_run_in_one_other_process(pool):
    assert pool.run(add, 2, b=3) == 5
    assert os.getpid() != pool.run(pid) == pool.run(pid)


def test_a_native_crash_ends_the_request_and_not_the_server(pool):
    before = pool.run(pid)
    with pytest.raises(ServiceUnavailableError, match="CASE_UNREADABLE"):
        pool.run(die)
    assert pool.run(pid) != before


def test_a_process_that_was_killed_between_requests_is_replaced(pool):
    before = pool.run(pid)
    os.kill(before, signal.SIGKILL)
    time.sleep(0.2)
    assert pool.run(pid) != before


def test_what_hangs_is_killed(tmp_path):
    with CasePool(limit_s=1.5) as hasty:
        hasty.run(pid)
        with pytest.raises(ServiceUnavailableError, match=r"CASE_UNREADABLE.*longer than 1.5 s"):
            hasty.run(hang)


def test_our_own_errors_come_through_as_they_were_raised(pool):
    with pytest.raises(NotFoundError, match="NO_SUCH_THING: no such thing"):
        pool.run(refuse)
    with pytest.raises(InputError) as caught:
        pool.run(reject)
    assert isinstance(caught.value, SeriesRejectedError)
    assert caught.value.findings[0].measured == (("slice", "3"),)


def test_any_other_error_is_told_by_its_class_alone(pool):
    with pytest.raises(ServiceUnavailableError) as caught:
        pool.run(blunder)
    assert "ZeroDivisionError" in caught.value.message
    assert "PATIENT" not in str(caught.value)


def test_a_closed_pool_refuses():
    closed = CasePool()
    closed.close()
    with pytest.raises(ServiceUnavailableError, match="SERVER_STOPPING"):
        closed.run(pid)
