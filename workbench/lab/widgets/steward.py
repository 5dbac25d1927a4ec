"""The steward's panel: what waits for a decision, what it would cost, what would leave.

The front end (``steward.js`` and ``populations.js``) draws what `StewardPanel.view` says and sends
back what the steward does. The key stays in the kernel: decisions are signed here.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

import traitlets

from workbench.errors import WorkbenchError
from workbench.lab.service.requests.views import RequestView
from workbench.lab.service.steward.overview import Overview
from workbench.lab.service.steward.populations import Populations
from workbench.lab.service.steward.steward import Steward
from workbench.lab.widgets.forms import FORMS, LONGEST_TICKET, History
from workbench.lab.widgets.live import LiveWidget, module, style
from workbench.space.connection import Space, connect
from workbench.views.page import Page

MOST_REQUESTS = 2000
_LONGEST_REASON = 2000


class StewardPanel(LiveWidget):
    """A panel on the requests of one or all domains of a space.

    Parameters
    ----------
    space
        Connected with the steward's key; by default what `connect` finds.
    domain
        Show only this domain.

    Attributes
    ----------
    view
        What the panel shows, as JSON.
    """

    _esm = module("populations.js", "steward.js")
    _css = style("steward.css")
    view = traitlets.Unicode("{}").tag(sync=True)

    def __init__(self, space: Space | None = None, domain: str | None = None) -> None:
        space = space or connect()
        shown = {name: one for name, one in space.domains.items() if domain in (None, name)}
        super().__init__(Space(shown, space.key), MOST_REQUESTS)
        self._steward = Steward(self.service)
        self._populations = Populations(self.service)
        self._overview = Overview(self.service)
        self._message = ""
        self._answer: dict[str, Any] = {"ticket": "", "ok": False, "words": ""}
        self._showing = threading.Lock()
        self._acting = threading.Lock()
        self._turns: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self.refresh()

    def _repr_html_(self) -> str:
        waiting = [r for r in json.loads(self.view)["requests"] if r["state"] == "pending"]
        return Page("Steward", f"{len(waiting)} requests wait for a decision.").html()

    def refresh(self) -> None:
        """Ask the domains once and show what they say."""
        self.service.refresh(older_than=0.0)
        self._show()

    def news(self, anew: bool) -> None:
        """Show what the domains say now."""
        if anew:
            self.service.refresh()
        self._show()

    def _show(self) -> None:
        # A slower, older answer must not replace a newer one.
        with self._showing:
            content = self._overview.content()
            said = {"message": self._message, "answer": self._answer}
            # An unchanged text sends nothing to the browser.
            self.view = json.dumps(content | said, sort_keys=True)

    def say(self, message: str) -> None:
        """Show a line above the requests, beside what is shown already."""
        with self._showing:
            self._message = message
            self.view = json.dumps(json.loads(self.view) | {"message": message}, sort_keys=True)

    def asked(self, action: str, content: dict[str, Any]) -> None:
        """Do what a view asks for. Nothing of the message is trusted."""
        domain, digest = str(content.get("domain")), str(content.get("digest"))
        if action == "decide":
            reason = str(content.get("reason", ""))[:_LONGEST_REASON]
            self.decide(domain, digest, str(content.get("verdict")), reason)
        elif action == "review":
            self._review(domain, digest)
        elif action == "populations":
            self._overview.populations.open()
            self._show()
        elif action == "history" or action in FORMS:
            self._take(action, content)

    def in_turn(self, task: Callable[[], None]) -> Callable[[], None]:
        """Answer messages one at a time, in the order in which they came.

        Each answer is shown before the next one takes its place, and of two decisions the first
        click is the first one that is sent.
        """
        self._turns.put(task)

        def answer_the_oldest() -> None:
            with self._acting:
                self._turns.get_nowait()()

        return answer_the_oldest

    def decide(self, domain: str, digest: str, verdict: str, reason: str = "") -> None:
        """Sign a decision with the steward's key and send it; the panel shows what came of it.

        Parameters
        ----------
        domain, digest
            Which request.
        verdict
            ``"approve"`` or ``"deny"``.
        reason
            What the researcher will read; needed for a denial.
        """
        try:
            request = self._steward.decide(domain, digest, verdict, reason)["request"]
            who = f"{request['function']} by {request['researcher']}"
            self._message = f"{who}: {_state_of(request)}"
        except WorkbenchError as error:
            self._message = f"{error.message} {error.hint}".strip()
        self.refresh()

    def _review(self, domain: str, digest: str) -> None:
        try:
            self._overview.review(domain, digest)
        except WorkbenchError as error:
            self._message = f"The facts cannot be shown: {error}"
        self._show()

    def _take(self, action: str, content: dict[str, Any]) -> None:
        """Do what a form asks for; the answer carries the form's ticket."""
        done, words = False, ""
        try:
            if action == "history":
                form = History.of(content)
                self._overview.populations.follow(form.domain, form.name)
                self._show()
                return
            words = self._do(action, content)
            done = True
        except WorkbenchError as error:
            words = f"{error.message} {error.hint}".strip()
        ticket = content.get("ticket")
        ticket = ticket[:LONGEST_TICKET] if isinstance(ticket, str) else ""
        with self._showing:
            self._answer = {"ticket": ticket, "ok": done, "words": words}
            self._message = words
        self.refresh()

    def _do(self, action: str, content: dict[str, Any]) -> str:
        form = FORMS[action].of(content)
        try:
            return form.send(self._populations)
        finally:
            # Afterwards: a thread that asks meanwhile may be told how it was before.
            self._overview.populations.changed()


def _state_of(request: RequestView) -> str:
    given, needed = request["approvals"]["given"], request["approvals"]["needed"]
    if request["state"] != "pending" or not given:
        return str(request["state"])
    return f"approved by {', '.join(given)}, {needed - len(given)} more needed"
