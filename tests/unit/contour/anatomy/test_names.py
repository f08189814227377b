import pytest

from contour.anatomy.names import all_structures, describe_structure, is_tg263_name, structure_named, tg263_name
from contour.errors import NotFoundError


@pytest.mark.parametrize(
    ("alias", "official"),
    [
        ("Left parotid gland", "Parotid_L"),
        ("PAROTID-LT", "Parotid_L"),
        ("RightParotid", "Parotid_R"),
        ("L_Kidney", "Kidney_L"),
        ("Mandible", "Bone_Mandible"),
        ("spinal_cord", "SpinalCord"),
        ("esophagus", "Esophagus"),
        ("lung_upper_lobe_left", "Lobe_Lung_LUL"),
        ("submandibular_gland_right", "Glnd_Submand_R"),
        ("optic_nerve_left", "OpticNrv_L"),
        ("iliac_vena_right", "V_Iliac_R"),
        ("PTV70", "PTV_7000"),
        ("PTV_5040", "PTV_5040"),
        ("GTVn2", "GTVn2"),
        ("body", "External"),
    ],
)
def test_an_alias_finds_its_tg263_name(alias, official):
    assert tg263_name(alias) == official


def test_left_and_right_never_meet():
    for name in ("Parotid", "Eye", "Femur_Head", "Glnd_Submand"):
        assert tg263_name(f"{name}_L") != tg263_name(f"{name}_R")
        assert structure_named(f"left {name}").name == f"{name}_L"


def test_a_vertebra_called_l4_is_not_the_left_of_anything():
    assert tg263_name("Femur L4") is None


def test_every_catalogue_name_is_its_own_alias_and_fits_sixteen_characters():
    names = [entry.name for entry in all_structures()]
    assert all(is_tg263_name(name) for name in names)
    assert all(0 < len(name) <= 16 and " " not in name for name in names)
    assert len({name.casefold() for name in names}) == len(names)


def test_no_alias_of_the_catalogue_is_claimed_by_two_structures():
    for entry in all_structures():
        for alias in entry.aliases:
            side = f" {entry.name[-1]}" if entry.name.endswith(("_L", "_R")) else ""
            assert tg263_name(alias + side) == entry.name, alias


def test_targets_know_what_they_are():
    assert structure_named("GTVp").interpreted_type == "GTV"
    assert structure_named("PTV_5040").is_target
    assert structure_named("External").interpreted_type == "EXTERNAL"
    assert not structure_named("Brainstem").is_target


def test_an_unknown_name_is_refused_by_the_catalogue_but_described_with_a_steady_colour():
    with pytest.raises(NotFoundError, match="UNKNOWN_STRUCTURE"):
        structure_named("Flux capacitor")
    described = describe_structure("Flux capacitor")
    assert described.interpreted_type == "ORGAN"
    assert described == describe_structure("Flux capacitor")
    assert all(64 <= part <= 255 for part in described.colour_rgb)


def test_a_risk_volume_keeps_its_margin_in_its_name_and_looks_like_one_without():
    bare, with_margin = structure_named("SpinalCord_PRV"), structure_named("SpinalCord_PRV05")
    assert with_margin.name == "SpinalCord_PRV05"
    assert (with_margin.interpreted_type, with_margin.colour_rgb) == (bare.interpreted_type, bare.colour_rgb)
    assert tg263_name("cord prv") == "SpinalCord_PRV"
    assert tg263_name("Liver_PRV05") is None
