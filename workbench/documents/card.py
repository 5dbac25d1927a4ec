"""The dataset card: all that a domain says in public about one version of a dataset."""

from __future__ import annotations

from datetime import date
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from workbench.documents.base import (
    Digest,
    Document,
    Finite,
    Line,
    Name,
    Text,
    Timestamp,
    type_tuple,
)
from workbench.documents.plans import Output
from workbench.documents.schema import Schema

MOST_EPSILON = 100.0
"""The largest epsilon that can be written in terms or asked for."""
Epsilon = Annotated[float, Field(gt=0, le=MOST_EPSILON, allow_inf_nan=False)]
Delta = Annotated[float, Field(gt=0, lt=0.01, allow_inf_nan=False)]
Purpose = Annotated[str, Field(pattern=r"^DUO:\d{7}$")]
"""A term of the GA4GH Data Use Ontology, such as ``DUO:0000007`` (disease-specific research)."""


class Approval(Document):
    """Which requests a policy approves on its own; all others wait for the steward.

    ``mode="steward"`` sends every request to the steward. ``mode="policy"`` approves a request
    within the terms if its epsilon is at most `epsilon` and its purpose is in `purposes`; an
    empty `purposes` approves nothing.

    `approvals` is written only if it is not 1, so cards from before it have the digest that they
    had.

    Attributes
    ----------
    mode
        Who decides: ``steward``, or a ``policy`` that approves some requests on its own.
    epsilon
        The most epsilon that the policy approves.
    purposes
        The purposes that the policy approves.
    approvals
        How many stewards must approve what the policy does not.
    """

    mode: Literal["steward", "policy"] = "steward"
    epsilon: Epsilon | None = None
    purposes: Annotated[tuple[Purpose, ...], type_tuple, Field(max_length=100)] = ()
    approvals: Annotated[Literal[1, 2], Field(exclude_if=lambda value: value == 1)] = 1

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.mode == "policy" and (self.epsilon is None or not self.purposes):
            raise ValueError("approval by policy needs epsilon and at least one purpose")
        return self


class Terms(Document):
    """Terms of use: who may do what, for which purpose, at which privacy cost.

    `epsilon_total` and `delta` are the guarantee for a privacy unit over everything that is ever
    released from this dataset, in all its versions, inside that of its population;
    `epsilon_per_run` and `epsilon_per_researcher` are caps inside it. `researchers` lists key ids;
    ``("*",)`` means every admitted researcher and an empty list means nobody.

    Attributes
    ----------
    text
        For what the data may be used, in words.
    purposes
        The allowed purposes, terms of the GA4GH Data Use Ontology; others are refused.
    researchers
        Who may ask: ``*`` for everybody who is admitted, or key ids; nobody if it is empty.
    epsilon_total, delta
        The guarantee for one unit over all that is ever released from this dataset.
    epsilon_per_run
        How much of it one run may take at most.
    epsilon_per_researcher
        How much of it one researcher may take at most.
    uses
        How many runs there may be at most.
    expires
        The last day on which requests are taken.
    outputs
        What may leave the domain.
    minimum_records
        How many units a request has to read at least.
    approval
        Who decides on a request.
    """

    text: Text
    purposes: Annotated[tuple[Purpose, ...], type_tuple, Field(min_length=1, max_length=100)]
    researchers: Annotated[
        tuple[Annotated[str, Field(pattern=r"^(\*|[0-9a-f]{64})$")], ...],
        type_tuple,
        Field(max_length=10_000),
    ] = ("*",)
    epsilon_total: Epsilon
    delta: Delta
    epsilon_per_run: Epsilon
    epsilon_per_researcher: Epsilon | None = None
    uses: Annotated[int, Field(ge=1)] | None = None
    expires: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$")] | None = None
    outputs: Annotated[
        tuple[Output, ...],
        type_tuple,
        Field(min_length=1, max_length=3),
    ] = ("model", "metrics", "statistics")
    minimum_records: Annotated[int, Field(ge=1)] = 100
    approval: Approval = Approval()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.epsilon_per_run > self.epsilon_total:
            raise ValueError("epsilon_per_run is above epsilon_total")
        if self.expires is not None:
            date.fromisoformat(self.expires)
        return self


class Snippet(Document):
    """What the synthetic snippet is: level 0 is made from the schema alone, 1 from DP counts."""

    content: Digest
    level: Literal[0, 1, 2]
    rows: Annotated[int, Field(ge=1, le=10_000)]
    epsilon: Annotated[Finite, Field(ge=0)] = 0.0
    format: Literal["csv", "safetensors"]


class DatasetCard(Document):
    """A dataset as a researcher sees it before any request.

    `record_count` is the published number of privacy units: it, and never the true count, sets
    sampling rates and normalization. `holdout_fraction` is the expected share of units that never
    train and only serve for metrics. `dataset_version` is a salted Merkle root over the records.

    `population` names the persons whom the data are about; cards from before it stand for a
    population of the dataset's own name. `blocks` are those of its blocks whose persons are in the
    data, none if all are. Where records are the unit and persons the population's, a person has at
    most `records_per_member` of them, and is charged for so many.
    """

    payload_type: ClassVar[str] = "application/vnd.workbench.datasetcard+json"

    format: Literal["workbench/card/v1"] = "workbench/card/v1"
    domain: Name
    name: Name
    title: Line
    description: Text = ""
    citation: Line = ""
    licence: Line = ""
    data_schema: Schema
    terms: Terms
    record_count: Annotated[int, Field(ge=1)]
    holdout_fraction: Annotated[float, Field(ge=0, le=0.5)] = 0.25
    dataset_version: Digest
    population: Annotated[Name | None, Field(exclude_if=lambda value: value is None)] = None
    blocks: Annotated[
        tuple[Line, ...], type_tuple, Field(max_length=10_000, exclude_if=lambda value: not value)
    ] = ()
    records_per_member: Annotated[
        int | None, Field(ge=1, le=1000, exclude_if=lambda value: value is None)
    ] = None
    snippet: Snippet
    published: Timestamp

    @property
    def population_name(self) -> str:
        """The name of its population."""
        return self.population or self.name

    @property
    def path(self) -> str:
        """``domain/name``, as `Space.dataset` takes it."""
        return f"{self.domain}/{self.name}"
