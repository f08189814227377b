"""One TOML becomes one frozen configuration, or an error that names the key."""

from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from contour.config import Config, load_config
from contour.errors import ConfigError


def write(tmp_path, text):
    path = tmp_path / "contour.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_no_file_gives_the_defaults():
    assert load_config(None) == Config()


def test_paths_are_relative_to_the_file_and_what_is_missing_keeps_its_default(tmp_path):
    config = load_config(write(tmp_path, 'data = "jobs"\n[models]\nfolders = ["mine", "/srv/models"]\n'))
    assert config.data == tmp_path / "jobs"
    assert config.models.folders == (tmp_path / "mine", Path("/srv/models"))
    assert config.listen == Config().listen


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('lisen = "x:1"', "unknown key lisen"),
        ('[models]\nfolder = "x"', "unknown key models.folder"),
        ("listen = 5", "listen is 5; expected text"),
        ('models = "x"', "models is 'x'; expected a table"),
        ('[models]\nfolders = "x"', "models.folders is 'x'; expected a list"),
        ("[models]\nfolders = [1]", r"models.folders\[0\] is 1; expected text"),
        ("listen = ", "not TOML"),
    ],
)
def test_a_key_or_value_that_is_not_known_is_an_error_that_names_it(tmp_path, text, said):
    with pytest.raises(ConfigError, match=said) as caught:
        load_config(write(tmp_path, text))
    assert caught.value.reason == "BAD_CONFIG"


def test_the_configuration_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        Config().listen = "elsewhere:1"


def test_certificates_are_relative_to_the_file_and_reach_the_server(tmp_path):
    text = 'auth = "required"\n[tls]\ncertificate = "server.pem"\nkey = "/etc/contour/server.key"\n'
    tls = load_config(write(tmp_path, text)).for_server().tls
    assert (tls.certificate, tls.key, tls.client_ca) == (tmp_path / "server.pem", Path("/etc/contour/server.key"), None)


def test_a_certificate_without_a_key_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"tls: .*key"):
        load_config(write(tmp_path, '[tls]\ncertificate = "server.pem"\n'))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('approvers = ["dosimetrist"]', "review.approvers is"),
        ('approvers = ["surgeon"]', "review.approvers is"),
        ("approvers = []", "review.approvers is"),
        ("session_idle_s = 5", "review.session_idle_s is 5"),
        ("session_idle_s = 7200\nsession_most_s = 3600", "review.session_idle_s is 7200"),
        ("four_eyes = 1", "review.four_eyes is 1"),
        ("listen = 8080", "review.listen is 8080"),
    ],
)
def test_a_review_setting_out_of_range_is_refused_by_name(tmp_path, text, said):
    with pytest.raises(ConfigError, match=said):
        load_config(write(tmp_path, f"[review]\n{text}\n"))


@pytest.mark.parametrize(
    ("text", "goes"),
    [
        ('[review]\nlisten = "127.0.0.1:0"', True),
        ('[review]\nlisten = ""', True),
        ('[review]\nlisten = "0.0.0.0:8080"', False),
        ('allow_insecure_remote = true\n[review]\nlisten = "0.0.0.0:8080"', True),
        ('[tls]\ncertificate = "c"\nkey = "k"\n[review]\nlisten = "0.0.0.0:8080"', True),
        ('auth = "off"\n[tls]\ncertificate = "c"\nkey = "k"\n[review]\nlisten = "0.0.0.0:8080"', False),
        ('auth = "off"\nallow_insecure_remote = true\n[review]\nlisten = "0.0.0.0:8080"', False),
    ],
)
def test_the_review_page_is_held_to_the_same_rules_as_the_service(tmp_path, text, goes):
    config = load_config(write(tmp_path, text))
    if goes:
        config.for_review()
    else:
        with pytest.raises(ConfigError, match=r"INSECURE_REMOTE: review\.listen"):
            config.for_review()
