"""What dashboards and rules in ops/ ask Prometheus for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

OPS = Path(__file__).resolve().parents[1] / "ops"
DASHBOARDS = OPS / "grafana" / "dashboards"

EVERYTHING = {"site": ".*", "model": ".*", "device": ".*", "structure": "set-up"}
"""Variables as a dashboard has them when it is opened, but for `course`, which is the first one there is."""

_VARIABLE = re.compile(r"\$(?:\{(\w+)(?::\w+)?\}|(\w+))")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_NO_METRIC = re.compile(
    r"\{[^}]*\}|\[[^\]]*\]|\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)|\boffset\s+\w+"
)
_NAME = re.compile(r"(?<![\w:.])[a-zA-Z_:][\w:]*(?!\s*\()(?![\w:])")
_SELECTOR = re.compile(r"([a-zA-Z_:][\w:]*)\{([^}]*)\}")
_MATCHER = re.compile(r'(\w+)\s*(?:=~|!~|!=|=)\s*"')
_WORDS = {"and", "or", "unless", "bool", "inf", "nan"}


@dataclass(frozen=True, slots=True)
class PanelExpression:
    """One query of one panel; unpacks to dashboard, panel and expression."""

    dashboard: str
    panel: str
    expr: str

    def __iter__(self) -> Iterator[str]:
        return iter((self.dashboard, self.panel, self.expr))


def panel_expressions(variables: Mapping[str, str]) -> list[PanelExpression]:
    """Every query of every panel, dashboards and panels in order, with the variables' values put in.

    Args:
        variables: Value by name without the dollar, `EVERYTHING | {"course": ...}` for instance. Grafana's own
            `__range`, `__interval` and `__rate_interval` have values unless they are given here.

    Raises:
        KeyError: an expression asks for a variable without a value.
    """
    values = {"__range": "1h", "__interval": "30s", "__rate_interval": "2m", **variables}
    return [
        PanelExpression(path.stem, panel["title"], _VARIABLE.sub(lambda m: values[m[1] or m[2]], target["expr"]))
        for path in sorted(DASHBOARDS.glob("*.json"))
        for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]
        for target in panel["targets"]
    ]


def metrics_of(expr: str) -> set[str]:
    """Names of the metrics in an expression. Braces may hold no braces, strings no quotes."""
    bare = _NO_METRIC.sub(" ", _STRING.sub('""', expr))
    return {name for name in _NAME.findall(bare) if name not in _WORDS}


def labels_asked_for(expr: str) -> Iterator[tuple[str, str]]:
    """Metric and label of each matcher in an expression."""
    for name, matchers in _SELECTOR.findall(expr):
        for label in _MATCHER.findall(matchers):
            yield name, label
