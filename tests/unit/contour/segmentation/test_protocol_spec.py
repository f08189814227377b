"""A protocol is data: every key known, every value checked, the first fault told in one line."""

import pytest

from contour.anatomy.margins import Margins
from contour.errors import ModelError
from contour.segmentation import parse_protocol
from contour.segmentation.protocol_spec import Combine, Crop, Grow, Height, how
from contour.segmentation.protocol_spec import __doc__ as manual

HEAD = 'schema = 1\nname = "neck"\nversion = "1.0.0"\ndescription = "For tests"\n'
BODY = """
[[structures]]
name = "External"
[[structures]]
name = "SpinalCord"
from = "head_neck"
[[structures]]
name = "Heart"
from = ["a", "b", "c"]
structure = ["Heart", "Heart", "Cor"]
vote = "any"
keep = false
[[structures]]
name = "Larynx"
from = "a"
structure = "Kehlkopf"

[[derived]]
name = "SpinalCord_PRV05"
grow = { of = "SpinalCord", margin_mm = 5 }
[[derived]]
name = "Both"
union = ["SpinalCord_PRV05", "Heart"]
[[derived]]
name = "Uneven"
grow = { of = "Heart", margins_mm = { left = -3.5, superior = -10 } }
[[derived]]
name = "Part"
crop = { of = "Both", inside = "External", away_from = "Larynx", distance_mm = 3.0, above = { inferior_end_of = "Larynx", plus_mm = -10 }, below = { superior_end_of = "Heart" } }

[overlaps]
priority = ["SpinalCord", "Larynx", "Heart"]
"""  # noqa: E501
TEXT = HEAD + BODY


def test_a_protocol_is_read_as_it_is_written():
    spec = parse_protocol(TEXT)
    assert (spec.name, spec.version, spec.description, spec.text) == ("neck", "1.0.0", "For tests", TEXT)
    assert spec.models == ("head_neck", "a", "b", "c")
    assert spec.structures == ("External", "SpinalCord", "Larynx", "SpinalCord_PRV05", "Both", "Uneven", "Part")
    assert [(source.model, source.structure) for source in spec.drawn[2].sources][2] == ("c", "Cor")
    assert spec.derived[0].rule == Grow(of="SpinalCord", margins=Margins.all_round(5.0))
    assert spec.derived[1].rule == Combine(operation="union", of=("SpinalCord_PRV05", "Heart"))
    assert spec.derived[2].rule == Grow(of="Heart", margins=Margins(left_mm=-3.5, superior_mm=-10.0))
    assert spec.derived[3].rule == Crop(
        of="Both", inside="External", away_from="Larynx", distance_mm=3.0,
        above=Height(of="Larynx", end="inferior", plus_mm=-10.0), below=Height(of="Heart", end="superior", plus_mm=0.0),
    )  # fmt: skip
    assert spec.priority == ("SpinalCord", "Larynx", "Heart")


def test_how_each_structure_comes_about_is_said_in_plain_words():
    said = {entry.name: how(entry) for entry in parse_protocol(TEXT).entries}
    assert said == {
        "External": "the body's outline, by rule",
        "SpinalCord": "from head_neck",
        "Heart": "any of a, b and c (there Cor)",
        "Larynx": "from a (there Kehlkopf)",
        "SpinalCord_PRV05": "SpinalCord grown by 5 mm",
        "Both": "SpinalCord_PRV05 and Heart together",
        "Uneven": "Heart shrunk by 3.5 mm left, 10 mm superior",
        "Part": "Both, inside External, 3 mm away from Larynx, above the inferior end of Larynx -10 mm, "
        "below the superior end of Heart",
    }
    assert all(text.isascii() for text in said.values())


def test_what_a_structure_needs_is_what_it_is_made_from_and_what_takes_voxels_from_that():
    spec = parse_protocol(TEXT)
    assert spec.needed_for(["External"]) == {"External"}
    assert spec.needed_for(["SpinalCord_PRV05"]) == {"SpinalCord_PRV05", "SpinalCord"}
    assert spec.needed_for(["Uneven"]) == {"Uneven", "Heart", "Larynx", "SpinalCord"}


@pytest.mark.parametrize(("votes", "models", "needed"), [("any", 3, 1), ("all", 3, 3), ("majority", 3, 2)])
def test_a_majority_is_more_than_half(votes, models, needed):
    assert parse_protocol(TEXT.replace('vote = "any"', f'vote = "{votes}"')).drawn[2].votes_needed == needed
    two = TEXT.replace('["a", "b", "c"]', '["a", "b"]').replace(', "Cor"]', "]").replace('"any"', '"majority"')
    assert parse_protocol(two).drawn[2].votes_needed == 2


