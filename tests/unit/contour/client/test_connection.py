import subprocess
from pathlib import Path

import pytest

from contour.client import ContourClient
from contour.client.connection import Credentials
from contour.errors import ConfigError
from tests.certificates import Authority


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.mark.parametrize("address", ["10.0.0.7:50051", "planning.clinic:50051", "[2001:db8::1]:50051"])
def test_a_token_goes_unencrypted_to_this_machine_alone_unless_that_is_wanted(authority, address):
    with pytest.raises(ConfigError, match="INSECURE_REMOTE"):
        ContourClient(address, token="ct_x")
    ContourClient(address, token="ct_x", allow_insecure_remote=True).close()
    ContourClient(address, token="ct_x", ca_file=authority.certificate).close()
    ContourClient(address).close()


@pytest.mark.parametrize("address", ["127.0.0.1:50051", "localhost:50051", "[::1]:50051"])
def test_on_this_machine_a_token_needs_no_encryption(address):
    ContourClient(address, token="ct_x").close()


@pytest.mark.parametrize("token", ["ct_a b", "ct_a\n", "ct_ä", "Bearer ct_a"])
def test_a_token_that_cannot_be_one_is_refused_without_being_told(token):
    with pytest.raises(ConfigError, match="BAD_TOKEN") as caught:
        Credentials(token=token)
    assert token not in str(caught.value)


def test_the_token_is_not_in_the_repr():
    assert "secret" not in repr(Credentials(token="ct_secret"))


def test_files_that_do_not_go_together_are_refused(authority, tmp_path):
    one, other = authority.sign("one"), authority.sign("other")
    encrypted = tmp_path / "encrypted.key"
    subprocess.run(
        ["openssl", "ec", "-in", one.key, "-aes256", "-passout", "pass:word", "-out", encrypted],
        check=True, capture_output=True,
    )  # fmt: skip
    ca = authority.certificate
    for files, said in (
        ({"ca_file": tmp_path / "gone.pem"}, "ca_file cannot be read"),
        ({"ca_file": one.key}, "ca_file cannot be used"),
        ({"ca_file": ca, "certificate_file": one.certificate}, "belong together"),
        ({"certificate_file": one.certificate, "key_file": one.key}, "give ca_file as well"),
        ({"ca_file": ca, "certificate_file": one.certificate, "key_file": other.key}, "belong together"),
        ({"ca_file": ca, "certificate_file": one.certificate, "key_file": encrypted}, "without a password"),
        ({"ca_file": ca, "certificate_file": one.certificate, "key_file": Path("/nowhere")}, "key cannot be read"),
    ):
        with pytest.raises(ConfigError, match=said):
            ContourClient("127.0.0.1:9", **files)
