"""Requests after they were submitted: followed, waited for, cancelled, found again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from workbench.documents import RequestStatus, State
from workbench.documents.base import short
from workbench.errors import (
    DomainUnavailable,
    RequestDenied,
    RequestFailed,
    WorkbenchError,
)
from workbench.space.client.client import DomainClient
from workbench.space.requests.calls import public_call
from workbench.space.results.result import Result
from workbench.views.live import View, view
from workbench.views.page import Page, Shown
from workbench.views.tables import Table
from workbench.views.words import FAILURE_WORDS, STATE_WORDS, time_words

R = TypeVar("R", bound=Result)

# What a run does again and again, by its kind.
_UNITS = {"training": "step", "statistic": "round"}
_RECONNECT_SECONDS = 1.0
_GIVE_UP_SECONDS = 60.0


class RequestHandle(Shown, Generic[R]):
    """One request at one domain.

    Parameters
    ----------
    client
        The domain.
    status
        What it said last.
    result
        Makes the result: `workbench.space.results.kinds.result_of`, or one that knows more, such
        as the module that was submitted, or what the sums mean.
    """

    def __init__(
        self,
        client: DomainClient,
        status: RequestStatus,
        result: Callable[[DomainClient, RequestStatus], R],
    ) -> None:
        self.client = client
        self.last_status = status
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

    @public_call
    def cancel(self) -> RequestStatus:
        """Cancel the request; what already ran stays charged."""
        self.last_status = self.client.cancel(self.digest)
        return self.last_status

    @public_call
    def wait(self, progress: bool = True) -> R:
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
        plan = self.last_status.request.plan
        label = f"{self.client.name}/{self.last_status.request.dataset}"
        note = "Noised metrics as the domain tells them; the result's evidence is checked later."
        with view(label, plan.steps, note, progress, unit=_UNITS[plan.kind]) as shown:
            try:
                self._follow(shown, plan.steps)
            except KeyboardInterrupt:
                shown.tell("still running there")
                print(
                    f"Stopped waiting. Request {short(self.digest)} goes on at "
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

    @public_call
    def result(self) -> R:
        """Return the release.

        Raises
        ------
        RequestDenied
            With the reason.
        RequestFailed
            If the run ended without a release, was cancelled, or has not ended.
        """
        status = self.last_status if self.last_status.state.final else self.status
        who = f"{self.client.name}/{status.request.dataset}"
        if status.state == State.DENIED:
            if status.decided_by is None:
                raise RequestDenied(
                    f"{who}: the domain did not start it: {status.reason}",
                    "Nothing was charged. Submit again when that is repaired.",
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
        return self._result(self.client, status)

    def _table(self) -> Table:
        status = self.last_status
        request = status.request
        rows = [
            ("request", short(self.digest)),
            ("state", STATE_WORDS[status.state] + (f": {status.reason}" if status.reason else "")),
            ("dataset", f"{self.client.name}/{request.dataset}"),
            ("function", request.function),
            ("privacy", f"epsilon {request.epsilon:g}, delta {request.delta:g}"),
            ("purpose", f"{request.purpose} {request.purpose_text}".strip()),
        ]
        return Table((), rows)

    def _page(self) -> Page:
        return Page("Request", "", self._table())

    def __repr__(self) -> str:
        return f"Request({self._table().line()})"


def _show_evaluations(shown: View, status: RequestStatus) -> None:
    courses: dict[str, list[tuple[float, float, float]]] = {}
    for evaluation in status.progress.evaluations if status.progress else ():
        for metric in evaluation.metrics:
            point = (evaluation.step, metric.value, metric.standard_error)
            courses.setdefault(metric.name, []).append(point)
    for name, points in courses.items():
        shown.curve(name, points)


class RequestGroup(Shown, Generic[R]):
    """Requests to several domains."""

    def __init__(self, handles: list[RequestHandle[R]]) -> None:
        self._handles = handles

    def __iter__(self) -> Iterator[RequestHandle[R]]:
        return iter(self._handles)

    def __len__(self) -> int:
        return len(self._handles)

    def __getitem__(self, position: int) -> RequestHandle[R]:
        return self._handles[position]

    @public_call
    def wait(self, progress: bool = True) -> list[R]:
        """Wait for all, in order; see `RequestHandle.wait`."""
        return [handle.wait(progress) for handle in self._handles]

    @property
    def table(self) -> Table:
        """One row for each request."""
        columns = ("request", "submitted (UTC)", "dataset", "function", "ε", "state", "reason")
        rows = [
            (
                short(handle.digest),
                time_words(handle.last_status.submitted),
                f"{handle.client.name}/{handle.last_status.request.dataset}",
                handle.last_status.request.function,
                f"{handle.last_status.request.epsilon:g}",
                STATE_WORDS[handle.last_status.state],
                handle.last_status.reason,
            )
            for handle in self
        ]
        return Table(columns, rows)

    def _page(self) -> Page:
        return Page("Requests", "", self.table)


class RequestList(RequestGroup[Result]):
    """Requests found at the domains, newest first, and the domains that could not be asked."""

    def __init__(
        self, handles: list[RequestHandle[Result]], problems: dict[str, WorkbenchError]
    ) -> None:
        super().__init__(handles)
        self.problems = problems

    def _page(self) -> Page:
        notes = [error.message for error in self.problems.values()]
        return Page("Requests", "", self.table, notes)
