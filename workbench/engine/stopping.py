"""Which evaluated parameters are kept and when to stop: a rule on released metrics only.

The rule looks at nothing but noised metrics, so it is post-processing, and whoever has the history
of a release can apply it again (`workbench.evidence.verify` does).
"""

from __future__ import annotations

from collections.abc import Sequence

from workbench.documents.release import Evaluation


def best(history: Sequence[Evaluation]) -> int:
    """Return the position of the highest value of the first metric, the earliest of equals."""
    values = [evaluation.metrics[0].value for evaluation in history]
    return values.index(max(values))


def kept(history: Sequence[Evaluation], patience: int | None) -> int:
    """Return the position of the evaluation whose parameters are released."""
    return len(history) - 1 if patience is None else best(history)


def stops(history: Sequence[Evaluation], patience: int | None) -> bool:
    """Return whether the last `patience` evaluations have not brought a higher value."""
    return patience is not None and len(history) - 1 - best(history) >= patience
