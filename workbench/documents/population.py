"""A population: a set of persons, and what all releases about them may cost together."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from workbench.documents.base import Document, Finite, Line, Name, Timestamp, type_tuple
from workbench.documents.card import Delta, Epsilon


class Population(Document):
    """The persons whom datasets are about, and the guarantee for each of them.

    `epsilon_total` and `delta` hold for a privacy unit over everything that is ever released from
    any dataset of the population, in any version. The terms of its datasets may only be narrower.
    `unit` is what one member is: ``record``, or the `privacy_unit` of a schema, such as ``person``.
    `order` is the one Renyi order at which runs are admitted (`budget.accountant.filter_budget`);
    it is fixed when the population is made. `uses` and `epsilon_per_researcher` are caps inside
    the total.

    `blocks` names the public column that parts the population into blocks, as a month of admission
    does: each person counts in the block in which they appeared first, and each block has its own
    total. Without it the population is one block.
    """

    format: Literal["workbench/population/v1"] = "workbench/population/v1"
    domain: Name
    name: Name
    title: Line = ""
    unit: Line = "record"
    epsilon_total: Epsilon
    delta: Delta
    order: Annotated[float, Field(gt=1, allow_inf_nan=False)]
    epsilon_per_researcher: Epsilon | None = None
    uses: Annotated[int, Field(ge=1)] | None = None
    blocks: Annotated[Line, Field(exclude_if=lambda value: not value)] = ""
    published: Timestamp


class BlockStatus(Document):
    """What one member of a block has been charged at most, and how many runs read the block."""

    block: Line
    epsilon_spent: Finite
    epsilon_left: Finite
    runs: Annotated[int, Field(ge=0)]


class PopulationStatus(Document):
    """A population, the datasets that are about it, and its budget by block; the largest first.

    A block called "" is the whole population, or of several blocks those that are still to come.
    """

    population: Population
    datasets: Annotated[tuple[Name, ...], type_tuple]
    blocks: Annotated[tuple[BlockStatus, ...], type_tuple]
