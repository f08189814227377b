import pytest
from google.rpc import code_pb2, status_pb2

from contour.client import ContourClient
from contour.client.errors import error_of_status
from contour.errors import InputError, ServiceUnavailableError


def test_an_error_of_a_proxy_in_between_is_told_as_such():
    error = error_of_status(status_pb2.Status(code=code_pb2.INTERNAL, message="SENTINEL"))
    assert isinstance(error, ServiceUnavailableError)
    assert "SENTINEL" not in str(error)


def test_a_server_that_is_not_there_is_unavailable_after_the_patience_is_over():
    with (
        ContourClient("127.0.0.1:9", patience_s=0.3) as client,
        pytest.raises(ServiceUnavailableError, match="UNAVAILABLE"),
    ):
        client.models()


def test_a_file_that_cannot_be_read_is_named_without_its_folder(tmp_path):
    with ContourClient("127.0.0.1:9", patience_s=0.0) as client, pytest.raises(InputError) as caught:
        client.upload_series([tmp_path / "gone.dcm"])
    assert str(caught.value) == "UNREADABLE_FILE: gone.dcm cannot be read"
