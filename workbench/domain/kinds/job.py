"""Describe what the server hands to a worker process, and what it takes back."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from workbench.documents import AnyPlan, Document, Evaluation, Failure, Metric
from workbench.documents.base import Digest, Finite, Identifier, type_tuple
from workbench.documents.inputs import GraphInput
from workbench.documents.plans import FILES, Output
from workbench.documents.release import digests_of_files

JOB = "job.json"
OUTCOME = "outcome.json"
PROGRESS = "progress"
LOADED, PLANNED = -1, -2
"""Stand in `PROGRESS` for the number of steps done: the data are in memory and the run is measured
on filling; it fits, and its data are made ready."""
EVALUATIONS = "evaluations.json"
MODEL, STATISTICS = FILES["model"], FILES["statistics"]
"""Where a run leaves what it makes."""


class Job(Document):
    """One task of a worker. Paths are absolute; `seed` is 64 hexadecimal digits.

    A ``training`` reads private records, whatever its plan's kind: the word is from the time before
    there were other kinds. A ``rehearsal`` reads only `training`, a snippet, and measures exactly.
    A ``check`` reads no data: it runs the graph on made-up records, whose numbers lie within
    `bounds`, one pair for each input. `update` is the further graph that the plan may name.
    """

    mode: Literal["training", "rehearsal", "check"] = Field(alias="kind")
    graph: str
    update: str | None = None
    training: str | None = None
    holdout: str | None = None
    bounds: Annotated[tuple[Annotated[tuple[Finite, Finite], type_tuple], ...], type_tuple] = ()
    inputs: Annotated[tuple[GraphInput, ...], type_tuple]
    metrics: Annotated[tuple[Identifier, ...], type_tuple]
    plan: AnyPlan
    record_count: int
    holdout_fraction: float
    max_records_per_unit: int
    seed: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Refusal(Document):
    """Why a check refused a graph: the parts of the error that the researcher will get."""

    code: str
    message: str
    hint: str = ""
    origin: str | None = None


class Outcome(Document):
    """How a run ended; `model` or `statistics` is the digest of the file beside it.

    Only a check, which sees nothing private, has a `refusal`: it is told as it stands.
    """

    failure: Failure | None = None
    refusal: Refusal | None = None
    model: Digest | None = None
    statistics: Digest | None = None
    metrics: Annotated[tuple[Metric, ...], type_tuple] = ()
    history: Annotated[tuple[Evaluation, ...], type_tuple] = ()
    steps: int = 0

    @property
    def files(self) -> dict[Output, str]:
        """The digests of the files that the run left, by output."""
        return digests_of_files(self)


class Evaluated(Document):
    """The noised evaluations of a run so far."""

    evaluations: Annotated[tuple[Evaluation, ...], type_tuple] = ()
