from pathlib import Path

import pytest

from contour.errors import ConfigError
from contour.listening import OFF, TlsFiles
from contour.review.config import ReviewConfig

TLS = TlsFiles(certificate=Path("server.pem"), key=Path("server.key"))


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "[::1]:8080", "localhost:8080"])
def test_without_tls_only_this_machine_is_listened_on(listen: str) -> None:
    assert not ReviewConfig(listen=listen).is_secure
    with pytest.raises(ConfigError, match="INSECURE_REMOTE"):
        ReviewConfig(listen="0.0.0.0:8080")


def test_with_tls_or_where_something_in_front_has_it_others_may_reach_it() -> None:
    assert ReviewConfig(listen="0.0.0.0:8080", tls=TLS).is_secure
    assert ReviewConfig(listen="[2001:db8::1]:8080", allow_insecure_remote=True).host == "2001:db8::1"


def test_with_auth_off_nothing_but_loopback_is_listened_on_whatever_else_is_set() -> None:
    with pytest.raises(ConfigError, match="INSECURE_REMOTE"):
        ReviewConfig(listen="10.0.0.1:8080", auth=OFF, tls=TLS, allow_insecure_remote=True)


@pytest.mark.parametrize(
    "wrong",
    [
        {"listen": "8080"},
        {"listen": "localhost:99999"},
        {"listeners": 0},
        {"attempts": 0},
        {"attempts_s": 0.0},
        {"auth": "on"},
    ],
)
def test_what_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        ReviewConfig(**wrong)  # type: ignore[arg-type]


def test_files_that_are_no_certificate_are_refused_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "a.pem").write_text("not a certificate")
    config = ReviewConfig(tls=TlsFiles(certificate=tmp_path / "a.pem", key=tmp_path / "none.key"))
    with pytest.raises(ConfigError, match="BAD_CERTIFICATE"):
        config.tls_context()
