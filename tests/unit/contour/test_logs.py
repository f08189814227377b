import io
import json
import logging
import warnings

import pytest

from contour.errors import InputError
from contour.logs import job_in_logs, set_up_logs

SENTINEL = "SENTINEL^PATIENT"


@pytest.fixture
def written():
    root = logging.getLogger()
    handlers, level, raising = root.handlers[:], root.level, logging.raiseExceptions
    stream = io.StringIO()
    set_up_logs("INFO", stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logging.captureWarnings(capture=False)
    root.handlers[:], logging.raiseExceptions = handlers, raising
    root.setLevel(level)


def test_a_record_of_ours_is_one_line_with_its_job(written):
    with job_in_logs("ab" * 16):
        logging.getLogger("contour.jobs").info("job starts, attempt %d", 2)
    logging.getLogger("contour.jobs").info("two\nlines")
    first, second = written()
    assert (first["message"], first["job_id"], first["level"]) == ("job starts, attempt 2", "ab" * 16, "INFO")
    assert second["message"] == "two\nlines"
    assert "job_id" not in second


def test_what_other_libraries_say_is_withheld_but_its_place_is_told(written):
    logging.getLogger("pydicom").warning("bad value %s for PN", SENTINEL)
    (line,) = written()
    assert SENTINEL not in json.dumps(line)
    assert line["logger"] == "pydicom"
    assert line["place"].startswith("test_logs:")


def test_warnings_are_withheld_too(written):
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=False)
        logging.captureWarnings(capture=True)
        warnings.warn(f"Invalid value for VR PN: {SENTINEL}", UserWarning, stacklevel=1)
    (line,) = written()
    assert SENTINEL not in json.dumps(line)


def test_an_exception_is_told_by_type_and_place_never_by_its_text(written):
    try:
        try:
            raise ValueError(SENTINEL)
        except ValueError as error:
            raise KeyError(SENTINEL) from error
    except KeyError as error:
        logging.getLogger("contour.x").error("it failed", exc_info=error)
    (line,) = written()
    assert SENTINEL not in json.dumps(line)
    assert (line["error"], line["cause"]) == ("KeyError", "ValueError")
    assert any("test_logs.py" in place for place in line["places"])


def test_an_error_of_ours_tells_its_reason(written):
    logging.getLogger("contour.x").warning("refused", exc_info=InputError("not CT", reason="NOT_CT"))
    assert written()[0]["reason"] == "NOT_CT"