def test_the_manuals_own_example_is_one():
    example = "\n".join(line[4:] for line in manual.split("\n\n", 1)[1].splitlines() if line.startswith("    "))
    extra = '[[structures]]\nname = "{}"\nfrom = "head_neck"\n'
    names = ("GTVp", "CTV", "Lung_L", "Lung_R", "Esophagus", "Larynx")
    first, rest = example.split("[[derived]]", 1)
    spec = parse_protocol(first + "".join(extra.format(name) for name in names) + "[[derived]]" + rest)
    assert len(spec.derived) == 5


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("schema = 1", "schema = 2", "schema is 2, expected 1"),
        ("schema = 1", "schema = true", "protocol.schema must be int, found bool"),
        ("schema = 1", "schema =", "not TOML"),
        ('name = "neck"', 'name = "Neck/1"', "name must be lower-case letters"),
        ('version = "1.0.0"', "", "protocol lacks 'version'"),
        ('version = "1.0.0"', 'version = " "', "version must be plain characters"),
        ('version = "1.0.0"', 'version = "1.0"\nsecret = 1', "protocol has unknown keys ..secret"),
        ('description = "For tests"', 'description = "a\\nb"', "description must be one line"),
        ('name = "External"', 'name = "External"\nfrom = "a"', "External is contoured by rule"),
        ('from = "head_neck"', "", "SpinalCord lacks 'from'"),
        ('from = "head_neck"', "from = 3", "SpinalCord.from must be str, found int"),
        ('from = "head_neck"', 'from = ["a"]', "SpinalCord.from must be two names or more"),
        ('from = "head_neck"', 'from = "a"\nvote = "all"', "a vote needs a list of models"),
        ('from = ["a", "b", "c"]', 'from = ["a", "b"]', "2 models and 3 structures"),
        ('from = ["a", "b", "c"]', 'from = ["a", "a", "b"]', "a structure of one model votes once"),
        ('vote = "any"', 'vote = "most"', "vote must be one of majority, any, all, found 'most'"),
        ("keep = false", 'keep = "no"', "Heart.keep must be bool, found str"),
        ("margin_mm = 5 }", "margin_mm = 0.05 }", "margin_mm must be 0.1 to 100 mm either way, found 0.05"),
        ("margin_mm = 5 }", "margin_mm = 101 }", "margin_mm must be -100 to 100, found 101"),
        ("margin_mm = 5 }", "margin_mm = nan }", "margin_mm must be -100 to 100, found nan"),
        ("margin_mm = 5 }", 'margin_mm = "5" }', "margin_mm must be a number, found '5'"),
        (", margin_mm = 5 }", " }", "either margin_mm or margins_mm is needed"),
        ("margin_mm = 5 }", "margin_mm = 5, margins_mm = { left = 1 } }", "either margin_mm or margins_mm"),
        ("{ left = -3.5, superior = -10 }", "{}", "expected one or more of left, right, anterior"),
        ("left = -3.5", "west = -3.5", "margins_mm has unknown keys ..west"),
        ("left = -3.5", "left = 3.5", "margins must all grow or all shrink"),
        ('union = ["SpinalCord_PRV05", "Heart"]', "", "exactly one of grow, union, intersection, difference, crop"),
        ('"Heart"]\n[[', '"Heart"]\ngrow = { of = "Heart", margin_mm = 3 }\n[[', "found grow and union"),
        ('["SpinalCord_PRV05", "Heart"]', '["Heart", "Heart"]', "union names one structure twice"),
        ('["SpinalCord_PRV05", "Heart"]', '["Heart"]', "Both.union must be two names or more"),
        ('["SpinalCord_PRV05", "Heart"]', '["Liver", "Heart"]', "Both is made from 'Liver', which this protocol does"),
        ('["SpinalCord_PRV05", "Heart"]', '["Part", "Heart"]', "Both is made from 'Part' before that is defined"),
        ('["SpinalCord_PRV05", "Heart"]', '["Both", "Heart"]', "Both is made from 'Both' before that is defined"),
        ("distance_mm = 3.0, ", "", "away_from and distance_mm go together"),
        ("distance_mm = 3.0", "distance_mm = -3.0", "distance_mm must be 0.1 to 100, found -3"),
        ('{ superior_end_of = "Heart" }', "{ plus_mm = 3 }", "either superior_end_of or inferior_end_of"),
        ("plus_mm = -10", "plus_mm = -1000", "plus_mm must be -500 to 500, found -1000"),
        ('name = "Part"', 'name = "heart"', "would be written as 'Heart'"),
        ('name = "Part"', 'name = "both"', "'both' is defined twice .before as 'Both'."),
        ('name = "Part"', 'name = "Left parotid"', "'Left parotid' would be written as 'Parotid_L'"),
        ('name = "Part"', 'name = "SpinalCord_PRV050"', "a name is 1 to 16 plain characters, found 17"),
        ('name = "Part"', 'name = "Brûlé"', "a name is 1 to 16 plain characters"),
        ('name = "Part"', 'name = ""', "a name is 1 to 16 plain characters, found 0"),
        ('["SpinalCord", "Larynx", "Heart"]', '["SpinalCord", "Part"]', "names 'Part', which is derived"),
        ('["SpinalCord", "Larynx", "Heart"]', '["SpinalCord", "External"]', "priority names 'External'; expected one"),
        ('["SpinalCord", "Larynx", "Heart"]', '["Heart", "Heart"]', "must name each structure once"),
    ],
)  # fmt: skip
def test_anything_unexpected_is_told_in_one_line(old, new, said):
    assert old in TEXT
    with pytest.raises(ModelError, match=said) as refused:
        parse_protocol(TEXT.replace(old, new, 1))
    assert refused.value.reason == "BAD_PROTOCOL"
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("", "no structure comes from a model"),
        ('[[structures]]\nname = "External"', "no structure comes from a model"),
        ('[[structures]]\nname = "Liver"\nfrom = "a"\nkeep = false', "every structure has keep = false"),
        ("structures = 3", "protocol.structures must be list, found int"),
        ("[structures]\nname = 3", "protocol.structures must be list, found dict"),
        ("[[structures]]\nname = 3", "3.name must be str, found int"),
    ],
)
def test_a_protocol_without_anything_to_contour_is_refused(body, said):
    with pytest.raises(ModelError, match=said):
        parse_protocol(HEAD + body)
