"""Protocols lie beside models, share their names with them, and are checked against them."""

import pytest

from contour.errors import ModelError, NotFoundError
from contour.segmentation import ModelStore, ProtocolStore
from contour.segmentation.protocol_store import check_models, read_protocol
from tests.unit.contour.segmentation.tiny_model import save_tiny_model

TEXT = """
schema = 1
name = "{name}"
version = "0.1"
[[structures]]
name = "SpinalCord"
from = "tiny"
"""


def save(folder, name, text=TEXT):
    path = folder / f"{name}.protocol.toml"
    path.write_text(text.replace("{name}", name), encoding="utf-8")
    return path


def test_protocols_are_found_in_the_order_of_the_folders_and_by_name(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    save(first, "neck")
    save(second, "neck", TEXT.replace("0.1", "0.2"))
    save(second, "head")
    (second / "notes.toml").write_text("")
    (second / "No Name.protocol.toml").write_text("")
    store = ProtocolStore([first, tmp_path / "absent", second])
    assert store.names() == ("neck", "head")
    assert (store.get("neck").version, store.get("head").structures) == ("0.1", ("SpinalCord",))
    with pytest.raises(NotFoundError, match="installed: neck, head") as refused:
        store.get("../neck")
    assert refused.value.reason == "UNKNOWN_PROTOCOL"


def test_a_file_holds_the_protocol_that_it_is_called_after(tmp_path):
    path = save(tmp_path, "neck", TEXT.replace("{name}", "chest"))
    with pytest.raises(ModelError, match=r"neck.protocol.toml, its protocol 'chest'"):
        ProtocolStore([tmp_path]).get("neck")
    assert read_protocol(path.rename(tmp_path / "draft.toml")).name == "chest"


def test_a_name_that_a_model_has_too_is_refused(tmp_path):
    save(save_tiny_model(tmp_path), "tiny")
    with pytest.raises(ModelError, match="both called 'tiny'") as refused:
        ProtocolStore([tmp_path]).get("tiny")
    assert refused.value.reason == "BAD_PROTOCOL"


def test_a_file_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "neck.protocol.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ModelError, match="not UTF-8"):
        ProtocolStore([tmp_path]).get("neck")


@pytest.mark.parametrize(
    ("old", "new", "reason", "said"),
    [
        ('from = "tiny"', 'from = "huge"', "UNKNOWN_MODEL", "'huge' asked for; installed: tiny"),
        ('"SpinalCord"', '"Liver"', "UNKNOWN_STRUCTURE", "Liver: tiny has no 'Liver'; it contours External, Parotid_L"),
    ],
)
def test_a_protocol_is_checked_against_its_models(tmp_path, old, new, reason, said):
    save(save_tiny_model(tmp_path), "neck", TEXT.replace(old, new))
    card = ModelStore([tmp_path]).card
    with pytest.raises(NotFoundError, match=said) as refused:
        check_models(ProtocolStore([tmp_path]).get("neck"), card)
    assert refused.value.reason == reason
    good = ProtocolStore([tmp_path])
    save(tmp_path, "neck")
    assert [(one.name, one.version) for one in check_models(good.get("neck"), card)] == [("tiny", "0.0.1")]
