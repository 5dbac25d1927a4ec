"""Which operators give a record other bits at another place of a chunk on this machine."""

from __future__ import annotations

_refused: frozenset[str] = frozenset()


def refuse(names: frozenset[str]) -> None:
    """Let the checker refuse these operators from now on, in this process and its children."""
    global _refused
    _refused = names


def refused() -> frozenset[str]:
    """Return the operators that the checker refuses here."""
    return _refused


def moved() -> list[str]:
    """Return the operators that tell a place."""
    return []
