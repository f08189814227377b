import hashlib
import threading

import pytest

from contour.errors import InputError, NotFoundError, NotReadyError, ResourceLimitError, SeriesRejectedError
from contour.store.records import Verdict


def sha256_of(data):
    return hashlib.sha256(data).hexdigest()


def test_an_accepted_instance_is_there_after_the_store_is_opened_again(bench):
    series = bench.store.series.create()
    assert bench.upload(series.series_id, b"CT 1.1 pixels").verdict is Verdict.ACCEPTED
    (stored,) = bench.reopen().series.instances(series.series_id)
    assert bench.store.files.object_path(stored.sha256).read_bytes() == b"CT 1.1 pixels"
    assert stored.identity.sop_instance_uid == "1.1"


def test_an_upload_goes_on_where_it_broke_off_even_after_a_restart(bench):
    series, data = bench.store.series.create(), b"CT 1.1 many pixels"
    bench.store.series.append(series.series_id, sha256_of(data), offset_bytes=0, data=data[:7])
    bench.reopen()
    assert bench.store.series.stored_bytes(series.series_id, sha256_of(data)) == 7
    assert bench.upload(series.series_id, data).verdict is Verdict.ACCEPTED


def test_bytes_at_the_wrong_offset_are_not_stored(bench):
    series, data = bench.store.series.create(), b"CT 1.1 many pixels"
    assert bench.store.series.append(series.series_id, sha256_of(data), offset_bytes=0, data=data[:7]) == 7
    assert bench.store.series.append(series.series_id, sha256_of(data), offset_bytes=3, data=data[3:]) is None
    assert bench.store.series.stored_bytes(series.series_id, sha256_of(data)) == 7


def test_the_same_bytes_twice_are_accepted_once(bench):
    series = bench.store.series.create()
    bench.upload(series.series_id, b"CT 1.1 pixels")
    assert bench.upload(series.series_id, b"CT 1.1 pixels").verdict is Verdict.ALREADY_ACCEPTED
    assert bench.store.series.get(series.series_id).instances == 1


def test_other_bytes_under_the_same_sop_instance_uid_are_a_conflict_that_spoils_the_series(bench):
    series = bench.store.series.create()
    bench.upload(series.series_id, b"CT 1.1 pixels")
    verdict = bench.upload(series.series_id, b"CT 1.1 other pixels")
    assert verdict.verdict is Verdict.CONFLICT
    assert verdict.finding.reason == "CONFLICTING_INSTANCE"
    with pytest.raises(SeriesRejectedError, match="CONFLICTING_INSTANCE"):
        bench.store.series.complete(series.series_id)


def test_a_hostile_instance_spoils_the_series_and_leaves_no_file(bench):
    series = bench.store.series.create()
    bench.upload(series.series_id, b"CT 1.1 pixels")
    assert bench.upload(series.series_id, b"BAD").verdict is Verdict.REJECTED
    assert bench.upload(series.series_id, b"BAD").verdict is Verdict.REJECTED
    with pytest.raises(SeriesRejectedError, match="NESTED_TOO_DEEP: nested 4000 deep"):
        bench.store.series.complete(series.series_id)
    assert bench.files() == sorted([sha256_of(b"CT 1.1 pixels"), "lock", "store-id"])


def test_a_text_file_is_set_aside_and_the_series_completes_without_it(bench):
    series = bench.store.series.create()
    bench.upload(series.series_id, b"CT 1.1 pixels")
    assert bench.upload(series.series_id, b"read me").verdict is Verdict.SET_ASIDE
    complete = bench.store.series.complete(series.series_id, expected_instances=2)
    assert (complete.complete, complete.instances, len(complete.set_aside)) == (True, 1, 1)


@pytest.mark.parametrize(("expected", "reason"), [(2, "INCOMPLETE_UPLOAD"), (0, "EMPTY_FOLDER")])
def test_a_series_with_too_few_instances_is_not_completed(bench, expected, reason):
    series = bench.store.series.create()
    with pytest.raises(SeriesRejectedError) as caught:
        bench.store.series.complete(series.series_id, expected_instances=expected)
    assert caught.value.reason == reason


