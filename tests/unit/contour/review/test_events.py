import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from contour.errors import ResourceLimitError
from contour.jobs.changes import Changes
from contour.jobs.review_values import ReviewChange
from contour.review import events
from contour.review.events import Feed, Listener
from contour.review.job_forms import jobs_form
from contour.store.review_records import ReviewState
from tests.review_bench import ReviewBench

CHANGE = ReviewChange(review_id="a" * 32, revision=3, state=ReviewState.IN_REVIEW, by="dora")


async def welcome() -> bool:
    return True


async def next_event(stream: Any) -> tuple[str, Any]:
    async for chunk in stream:
        lines = chunk.decode().splitlines()
        if lines[0].startswith("event: "):
            return lines[0].removeprefix("event: "), json.loads(lines[1].removeprefix("data: "))
    raise AssertionError("the stream has ended")


def run(story: Callable[[Feed, Changes, list[int]], Any], *, listeners: int = 64) -> None:
    """Tell a story with a feed whose jobs are the number in a list."""
    changes, number = Changes(), [0]
    feed = Feed(changes, lambda: {"items": [number[0]]}, listeners=listeners)

    async def told() -> None:
        await asyncio.wait_for(story(feed, changes, number), 20)

    try:
        asyncio.run(told())
    finally:
        feed.close()


def test_a_listener_has_the_jobs_at_once_and_hears_of_each_change() -> None:
    async def story(feed: Feed, changes: Changes, number: list[int]) -> None:
        stream = (await feed.listen("dora")).stream(welcome)
        assert await next_event(stream) == ("jobs", {"items": [0]})
        number[0] = 1
        changes.announce()
        assert await next_event(stream) == ("jobs", {"items": [1]})
        feed.review_changed(CHANGE)
        told = {"review_id": "a" * 32, "revision": 3, "state": "in_review", "by": "dora"}
        assert await next_event(stream) == ("review", told)

    run(story)


def test_a_listener_is_not_told_what_it_knows() -> None:
    async def story(feed: Feed, changes: Changes, _number: list[int]) -> None:
        stream = (await feed.listen("dora")).stream(welcome)
        assert (await next_event(stream))[0] == "jobs"
        changes.announce()
        await asyncio.sleep(0.5)
        feed.review_changed(CHANGE)
        assert (await next_event(stream))[0] == "review"

    run(story)


def test_a_slow_listener_is_told_the_latest_of_each_thing_alone() -> None:
    async def story(feed: Feed, _changes: Changes, _number: list[int]) -> None:
        listener = await feed.listen("dora")
        for revision in range(5000):
            feed.review_changed(
                ReviewChange(review_id="b" * 32, revision=revision, state=ReviewState.IN_REVIEW, by="dora")
            )
        stream = listener.stream(welcome)
        assert (await next_event(stream))[0] == "jobs"
        assert (await next_event(stream))[1]["revision"] == 4999

    run(story)


def test_one_account_and_all_together_have_only_so_many_listeners() -> None:
    async def story(feed: Feed, _changes: Changes, _number: list[int]) -> None:
        held: list[Listener] = [await feed.listen("dora") for _ in range(8)]
        with pytest.raises(ResourceLimitError, match="TOO_MANY_LISTENERS"):
            await feed.listen("dora")
        held.append(await feed.listen("phil"))
        with pytest.raises(ResourceLimitError, match="TOO_MANY_LISTENERS"):
            await feed.listen("mary")
        held[0].leave()
        await feed.listen("mary")

    run(story, listeners=9)


def test_a_stream_ends_when_the_session_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "KEEP_ALIVE_S", 0.05)
    answers = iter([True, False])

    async def is_welcome() -> bool:
        return next(answers)

    async def story(feed: Feed, _changes: Changes, _number: list[int]) -> None:
        chunks = [chunk async for chunk in (await feed.listen("dora")).stream(is_welcome)]
        assert chunks.count(b": still here\n\n") == 1

    run(story)


def test_a_session_that_is_over_is_told_nothing_more_however_much_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "KEEP_ALIVE_S", 0.0)

    async def is_welcome() -> bool:
        return False

    async def story(feed: Feed, _changes: Changes, _number: list[int]) -> None:
        listener = await feed.listen("dora")
        feed.review_changed(CHANGE)
        assert [chunk async for chunk in listener.stream(is_welcome)] == [b"retry: 3000\n\n"]

    run(story)


def test_closing_the_feed_ends_every_stream_and_lets_nobody_in_again() -> None:
    async def story(feed: Feed, _changes: Changes, _number: list[int]) -> None:
        stream = (await feed.listen("dora")).stream(welcome)
        await next_event(stream)
        await asyncio.to_thread(feed.close)
        assert [chunk async for chunk in stream] == []
        with pytest.raises(ResourceLimitError):
            await feed.listen("dora")

    run(story)


def test_jobs_are_told_with_place_and_estimate_once_there_is_history(bench: ReviewBench, coarse_series) -> None:
    first = bench.queue_plan(coarse_series)
    assert [item["estimate_s"] for item in jobs_form(bench.store)["items"]] == [None]
    bench.finish_plan(first, coarse_series)
    second, third = bench.queue_plan(coarse_series), bench.queue_plan(coarse_series)
    items = {item["job_id"]: item for item in jobs_form(bench.store)["items"]}
    assert [(items[job.job_id]["queue_place"], items[job.job_id]["estimate_s"]) for job in (second, third)] == [
        (1, 1.0),
        (2, 2.0),
    ]
    assert (items[first.job_id]["state"], items[first.job_id]["estimate_s"]) == ("succeeded", None)
    assert [item["job_id"] for item in jobs_form(bench.store)["items"]] == [third.job_id, second.job_id, first.job_id]
