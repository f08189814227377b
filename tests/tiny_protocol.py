"""A protocol for the tiny model: a structure under another name, margins, a ring, one that is not written."""

from __future__ import annotations

from pathlib import Path

NAME = "tiny_neck"
STRUCTURES = ("External", "Brain", "Gland", "Brain_Core", "Ring")

TEXT = f"""
schema = 1
name = "{NAME}"
version = "2.1.0"
description = "What tests ask of several models, of one"

[[structures]]
name = "External"
[[structures]]
name = "Brain"
from = "tiny"
[[structures]]
name = "Gland"
from = "tiny"
structure = "Parotid_L"

[[derived]]
name = "Brain_Core"
grow = {{ of = "Brain", margins_mm = {{ left = -20, superior = -30, posterior = -15 }} }}
[[derived]]
name = "Rim"
keep = false
grow = {{ of = "Brain_Core", margin_mm = 12 }}
[[derived]]
name = "Ring"
difference = ["Rim", "Brain_Core"]
"""


def save_tiny_protocol(models_folder: Path) -> Path:
    """Writes the protocol beside the models; gives the folder back."""
    (models_folder / f"{NAME}.protocol.toml").write_text(TEXT, encoding="utf-8")
    return models_folder