def test_a_complete_series_takes_nothing_more_and_stays_complete(bench):
    series = bench.complete_series()
    assert bench.store.series.complete(series.series_id).complete
    with pytest.raises(NotReadyError, match="SERIES_COMPLETE"):
        bench.upload(series.series_id, b"CT 1.3 pixels")


def test_bytes_without_the_announced_hash_are_rejected_and_can_be_sent_again(bench):
    series, data = bench.store.series.create(), b"CT 1.1 pixels"
    verdict = bench.upload(series.series_id, b"CT 1.1 pixEls", sha256=sha256_of(data))
    assert (verdict.verdict, verdict.finding.reason) == (Verdict.REJECTED, "SHA256_MISMATCH")
    assert bench.upload(series.series_id, data).verdict is Verdict.ACCEPTED


def test_limits_are_named(open_bench):
    bench = open_bench(quota_bytes=40)
    series = bench.store.series.create()
    for size, reason in [(1001, "INSTANCE_TOO_LARGE"), (100, "STORE_FULL")]:
        with pytest.raises(ResourceLimitError) as caught:
            bench.upload(series.series_id, b"CT 1.1 ".ljust(size))
        assert caught.value.reason == reason
    for index in range(5):
        bench.upload(series.series_id, f"CT 2.{index}".encode())
    with pytest.raises(ResourceLimitError, match="TOO_MANY_INSTANCES"):
        bench.upload(series.series_id, b"CT 2.9")


@pytest.mark.parametrize("bad", ["../../etc/passwd", "A" * 64, "", "0" * 63])
def test_a_name_from_outside_never_becomes_a_path(bench, bad):
    series = bench.store.series.create()
    with pytest.raises(InputError):
        bench.store.series.begin(series.series_id, bad, size_bytes=3)
    with pytest.raises(NotFoundError):
        bench.store.series.get(bad)
    with pytest.raises(ValueError, match="not a"):
        bench.store.files.object_path(bad)


def test_the_same_request_id_gives_the_same_series(bench):
    one = bench.store.series.create("ask-1")
    assert bench.store.series.create("ask-1") == one
    assert bench.store.series.create("ask-2").series_id != one.series_id


def test_deleting_a_series_keeps_what_another_one_holds_too(bench):
    shared, own = b"CT 1.1 pixels", b"CT 1.2 pixels"
    first, second = bench.complete_series(shared, own), bench.complete_series(shared)
    bench.store.series.delete(first.series_id)
    assert bench.files() == sorted([sha256_of(shared), "lock", "store-id"])
    with pytest.raises(NotFoundError):
        bench.store.series.get(first.series_id)
    assert bench.store.series.get(second.series_id).instances == 1
    bench.store.series.delete(second.series_id)
    assert bench.store.files.used_bytes == 0


def test_pages_list_every_series_once_newest_first(bench):
    made = [bench.store.series.create().series_id for _ in range(5)]
    listed, token = [], ""
    while True:
        page = bench.store.series.listing(page_size=2, page_token=token)
        listed += [series.series_id for series in page.items]
        token = page.next_token
        if not token:
            break
    assert listed == made[::-1]
    with pytest.raises(InputError, match="INVALID_PAGE"):
        bench.store.series.listing(page_token="1; drop table series")


def test_many_streams_that_send_the_same_instance_at_once_all_get_a_good_verdict(bench):
    series, data = bench.store.series.create(), b"CT 1.1 " + bytes(900)
    sha256, verdicts, errors = sha256_of(data), [], []
    start = threading.Barrier(6)

    def send():
        start.wait()
        try:
            while not verdicts or verdicts[-1] is None:
                offset = bench.store.series.stored_bytes(series.series_id, sha256)
                if offset < len(data):
                    bench.store.series.append(
                        series.series_id, sha256, offset_bytes=offset, data=data[offset : offset + 300]
                    )
                else:
                    verdicts.append(bench.finish(series.series_id, sha256).verdict)
        except Exception as error:  # noqa: BLE001 - whatever it is, the test has to see it
            errors.append(error)

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert errors == []
    assert set(verdicts) <= {Verdict.ACCEPTED, Verdict.ALREADY_ACCEPTED}
    assert bench.store.series.get(series.series_id).instances == 1
