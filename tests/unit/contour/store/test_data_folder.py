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
    assert len(bench.files()) == 1 + kept.instances
    assert bench.store.files.used_bytes == kept.size_bytes


def test_a_second_server_on_the_same_folder_is_refused(bench):
    with pytest.raises(ConfigError, match="DATA_DIR_IN_USE"):
        Store(settings_for(bench.folder), clock_s=lambda: 0.0)


def test_a_database_of_a_later_version_is_refused_and_left_alone(bench):
    bench.store.close()
    with sqlite3.connect(bench.folder / "contour.db") as connection:
        connection.execute("UPDATE schema_version SET version = 99")
    connection.close()
    with pytest.raises(ConfigError, match=r"DATABASE_TOO_NEW.*version 99, expected 1"):
        Store(settings_for(bench.folder), clock_s=lambda: 0.0)
    with sqlite3.connect(bench.folder / "contour.db") as connection:
        connection.execute("UPDATE schema_version SET version = 1")
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
