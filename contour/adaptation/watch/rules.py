"""When a course is worth a look and when it should be re-planned: a site's rules in TOML.

The defaults are those of `rules.toml` beside this module. A site's file holds what differs; a key that is not known is
an error, and so is a number out of its range.

    >>> rules = read_watch_rules('rules.coverage = { level = "watch", percent = 98.0, fractions = 2 }')
    >>> rules.rule("coverage").level, rules.rule("coverage").value("percent")
    ('watch', 98.0)
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Literal, cast

from contour.adaptation.watch.sites import SITES
from contour.errors import ConfigError
from registration.grid import Triple

Level = Literal["replan", "watch", "off"]
_LEVELS = ("replan", "watch", "off")
_AXES = ("lr_mm", "ap_mm", "si_mm")
_RANGES = {
    "share": (0.1, 10.0),
    "percent": (0.1, 1000.0),
    "percent_per_week": (0.1, 100.0),
    "mm": (0.1, 100.0),
    "fractions": (1.0, 200.0),
    "first_fractions": (3.0, 200.0),
    "site_courses": (2.0, 1e6),
    "prior_courses": (2.0, 1e6),
    "lr_mm": (0.0, 50.0),
    "ap_mm": (0.0, 50.0),
    "si_mm": (0.0, 50.0),
}
_COUNTS = ("fractions", "first_fractions", "site_courses", "prior_courses")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule: its name, what it leads to, and its numbers by name."""

    name: str
    level: Level
    values: tuple[tuple[str, float], ...] = ()

    def value(self, name: str) -> float:
        """One of its numbers."""
        return dict(self.values)[name]

    def count(self, name: str) -> int:
        """One of its numbers that counts something."""
        return int(self.value(name))


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchRules:
    """All of a site's rules.

    Args:
        corrected_daily: Set-up is put right each day.
        first_fractions: How many make the limits of a control chart.
        site_courses: From how many courses on a site's history makes them.
        prior_courses: From how many courses on a site is the prior of a new course.
        planned_margins_xyz_mm: (site, margin) where a clinic says them itself; elsewhere the plan's PTV tells.
        rules: In the file's order.
        device_names: (device, what a clinic calls it).
    """

    corrected_daily: bool
    first_fractions: int
    site_courses: int
    prior_courses: int
    planned_margins_xyz_mm: tuple[tuple[str, Triple], ...]
    rules: tuple[Rule, ...]
    device_names: tuple[tuple[str, str], ...] = ()

    def rule(self, name: str) -> Rule:
        """The rule of a name."""
        return next(one for one in self.rules if one.name == name)

    def planned_margin_xyz_mm(self, site: str) -> Triple | None:
        """What the clinic says of a site; None where it says nothing."""
        return dict(self.planned_margins_xyz_mm).get(site)


def default_watch_toml() -> str:
    """The shipped rules with their comments: what a site starts from."""
    return resources.files("contour.adaptation.watch").joinpath("rules.toml").read_text(encoding="utf-8")


def read_watch_rules(source: Path | str = "") -> WatchRules:
    """The shipped rules, changed by a site's.

    A site's file may also hold `[margin.planned]`, with a table of lr_mm, ap_mm and si_mm for a treatment site, and
    `[devices]`, with names for scanners.

    Args:
        source: A file, or TOML as text.

    Raises:
        ConfigError: not TOML, an unknown key, or a value that is none or out of its range (BAD_CONFIG).
        OSError: the file cannot be read.
    """
    table = _parse(default_watch_toml())
    site = _parse(_text_of(source) if isinstance(source, Path) else source)
    planned = _planned(site.get("margin", {}).pop("planned", {}) if isinstance(site.get("margin"), dict) else {})
    devices = _devices(site.pop("devices", {}))
    for group, changed in site.items():
        if group not in table:
            raise ConfigError(f"unknown table {group!r} in the watch rules; known are {', '.join((*table, 'devices'))}")
        if not isinstance(changed, dict):
            raise ConfigError(f"{group} is {changed!r}; expected a table of {', '.join(table[group])}")
        for key, value in changed.items():
            if key not in table[group]:
                raise ConfigError(f"unknown {group}.{key!r} in the watch rules; known are {', '.join(table[group])}")
            table[group][key] = _merged(f"{group}.{key}", table[group][key], value)
    return WatchRules(
        corrected_daily=_flag("correction.daily", table["correction"]["daily"]),
        first_fractions=int(_number("baseline", "first_fractions", table["baseline"]["first_fractions"])),
        site_courses=int(_number("baseline", "site_courses", table["baseline"]["site_courses"])),
        prior_courses=int(_number("margin", "prior_courses", table["margin"]["prior_courses"])),
        planned_margins_xyz_mm=planned,
        rules=tuple(_rule(name, form) for name, form in table["rules"].items()),
        device_names=devices,
    )


def _text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"watch rules are not TOML: {error}") from error


def _parse(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"watch rules are not TOML: {error}") from error


def _merged(name: str, shipped: Any, value: Any) -> Any:
    """A rule keeps the numbers that a site does not name; nothing else is a table."""
    if not isinstance(shipped, dict):
        return value
    if not isinstance(value, dict) or not set(value) <= set(shipped):
        raise ConfigError(f"{name} is {value!r}; expected some of {', '.join(shipped)}")
    return {**shipped, **value}


def _rule(name: str, form: dict[str, Any]) -> Rule:
    level = form["level"]
    if level not in _LEVELS:
        raise ConfigError(f"rules.{name}.level is {level!r}; expected one of {', '.join(_LEVELS)}")
    numbers = tuple((key, _number(f"rules.{name}", key, value)) for key, value in form.items() if key != "level")
    return Rule(name=name, level=cast(Level, level), values=numbers)


def _number(where: str, key: str, value: Any) -> float:
    least, most = _RANGES[key]
    if type(value) not in (int, float) or not least <= value <= most:  # so is what is not finite
        raise ConfigError(f"{where}.{key} is {value!r}; expected a number from {least:g} to {most:g}")
    if key in _COUNTS and value != int(value):
        raise ConfigError(f"{where}.{key} is {value!r}; expected a whole number")
    return float(value)


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ConfigError(f"{name} is {value!r}; expected true or false")
    return value


def _planned(form: Any) -> tuple[tuple[str, Triple], ...]:
    if not isinstance(form, dict):
        raise ConfigError("margin.planned is no table; expected one for each treatment site")
    found: list[tuple[str, Triple]] = []
    for site, margin in form.items():
        if site not in SITES:
            raise ConfigError(f"unknown treatment site {site!r} in margin.planned; known are {', '.join(SITES)}")
        if not isinstance(margin, dict) or set(margin) != set(_AXES):
            raise ConfigError(f"margin.planned.{site!r} is {margin!r}; expected {', '.join(_AXES)}")
        lr, ap, si = (_number(f"margin.planned.{site}", axis, margin[axis]) for axis in _AXES)
        found.append((site, (lr, ap, si)))
    return tuple(found)


def _devices(form: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(form, dict) or not all(isinstance(name, str) and name.isprintable() for name in form.values()):
        raise ConfigError("devices must be a table of names by device")
    return tuple(form.items())
