"""A release as JSON: checked against the domain's key before anything of it is shown."""

from __future__ import annotations

from typing import Any, TypedDict

import numpy as np

from workbench.documents import Metric
from workbench.errors import WorkbenchError
from workbench.space.results.result import Result

MOST_VALUES = 1000


class MetricView(TypedDict):
    """A noisy metric."""

    name: str
    value: float
    standard_error: float | None


class EvaluationView(TypedDict):
    """The metrics after a step of a training run."""

    step: int
    metrics: list[MetricView]


class PrivacyView(TypedDict):
    """What a run cost."""

    epsilon: float
    delta: float


class EvidenceView(TypedDict):
    """Whether the evidence holds, the names of the checks that passed, and what else to know."""

    verified: bool
    checks: list[str]
    message: str


class ValuesView(TypedDict):
    """Noisy sums or a part of the last state, in one row."""

    name: str
    values: list[float]


class ResultView(TypedDict):
    """A release; without verified evidence it holds nothing but why."""

    metrics: list[MetricView]
    history: list[EvaluationView]
    privacy: PrivacyView | None
    steps: int | None
    engine: str
    evidence: EvidenceView
    model: bool
    statistics: list[ValuesView]
    load_code: str


def result_view(result: Result, load_code: str) -> ResultView:
    """Return a result as JSON; if its evidence does not hold, nothing but why.

    Parameters
    ----------
    result
        Of a released request.
    load_code
        Python for a notebook that loads it.
    """
    try:
        verified = result.verified
        statistics: list[ValuesView] = [
            {"name": name, "values": _plain(values)} for name, values in result.noisy_arrays()
        ]
    except WorkbenchError as error:
        return _nothing(error)
    release = verified.release
    return {
        "metrics": [_metric(metric) for metric in release.metrics],
        "history": [
            {"step": evaluation.step, "metrics": [_metric(m) for m in evaluation.metrics]}
            for evaluation in release.history
        ],
        "privacy": {"epsilon": release.privacy.epsilon, "delta": release.privacy.delta},
        "steps": release.steps,
        "engine": release.engine,
        "evidence": {
            "verified": True,
            "checks": list(verified.checks),
            "message": "; ".join(result.ledger_problems(release)),
        },
        "model": release.model is not None,
        "statistics": statistics,
        "load_code": load_code,
    }


def _nothing(error: WorkbenchError) -> ResultView:
    message = f"{error.message} {error.hint}".strip()
    return {
        "metrics": [],
        "history": [],
        "privacy": None,
        "steps": None,
        "engine": "",
        "evidence": {"verified": False, "checks": [], "message": message},
        "model": False,
        "statistics": [],
        "load_code": "",
    }


def _metric(metric: Metric) -> MetricView:
    return {
        "name": metric.name,
        "value": metric.value,
        "standard_error": metric.standard_error,
    }


def _plain(values: Any) -> list[float]:
    flat = np.asarray(values, dtype=np.float64).ravel()[:MOST_VALUES]
    # JSON has no infinities.
    return [float(value) for value in np.nan_to_num(flat)]
