"""What TotalSegmentator v2 calls its structures (totalsegmentator/map_to_binary.py), and their TG-263 names."""

import pytest

from contour.anatomy.names import tg263_name

SIDED = {
    "kidney": "Kidney", "adrenal_gland": "Glnd_Adrenal", "subclavian_artery": "A_Subclavian",
    "common_carotid_artery": "A_Carotid", "brachiocephalic_vein": "V_Brachioceph", "iliac_artery": "A_Iliac",
    "iliac_vena": "V_Iliac", "humerus": "Humerus", "scapula": "Scapula", "clavicula": "Clavicle", "femur": "Femur",
    "hip": "Bone_Ilium",
}  # fmt: skip
SINGLE = {
    "spleen": "Spleen", "gallbladder": "Gallbladder", "liver": "Liver", "stomach": "Stomach", "pancreas": "Pancreas",
    "lung_upper_lobe_left": "Lobe_Lung_LUL", "lung_lower_lobe_left": "Lobe_Lung_LLL",
    "lung_upper_lobe_right": "Lobe_Lung_RUL", "lung_middle_lobe_right": "Lobe_Lung_RML",
    "lung_lower_lobe_right": "Lobe_Lung_RLL", "esophagus": "Esophagus", "trachea": "Trachea",
    "thyroid_gland": "Glnd_Thyroid", "small_bowel": "Bowel_Small", "duodenum": "Duodenum", "colon": "Colon",
    "urinary_bladder": "Bladder", "prostate": "Prostate", "sacrum": "Sacrum", "vertebrae_S1": "VB_S1",
    "heart": "Heart", "aorta": "A_Aorta", "pulmonary_vein": "V_Pulmonary", "brachiocephalic_trunk": "A_Brachiocephls",
    "superior_vena_cava": "V_Venacava_S", "inferior_vena_cava": "V_Venacava_I",
    "portal_vein_and_splenic_vein": "V_Portal", "spinal_cord": "SpinalCord", "brain": "Brain", "skull": "Skull",
    "sternum": "Sternum",
}  # fmt: skip
TOTAL = (
    SINGLE
    | {
        f"{name}_{side}": f"{official}_{side[0].upper()}"
        for name, official in SIDED.items()
        for side in ("left", "right")
    }
    | {f"vertebrae_C{number}": f"VB_C{number}" for number in range(1, 8)}
    | {f"vertebrae_T{number}": f"VB_T{number:02}" for number in range(1, 13)}
    | {f"vertebrae_L{number}": f"VB_L{number}" for number in range(1, 6)}
    | {
        f"rib_{side}_{number}": f"Rib{number:02}_{side[0].upper()}"
        for number in range(1, 13)
        for side in ("left", "right")
    }
)
WITHOUT_A_NAME = (
    "kidney_cyst_left", "kidney_cyst_right", "atrial_appendage_left", "gluteus_maximus_left", "gluteus_maximus_right",
    "gluteus_medius_left", "gluteus_medius_right", "gluteus_minimus_left", "gluteus_minimus_right", "autochthon_left",
    "autochthon_right", "iliopsoas_left", "iliopsoas_right", "costal_cartilages",
)  # fmt: skip
FURTHER = {
    "eye_lens_left": "Lens_L", "eyeball_right": "Eye_R", "nasopharynx": "Nasopharynx", "oropharynx": "Oropharynx",
    "hypopharynx": "Laryngl_Pharynx", "soft_palate": "Palate_Soft", "hard_palate": "Hardpalate",
    "thyroid_cartilage": "Cartlg_Thyroid", "hyoid": "Bone_Hyoid", "cricoid_cartilage": "Cricoid",
    "internal_jugular_vein_left": "V_Jugular_Int_L", "masseter_right": "Musc_Masseter_R",
    "temporalis_left": "Musc_Temporal_L", "lateral_pterygoid_left": "Pterygoid_Lat_L",
    "medial_pterygoid_right": "Pterygoid_Med_R", "digastric_left": "Musc_Digastric_L",
    "sternocleidomastoid_right": "Musc_Sclmast_R", "platysma_left": "Musc_Platysma_L",
    "inferior_pharyngeal_constrictor": "Musc_Constrict_I", "mandible": "Bone_Mandible",
    "sinus_maxillary": "Sinus_Maxilry", "sinus_frontal": "Sinus_Frontal",
    "left_maxillary_sinus": "Sinus_Maxilry_L", "lower_jawbone": "Bone_Mandible",
    "upper_jawbone": "Maxilla", "breast": "Breasts", "frontal_lobe": "Lobe_Frontal", "temporal_lobe": "Lobe_Temporal",
    "pericardium": "Pericardium", "mediastinum": "Mediastinum", "vertebrae_body": "VBs", "fibula": "Fibula",
    "heart_atrium_left": "Atrium_L", "ventricle": None, "nasal_cavity_left": None, "head": None, "body_trunc": None,
    "internal_carotid_artery_left": None, "zygomatic_arch_left": None, "liver_segment_1": None, "hip_implant": None,
}  # fmt: skip


def test_the_classes_here_are_the_117_of_total():
    assert len(TOTAL) + len(WITHOUT_A_NAME) == 117


@pytest.mark.parametrize(("source", "official"), TOTAL.items())
def test_a_class_of_total_has_its_tg263_name(source, official):
    assert tg263_name(source) == official


@pytest.mark.parametrize("source", WITHOUT_A_NAME)
def test_what_tg263_has_no_name_for_gets_none(source):
    assert tg263_name(source) is None


@pytest.mark.parametrize(("source", "official"), FURTHER.items())
def test_classes_of_the_other_tasks_are_named_where_tg263_has_a_name(source, official):
    assert tg263_name(source) == official


def test_two_classes_never_share_a_name():
    assert len(set(TOTAL.values())) == len(TOTAL)
