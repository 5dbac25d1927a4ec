"""Codes in words: purposes, states, kinds of datasets, times."""

from __future__ import annotations

from datetime import UTC, datetime

from workbench.views.purposes import purpose as purpose


def timestamp(seconds: float) -> str:
    """Return a time since the epoch as an RFC 3339 timestamp in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def shape_words(shape: tuple[int, ...]) -> str:
    """Return ``8×8``."""
    return "×".join(str(size) for size in shape)
