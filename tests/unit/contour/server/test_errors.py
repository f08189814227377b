import inspect

import pytest
from google.rpc import code_pb2

import contour.errors
from contour.client.errors import error_of_status
from contour.errors import (
    CancelledError,
    ConflictError,
    ContourError,
    Finding,
    InputError,
    JobFailedError,
    ModelError,
    NotAllowedError,
    NotFoundError,
    NotReadyError,
    NotSignedInError,
    ResourceLimitError,
    SeriesRejectedError,
    ServiceUnavailableError,
    UntrustworthyResultError,
)
from contour.server.errors import CODES, code_of, status_of

SAMPLES = [
    (InputError("bad", reason="NOT_CT"), code_pb2.INVALID_ARGUMENT),
    (SeriesRejectedError((Finding(reason="MISSING_SLICE", message="m"),)), code_pb2.INVALID_ARGUMENT),
    (NotFoundError("no model", reason="UNKNOWN_MODEL"), code_pb2.NOT_FOUND),
    (NotReadyError("open"), code_pb2.FAILED_PRECONDITION),
    (UntrustworthyResultError("drifted"), code_pb2.FAILED_PRECONDITION),
    (ModelError("changed"), code_pb2.FAILED_PRECONDITION),
    (NotSignedInError("no token"), code_pb2.UNAUTHENTICATED),
    (NotAllowedError("a physician"), code_pb2.PERMISSION_DENIED),
    (ConflictError("changed meanwhile", reason="EDIT_CONFLICT"), code_pb2.ABORTED),
    (ResourceLimitError("full", reason="QUEUE_FULL"), code_pb2.RESOURCE_EXHAUSTED),
    (ServiceUnavailableError("stopping"), code_pb2.UNAVAILABLE),
    (CancelledError("stopped"), code_pb2.CANCELLED),
    (JobFailedError("died", reason="WORKER_CRASHED"), code_pb2.INTERNAL),
]


def test_every_class_of_the_error_tree_has_a_code_of_its_own_or_of_the_class_above_it():
    classes = [
        kind
        for _, kind in inspect.getmembers(contour.errors, inspect.isclass)
        if issubclass(kind, ContourError) and kind is not ContourError
    ]
    assert {kind for kind in classes if not any(base in CODES for base in kind.__mro__)} == set()


@pytest.mark.parametrize(("error", "code"), SAMPLES, ids=[type(error).__name__ for error, _ in SAMPLES])
def test_an_error_arrives_at_the_client_as_it_left_the_server(error, code):
    assert code_of(error) == code
    back = error_of_status(status_of(error, job_id="ab" * 16))
    assert (type(back), back.reason, str(back)) == (type(error), error.reason, str(error))


def test_findings_keep_their_measured_values():
    findings = (
        Finding(reason="MISSING_SLICE", message="2 missing", measured=(("z_mm", "10.0, 12.5"), ("step_mm", "2.5"))),
        Finding(reason="GANTRY_TILT", message="tilted", measured=(("tilt_deg", "3.2"),)),
    )
    back = error_of_status(status_of(SeriesRejectedError(findings)))
    assert isinstance(back, SeriesRejectedError)
    assert back.findings == findings


@pytest.mark.parametrize("most_bytes", [3500, 64 << 10])
def test_a_status_with_a_thousand_findings_fits_and_keeps_the_first(most_bytes):
    findings = tuple(
        Finding(reason=f"BAD_{index}", message="m" * 400, measured=(("v", "9" * 200),)) for index in range(1000)
    )
    status = status_of(SeriesRejectedError(findings), most_bytes=most_bytes)
    assert status.ByteSize() < most_bytes
    assert error_of_status(status).findings[:1] == findings[:1]


def test_one_huge_finding_still_fits_into_a_trailer():
    huge = Finding(reason="BAD", message="m" * 9000, measured=tuple((f"v{n}", "9" * 900) for n in range(40)))
    assert status_of(SeriesRejectedError((huge,))).ByteSize() < 6000
