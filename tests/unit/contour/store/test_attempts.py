from concurrent.futures import ThreadPoolExecutor

import pytest

from contour.store.attempts import AttemptLimit


@pytest.fixture
def clock_s():
    return [100.0]


@pytest.fixture
def limit(clock_s):
    return AttemptLimit(3, 60.0, clock_s=lambda: clock_s[0])


def test_a_key_is_blocked_by_its_last_failure_and_not_before(limit):
    for _ in range(2):
        limit.failed("ann")
    assert not limit.is_blocked("ann")
    limit.failed("ann")
    assert limit.is_blocked("ann")
    assert not limit.is_blocked("bob")


def test_a_key_is_free_again_when_its_oldest_failure_is_old_enough(limit, clock_s):
    for _ in range(3):
        limit.failed("ann")
        clock_s[0] += 10.0
    assert limit.retry_after_s("ann") == 30.0
    clock_s[0] += 29.0
    assert limit.is_blocked("ann")
    clock_s[0] += 1.0
    assert not limit.is_blocked("ann")
    limit.failed("ann")
    assert limit.retry_after_s("ann") == 10.0


def test_a_success_forgets_the_failures_of_its_key_alone(limit):
    for key in ("ann", "bob"):
        for _ in range(3):
            limit.failed(key)
    limit.succeeded("ann")
    assert not limit.is_blocked("ann")
    assert limit.is_blocked("bob")


def test_of_many_that_try_at_once_no_more_are_admitted_than_the_limit(limit):
    with ThreadPoolExecutor(16) as pool:
        admitted = list(pool.map(lambda _: limit.admit("ann"), range(200)))
    assert sum(admitted) == 3


def test_being_refused_does_not_make_the_wait_longer(limit, clock_s):
    assert [limit.admit("ann") for _ in range(4)] == [True, True, True, False]
    clock_s[0] += 59.0
    assert not limit.admit("ann")
    clock_s[0] += 1.0
    assert limit.admit("ann")


def test_memory_is_bounded_and_the_latest_failures_are_kept(clock_s):
    limit = AttemptLimit(1, 60.0, clock_s=lambda: clock_s[0], most_keys=10)
    for number in range(1000):
        limit.failed(f"10.0.{number // 256}.{number % 256}")
    assert not limit.is_blocked("10.0.0.0")
    assert limit.is_blocked("10.0.3.231")
    assert len(limit) == 10


def test_what_is_over_is_forgotten_with_the_next_failure(limit, clock_s):
    for number in range(50):
        limit.failed(str(number))
    clock_s[0] += 60.0
    limit.failed("ann")
    assert len(limit) == 1


@pytest.mark.parametrize(("most", "per_s"), [(0, 60.0), (3, 0.0), (3, -1.0)])
def test_a_limit_that_limits_nothing_or_everything_is_refused(most, per_s):
    with pytest.raises(ValueError, match="expected at least one"):
        AttemptLimit(most, per_s, clock_s=lambda: 0.0)
