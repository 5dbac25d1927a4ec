"""Requests after they were submitted: followed, waited for, cancelled, found again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from workbench.documents import RequestStatus, State
from workbench.errors import (
    DomainUnavailable,
    RequestDenied,
    RequestFailed,
    WorkbenchError,
)
from workbench.space.client.client import DomainClient
from workbench.space.results.result import Result
from workbench.space.results.statistic import StatisticResult
from workbench.views.html import page, rows_table
from workbench.views.live import View, view

if TYPE_CHECKING:
    from torch import nn

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
    "timeout": "the run took longer than the domain allows: use fewer rounds",
    "not-finite": "training diverged: use a smaller learning rate",
    "worker-died": "the process died: ask the domain's operator, then submit with another repeat",
    "internal": "the domain met an error: ask its operator, then submit with another repeat",
}
_RECONNECT_SECONDS = 1.0
_GIVE_UP_SECONDS = 60.0

_OF_SUMS = {"statistic": StatisticResult}
"""The result of each kind of run that releases sums; a run of any other kind releases a model."""


class RequestHandle:
    """One request at one domain.

    Parameters
    ----------
    client
        The domain.
    status
        What it said last.
    model
        The module that was submitted, if this kernel did it; `Result.model` needs one.
    result
        Makes the result of a statistic, if this kernel knows what its sums mean.
    """

    def __init__(
        self,
        client: DomainClient,
        status: RequestStatus,
        model: nn.Module | None = None,
        result: Callable[[DomainClient, RequestStatus], Result] | None = None,
    ) -> None:
        self.client = client
        self.last_status = status
        self._model = model
        self._result = result

    @property
    def digest(self) -> str:
        """The request's digest, which names it everywhere."""
        return self.last_status.request_digest

    @property
    def status(self) -> RequestStatus:
        """Ask the domain where the request stands now."""
        self.last_status = self.client.status(self.digest)
        return self.last_status

    @property
    def state(self) -> str:
        """The present state in one word."""
        return str(self.status.state)

    @property
    def reason(self) -> str:
        """Why it was approved or denied, in the steward's or the policy's words."""
        return self.status.reason

    def cancel(self) -> RequestStatus:
        """Cancel the request; what already ran stays charged."""
        self.last_status = self.client.cancel(self.digest)
        return self.last_status

    def wait(self, progress: bool = True) -> Result:
        """Wait for the release and return it.

        Ctrl-C stops the waiting, not the request; ``space.requests()`` finds it again.

        Parameters
        ----------
        progress
            Whether to show a bar, in a notebook a live figure.

        Raises
        ------
        RequestDenied
            With the reason.
        RequestFailed
            If the run ended without a release, or was cancelled.
        DomainUnavailable
            If the domain is away for a minute; the request lives on there.
        """
        total = self.last_status.request.plan.steps
        label = f"{self.client.name}/{self.last_status.request.dataset}"
        note = "Noised metrics as the domain tells them; the result's evidence is checked later."
        with view(label, total, note, progress) as shown:
            try:
                self._follow(shown, total)
            except KeyboardInterrupt:
                shown.tell("still running there")
                print(
                    f"Stopped waiting. Request {self.digest[7:19]} goes on at "
                    f"'{self.client.name}': space.requests() finds it, .cancel() ends it."
                )
                raise
        return self.result()

    def _follow(self, shown: View, total: int) -> None:
        lost = 0.0
        while not self.last_status.state.final:
            try:
                for status in self.client.events(self.digest):
                    lost = 0.0
                    self.last_status = status
                    step = status.progress.step if status.progress else 0
                    shown.tell(STATE_WORDS[status.state], step)
                    _show_evaluations(shown, status)
            except DomainUnavailable:
                lost += _RECONNECT_SECONDS
                if lost > _GIVE_UP_SECONDS:
                    raise
                shown.tell("the domain is away; trying again")
                time.sleep(_RECONNECT_SECONDS)
        released = self.last_status.state == State.RELEASED
        shown.tell(STATE_WORDS[self.last_status.state], total if released else None)

    def result(self) -> Result:
        """Return the release; see `wait` for what it raises if there is none."""
        status = self.last_status if self.last_status.state.final else self.status
        who = f"{self.client.name}/{status.request.dataset}"
        if status.state == State.DENIED:
            if status.decided_by is None:
                raise RequestDenied(
                    f"{who}: the domain did not start it: {status.reason}",
                    "Nothing was charged. Submit again once that is mended.",
                )
            by = "the steward" if status.decided_by == "steward" else "the policy"
            raise RequestDenied(
                f"{who}: denied by {by}: {status.reason}",
                "Change what the reason names and submit again; nothing was charged.",
            )
        if status.state == State.FAILED:
            raise RequestFailed(f"{who}: {FAILURE_WORDS.get(status.failure or '', 'it failed')}")
        if status.state == State.CANCELLED:
            raise RequestFailed(f"{who}: the request was cancelled")
        if status.state != State.RELEASED:
            raise RequestFailed(f"{who}: not ready, {STATE_WORDS[status.state]}", "Use .wait().")
        sums = _OF_SUMS.get(status.request.plan.kind)
        if sums is None:
            return Result(self.client, status, self._model)
        return (self._result or sums)(self.client, status)

    def _rows(self) -> list[tuple[str, str]]:
        status = self.last_status
        request = status.request
        return [
            ("request", self.digest[7:19]),
            ("state", STATE_WORDS[status.state] + (f": {status.reason}" if status.reason else "")),
            ("dataset", f"{self.client.name}/{request.dataset}"),
            ("function", request.function),
            ("privacy", f"epsilon {request.epsilon:g}, delta {request.delta:g}"),
            ("purpose", f"{request.purpose} {request.purpose_text}".strip()),
        ]

    def __repr__(self) -> str:
        return "Request(" + ", ".join(f"{k}: {v}" for k, v in self._rows()) + ")"

    def _repr_html_(self) -> str:
        return page("Request", "", rows_table((), self._rows()))


