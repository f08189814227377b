"""A model folder of a few kilobytes whose answers are known, for tests of everything around the network.

`Brain` fills the body, `Parotid_L` is whatever random weights make of it, `Larynx` is never found.
"""

from __future__ import annotations

from pathlib import Path

import torch

from contour.segmentation import save_model
from contour.segmentation.networks import build_network
from contour.segmentation.spec import parse_spec

NAME = "tiny"
STRUCTURES = ("External", "Brain", "Parotid_L", "Larynx")
FOUND = ("External", "Brain", "Parotid_L")

SPEC = """
schema = 1
name = "tiny"
version = "0.0.1"
region = "head and neck"
licence = "Apache-2.0"

[network]
architecture = "DynUNet"
arguments = { filters = [4, 4, 4] }

[input]
spacing_zyx_mm = [12.0, 12.0, 12.0]
patch_zyx = [16, 16, 16]
windows_hu = [[-150.0, 250.0]]
outside_hu = -1024.0
margin_mm = 12.0
overlap = 0.25

[[structures]]
name = "Brain"
keep_parts = 1

[[structures]]
name = "Parotid_L"
mirror = "Parotid_L"
smallest_part_ml = 1.0

[[structures]]
name = "Larynx"
"""


def save_tiny_model(models_folder: Path) -> Path:
    """Writes the model with its manifest; gives the folder back, for `--models` or a `ModelStore`."""
    spec = parse_spec(SPEC)
    torch.manual_seed(20)
    network = build_network(spec)
    weights = {name: value.clone() for name, value in network.state_dict().items()}
    head, bias = weights["output_block.conv.conv.weight"], weights["output_block.conv.conv.bias"]
    head[[0, 2]] = 0.0
    bias[:] = torch.tensor([5.0, 0.3, -9.0])
    save_model(
        models_folder / NAME, spec_text=SPEC, weights=weights, card_text="# tiny\n\nMade by tests; contours nothing.\n"
    )
    return models_folder
