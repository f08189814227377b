"""Going on from a model that is there: its weights as the start, its answers kept where both know the structure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch

from contour.errors import InputError
from contour.segmentation import LoadedModel
from contour.segmentation.networks import build_network
from contour.segmentation.spec import ModelSpec

FINE_TUNING_SHARE = 0.15
"""Of the usual learning rate, where none is asked for: a clinic's habits are to be followed, not anatomy forgotten."""

_FIRST_LOGIT = -4.0
"""A new structure is at first answered with "nothing here", as it is in training from nothing."""


def starting_weights(start: LoadedModel, spec: ModelSpec, *, seed: int) -> dict[str, torch.Tensor]:
    """All weights of `spec`'s network, by name, for `train_network(initial=...)`.

    What comes before the answer is the start's own. The last layers, whose shape depends on how many structures there
    are, are taken over channel by channel where both models have a structure of that name, whatever its place; a
    structure that is new gets fresh weights, drawn from `seed`.

    Raises:
        InputError: the two differ in network, spacing, windows or what is shown outside the body, so that the weights
            would mean something else; reason OTHER_NETWORK.
    """
    _require_same_network(start.spec, spec)
    old = {name: value.to("cpu", torch.float32) for name, value in start.network.state_dict().items()}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        new = build_network(spec).state_dict()
        structure_axes = _structure_axes(spec)
    had = start.spec.structure_names
    kept = [name for name in spec.structure_names if name in had]
    to = torch.tensor([spec.structure_names.index(name) for name in kept], dtype=torch.long)
    of = torch.tensor([had.index(name) for name in kept], dtype=torch.long)
    for name, axes in structure_axes.items():
        if new[name].dim() == 1:
            new[name].fill_(_FIRST_LOGIT)
        new[name][_cells(new[name], axes, to)] = old[name][_cells(old[name], axes, of)]
        old[name] = new[name]
    return old


def new_structures(start: LoadedModel, spec: ModelSpec) -> tuple[str, ...]:
    """The structures that `spec` has and the start has not."""
    return tuple(name for name in spec.structure_names if name not in start.spec.structure_names)


def _structure_axes(spec: ModelSpec) -> Mapping[str, tuple[int, ...]]:
    """The weights whose shape follows the number of structures, and along which axes.

    Found by building the network for one structure more, so that no architecture has to be known here.
    """
    more = replace(spec, structures=(*spec.structures, replace(spec.structures[0], name="", mirror="")))
    shapes = {name: value.shape for name, value in build_network(more).state_dict().items()}
    changed = {
        name: tuple(axis for axis, size in enumerate(value.shape) if size != shapes[name][axis])
        for name, value in build_network(spec).state_dict().items()
    }
    return {name: axes for name, axes in changed.items() if axes}


def _cells(tensor: torch.Tensor, axes: tuple[int, ...], channels: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Index of those cells that belong to `channels` along each of `axes`."""
    along = [channels if axis in axes else torch.arange(size) for axis, size in enumerate(tensor.shape)]
    return tuple(torch.meshgrid(*along, indexing="ij"))


def _require_same_network(old: ModelSpec, new: ModelSpec) -> None:
    compared = (
        ("network", old.network, new.network),
        ("spacing_zyx_mm", old.input.spacing_zyx_mm, new.input.spacing_zyx_mm),
        ("windows_hu", old.input.windows_hu, new.input.windows_hu),
        ("outside_hu", old.input.outside_hu, new.input.outside_hu),
    )
    differing = [name for name, one, other in compared if one != other]
    if differing:
        raise InputError(
            f"{old.name} can't be the start of {new.name}: they differ in {', '.join(differing)}; copy these from the "
            f"spec of {old.name}",
            reason="OTHER_NETWORK",
        )