def _show_evaluations(shown: View, status: RequestStatus) -> None:
    courses: dict[str, list[tuple[float, float, float]]] = {}
    for evaluation in status.progress.evaluations if status.progress else ():
        for metric in evaluation.metrics:
            point = (evaluation.step, metric.value, metric.standard_error)
            courses.setdefault(metric.name, []).append(point)
    for name, points in courses.items():
        shown.curve(name, points)


class RequestGroup:
    """Requests to several domains, one model each."""

    def __init__(self, handles: list[RequestHandle]) -> None:
        self._handles = handles

    def __iter__(self) -> Iterator[RequestHandle]:
        return iter(self._handles)

    def __len__(self) -> int:
        return len(self._handles)

    def __getitem__(self, position: int) -> RequestHandle:
        return self._handles[position]

    def wait(self, progress: bool = True) -> list[Result]:
        """Wait for all, in order; see `RequestHandle.wait`."""
        return [handle.wait(progress) for handle in self._handles]

    def __repr__(self) -> str:
        return "\n".join(repr(handle) for handle in self._handles)


class RequestList(RequestGroup):
    """Requests found at the domains, newest first, as a table."""

    def __init__(self, handles: list[RequestHandle], problems: dict[str, WorkbenchError]) -> None:
        super().__init__(handles)
        self.problems = problems

    def __repr__(self) -> str:
        notes = [error.message for error in self.problems.values()]
        return "\n".join([*(repr(handle) for handle in self), *notes])

    def _repr_html_(self) -> str:
        header = ("request", "submitted (UTC)", "dataset", "function", "ε", "state", "reason")
        rows = [
            (
                h.digest[7:19],
                h.last_status.submitted[:19].replace("T", " "),
                f"{h.client.name}/{h.last_status.request.dataset}",
                h.last_status.request.function,
                f"{h.last_status.request.epsilon:g}",
                STATE_WORDS[h.last_status.state],
                h.last_status.reason,
            )
            for h in self
        ]
        notes = [error.message for error in self.problems.values()]
        return page("Requests", "", rows_table(header, rows), notes)
