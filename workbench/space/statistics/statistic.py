"""Statistics: a function of one record whose mean and sum over records are asked for."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import InvalidArgument
from workbench.space.requests.calls import public_call
from workbench.space.requests.mistakes import check_takes
from workbench.space.requests.request import RequestHandle
from workbench.space.requests.target import Targeted, target_of
from workbench.space.results.statistic import MeanResult
from workbench.space.statistics.sums import SumFunction, norm_of
from workbench.views.page import Page, Shown
from workbench.views.tables import Table

if TYPE_CHECKING:
    import torch


class StatisticRehearsal(Shown):
    """What a statistic gives on synthetic records, and the noise to expect at the domain.

    Attributes
    ----------
    value
        The mean over the snippet, with the domain's noise; shape ``(d,)``.
    noise
        The standard deviation that the domain's noise would give each entry of the mean.
    """

    def __init__(self, value: NDArray[np.float64], noise: NDArray[np.float64]) -> None:
        self.value = value
        self.noise = noise

    def _page(self) -> Page:
        columns = ("mean of synthetic records", "noise at the domain")
        rows = [(f"{v:.6g}", f"± {n:.2g}") for v, n in zip(self.value, self.noise, strict=True)]
        text = "The same engine ran on the synthetic snippet, at no privacy cost."
        return Page("Rehearsal on synthetic records", text, Table(columns, rows))


class Statistic:
    """A function of one record with its bound; made by `statistic`.

    The number of records is private, so each record's vector is summed together with a count of
    the same weight, in one vector with one bound: the mean is the quotient.
    """

    def __init__(self, function: Callable[[Any], Any], bound: float) -> None:
        functools.update_wrapper(self, function)
        self._function = function
        self.bound = bound
        self.name: str = getattr(function, "__name__", type(function).__name__)

    def __call__(self, record: Any) -> Any:
        """Call the plain function."""
        return self._function(record)

    @property
    def _sum(self) -> SumFunction:
        def with_count(record: Any) -> torch.Tensor:
            import torch

            from workbench.graphs.export.statistic import vector_of

            vector = vector_of(self._function, record, {})
            return torch.cat([vector, torch.full((1,), self.bound)])

        bound = norm_of((self.bound, self.bound))
        return SumFunction(self.name, with_count, bound, written_by=self._function)

    @public_call
    def rehearse(
        self, dataset: Targeted, epsilon: float = 1.0, delta: float = 1e-5
    ) -> StatisticRehearsal:
        """Run the same engine on the dataset's synthetic snippet; costs no privacy.

        Raises
        ------
        GraphRefused, UnknownColumn
            If the function cannot run at a domain; says what to change.
        """
        target = target_of(dataset)
        found = self._sum.rehearse(target, epsilon, delta)
        total, count = found.sums[-1, :-1], max(found.sums[-1, -1] / self.bound, 1.0)
        value = total / count
        noise = found.plan.noise_multiplier * found.plan.max_norm / target.card.record_count
        return StatisticRehearsal(value, noise * np.sqrt(1.0 + (value / self.bound) ** 2))

    @public_call
    def submit(
        self,
        to: Targeted,
        *,
        epsilon: float,
        delta: float = 1e-5,
        purpose: str,
        repeat: int = 0,
    ) -> RequestHandle[MeanResult]:
        """Ask a domain for the mean and the sum; the handle's result is a `MeanResult`.

        Parameters
        ----------
        to
            A dataset. All its records count, training and hold-out part.
        epsilon, delta
            What it may cost.
        purpose
            A DUO code and, after a space, some words: ``"DUO:0000007 cancer"``.
        repeat
            Another number makes an otherwise equal request a new one, with new noise and cost.

        Raises
        ------
        WorkbenchError
            If the request cannot be made, or the domain refuses it: nothing was charged.
        """
        return self._sum.submit(
            target_of(to),
            epsilon=epsilon,
            delta=delta,
            purpose=purpose,
            repeat=repeat,
            result=MeanResult,
        )


@public_call
def statistic(*, bound: float) -> Callable[[Callable[[Any], Any]], Statistic]:
    """Make a function of one record into a `Statistic`.

    The function takes a mapping of column name to tensor and returns a tensor: one number, or a
    vector of shape ``(d,)``.

    Parameters
    ----------
    bound
        The largest L2 norm of what it returns for one record. A record beyond it counts less: its
        vector and its count are scaled down together.

    Raises
    ------
    InvalidArgument
        If the bound is not a number between 1e-6 and 1e5.
    """
    if not (isinstance(bound, int | float) and 1e-6 <= bound <= 1e5):
        raise InvalidArgument(f"statistic: bound is {bound}; expected a number from 1e-6 to 1e5")

    @public_call
    def made(function: Callable[[Any], Any]) -> Statistic:
        check_takes(function, ("record",))
        return Statistic(function, float(bound))

    return made
