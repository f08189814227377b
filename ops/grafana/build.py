"""Write the Grafana dashboards.

    python ops/grafana/build.py             # writes ops/grafana/dashboards/*.json
    python ops/grafana/build.py --check     # exit 1 where a file is not what would be written

Needs grafana-foundation-sdk, Grafana's own builders, which know the shape of each panel. One module a dashboard, its
rows from top to bottom.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from course_board import course
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from models_board import models
from population_board import population
from service_board import service

FOLDER = Path(__file__).parent / "dashboards"
DASHBOARDS = {"course": course, "models": models, "population": population, "service": service}


def text_of(built: builders.Dashboard) -> str:
    """The file's text, the same each time."""
    return json.dumps(built.build(), cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def main(arguments: Sequence[str]) -> int:
    if list(arguments) not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    stale = []
    for name, build in DASHBOARDS.items():
        path, text = FOLDER / f"{name}.json", text_of(build())
        if not arguments:
            path.write_text(text, encoding="utf-8")
        elif not path.is_file() or path.read_text(encoding="utf-8") != text:
            stale.append(path.name)
    stale += sorted(path.name for path in FOLDER.glob("*.json") if path.stem not in DASHBOARDS)
    if stale:
        print(f"not what ops/grafana/build.py writes: {', '.join(stale)}", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
