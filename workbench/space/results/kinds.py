"""Which class shows the release of which kind of run."""

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
"""By the kind that a request's plan says."""


def result_of(client: DomainClient, status: RequestStatus) -> Result:
    """Return the release of a request, in the class of its kind."""
    return RESULTS[status.request.plan.kind](client, status)
