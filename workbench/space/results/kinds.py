"""The class that shows a release, for each kind of run."""

from __future__ import annotations

from collections.abc import Callable

from workbench.documents import RequestStatus
from workbench.space.client.client import DomainClient
from workbench.space.results.result import Result
from workbench.space.results.statistic import StatisticResult
from workbench.space.results.training import TrainingResult

RESULTS: dict[str, Callable[[DomainClient, RequestStatus], Result]] = {
    "training": TrainingResult,
    "statistic": StatisticResult,
}
"""The classes by the kind of a request's plan."""


def result_of(client: DomainClient, status: RequestStatus) -> Result:
    """Return the release of a request, in the class of its kind."""
    return RESULTS[status.request.plan.kind](client, status)
