"""List all that differs between kinds of run at a domain, as methods that each kind has.

A kind of run is a class of plan (`workbench.documents.plans`) and a `Kind`. To add one, write its
plan, one module here, and one line in `workbench.domain.kinds.table`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

from workbench.documents import DatasetCard, Document, Request
from workbench.documents.plans import Output
from workbench.documents.schema import Schema
from workbench.domain.kinds.job import Job, Outcome
from workbench.graphs.content import Content, InFile
from workbench.graphs.record_graph import MOST_PARAMETERS, GraphFacts, Limits, RecordGraph, Role

if TYPE_CHECKING:
    from workbench.engine.sums.distributed import Ranks
    from workbench.engine.timing.pace import Pace

P = TypeVar("P", bound=Document)
Tell = Callable[[int, int], None]
"""Told how many steps are done, of how many."""


@dataclass(frozen=True)
class RunContext:
    """What a worker hands to a run beside its job.

    Attributes
    ----------
    folder
        Private; the run leaves here what it makes.
    tell
        Tells the server how far the run is.
    pace
        Makes the run's schedule, which tells by the given function.
    ranks
        Divides the run among processes, from where it is entered; who enters it is one of them.
    """

    folder: Path
    tell: Tell
    pace: Callable[[Tell], Pace]
    ranks: Callable[[], AbstractContextManager[Ranks]]


class Kind(ABC, Generic[P]):
    """One kind of run.

    Attributes
    ----------
    word
        The `kind` of its plans.
    role
        What the graph of a request is for.
    output
        Which file a run makes, whether or not it is let out.
    done
        What a rehearsal says that it has done, in words.
    """

    word: ClassVar[str]
    role: ClassVar[Role]
    output: ClassVar[Output]
    done: ClassVar[str]

    @abstractmethod
    def load_graphs(self, archives: Sequence[Content], limits: Limits) -> RecordGraph:
        """Check the graphs of a request, the first being its own, and return that one.

        It is returned without values, see `workbench.graphs.reading.load.load`.

        Raises
        ------
        GraphRefused, TooLarge
            If one does not fit its role, or they do not fit each other.
        """

    @abstractmethod
    def check_request(self, request: Request, plan: P, graph: RecordGraph, schema: Schema) -> None:
        """Check that the inputs, metrics and plan of a request fit its graph and the dataset.

        Raises
        ------
        UnknownColumn, GraphRefused
            If they do not.
        InvalidArgument
            If the plan has an option that its optimizer ignores.
        """

    @abstractmethod
    def leaves(self, request: Request, plan: P, graph: GraphFacts, card: DatasetCard) -> list[str]:
        """Return in words what would leave the domain, one phrase for each thing."""

    @abstractmethod
    def shortest(self, plan: P) -> P:
        """Return a plan of one step whose programs are those of `plan`.

        All plans with the same programs have the same one, so that these are checked once.
        """

    @abstractmethod
    def check_programs(self, job: Job, plan: P, ranks: int) -> None:
        """Run the programs of a job on made-up records, as `ranks` processes would run them.

        Raises
        ------
        GraphRefused
            If they do not keep records apart, or cannot be run.
        """

    @abstractmethod
    def run(self, job: Job, plan: P, context: RunContext) -> Outcome:
        """Run a job, or rehearse it, and leave its file in the context's folder.

        Raises
        ------
        RequestFailed
            If the engine says so; with its word.
        OverTime
            If the run would take longer than it may.
        RankLost
            If another rank has died.
        """

    def graph_of(self, job: Job) -> RecordGraph:
        """Load a job's graph, with its inputs and metrics named."""
        from workbench.graphs.reading.load import load

        # The domain's own limit was asked when the graph came, and when the request did.
        graph = load(InFile(Path(job.graph)), Limits(MOST_PARAMETERS), self.role)
        return replace(graph, inputs=job.inputs, metrics=job.metrics)
