"""Keep the programs that were made last in this process, by graph."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from workbench.graphs.record_graph import RecordGraph

_REMEMBERED = 32
_remembered: OrderedDict[Hashable, Any] = OrderedDict()
P = TypeVar("P")


def remembered(graph: RecordGraph, key: Hashable, make: Callable[[], P]) -> P:
    """Return what was made for this graph and key before, or make it.

    Tracing takes as long as some hundred chunks, and the same program serves every step, every
    evaluation and every rehearsal.
    """
    whole = (graph.digest, graph.trainable, key)
    if whole not in _remembered:
        made = make()
        _remembered[whole] = made
    _remembered.move_to_end(whole)
    while len(_remembered) > _REMEMBERED:
        _remembered.popitem(last=False)
    found: P = _remembered[whole]
    return found
