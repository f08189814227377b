"""A protocol from end to end: checked and listed, through the command line with the model that ships, by a server."""

import subprocess
from pathlib import Path

import numpy as np
import pydicom
import pytest

from contour.anatomy.margins import Margins, with_margins
from contour.client import ContourClient
from contour.dicom.ct_reader import read_ct_folder
from contour.dicom.plan_structures import read_plan_structures
from contour.dicom.rtstruct_reader import read_rtstruct
from contour.errors import NotFoundError
from tests.tiny_protocol import NAME, STRUCTURES, TEXT

REAL = """
schema = 1
name = "neck_prv"
version = "1.0.0"

[[structures]]
name = "External"
keep = false
[[structures]]
name = "SpinalCord"
from = "head_neck"
[[structures]]
name = "Brainstem"
from = "head_neck"

[[derived]]
name = "SpinalCord_PRV05"
grow = { of = "SpinalCord", margin_mm = 5.0 }
[[derived]]
name = "Skin_Off"
keep = false
grow = { of = "External", margin_mm = -10.0 }
[[derived]]
name = "Nerve"
union = ["SpinalCord_PRV05", "Brainstem"]
[[derived]]
name = "Nerve_Low"
crop = { of = "Nerve", inside = "Skin_Off", below = { inferior_end_of = "Brainstem", plus_mm = 10 } }

[overlaps]
priority = ["Brainstem", "SpinalCord"]
"""
WRITTEN = ("SpinalCord", "Brainstem", "SpinalCord_PRV05", "Nerve", "Nerve_Low")


@pytest.fixture(scope="module")
def real_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("protocols")
    (folder / "neck_prv.protocol.toml").write_text(REAL, encoding="utf-8")
    return folder


def save(folder: Path, text: str, name: str = "draft.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_the_model_that_ships_contours_a_protocol_on_the_command_line(
    here, real_folder, coarse_series, tmp_path, judge
):
    out = tmp_path / "RS.dcm"
    done = here("plan", coarse_series.ct_folder, "--out", out, "--models", real_folder, "--model", "neck_prv")
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stderr.splitlines()] == [
        "read", "body", "network", "restore", "clean-up", "write", "verify",
    ]  # fmt: skip
    rois = {item.ROIName: item for item in pydicom.dcmread(out).StructureSetROISequence}
    assert tuple(rois) == WRITTEN
    assert {item.ROIGenerationAlgorithm for item in rois.values()} == {"AUTOMATIC"}
    assert {item.ROIGenerationDescription for item in rois.values()} == {"neck_prv 1.0.0"}
    assert rois["SpinalCord_PRV05"].ROIDescription == "Derived: SpinalCord grown by 5 mm."
    assert "Skin_Off: External shrunk by 10 mm. External: the body" in rois["Nerve_Low"].ROIDescription
    assert "From head_neck 2" in rois["Brainstem"].ROIDescription
    series = read_ct_folder(coarse_series.ct_folder)
    found = {s.name: s for s in read_plan_structures(out.read_bytes(), series).structures}
    masks = {name: one.full_mask_zyx() for name, one in found.items()}
    grown = with_margins(found["SpinalCord"], Margins.all_round(5.0), name="X").full_mask_zyx()
    assert dice(masks["SpinalCord_PRV05"], grown) > 0.98
    assert not (masks["SpinalCord"] & masks["Brainstem"]).any()
    assert dice(masks["Nerve"], masks["SpinalCord_PRV05"] | masks["Brainstem"]) > 0.99
    errors = subprocess.run([judge("dciodvfy"), "-new", str(out)], capture_output=True, text=True, check=False).stderr
    assert [line for line in errors.splitlines() if line.startswith("Error")] == []


def dice(one, other) -> float:
    return float(2 * np.count_nonzero(one & other) / (np.count_nonzero(one) + np.count_nonzero(other)))


