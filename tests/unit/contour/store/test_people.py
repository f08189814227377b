"""Accounts and audit opened beside a server, and in data folders of the version before."""

import sqlite3
from contextlib import closing

import pytest

from contour.errors import ConfigError
from contour.store.audit_chain import CONSOLE, Action
from contour.store.database import Database
from contour.store.people import open_people
from contour.store.roles import Role

VERSION_3 = """
CREATE TABLE schema_version (version BIGINT NOT NULL, store_id VARCHAR NOT NULL, PRIMARY KEY (version));
CREATE TABLE series (sequence INTEGER NOT NULL, series_id VARCHAR NOT NULL, request_id VARCHAR,
    complete BOOLEAN NOT NULL, created_s FLOAT NOT NULL, completed_s FLOAT,
    PRIMARY KEY (sequence), UNIQUE (series_id), UNIQUE (request_id));
CREATE TABLE instance (sequence INTEGER NOT NULL, series_id VARCHAR NOT NULL, sha256 VARCHAR NOT NULL,
    size_bytes INTEGER NOT NULL, sop_instance_uid VARCHAR NOT NULL, sop_class_uid VARCHAR NOT NULL,
    series_instance_uid VARCHAR NOT NULL, modality VARCHAR NOT NULL,
    PRIMARY KEY (sequence), UNIQUE (series_id, sha256), UNIQUE (series_id, sop_instance_uid),
    FOREIGN KEY(series_id) REFERENCES series (series_id) ON DELETE CASCADE);
CREATE INDEX instance_by_file ON instance (sha256);
CREATE TABLE refused (sequence INTEGER NOT NULL, series_id VARCHAR NOT NULL, sha256 VARCHAR NOT NULL,
    verdict VARCHAR NOT NULL, finding JSON NOT NULL, PRIMARY KEY (sequence), UNIQUE (series_id, sha256),
    FOREIGN KEY(series_id) REFERENCES series (series_id) ON DELETE CASCADE);
CREATE TABLE job (sequence INTEGER NOT NULL, job_id VARCHAR NOT NULL, request_id VARCHAR, series_id VARCHAR NOT NULL,
    series_instance_uid VARCHAR, model VARCHAR NOT NULL, model_version VARCHAR NOT NULL, structures JSON NOT NULL,
    software_version VARCHAR NOT NULL, state VARCHAR NOT NULL, stage VARCHAR NOT NULL, fraction FLOAT NOT NULL,
    attempt INTEGER NOT NULL, cancel_requested BOOLEAN NOT NULL, created_s FLOAT NOT NULL, started_s FLOAT,
    ended_s FLOAT, failure JSON, result JSON, result_sha256 VARCHAR, result_bytes INTEGER,
    kind VARCHAR DEFAULT 'plan' NOT NULL, inputs JSON,
    PRIMARY KEY (sequence), UNIQUE (job_id), UNIQUE (request_id),
    FOREIGN KEY(series_id) REFERENCES series (series_id) ON DELETE CASCADE);
CREATE INDEX job_by_state ON job (state);
CREATE TABLE stage_duration (sequence INTEGER NOT NULL, job_id VARCHAR NOT NULL, model VARCHAR NOT NULL,
    stage VARCHAR NOT NULL, elapsed_s FLOAT NOT NULL, PRIMARY KEY (sequence),
    FOREIGN KEY(job_id) REFERENCES job (job_id) ON DELETE CASCADE);
CREATE TABLE course (sequence INTEGER NOT NULL, course_id VARCHAR NOT NULL, request_id VARCHAR, label VARCHAR NOT NULL,
    "plan" JSON NOT NULL, created_s FLOAT NOT NULL, site VARCHAR DEFAULT 'unspecified' NOT NULL,
    PRIMARY KEY (sequence), UNIQUE (course_id), UNIQUE (request_id));
CREATE TABLE fraction (sequence INTEGER NOT NULL, course_id VARCHAR NOT NULL, number INTEGER NOT NULL,
    content VARCHAR NOT NULL, job_id VARCHAR NOT NULL, PRIMARY KEY (sequence), UNIQUE (course_id, number),
    UNIQUE (course_id, content), FOREIGN KEY(course_id) REFERENCES course (course_id) ON DELETE CASCADE,
    FOREIGN KEY(job_id) REFERENCES job (job_id) ON DELETE CASCADE);
INSERT INTO schema_version VALUES (3, '0123456789abcdef0123456789abcdef');
INSERT INTO series VALUES (1, 'aa', NULL, 1, 1000.0, 1001.0);
INSERT INTO job VALUES (1, 'bb', NULL, 'aa', NULL, 'head_neck', '1', '["Brainstem"]', '0.1', 'SUCCEEDED', '', 1.0, 1, 0,
    1002.0, 1003.0, 1004.0, NULL, NULL, NULL, NULL, 'plan', NULL);
"""

NEW_TABLES = {"account", "token", "web_session", "audit", "review", "edit", "decision"}


@pytest.fixture
def clock_s():
    return lambda: 2000.0


