"""A population: a set of persons, and what all releases about them may cost together."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from workbench.documents.base import Digest, Document, Finite, Line, Name, Timestamp, type_tuple
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
    total. Without it the population is one block. `merged_into` names the population to which its
    persons and all that was spent on them belong now.
    """

    payload_type: ClassVar[str] = "application/vnd.workbench.population+json"

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
    merged_into: Annotated[Name | None, Field(exclude_if=lambda value: value is None)] = None
    published: Timestamp


class PopulationChange(Document):
    """What only two stewards can change in a population; each of them signs this document.

    `population` and `other` are digests of documents as they are now, so it holds once. Either the
    total is raised to `epsilon_total`, or `other` is merged into `population`; then `merged_total`
    is the epsilon that holds for both, of which one had more as a rule.
    """

    payload_type: ClassVar[str] = "application/vnd.workbench.populationchange+json"

    format: Literal["workbench/population-change/v1"] = "workbench/population-change/v1"
    domain: Name
    name: Name
    population: Digest
    epsilon_total: Annotated[Epsilon | None, Field(exclude_if=lambda value: value is None)] = None
    other_name: Annotated[Name | None, Field(exclude_if=lambda value: value is None)] = None
    other: Annotated[Digest | None, Field(exclude_if=lambda value: value is None)] = None
    merged_total: Annotated[Epsilon | None, Field(exclude_if=lambda value: value is None)] = None
    proposed: Timestamp

    @model_validator(mode="after")
    def _one_change(self) -> Self:
        if (self.epsilon_total is None) == (self.other is None):
            raise ValueError("either epsilon_total or other")
        if len({self.other is None, self.other_name is None, self.merged_total is None}) > 1:
            raise ValueError("other, other_name and merged_total go together")
        return self

    @property
    def words(self) -> str:
        """The change in words, for the steward who signs it."""
        if self.other_name is not None:
            return (
                f"population '{self.other_name}' of {self.domain} is merged into '{self.name}': "
                "from now on their persons have one total together, the lower of the two, epsilon "
                f"{self.merged_total:g}, and what was spent on either counts for both. Blocks that "
                "spent as much have nothing left"
            )
        return (
            f"the total of population '{self.name}' of {self.domain} is raised to epsilon "
            f"{self.epsilon_total:g}: each person was promised less"
        )


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


class NewPopulation(Document):
    """What a steward chooses of a population that is made before its first dataset."""

    name: Name
    title: Line = ""
    unit: Line = "record"
    epsilon_total: Epsilon
    delta: Delta
    uses: Annotated[int, Field(ge=1)] | None = None
    epsilon_per_researcher: Epsilon | None = None
    blocks: Line = ""


class ProposedChange(Document):
    """A change that a steward wishes: a higher total, or another population merged in."""

    epsilon_total: Epsilon | None = None
    merge: Name | None = None


class OptOut(Document):
    """The label of a person who does not take part any more, as in the unit column of the files."""

    person: Annotated[str, Field(min_length=1, max_length=500)]


class WaitingChange(Document):
    """A change that a steward has signed and that waits for a second one.

    `by` and `keys` are the names and key ids of who has signed it.
    """

    change: PopulationChange
    by: Annotated[tuple[Line, ...], type_tuple]
    keys: Annotated[tuple[str, ...], type_tuple]


class Agreed(Document):
    """The result of a steward's signature: the changed population; None if another must sign."""

    population: PopulationStatus | None


class PopulationPage(Document):
    """Populations by name; `next` is the `after` of the following page."""

    populations: Annotated[tuple[PopulationStatus, ...], type_tuple]
    next: Name | None


class WaitingChanges(Document):
    """Changes that wait for a second steward, oldest first."""

    changes: Annotated[tuple[WaitingChange, ...], type_tuple]


class BlockPoint(Document):
    """What a member of a block had been charged at most after one event of the ledger."""

    time: Timestamp
    epsilon_spent: Finite


class BlockHistory(Document):
    """What was spent in one block over time, oldest first."""

    block: Line
    points: Annotated[tuple[BlockPoint, ...], type_tuple]


class PopulationHistory(Document):
    """What was spent over time in the blocks of a population that spent most."""

    blocks: Annotated[tuple[BlockHistory, ...], type_tuple]
