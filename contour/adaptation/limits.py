"""When a fraction is fine, when somebody has to look, and when its result is kept back: a site's limits in TOML.

The defaults are those of `limits.toml` beside this module, which says where each comes from. A site's file holds what
differs; a key that is not known is an error, and so is a level that makes no sense.

    >>> limits = read_limits("setup.shift_mm = { look = 4.0, refuse = 60.0 }")
    >>> limits.setup.shift_mm.verdict(4.5)
    'LOOK'
    >>> limits.structure.witness_dice.verdict(0.2)
    'REFUSE'

References: Brock et al. 2017, AAPM TG-132, doi:10.1002/mp.12256.
"""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass, fields
from importlib import resources
from pathlib import Path
from typing import Any, Literal, TypeVar, get_type_hints

from contour.errors import ConfigError

Verdict = Literal["PASS", "LOOK", "REFUSE"]
_ORDER: tuple[Verdict, ...] = ("PASS", "LOOK", "REFUSE")
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """The two levels of one figure.

    Args:
        look: A figure worse than that asks for a look.
        refuse: One worse than that keeps the result back; None for never.
    """

    look: float
    refuse: float | None = None

    @property
    def worst_is_low(self) -> bool:
        """True of a figure that has to be large."""
        return isinstance(self, Floor)

    def verdict(self, figure: float | None) -> Verdict:
        """What a figure means; one that could not be had, or is no number, asks for a look."""
        if figure is None or math.isnan(figure):
            return "LOOK"
        if self.refuse is not None and self._worse(figure, self.refuse):
            return "REFUSE"
        return "LOOK" if self._worse(figure, self.look) else "PASS"

    def _worse(self, figure: float, level: float) -> bool:
        return figure < level if self.worst_is_low else figure > level


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceiling(Limit):
    """A figure that has to be small: worse above its levels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor(Limit):
    """A figure that has to be large: worse below its levels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationLimits:
    """Of the alignment."""

    landmark_mean_mm: Ceiling
    landmark_p95_mm: Ceiling
    jacobian_minimum: Floor
    jacobian_maximum: Ceiling
    folded_percent: Ceiling
    inverse_consistency_mm: Ceiling
    body_agreement: Floor


@dataclass(frozen=True, slots=True, kw_only=True)
class StructureLimits:
    """Of the trust in one carried structure."""

    expected_error_mm: Ceiling
    witness_dice: Floor
    witness_distance_mm: Ceiling
    out_of_view_percent: Ceiling


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupLimits:
    """Of the set-up."""

    shift_mm: Ceiling
    turn_deg: Ceiling


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftLimits:
    """Of what changed in the patient."""

    shift_mm: Ceiling
    excursion_mm: Ceiling
    coverage_percent: Floor
    volume_loss_percent: Ceiling
    volume_gain_percent: Ceiling
    organ_approach_mm: Ceiling


@dataclass(frozen=True, slots=True, kw_only=True)
class DoseLimits:
    """Of dose, where it is given."""

    target_d95_loss_percent: Ceiling
    organ_d2_gain_gy: Ceiling
    organ_mean_gain_gy: Ceiling


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """All limits of a site."""

    registration: RegistrationLimits
    structure: StructureLimits
    setup: SetupLimits
    drift: DriftLimits
    dose: DoseLimits


def worst(verdicts: tuple[Verdict, ...]) -> Verdict:
    """The gravest of several verdicts; PASS of none."""
    return max(verdicts, key=_ORDER.index, default="PASS")


def default_limits_toml() -> str:
    """The shipped limits with their comments: what a site starts from."""
    return resources.files("contour.adaptation").joinpath("limits.toml").read_text(encoding="utf-8")


def read_limits(source: Path | str = "") -> Limits:
    """The shipped limits, changed by a site's.

    Args:
        source: A file, or TOML as text.

    Raises:
        ConfigError: not TOML, an unknown key, a level that is no finite number or out of its range, or a `refuse` that
            is met before its `look` (BAD_CONFIG).
        OSError: the file cannot be read.
    """
    table = _parse(default_limits_toml())
    site = _parse(source.read_text(encoding="utf-8") if isinstance(source, Path) else source)
    hints = get_type_hints(Limits)
    for group, changed in site.items():
        if group not in hints or not isinstance(changed, dict):
            raise ConfigError(f"unknown table {group} in the limits; known are {', '.join(hints)}")
        known = [entry.name for entry in fields(hints[group])]
        for key, levels in changed.items():
            if key not in known:
                raise ConfigError(f"unknown limit {group}.{key}; known are {', '.join(known)}")
            table[group][key] = levels
    return Limits(**{group: _group(kind, table[group], group) for group, kind in hints.items()})


def _parse(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"limits are not TOML: {error}") from error


def _group(kind: type[_T], table: dict[str, Any], group: str) -> _T:
    return kind(**{key: _limit(limit, table[key], f"{group}.{key}") for key, limit in get_type_hints(kind).items()})


def _limit(kind: type[Limit], levels: Any, name: str) -> Limit:
    if not isinstance(levels, dict) or not {"look"} <= set(levels) <= {"look", "refuse"}:
        raise ConfigError(f"limit {name} is {levels!r}; expected look and, where it may keep a result back, refuse")
    for level, value in levels.items():
        if type(value) not in (int, float) or not math.isfinite(value):
            raise ConfigError(f"limit {name}.{level} is {value!r}; expected a finite number")
        least, most = _range(name)
        if not least <= value <= most:
            raise ConfigError(f"limit {name}.{level} is {value}; expected {least:g} to {most:g}")
    limit = kind(**{level: float(value) for level, value in levels.items()})
    if limit.refuse is not None and limit._worse(limit.look, limit.refuse):
        raise ConfigError(f"limit {name}: refuse {limit.refuse:g} would be met before look {limit.look:g}")
    return limit


def _range(name: str) -> tuple[float, float]:
    """What a level may be, by its unit."""
    key = name.rpartition(".")[2]
    if key in ("witness_dice", "body_agreement"):
        return 0.0, 1.0
    if key == "jacobian_minimum":
        return -100.0, 1.0
    if key == "jacobian_maximum":
        return 1.0, 1000.0
    if key == "excursion_mm":
        return -50.0, 50.0
    if key in ("coverage_percent", "folded_percent", "out_of_view_percent", "volume_loss_percent"):
        return 0.0, 100.0
    return 0.0, 180.0 if key.endswith("_deg") else 1000.0