@pytest.fixture
def old_folder(tmp_path):
    folder = tmp_path / "old"
    folder.mkdir()
    with closing(sqlite3.connect(folder / "contour.db")) as connection:
        connection.executescript(VERSION_3)
    return folder


def things_of(folder):
    """Names and definitions of what a database holds beside the version 3 tables."""
    with closing(sqlite3.connect(folder / "contour.db")) as connection:
        rows = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall()
    return {(kind, name, sql) for kind, name, table, sql in rows if table in NEW_TABLES}


def refusals(folder):
    """How the database answers to whoever changes the audit's only entry, or puts one in its place."""
    said = []
    with closing(sqlite3.connect(folder / "contour.db")) as connection:
        for statement in (
            "UPDATE audit SET actor = 'bob'",
            "DELETE FROM audit",
            "INSERT OR REPLACE INTO audit SELECT 1, 0, 'bob', 'SAW', '', '{}', 'a', 'b'",
        ):
            with pytest.raises(sqlite3.IntegrityError) as caught:
                connection.execute(statement)
            said.append(str(caught.value))
    return said


def test_a_database_of_the_version_before_gets_the_new_tables_and_keeps_its_rows(old_folder, clock_s):
    with open_people(old_folder, clock_s=clock_s) as people:
        people.accounts.create("ann", Role.PHYSICIST, None)
        assert people.audit.verify().entries == 1
    with closing(sqlite3.connect(old_folder / "contour.db")) as connection:
        assert connection.execute("SELECT version, store_id FROM schema_version").fetchall() == [
            (4, "0123456789abcdef0123456789abcdef")
        ]
        assert connection.execute("SELECT job_id, state FROM job").fetchall() == [("bb", "SUCCEEDED")]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def test_a_migrated_database_is_the_same_as_a_fresh_one(old_folder, tmp_path, clock_s):
    open_people(old_folder, clock_s=clock_s).close()
    open_people(tmp_path / "fresh", clock_s=clock_s, create=True).close()
    fresh = things_of(tmp_path / "fresh")
    assert things_of(old_folder) == fresh
    assert {name for kind, name, _ in fresh if kind == "table"} == NEW_TABLES
    assert {name for kind, name, _ in fresh if kind == "trigger"} == {
        "audit_at_end",
        "audit_no_delete",
        "audit_no_update",
    }


@pytest.mark.parametrize("migrated", [False, True])
def test_fresh_and_migrated_databases_both_guard_the_audit(old_folder, tmp_path, clock_s, migrated):
    folder = old_folder if migrated else tmp_path / "fresh"
    with open_people(folder, clock_s=clock_s, create=not migrated) as people:
        people.audit.add(CONSOLE, Action.SAW, "x")
    expected = ["the audit is append-only", "the audit is append-only", "the audit grows at its end alone"]
    assert refusals(folder) == expected


def test_a_servers_store_guards_the_audit_too(bench):
    bench.store.audit.add(CONSOLE, Action.SAW, "x")
    assert len(refusals(bench.folder)) == 3


def test_accounts_are_changed_beside_a_server_that_has_the_folder(bench, clock_s):
    with open_people(bench.folder, clock_s=clock_s) as people:
        people.accounts.create("ann", Role.PHYSICIST, "correct horse battery")
        bench.store.audit.add("ann", Action.SIGNED_IN, "ann")
        people.audit.add(CONSOLE, Action.SAW, "x")
    assert bench.store.accounts.check_password("ann", "correct horse battery").name == "ann"
    assert bench.store.audit.verify().entries == 3


def test_accounts_made_before_the_first_start_are_the_servers(tmp_path, open_bench, clock_s):
    with open_people(tmp_path / "data", clock_s=clock_s, create=True) as people:
        people.accounts.create("ann", Role.PHYSICIST, None)
    assert (tmp_path / "data").stat().st_mode & 0o077 == 0
    bench = open_bench()
    assert [one.name for one in bench.store.accounts.listing()] == ["ann"]
    bench.reopen()
    assert [one.name for one in bench.store.accounts.listing()] == ["ann"]


def test_a_folder_without_a_database_is_refused_and_left_empty(tmp_path, clock_s):
    with pytest.raises(ConfigError, match="NO_DATA_DIR"):
        open_people(tmp_path, clock_s=clock_s)
    with pytest.raises(ConfigError, match="NO_DATA_DIR"):
        open_people(tmp_path / "nowhere", clock_s=clock_s)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_a_config_error(tmp_path, clock_s):
    (tmp_path / "taken").write_text("")
    with pytest.raises(ConfigError, match="DATA_DIR_UNUSABLE"):
        open_people(tmp_path / "taken", clock_s=clock_s, create=True)


def test_a_database_of_another_folder_is_refused(bench, tmp_path, clock_s):
    Database(f"sqlite:///{tmp_path / 'other.db'}").close()
    with pytest.raises(ConfigError, match="DATA_DIR_MISMATCH"):
        open_people(bench.folder, f"sqlite:///{tmp_path / 'other.db'}", clock_s=clock_s)
    with open_people(bench.folder, f"sqlite:///{bench.folder / 'contour.db'}", clock_s=clock_s) as people:
        assert people.accounts.listing() == ()
