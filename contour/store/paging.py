"""Lists in pages, newest first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from contour.errors import InputError
from contour.store.records import Page

DEFAULT_PAGE = 50
LARGEST_PAGE = 200

_Row = TypeVar("_Row")
_Item = TypeVar("_Item")


def start_of_page(token: str, size: int) -> tuple[int | None, int]:
    """The sequence number that a page lies below (None: from the newest on), and its size.

    Raises:
        InputError: a token that no page gave, or a negative size.
    """
    if size < 0 or len(token) > 18 or (token and not (token.isascii() and token.isdigit())):
        raise InputError("page_size must not be negative and page_token be one that was given", reason="INVALID_PAGE")
    return (int(token) if token else None), min(size or DEFAULT_PAGE, LARGEST_PAGE)


def page_of(
    rows: Sequence[_Row], size: int, *, key: Callable[[_Row], int], describe: Callable[[_Row], _Item]
) -> Page[_Item]:
    """A page of at most `size` out of one row more, which says whether another page follows."""
    kept = rows[:size]
    token = str(key(kept[-1])) if len(rows) > size else ""
    return Page(items=tuple(describe(row) for row in kept), next_token=token)
