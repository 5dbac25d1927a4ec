"""Requests as a table in a notebook."""

from __future__ import annotations

from workbench.space.connection import Space, connect


class RequestTable:
    """Requests at all domains, newest first, asked anew each time it is shown.

    A researcher sees their own, a steward everyone's.

    Parameters
    ----------
    space
        By default what `connect` finds.
    state
        Show only requests in this state, such as ``"pending"``.
    """

    def __init__(self, space: Space | None = None, state: str | None = None) -> None:
        self.space = space or connect()
        self.state = state

    def __repr__(self) -> str:
        return repr(self.space.requests(self.state))

    def _repr_html_(self) -> str:
        return self.space.requests(self.state)._repr_html_()
