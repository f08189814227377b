"""Who is held out, and that a run under way keeps to it."""

import json

import pytest

from contour.errors import InputError
from contour.training.split import Split, choose_held_out, keep_split, read_hold_out, require_known

NAMES = [f"pt_{number}" for number in range(40)]


def split(**changes) -> Split:
    return Split(**({"trained_on": ("a", "b"), "held_out": ("c",), "seed": 7} | changes))


def test_so_many_are_drawn_the_same_each_time_and_others_from_another_seed():
    drawn = choose_held_out(NAMES, 8, seed=1)
    assert len(drawn) == 8
    assert drawn == choose_held_out(NAMES, 8, seed=1)
    assert drawn != choose_held_out(NAMES, 8, seed=2)
    assert drawn != tuple(NAMES[:8])


def test_a_further_case_moves_at_most_one_of_those_held_out():
    before = set(choose_held_out(NAMES, 8, seed=1))
    assert len(before - set(choose_held_out([*NAMES, "pt_new"], 8, seed=1))) <= 1


def test_cases_are_held_out_by_name():
    assert choose_held_out(NAMES, ("pt_3", "pt_1"), seed=1) == ("pt_1", "pt_3")


@pytest.mark.parametrize("asked", [3, 9, ("a", "b", "c")])
def test_somebody_has_to_be_learnt_from(asked):
    with pytest.raises(InputError) as refused:
        choose_held_out(["a", "b", "c"], asked, seed=1)
    assert refused.value.reason == "NO_TRAINING_CASES"


def test_names_are_read_from_a_list_or_from_another_models_split(tmp_path):
    (tmp_path / "names.txt").write_text("pt_1\n\n pt_2 \n")
    (tmp_path / "split.json").write_text(split(held_out=("pt_5",)).to_json())
    assert read_hold_out(tmp_path / "names.txt") == ("pt_1", "pt_2")
    assert read_hold_out(tmp_path / "split.json") == ("pt_5",)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.txt", b"\n"),
        ("a.txt", b"\xff\xfe\x00"),
        ("a.json", b"[1]"),
        ("a.json", b"{"),
        ("a.json", b'{"held_out": [1]}'),
    ],
)
def test_a_file_that_names_nobody_is_refused(tmp_path, name, data):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError) as refused:
        read_hold_out(tmp_path / name)
    assert refused.value.reason == "BAD_HOLD_OUT"


def test_a_name_that_is_not_there_is_refused():
    with pytest.raises(InputError, match="pt_99") as refused:
        require_known(["pt_1", "pt_99"], NAMES)
    assert refused.value.reason == "UNKNOWN_CASE"


def test_a_run_under_way_is_not_continued_with_other_cases(tmp_path):
    keep_split(tmp_path, split())
    keep_split(tmp_path, split(held_out=()))  # nothing learnt yet
    (tmp_path / "checkpoint.pt").write_bytes(b"")
    keep_split(tmp_path, split(held_out=()))
    with pytest.raises(InputError) as refused:
        keep_split(tmp_path, split(trained_on=("a", "b", "c"), held_out=()))
    assert refused.value.reason == "OTHER_TRAINING_RUN"
    assert json.loads((tmp_path / "split.json").read_text())["trained_on"] == ["a", "b"]
