"""A model folder with random weights, made by the product's own saving function."""

from pathlib import Path

import torch

from contour.segmentation import save_model
from contour.segmentation.networks import build_network
from contour.segmentation.spec import parse_spec

TINY_SPEC = """
schema = 1
name = "tiny"
version = "0.0.1"
region = "nowhere"
licence = "Apache-2.0"

[network]
architecture = "DynUNet"
arguments = { filters = [4, 8, 8] }

[input]
spacing_zyx_mm = [6.0, 5.0, 4.0]
patch_zyx = [16, 24, 32]
windows_hu = [[-150.0, 250.0], [-1000.0, 1500.0]]
outside_hu = -1024.0
margin_mm = 6.0
overlap = 0.25

[[structures]]
name = "Parotid_L"
mirror = "Parotid_R"
keep_parts = 1

[[structures]]
name = "Parotid_R"
mirror = "Parotid_L"
keep_parts = 1

[[structures]]
name = "SpinalCord"
smallest_part_ml = 0.2
"""


def save_tiny_model(folder: Path, *, spec_text: str = TINY_SPEC, card_text: str = "# tiny\n") -> Path:
    """Write `folder/tiny` and the manifest beside it; the same weights every time."""
    spec = parse_spec(spec_text)
    torch.manual_seed(7)
    network = build_network(spec)
    save_model(folder / spec.name, spec_text=spec_text, weights=network.state_dict(), card_text=card_text)
    return folder
