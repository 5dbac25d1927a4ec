"""Requests in a notebook: their states as they change, why, and a way to cancel."""

from __future__ import annotations

from typing import Any

from workbench.lab.widgets.live import LiveWidget, module, style
from workbench.space.connection import Space, connect


class RequestTable(LiveWidget):
    """Requests at all domains, newest first.

    A researcher sees their own, a steward everyone's. Where no widget can be shown it is a table of
    how they stand when it is made.

    Parameters
    ----------
    space
        By default what `connect` finds.
    state
        Show only requests in this state, such as ``"pending"``.
    """

    _esm = module("requests.js")
    _css = style("requests.css")

    def __init__(self, space: Space | None = None, state: str | None = None) -> None:
        super().__init__(space or connect())
        self.state = state
        self._sent: object = None

    def news(self, anew: bool) -> None:
        """Send the requests if one of them changed."""
        if anew:
            self.service.refresh()
        content = {
            "requests": self.service.requests(self.state),
            "problems": self.service.problems(),
        }
        if anew or content != self._sent:
            self._sent = content
            self.send({"kind": "requests", **content})

    def asked(self, action: str, content: dict[str, Any]) -> None:
        """Cancel a request."""
        if action == "cancel":
            found = self.service.cancel(str(content.get("domain")), str(content.get("digest")))
            request = found["request"]
            cost = "what ran stays charged" if request["charged"] else "nothing was charged"
            self.say(f"{request['function']} on {request['path']}: {request['state']}, {cost}.")

    def __repr__(self) -> str:
        return repr(self.space.requests(self.state))

    def _repr_html_(self) -> str:
        return self.space.requests(self.state)._repr_html_()
