"""Codes in words, the same in a notebook, the sidebar and a terminal: states, failures, times."""

from __future__ import annotations

from datetime import UTC, datetime

from workbench.documents import State

STATE_WORDS = {
    State.PENDING: "waiting for the steward",
    State.APPROVED: "approved, about to start",
    State.RUNNING: "running",
    State.RELEASED: "released",
    State.DENIED: "denied",
    State.CANCELLED: "cancelled",
    State.FAILED: "failed",
}
FAILURE_WORDS = {
    "out-of-memory": "the run took more memory than the domain allows: use a smaller model",
    "timeout": "the run took longer than the domain allows: use fewer steps",
    "not-finite": "training diverged: use a smaller learning rate",
    "worker-died": "the process died: ask the domain's operator, then submit with another repeat",
    "internal": "the domain met an error: ask its operator, then submit with another repeat",
}


def timestamp(seconds: float) -> str:
    """Return a time since the epoch as an RFC 3339 timestamp in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def shape_words(shape: tuple[int, ...]) -> str:
    """Return ``8×8``."""
    return "×".join(str(size) for size in shape)


def time_words(timestamp: str) -> str:
    """Return a timestamp as people read it: ``2026-01-31 12:00:00``, in UTC."""
    return timestamp[:19].replace("T", " ")
