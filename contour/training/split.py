"""Who was learnt from and who was kept away from learning: decided once, kept with the model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from contour.errors import InputError, ModelError

SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Case names, and what else decides whom a model has seen.

    `left_out` gives the reason for which a case could not be used. `started_from` is the model whose weights were the
    start, with its version, empty where there was none: its own split tells whom that one had seen.
    """

    trained_on: tuple[str, ...]
    held_out: tuple[str, ...]
    left_out: tuple[tuple[str, str], ...] = ()
    started_from: str = ""
    seed: int

    def to_json(self) -> str:
        """The text of `split.json`."""
        document = {
            "schema": SCHEMA,
            "seed": self.seed,
            "started_from": self.started_from,
            "trained_on": list(self.trained_on),
            "held_out": list(self.held_out),
            "left_out": dict(self.left_out),
        }
        return json.dumps(document, indent=1) + "\n"


def choose_held_out(names: Sequence[str], asked: int | tuple[str, ...], *, seed: int) -> tuple[str, ...]:
    """The names to hold out, in the order given.

    Args:
        names: All usable cases.
        asked: How many, or which. So many are drawn by a hash of seed and name: another case more or less in the
            folder moves few of the others.
        seed: The training run's.

    Raises:
        InputError: nobody would be left to learn from (NO_TRAINING_CASES).
    """
    if isinstance(asked, int):
        drawn = sorted(names, key=lambda name: hashlib.sha256(f"{seed} {name}".encode()).digest())[:asked]
        chosen = set(drawn)
    else:
        chosen = set(asked)
    held_out = tuple(name for name in names if name in chosen)
    if len(held_out) == len(names):
        raise InputError(
            f"all {len(names)} usable cases would be held out, at least one has to be learnt from",
            reason="NO_TRAINING_CASES",
        )
    return held_out


def read_hold_out(path: Path) -> tuple[str, ...]:
    """The names in a file: the `held_out` of another model's `split.json`, or else one name a line.

    Raises:
        InputError: the file is no text, names nobody, or is a `split.json` of another form; reason BAD_HOLD_OUT.
    """
    try:
        text = path.read_text(encoding="utf-8")
        names = (
            _held_out_of(json.loads(text)) if path.suffix == ".json" else [line.strip() for line in text.splitlines()]
        )
    except ValueError as error:
        raise InputError(f"{path.name} is neither split.json nor a list of names", reason="BAD_HOLD_OUT") from error
    found = tuple(name for name in names if name)
    if not found:
        raise InputError(f"{path.name} names no case", reason="BAD_HOLD_OUT")
    return found


def _held_out_of(document: object) -> list[str]:
    match document:
        case {"held_out": [*names]} if all(isinstance(name, str) for name in names):
            return names
        case _:
            raise ValueError("no list held_out")


def learnt_from(split_json: bytes) -> frozenset[str]:
    """The names in a `split.json` of those whom the model has seen.

    Raises:
        ModelError: it is of another form; reason BAD_SPLIT.
    """
    try:
        document = json.loads(split_json)
    except ValueError as error:
        raise ModelError("the model's split.json is not JSON", reason="BAD_SPLIT") from error
    match document:
        case {"trained_on": [*names]} if all(isinstance(name, str) for name in names):
            return frozenset(names)
        case _:
            raise ModelError("the model's split.json has no list trained_on", reason="BAD_SPLIT")


def require_known(asked: Sequence[str], names: Sequence[str]) -> None:
    """Refuse a hold-out that names somebody who is not there: it may be meant for other data.

    Raises:
        InputError: reason UNKNOWN_CASE.
    """
    unknown = sorted(set(asked) - set(names))
    if unknown:
        listed = ", ".join(unknown[:5]) + (f" and {len(unknown) - 5} more" if len(unknown) > 5 else "")
        raise InputError(f"to be held out but not among the cases: {listed}", reason="UNKNOWN_CASE")


def keep_split(work: Path, split: Split) -> None:
    """Write `split.json` into the work folder, so that a run that goes on there goes on with the same patients.

    Raises:
        InputError: the run under way there learns from others; reason OTHER_TRAINING_RUN.
    """
    kept, text = work / "split.json", split.to_json()
    if kept.is_file() and (work / "checkpoint.pt").is_file() and kept.read_text(encoding="utf-8") != text:
        raise InputError(
            f"{kept} has other cases, another seed or another start than asked for; go on as before, or choose another "
            "work folder",
            reason="OTHER_TRAINING_RUN",
        )
    work.mkdir(parents=True, exist_ok=True)
    unfinished = kept.with_suffix(".part")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(kept)
