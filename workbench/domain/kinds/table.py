"""List the kinds of run, and find the one that a plan is of."""

from __future__ import annotations

from typing import Any

from workbench.documents.plans import RunPlan
from workbench.domain.kinds.base import Kind
from workbench.domain.kinds.statistic import Statistic
from workbench.domain.kinds.training import Training

KINDS: dict[str, Kind[Any]] = {kind.word: kind for kind in (Training(), Statistic())}
"""Every kind of run by the word of its plans."""


def kind_of(plan: RunPlan) -> Kind[Any]:
    """Return the kind of run that a plan is for."""
    return KINDS[plan.kind]
