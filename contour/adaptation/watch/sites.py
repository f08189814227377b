"""Treatment sites: a short list, so that a site can be the label of a metric."""

from __future__ import annotations

UNSPECIFIED = "unspecified"
SITES = (
    "head and neck",
    "brain",
    "thorax",
    "breast",
    "abdomen",
    "prostate",
    "gynaecological pelvis",
    "rectum",
    "spine",
    "extremity",
    "other",
    UNSPECIFIED,
)
"""Regions in which set-up and organ motion are commonly told apart; `unspecified` where nobody said."""
