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
