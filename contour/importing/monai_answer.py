"""What a MONAI bundle makes of its network's answer, and what it calls what it finds: postprocessing and metadata."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from contour.errors import ModelError
from contour.importing.json_table import JsonTable
from contour.importing.monai_config import BAD_BUNDLE, Component, Entry, printable
from contour.importing.monai_transforms import require_only, transforms_of

_OUTPUT = ("SaveImage", "EnsureType", "ToTensor", "CastToType", "ToDevice", "Identity", "SelectItems", "DeleteItems")
_BACKGROUND = "background"


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleAnswer:
    """How logits become labels.

    Args:
        answer: `labels` or `independent`, as in a `spec.toml`.
        values: What is brought back to the CT's voxels: `logits` or `probabilities`.
        order: Of the interpolation on the way back.
        one_part: Channels of which only the largest part is kept; None for none, empty for all.
        notes: What a user has to know, a sentence each.
    """

    answer: str
    values: str
    order: int
    one_part: tuple[int, ...] | None
    notes: tuple[str, ...]


@dataclass(slots=True)
class _Reading:
    """What has been read so far."""

    activation: str = ""
    decision: str = ""
    order: int | None = None
    decided_first: bool = False
    one_part: tuple[int, ...] | None = None
    notes: list[str] = field(default_factory=list)

    def take(self, name: str, transform: Component) -> None:
        if name == "Activations":
            self._activate(transform)
        elif name == "AsDiscrete":
            self._decide(transform)
        elif name == "Invert":
            nearest = transform.argument("nearest_interp", default=True).items()[0].flag()
            self.order, self.decided_first = 0 if nearest else 1, bool(self.decision)
        elif name == "KeepLargestConnectedComponent":
            self._keep_one(transform)
        elif name not in _OUTPUT:
            raise transform.entry.bad(
                f"is a {transform.target!r}, which is not known here; expected Activationsd, AsDiscreted, Invertd or "
                "KeepLargestConnectedComponentd"
            )

    def _activate(self, transform: Component) -> None:
        require_only(transform, "softmax", "sigmoid", "dim", as_they_are={"other": None})
        chosen = [name for name in ("softmax", "sigmoid") if transform.argument(name, default=False).flag()]
        if len(chosen) > 1 or self.activation or self.decision:
            raise transform.entry.bad(
                "is not the only activation, expected a softmax or a sigmoid, and before AsDiscreted"
            )
        self.activation = "".join(chosen)

    def _decide(self, transform: Component) -> None:
        require_only(transform, "argmax", "threshold", "to_onehot", "dim", "keepdim", as_they_are={"rounding": None})
        if self.decision:
            raise transform.entry.bad("decides a second time")
        threshold = transform.argument("threshold").plain()
        if transform.argument("argmax", default=False).flag():
            self.decision = "argmax"
        elif threshold is not None and transform.argument("threshold").number() == 0.5:
            self.decision = "threshold"
        else:
            raise transform.entry.bad(f"has the threshold {threshold!r} and no argmax, expected argmax, or 0.5")

    def _keep_one(self, transform: Component) -> None:
        kept: Mapping[str, Any] = {"independent": True, "num_components": 1}
        require_only(transform, "applied_labels", "is_onehot", "connectivity", as_they_are=kept)
        labels = transform.argument("applied_labels")
        self.one_part = () if labels.plain() is None else tuple(one.whole() for one in labels.items())
        self.notes.append("Its KeepLargestConnectedComponentd is applied on the CT's own grid")


def read_answer(compose: Entry) -> BundleAnswer:
    """The postprocessing of a bundle.

    Raises:
        ModelError: a transform, an argument or an order of them that is not known here (BAD_BUNDLE); an expression
            (BUNDLE_EXPRESSION).
    """
    reading = _Reading()
    for name, transform in transforms_of(compose, "pred"):
        reading.take(name, transform)
    if not reading.decision:
        raise compose.bad("has no AsDiscreted: how labels are decided is not said")
    wanted = {"argmax": ("", "softmax"), "threshold": ("sigmoid",)}[reading.decision]
    if reading.activation not in wanted:
        raise compose.bad(f"decides by {reading.decision} after {reading.activation or 'no activation'}")
    if reading.order == 1 and reading.decided_first:
        raise compose.bad("interpolates labels (Invertd with nearest_interp false after AsDiscreted)")
    if reading.order is None:
        reading.notes.append("It has no Invertd; its labels are brought to the CT's grid by nearest neighbour")
    return BundleAnswer(
        answer="labels" if reading.decision == "argmax" else "independent",
        values="probabilities" if reading.order == 1 and reading.activation else "logits",
        order=reading.order or 0,
        one_part=reading.one_part,
        notes=tuple(reading.notes),
    )


def require_one_ct(metadata: JsonTable) -> None:
    """Refuse a bundle that wants anything but one CT; reason NOT_ONE_CHANNEL."""
    inputs = metadata.table("network_data_format").take("inputs", dict)
    channels = [one.get("num_channels", 1) for one in inputs.values() if isinstance(one, dict)]
    kinds = [str(one.get("modality", "CT")) for one in inputs.values() if isinstance(one, dict)]
    if channels != [1]:
        raise ModelError(
            f"the model wants {channels} channels of a patient, expected 1, a CT", reason="NOT_ONE_CHANNEL"
        )
    if "CT" not in kinds[0].upper():
        raise ModelError(f"the model wants a {kinds[0][:40]!r}, expected a CT", reason="NOT_ONE_CHANNEL")


def channel_names(metadata: JsonTable, channels: int, answer: str) -> tuple[tuple[str, int], ...]:
    """Each structure's name with its channel, the background left out.

    Raises:
        ModelError: not a name for each of these channels, or one twice; reason BAD_BUNDLE.
    """
    outputs = metadata.table("network_data_format").table("outputs")
    given = outputs.table("pred" if "pred" in outputs.values else next(iter(outputs.values), "pred"))
    names = {str(key): printable(str(value)) for key, value in given.take("channel_def", dict).items()}
    found = [(names.get(str(channel), ""), channel) for channel in range(channels)]
    if channels == 1 and len(names) == 2 and names.get("0", "").casefold() == _BACKGROUND:
        found = [(names.get("1", ""), 0)]
    elif len(names) != channels:
        raise metadata.bad(f"{given.where}: channel_def names {len(names)} channels, the network has {channels}")
    wanted = [one for one in found if one[1] > 0 or (answer != "labels" and one[0].casefold() != _BACKGROUND)]
    if not wanted or not all(name for name, _ in wanted) or len({name for name, _ in wanted}) != len(wanted):
        raise ModelError(
            f"{given.where}: channel_def must name every channel, each once, found {list(names.values())[:8]}",
            reason=BAD_BUNDLE,
        )
    return tuple(wanted)
