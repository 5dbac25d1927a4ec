"""Send a graph while a bar shows how far it is; Ctrl-C leaves what was sent at the domain."""

from __future__ import annotations

import time
from contextlib import ExitStack

from workbench.graphs.record_graph import RecordGraph
from workbench.space.client.client import DomainClient
from workbench.views.live import View, view

_SHOWN_AFTER_SECONDS = 2.0
_MEGABYTE = 1_000_000


def upload(client: DomainClient, graph: RecordGraph, progress: bool = True) -> None:
    """Send a graph to a domain; what the domain has is not sent again.

    Parameters
    ----------
    client
        The domain.
    graph
        The graph.
    progress
        Whether to show a bar, once it has taken two seconds.

    Raises
    ------
    WorkbenchError
        As `workbench.space.client.uploads.upload`.
    """
    began = time.monotonic()
    with ExitStack() as stack:
        shown: View | None = None

        def tell(arrived: int, total: int) -> None:
            nonlocal shown
            if shown is None and progress and time.monotonic() - began > _SHOWN_AFTER_SECONDS:
                bar = view(
                    f"upload to {client.name}",
                    -(-total // _MEGABYTE),
                    unit="megabyte",
                    done=arrived // _MEGABYTE,
                )
                shown = stack.enter_context(bar)
            if shown is not None:
                words = "the domain checks it" if arrived == total else "sending"
                shown.tell(words, -(-arrived // _MEGABYTE))

        try:
            client.upload(graph.digest, graph.content, tell)
        except KeyboardInterrupt:
            if shown is not None:
                shown.tell("stopped")
            print(
                f"Stopped. What was sent is kept at '{client.name}' for some hours: submit the "
                "same again and it goes on there. Nothing was asked for yet."
            )
            raise
