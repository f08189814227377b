import json

import pytest

from contour.errors import InputError
from contour.review.fields import Fields, fields_from_bytes


def refused(data: bytes) -> str:
    with pytest.raises(InputError) as caught:
        fields_from_bytes(data)
    return caught.value.reason


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b'"text"',
        b"null",
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": 1, "a": 2}',
        b'{"a": {"b": 1, "b": 1}}',
        b'\xff{"a": 1}',
        b'{"a": 1} trailing',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"a": ' + b"9" * 10_000 + b"}",
    ],
)
def test_a_body_that_is_not_one_strict_json_object_is_refused(data: bytes) -> None:
    assert refused(data) == "BAD_BODY"


def test_fields_are_read_by_kind_and_within_bounds() -> None:
    fields = Fields({"t": "a\nb", "n": 3, "x": 2, "l": ["A"], "o": {"k": 1}})
    assert fields.text("t", most=3) == "a\nb"
    assert fields.whole("n", least=0, most=3) == 3
    assert fields.number("x", least=0.0, most=2.0) == 2.0
    assert fields.texts("l", most=1) == ("A",)
    assert fields.table("o") == {"k": 1}
    fields.end()


@pytest.mark.parametrize("value", ["", "abcd", 1, None, True, ["a"], "a\x00", "\ud800", "\x1b["])
def test_text_that_is_none_or_too_long_or_holds_control_characters_is_refused(value: object) -> None:
    with pytest.raises(InputError) as caught:
        Fields({"t": value}).text("t", most=3)
    assert caught.value.reason == "BAD_FIELD"


@pytest.mark.parametrize("value", [-1, 4, 1.0, "1", True, None])
def test_a_whole_number_is_whole_and_within_bounds(value: object) -> None:
    with pytest.raises(InputError):
        Fields({"n": value}).whole("n", least=0, most=3)


@pytest.mark.parametrize("value", [1e400, json.loads("1e999"), -0.1, 2.1, True, "1", None])
def test_a_number_is_finite_and_within_bounds(value: object) -> None:
    with pytest.raises(InputError):
        Fields({"n": value}).number("n", least=0.0, most=2.0)


@pytest.mark.parametrize("value", ["A", ["A", "B", "C"], [1], [""], ["A" * 65], None])
def test_a_list_of_texts_is_one(value: object) -> None:
    with pytest.raises(InputError):
        Fields({"l": value}).texts("l", most=2)


def test_a_missing_and_an_unknown_key_are_refused_and_nothing_typed_is_echoed() -> None:
    fields = Fields({"password": "secret-word", "secret-key": 1})
    fields.text("password", most=20)
    with pytest.raises(InputError, match="found 1 unknown keys, expected only password") as caught:
        fields.end()
    assert "secret" not in caught.value.message
    with pytest.raises(InputError, match="name is missing"):
        fields.text("name", most=3)
