import sqlite3

import pytest

from contour.errors import ConfigError
from contour.store import Store, StoreSettings, UploadLimits


def settings_for(folder, url=""):
    limits = UploadLimits(instance_bytes=10, instances_per_series=10)
    return StoreSettings(data_dir=folder, limits=limits, quota_bytes=100, most_attempts=2, database_url=url)


def test_files_that_nothing_refers_to_are_swept_at_start(bench):
    kept = bench.complete_series()
    orphan = bench.store.files.object_path("ab" * 32)
    orphan.parent.mkdir(exist_ok=True)
    orphan.write_bytes(b"accepted, but the server died before it said so")
    bench.store.files.incoming_path("cd" * 16).write_bytes(b"half a result")
    bench.store.series.append("ef" * 16, "12" * 32, offset_bytes=0, data=b"of no series")
    bench.reopen()
    assert len(bench.files()) == 2 + kept.instances
    assert bench.store.files.used_bytes == kept.size_bytes


def test_a_second_server_on_the_same_folder_is_refused(bench):
    with pytest.raises(ConfigError, match="DATA_DIR_IN_USE"):
        Store(settings_for(bench.folder), clock_s=lambda: 0.0)


def test_a_database_of_a_later_version_is_refused_and_left_alone(bench):
    bench.store.close()
    with sqlite3.connect(bench.folder / "contour.db") as connection:
        connection.execute("UPDATE schema_version SET version = 99")
    connection.close()
    with pytest.raises(ConfigError, match=r"DATABASE_TOO_NEW.*version 99, expected 4"):
        Store(settings_for(bench.folder), clock_s=lambda: 0.0)
    with sqlite3.connect(bench.folder / "contour.db") as connection:
        connection.execute("UPDATE schema_version SET version = 4")
    connection.close()
    bench.open()


@pytest.mark.parametrize("url", ["nonsense", "nosuchdb://x/y", "sqlite:////nowhere/at/all.db"])
def test_a_database_that_cannot_be_opened_is_a_config_error_that_does_not_echo_it(tmp_path, url):
    with pytest.raises(ConfigError, match="BAD_DATABASE_URL") as caught:
        Store(settings_for(tmp_path, url), clock_s=lambda: 0.0)
    assert url not in str(caught.value)


def test_a_folder_that_is_a_file_is_a_config_error(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(ConfigError, match="DATA_DIR_UNUSABLE"):
        Store(settings_for(tmp_path / "taken"), clock_s=lambda: 0.0)


def test_a_folder_is_not_swept_by_a_database_that_does_not_know_it(bench, tmp_path):
    bench.complete_series()
    files = bench.files()
    bench.store.close()
    with pytest.raises(ConfigError, match="DATA_DIR_MISMATCH"):
        Store(settings_for(bench.folder, f"sqlite:///{tmp_path / 'other.db'}"), clock_s=lambda: 0.0)
    assert bench.files() == files
    bench.open()


def test_the_folder_is_nobody_elses_business(bench):
    assert bench.folder.stat().st_mode & 0o077 == 0


def test_a_series_that_was_never_completed_is_deleted_when_it_is_old(bench):
    old, kept = bench.store.series.create(), bench.complete_series()
    bench.store.series.append(old.series_id, "12" * 32, offset_bytes=0, data=b"half")
    bench.clock_s[0] += 100.0
    fresh = bench.store.series.create()
    assert bench.store.series.delete_stale(50.0) == 1
    assert [one.series_id for one in bench.store.series.listing().items] == [fresh.series_id, kept.series_id]
    assert bench.store.files.used_bytes == kept.size_bytes
