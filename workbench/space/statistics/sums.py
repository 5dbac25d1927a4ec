"""Ask for noisy sums: of a function of one record, with its bound, in one round or several."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from workbench.budget.accountant import calibrate
from workbench.documents import DatasetCard, RequestStatus, Schema, StatisticPlan
from workbench.space.client.client import DomainClient
from workbench.space.requests.calls import doubt
from workbench.space.requests.mistakes import check_name, researchers_code
from workbench.space.requests.request import RequestHandle
from workbench.space.requests.submission import check_guarantee, request_for, written
from workbench.space.requests.target import Target
from workbench.space.requests.uploading import upload
from workbench.space.results.statistic import StatisticResult

if TYPE_CHECKING:
    import torch

    from workbench.graphs.record_graph import RecordGraph


S = TypeVar("S", bound=StatisticResult)


def norm_of(entries: Iterable[float]) -> float:
    """Return the L2 norm of `entries`, rounded up, so that a vector at the bound is not clipped."""
    return math.nextafter(math.sqrt(math.fsum(value * value for value in entries)), math.inf)


@dataclass(frozen=True)
class RehearsedSums:
    """Noisy sums of a synthetic snippet, in the form that `StatisticResult` has for a domain's.

    Attributes
    ----------
    sums, state
        With noise that is as large beside the snippet's sums as the domain's beside its own.
    plan
        What would be submitted.
    """

    sums: NDArray[np.float64]
    state: dict[str, NDArray[np.float32]]
    plan: StatisticPlan


@dataclass(frozen=True)
class SumFunction:
    """A function of one record whose sum over records is asked for, and how.

    Parameters
    ----------
    name
        How the request names it.
    function
        ``f(record)``, or ``f(state, record)`` with a state: a float32 tensor, ``()`` or ``(d,)``.
    bound
        The largest L2 norm that one record's vector shall have; longer ones are scaled down.
    state
        Name to float32 tensor, for the first round.
    update
        ``update(state, noisy_sum)`` gives the next round's state.
    rounds
        How many noisy sums to take.
    written_by
        The researcher's own function, if `function` calls one: errors name where it is.
    """

    name: str
    function: Callable[..., torch.Tensor]
    bound: float
    state: Mapping[str, torch.Tensor] = field(default_factory=dict)
    update: Callable[..., Mapping[str, torch.Tensor]] | None = None
    rounds: int = 1
    written_by: Callable[..., Any] | None = None

    def graphs(self, schema: Schema) -> tuple[RecordGraph, RecordGraph | None]:
        """Return the graphs that would be sent: of the record's vector, and of the update.

        Raises
        ------
        GraphRefused, UnknownColumn
            If the function cannot run at a domain; names the line.
        """
        from workbench.engine.sums.clipping import check_programs
        from workbench.graphs.export.statistic import export_statistic, export_update

        with researchers_code(self.written_by or self.function):
            graph = export_statistic(self.function, schema, self.state, in_tables=True)
            check_programs(graph)
        return graph, None if self.update is None else export_update(self.update, graph)

    def prepare(self, target: Target) -> tuple[RecordGraph, RecordGraph | None]:
        """Return `graphs`, after all that can be known before anything is charged was checked.

        The vector is tried on the dataset's synthetic snippet. A warning tells if it is not finite
        for some of its records.

        Raises
        ------
        GraphRefused, UnknownColumn
            If the function cannot run at a domain, or its vector is never finite; names the line.
        InvalidArgument
            If the function has no name that a request can have.
        """
        from workbench.engine.preflight import check_vector

        with researchers_code(self.written_by or self.function):
            check_name(self.name, "statistic")
            graph, update = self.graphs(target.schema)
            target.check_size(graph, update)
            doubts = check_vector(graph, target.snippet)
        for text in doubts:
            doubt(text)
        return graph, update

    def plan(
        self, card: DatasetCard, epsilon: float, delta: float, update: RecordGraph | None
    ) -> StatisticPlan:
        """Return the plan with the noise that `epsilon` and `delta` ask for.

        A unit may have `max_records_per_unit` records, so its sum is clipped to as many bounds.

        Raises
        ------
        TermsRefused
            If no noise is enough.
        InvalidArgument
            If a setting is out of range.
        """
        check_guarantee(epsilon, delta)
        noise, _ = calibrate(
            epsilon=epsilon, delta=delta, sample_rate=1.0, steps=self.rounds, metrics=0
        )
        return written(
            StatisticPlan,
            {
                "rounds": self.rounds,
                "max_norm": self.bound * card.data_schema.max_records_per_unit,
                "noise_multiplier": noise,
                "update": None if update is None else update.digest,
            },
        )

    def rehearse(self, target: Target, epsilon: float = 1.0, delta: float = 1e-5) -> RehearsedSums:
        """Run the same engine on the dataset's synthetic snippet; costs no privacy.

        Raises
        ------
        GraphRefused, UnknownColumn
            If the function cannot run at a domain; says what to change.
        """
        from workbench.engine.statistics import noisy_sums

        graph, update = self.prepare(target)
        plan = self.plan(target.card, epsilon, delta, update)
        records = target.snippet
        scaled = plan.noise_multiplier * len(records) / target.card.record_count
        found = noisy_sums(
            graph,
            plan.model_copy(update={"noise_multiplier": scaled}),
            records,
            record_count=len(records),
            max_records_per_unit=1,
            seed=os.urandom(32),
            update=update,
        )
        state = {name: value.numpy() for name, value in found.state.items()}
        return RehearsedSums(found.sums.numpy(), state, plan)

    def submit(
        self,
        to: Target,
        *,
        epsilon: float,
        delta: float = 1e-5,
        purpose: str,
        repeat: int = 0,
        result: Callable[[DomainClient, RequestStatus], S],
    ) -> RequestHandle[S]:
        """Ask a domain for the noisy sums; see `TrainingFunction.submit` for the parameters.

        Parameters
        ----------
        result
            Makes what the handle returns, such as `StatisticResult`.

        Raises
        ------
        WorkbenchError
            If the request cannot be made, or the domain refuses it: nothing was charged.
        """
        graph, update = self.prepare(to)
        request = request_for(
            to,
            graph,
            self.plan(to.card, epsilon, delta, update),
            function=self.name,
            outputs=("statistics",),
            epsilon=epsilon,
            delta=delta,
            purpose=purpose,
            repeat=repeat,
        )
        client = to.client
        for one in (graph, update):
            if one is not None:
                upload(client, one)
        return RequestHandle(client, client.submit(request), result)

    def run(self, to: Target, *, progress: bool = True, **options: Any) -> StatisticResult:
        """Submit with `options` and wait for the noisy sums."""
        return self.submit(to, result=StatisticResult, **options).wait(progress)
