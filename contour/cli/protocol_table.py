"""A protocol on stdout: its structures, and how each comes about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table

from contour.cli.tables import console, plain
from contour.errors import ContourError
from contour.segmentation.protocol_spec import ProtocolSpec, how

if TYPE_CHECKING:
    from contour.segmentation.protocol_store import ModelUsed


def print_protocol(protocol: ProtocolSpec, used: Sequence[ModelUsed]) -> None:
    """A heading with the models, then a row for each structure in the order in which they are made."""
    out = console()
    models = ", ".join(f"{model.name} {model.version}" for model in used)
    described = f": {protocol.description}" if protocol.description else ""
    out.print(plain(f"{protocol.name} {protocol.version}{described}", style="bold"))
    out.print(plain(f"Models: {models}"))
    table = Table()
    table.add_column("Structure")
    table.add_column("How it comes about", overflow="fold")
    table.add_column("")
    for entry in protocol.entries:
        table.add_row(plain(entry.name), plain(how(entry)), "" if entry.keep else "not written")
    out.print(table)
    if protocol.priority:
        out.print(plain(f"Where these overlap the earlier keeps the voxels: {', '.join(protocol.priority)}"))


def print_unusable(name: str, error: ContourError) -> None:
    """Why a protocol that is installed can't be used."""
    console().print(plain(f"{name}: UNUSABLE: {error}", style="bold red"))
