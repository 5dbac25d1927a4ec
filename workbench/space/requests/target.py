"""What a request needs of a dataset: its domain, its card, its synthetic records."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Protocol

from workbench.documents import DatasetCard, Schema
from workbench.errors import InvalidArgument
from workbench.graphs.record_graph import Limits, RecordGraph
from workbench.records import Records
from workbench.space.client.client import DomainClient


class Target:
    """Where a request goes.

    Parameters
    ----------
    card
        The dataset's card, signature checked.
    client
        The domain.
    """

    def __init__(self, card: DatasetCard, client: DomainClient) -> None:
        self.card = card
        self.client = client

    @property
    def schema(self) -> Schema:
        """The columns with their public bounds and categories."""
        return self.card.data_schema

    @cached_property
    def _limits(self) -> Limits | None:
        told = self.client.info().get("max_parameters")
        return Limits(parameters=told) if isinstance(told, int) and told > 0 else None

    def check_size(self, *graphs: RecordGraph | None) -> None:
        """Check that the domain takes graphs of these sizes, before anything is sent.

        A domain of an older version does not tell how many parameters it takes; it answers later.

        Raises
        ------
        TooLarge
            If one has too many parameters; says how many it may have, and what to do.
        """
        for graph in graphs:
            if graph is not None and self._limits is not None:
                whose = f" at domain '{self.client.name}'"
                self._limits.check_parameters(graph.facts.parameters, whose)

    @cached_property
    def snippet(self) -> Records:
        """The synthetic snippet as records, for rehearsals."""
        from workbench.catalog.snippets import decode

        content = self.client.snippet(self.card)
        return Records.each_its_own(decode(content, self.schema))


class Targeted(Protocol):
    """A dataset, as ``space.dataset('domain/name')`` returns it."""

    @property
    def target(self) -> Target:
        """What a request needs of it."""


def target_of(dataset: Any) -> Target:
    """Return the target of a dataset.

    Raises
    ------
    InvalidArgument
        If it is no dataset, such as a dataset's name.
    """
    found = getattr(dataset, "target", None)
    if not isinstance(found, Target):
        raise InvalidArgument(
            f"expected a dataset, got {type(dataset).__name__}",
            "Get one with space.dataset('domain/name').",
        )
    return found
