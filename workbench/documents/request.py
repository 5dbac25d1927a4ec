"""Name everything that would run in one document, whose digest is the request's name."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from workbench.documents.base import (
    Digest,
    Document,
    Identifier,
    KeyId,
    Line,
    Name,
    type_tuple,
)
from workbench.documents.card import Delta, Epsilon, Purpose
from workbench.documents.inputs import MAX_NOISE_NUMBERS, GraphInput, noise_numbers
from workbench.documents.plans import AnyPlan, Output


class Request(Document):
    """What a researcher asks one domain to run on one dataset version.

    Equal digest means equal run: a request that was released before is answered from the store at
    no cost. `repeat` makes an otherwise equal request a new one, with new noise and a new charge.
    """

    payload_type: ClassVar[str] = "application/vnd.workbench.request+json"

    format: Literal["workbench/request/v1"] = "workbench/request/v1"
    researcher: KeyId
    domain: Name
    dataset: Name
    dataset_version: Digest
    card: Digest
    function: Identifier
    graph: Digest
    inputs: Annotated[tuple[GraphInput, ...], type_tuple, Field(min_length=1, max_length=10_000)]
    metrics: Annotated[tuple[Identifier, ...], type_tuple, Field(max_length=16)] = ()
    plan: AnyPlan
    epsilon: Epsilon
    delta: Delta
    purpose: Purpose
    purpose_text: Line = ""
    outputs: Annotated[tuple[Output, ...], type_tuple, Field(min_length=1, max_length=3)] = (
        "model",
        "metrics",
    )
    repeat: Annotated[int, Field(ge=0, le=1_000_000)] = 0

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        for field in ("inputs", "metrics", "outputs"):
            values = getattr(self, field)
            if len(set(values)) != len(values):
                raise ValueError(f"{field}: an entry appears twice")
        if noise_numbers(self.inputs) > MAX_NOISE_NUMBERS:
            raise ValueError(f"inputs: over {MAX_NOISE_NUMBERS} random numbers for one record")
        return self

    @model_validator(mode="after")
    def _outputs_of_plan(self) -> Self:
        self.plan.check_outputs(self.metrics, self.outputs)
        return self

    @property
    def graphs(self) -> tuple[str, ...]:
        """The digests of all graphs that the run needs, one or two; the first is `graph`."""
        further = self.plan.further_graph
        return (self.graph,) if further is None else (self.graph, further)

    @property
    def has_course(self) -> bool:
        """Whether the run shows evaluations before it ends, and the release has their history."""
        return len(self.plan.evaluated_at) > 1 and "metrics" in self.outputs
