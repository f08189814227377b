from pathlib import Path

import pytest

from contour.errors import ConfigError
from contour.listening import TlsFiles
from contour.server.config import ServerConfig, ServerLimits, split_address


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "localhost:50051", "[::1]:50051", "127.8.9.1:1"])
def test_loopback_addresses_are_listened_on(listen):
    assert ServerConfig(data_dir=Path("d"), listen=listen).listen == listen


@pytest.mark.parametrize("listen", ["0.0.0.0:50051", "[::]:50051", "192.168.1.7:50051", "hospital.example:50051"])
@pytest.mark.parametrize("setting", ["listen", "metrics_listen"])
def test_other_addresses_need_the_explicit_setting(listen, setting):
    with pytest.raises(ConfigError, match="INSECURE_REMOTE"):
        ServerConfig(data_dir=Path("d"), **{setting: listen})
    assert ServerConfig(data_dir=Path("d"), allow_insecure_remote=True, **{setting: listen})


@pytest.mark.parametrize("setting", ["listen", "metrics_listen"])
def test_where_nobody_is_asked_nothing_makes_another_address_right(setting):
    tls = TlsFiles(certificate=Path("c"), key=Path("k"))
    with pytest.raises(ConfigError, match="auth is off"):
        ServerConfig(
            data_dir=Path("d"), auth="off", tls=tls, allow_insecure_remote=True, **{setting: "192.168.1.7:50051"}
        )
    assert ServerConfig(data_dir=Path("d"), auth="off").auth == "off"


def test_tls_lets_the_service_be_anywhere_and_the_metrics_not():
    tls = TlsFiles(certificate=Path("c"), key=Path("k"))
    assert ServerConfig(data_dir=Path("d"), tls=tls, listen="0.0.0.0:50051").tls == tls
    with pytest.raises(ConfigError, match="INSECURE_REMOTE: metrics_listen"):
        ServerConfig(data_dir=Path("d"), tls=tls, metrics_listen="0.0.0.0:9464")


def test_callers_are_asked_unless_the_configuration_says_off_and_nothing_else_is_understood():
    assert ServerConfig(data_dir=Path("d")).auth == "required"
    for other in ("", "OFF", "none", "false"):
        with pytest.raises(ConfigError, match="expected required or off"):
            ServerConfig(data_dir=Path("d"), auth=other)


@pytest.mark.parametrize("text", ["", "50051", "host:", ":50051", "host:70000", "host:-1", "host:5 0"])
def test_what_is_not_host_and_port_is_refused(text):
    with pytest.raises(ConfigError, match="BAD_ADDRESS"):
        split_address(text)


def test_an_ipv6_host_loses_its_brackets():
    assert split_address("[::1]:9464") == ("::1", 9464)


def test_metrics_can_be_switched_off_but_the_service_cannot():
    assert ServerConfig(data_dir=Path("d"), metrics_listen="").metrics_listen == ""
    with pytest.raises(ConfigError):
        ServerConfig(data_dir=Path("d"), listen="")


@pytest.mark.parametrize(
    "settings", [{"queued_jobs": 0}, {"job_s": 0.5}, {"worker_memory_bytes": -1}, {"instance_bytes": 0}]
)
def test_a_limit_out_of_range_is_refused_by_name(settings):
    with pytest.raises(ConfigError, match=f"limits.{next(iter(settings))} is"):
        ServerLimits(**settings)


def test_a_log_level_that_does_not_exist_is_refused():
    with pytest.raises(ConfigError, match="log_level is 'LOUD'"):
        ServerConfig(data_dir=Path("d"), log_level="LOUD")


def test_the_database_url_with_its_password_is_not_in_the_repr():
    config = ServerConfig(data_dir=Path("d"), database_url="postgresql://contour:secret@db/contour")
    assert "secret" not in repr(config)
