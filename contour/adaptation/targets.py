"""Which target belongs to which planning volume, and which is the high-dose one, by their names.

A target's name is read as TG-263 writes it: kind (GTV, CTV, ITV, PTV and their internal forms), classifier with number
(p, n, n2, …) and dose (`_7000` in cGy, `_High`, …); `PTV70`, `CTV 54 Gy` and other cases of the letters are read alike.
A GTV, CTV or ITV goes with the PTV

    1. that an override names (an override to "" means none);
    2. of the same classifier and the same dose;
    3. of the same dose, if there is exactly one;
    4. of the same classifier, if there is exactly one; the one of the highest dose if there are more;
    5. of the highest dose, for a GTV, or the only PTV there is, for any.

What none of these settles is left without one. The high-dose target is the PTV of the highest dose, or the only PTV;
else the same of CTVs, then of GTVs.

    >>> pair_targets(("GTVp", "CTV_7000", "CTV_5400", "PTV_7000", "PTV_5400", "Parotid_L")).planning_volume
    (('GTVp', 'PTV_7000'), ('CTV_7000', 'PTV_7000'), ('CTV_5400', 'PTV_5400'))

Reference: Mayo et al., AAPM TG-263, doi:10.1016/j.ijrobp.2017.12.013.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from contour.errors import ConfigError

_NAME = re.compile(r"(I?GTV|I?CTV|ITV|PTV)[ _-]*(.*)", re.IGNORECASE)
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_LEVELS = {"high": 3.0, "mid": 2.0, "low": 1.0}
_LEAST_CGY, _LEAST_GY = 500.0, 20.0
"""From there on a number is a dose, in cGy or Gy; below it counts parts (`GTVn2`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetName:
    """What a target's name says: its kind, its classifier in lower case, and its dose in Gy or level, 0 for none."""

    name: str
    kind: str
    classifier: str
    dose: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetPairs:
    """Targets with their planning volumes.

    Args:
        planning_volume: (target, PTV), in the order given.
        unpaired: Targets that no rule gave a PTV, though there is at least one.
        high_dose: The target that organs' distances are measured to; "" where none stands out.
    """

    planning_volume: tuple[tuple[str, str], ...]
    unpaired: tuple[str, ...]
    high_dose: str


def read_target_name(name: str) -> TargetName | None:
    """The parts of a target's name; None of what is no target, as helper structures with TG-263's z."""
    found = _NAME.fullmatch(name.strip())
    if found is None:
        return None
    kind, rest = found.group(1).upper().removeprefix("I"), found.group(2).lower().replace("gy", "")
    kind = "CTV" if kind == "TV" else kind  # ITV holds what a CTV's motion sweeps over
    dose = next((level for word, level in _LEVELS.items() if word in rest), 0.0)
    classifier = re.sub("|".join(_LEVELS), "", rest)
    for number in _NUMBER.findall(rest):
        value = float(number)
        if value >= _LEAST_CGY or (_LEAST_GY <= value < 100.0):
            dose = value / 100.0 if value >= _LEAST_CGY else value
            classifier = classifier.replace(number, "", 1)
            break
    return TargetName(name=name, kind=kind, classifier=re.sub(r"[^a-z0-9]", "", classifier), dose=dose)


def pair_targets(
    names: Iterable[str], *, overrides: Mapping[str, str] | None = None, high_dose: str = ""
) -> TargetPairs:
    """Which PTV each target belongs to.

    Args:
        names: All structures' names; what is no target is left alone.
        overrides: PTV by target, "" for none.
        high_dose: The high-dose target, where the names don't tell.

    Raises:
        ConfigError: an override or the high-dose target names a structure that is not there.
    """
    every = tuple(names)
    given = dict(overrides or {})
    for name in (*given, *(ptv for ptv in given.values() if ptv), *((high_dose,) if high_dose else ())):
        if name not in every:
            raise ConfigError(f"a target pair names {name!r}, which the plan does not have")
    targets = [target for target in map(read_target_name, every) if target is not None]
    volumes = [target for target in targets if target.kind == "PTV"]
    pairs: list[tuple[str, str]] = []
    unpaired: list[str] = []
    for target in targets:
        if target.kind == "PTV" and target.name not in given:
            continue
        ptv = given[target.name] if target.name in given else _volume_of(target, volumes)
        if ptv:
            pairs.append((target.name, ptv))
        elif volumes and target.name not in given:
            unpaired.append(target.name)
    for name, ptv in given.items():
        if ptv and all(name != target.name for target in targets):
            pairs.append((name, ptv))
    return TargetPairs(
        planning_volume=tuple(pairs), unpaired=tuple(unpaired), high_dose=high_dose or _high_dose(targets)
    )


def _volume_of(target: TargetName, volumes: list[TargetName]) -> str:
    same_dose = [ptv for ptv in volumes if target.dose and ptv.dose == target.dose]
    same_class = [ptv for ptv in volumes if ptv.classifier == target.classifier]
    for choice in ([ptv for ptv in same_class if ptv.dose == target.dose], same_dose):
        if len(choice) == 1:
            return choice[0].name
    if not target.dose and (target.classifier or target.kind == "GTV") and same_class:
        return _highest(same_class)
    if len(volumes) == 1:
        return volumes[0].name
    return _highest(volumes) if target.kind == "GTV" and not target.dose else ""


def _high_dose(targets: list[TargetName]) -> str:
    for kind in ("PTV", "CTV", "GTV"):
        found = _highest([target for target in targets if target.kind == kind])
        if found:
            return found
    return ""


def _highest(targets: list[TargetName]) -> str:
    """The one of the highest dose; "" where several share it or none tells a dose."""
    if len(targets) == 1:
        return targets[0].name
    highest = max((target.dose for target in targets), default=0.0)
    best = [target.name for target in targets if target.dose == highest]
    return best[0] if highest and len(best) == 1 else ""