def test_check_says_how_each_structure_comes_about(here, real_folder):
    done = here("protocol", "check", real_folder / "neck_prv.protocol.toml")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[:2] == ["neck_prv 1.0.0", "Models: head_neck 2.0.0"]
    rows = {line.split("│")[1].strip(): line for line in done.stdout.splitlines() if line.startswith("│")}
    assert "SpinalCord grown by 5 mm" in rows["SpinalCord_PRV05"]
    assert "not written" in rows["Skin_Off"]
    assert "Brainstem, SpinalCord" in done.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("margin_mm = 5.0", "margin = 5.0", "contour: BAD_PROTOCOL: SpinalCord_PRV05.grow"),
        (
            'from = "head_neck"',
            'from = "none_such"',
            "contour: UNKNOWN_MODEL: model 'none_such' asked for; installed: ",
        ),
        ('"Brainstem"\nfrom', '"Liver"\nfrom', "contour: BAD_PROTOCOL: Nerve is made from 'Brainstem', which this"),
        ('from = "head_neck"', 'from = "head_neck"\nstructure = "Liver"', "contour: UNKNOWN_STRUCTURE: SpinalCord: "),
        ('name = "neck_prv"', 'name = "head_neck"', "contour: BAD_PROTOCOL: a protocol and a model are both called"),
    ],
)
def test_check_ends_with_1_and_one_line_where_something_is_wrong(here, tmp_path, old, new, line):
    done = here("protocol", "check", save(tmp_path, REAL.replace(old, new, 1)))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(line)
    assert len(done.stderr.splitlines()) == 1


def test_list_shows_what_is_installed_and_what_cannot_be_used(here, models, tmp_path):
    done = here("protocol", "list", "--models", models)
    assert f"{NAME} 2.1.0: What tests ask" in done.stdout
    assert "Models: tiny 0.0.1" in done.stdout
    save(tmp_path, REAL.replace("head_neck", "none_such"), "neck_prv.protocol.toml")
    assert "neck_prv: UNUSABLE: UNKNOWN_MODEL" in here("protocol", "list", "--models", tmp_path).stdout
    assert here("protocol", "list").returncode == 0


def test_an_unknown_name_is_told_with_models_and_protocols(here, models, coarse_series, tmp_path):
    words = ["plan", coarse_series.ct_folder, "--out", tmp_path / "RS.dcm", "--models", models, "--model", "tiny_nck"]
    done = here(*words)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(
        "contour: UNKNOWN_MODEL: model 'tiny_nck' asked for; installed: tiny"
    )
    assert NAME in done.stderr


@pytest.fixture
def client(running_server):
    with ContourClient(running_server.address) as made:
        yield made


def test_a_server_lists_protocols_and_gives_their_text(client):
    (found,) = [one for one in client.protocols() if one.name == NAME]
    assert (found.version, found.structures, found.models) == ("2.1.0", STRUCTURES, ("tiny",))
    assert (found.description, found.is_default) == ("What tests ask of several models, of one", False)
    whole = client.protocol(NAME)
    assert (whole.protocol, whole.toml) == (found, TEXT)
    rows = {row.name: (row.how, row.keep) for row in whole.structures}
    assert rows["Gland"] == ("from tiny (there Parotid_L)", True)
    assert rows["Rim"] == ("Brain_Core grown by 12 mm", False)
    assert NAME not in {model.name for model in client.models()}
    with pytest.raises(NotFoundError, match=f"installed: .*{NAME}") as refused:
        client.protocol("none_such")
    assert refused.value.reason == "UNKNOWN_PROTOCOL"


def contours(rtstruct: bytes):
    return [(roi.name, [one.points_xyz_mm.tolist() for one in roi.contours]) for roi in read_rtstruct(rtstruct).rois]


def test_a_server_contours_a_protocol_as_the_command_line_does(here, running_server, models, coarse_series, tmp_path):
    there, alone = tmp_path / "there.dcm", tmp_path / "alone.dcm"
    words = ["plan", coarse_series.ct_folder, "--model", NAME]
    done = here(*words, "--out", there, "--server", running_server.address)
    assert done.returncode == 0, done.stderr
    assert here(*words, "--out", alone, "--models", models).returncode == 0
    same = contours(there.read_bytes()) == contours(alone.read_bytes())  # pytest takes minutes to show where not
    assert same
    assert [name for name, _ in contours(there.read_bytes())] == list(STRUCTURES)


def test_a_server_is_asked_for_some_structures_of_a_protocol(client, coarse_series):
    series = client.upload_series(sorted(coarse_series.ct_folder.iterdir()))
    told = []
    planned = client.plan(series, model=NAME, structures=["Ring"], progress=lambda stage, fraction: told.append(stage))
    assert [row.name for row in planned.structures] == ["Ring"]
    with pytest.raises(NotFoundError, match="UNKNOWN_STRUCTURE"):
        client.plan(series, model=NAME, structures=["Rim"])
