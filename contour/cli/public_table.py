"""The catalogue of public models on the terminal."""

from __future__ import annotations

import click
from rich.console import Console
from rich.table import Table

from contour.importing.public_models import PublicModel, public_model, public_models


def print_public_models(name: str | None) -> None:
    """All of them in a table, or one in full.

    Raises:
        NotFoundError: the catalogue has none of that name; reason UNKNOWN_MODEL.
    """
    if name is not None:
        _print_one(public_model(name))
        return
    table = Table(box=None, pad_edge=False)
    for column in ("name", "contours", "licence", "can be pulled"):
        table.add_column(column, overflow="fold")
    for model in public_models():
        table.add_row(model.name, _start(model.contours), model.licence.name, "yes" if model.url else "no")
    Console(width=None if Console().is_terminal else 100).print(table)
    click.echo("'contour models public --name NAME' says what a licence allows, whom to cite and how to pull.")


def _print_one(model: PublicModel) -> None:
    lines = [
        f"{model.name}: {model.contours}",
        f"Task {model.task}, {model.dataset}; images turned to {model.orientation}"
        + ("" if model.spacing_xyz_mm is None else f", {' x '.join(f'{mm:g}' for mm in model.spacing_xyz_mm)} mm"),
        *([f"Its makers show it {model.shown} only; elsewhere its answers mean nothing."] if model.shown else []),
        f"Licence: {model.licence.name}. {model.licence.allows}.",
        *(f"Cite: {citation}" for citation in model.citations),
        *([f"Note: {model.note}"] if model.note else []),
    ]
    if model.url:
        known = model.sha256 or "SHA256"
        lines.append(
            f"contour models pull {model.url} --sha256 {known} --name {model.name} --orientation {model.orientation}"
        )
        lines += [] if model.verified else [f"Not verified. {model.hash_note}."]
    for line in lines:
        click.echo(line)


def _start(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."
