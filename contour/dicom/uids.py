"""Unique identifiers: the syntax that is accepted, and identifiers that replay from a seed."""

from __future__ import annotations

import re
import uuid

from pydicom.config import IGNORE
from pydicom.uid import UID

_UID = re.compile(r"[0-9]+(?:\.[0-9]+)+")
_LONGEST_UID = 64
_NAMESPACE = uuid.UUID("6f1d2f64-6f0b-4f0b-8f0c-3f1f5f6d7a10")


def is_uid(text: str) -> bool:
    """True for digits and dots, 64 at most (PS3.5 section 9.1); `../../etc/x` is none.

    A component with a leading zero breaks the standard but occurs in the field and harms nobody: it passes.
    """
    return len(text) <= _LONGEST_UID and _UID.fullmatch(text) is not None


def uid_name(uid: str) -> str:
    """What the standard calls a class or transfer syntax; the identifier itself where it has no name."""
    return UID(uid, validation_mode=IGNORE).name if is_uid(uid) else "one without a valid UID"


def derive_uid(seed: str, *parts: str) -> str:
    """The same `2.25.` identifier for the same seed and parts, another one for any other (PS3.5 section B.2)."""
    return f"2.25.{uuid.uuid5(_NAMESPACE, chr(0).join((seed, *parts))).int}"
