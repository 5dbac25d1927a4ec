"""Read what the forms of the steward's panel send about populations, and do it.

The front end (``populations.js``) is not trusted: what it sends is read as a `Document`, so a
message that is not one of its forms calls no domain.
"""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, StringConstraints, ValidationError

from workbench.documents import Document, NewPopulation
from workbench.documents.base import Digest, Line, Name
from workbench.documents.card import Delta, Epsilon
from workbench.errors import InvalidDocument
from workbench.lab.service.steward.populations import Populations

LONGEST_TICKET = 64

_Told = Annotated[Line, Field(min_length=1), StringConstraints(pattern=r"\S")]


def _only_true(value: bool) -> bool:
    if not value:
        raise ValueError("not ticked")
    return value


_Ticked = Annotated[bool, AfterValidator(_only_true)]
# A label is not changed, not even its invisible characters: it must equal the one in the files.
_Label = Annotated[
    str, StringConstraints(max_length=500, pattern=r"^[^\x00-\x1f]*[^\x00-\x20][^\x00-\x1f]*$")
]

_NEEDED = {
    "domain": "a domain of this panel",
    "name": "a name of lower case letters, digits and inner hyphens, at most 64",
    "title": "a title of one line, at most 500 characters",
    "unit": "a unit, such as person",
    "epsilon_total": "an epsilon in all above 0 and at most 100",
    "delta": "a delta above 0 and below 0.01",
    "uses": "a whole number of uses of at least 1, or none",
    "epsilon_per_researcher": "an epsilon per researcher above 0 and at most 100, or none",
    "blocks": "a block column of one line, or none",
    "person": "the label of a person, one line of at most 500 characters",
    "understood": "the box “I understand” ticked",
    "merge": "the name of the other population",
    "change": "the digest of a change that waits",
}


class Form(Document):
    """A message of the front end; `ticket` comes back with the answer."""

    action: str
    ticket: Annotated[str, Field(max_length=LONGEST_TICKET)] = ""
    domain: Annotated[str, Field(max_length=200)]

    @classmethod
    def of(cls, content: dict[str, Any]) -> Self:
        """Return a message as this form.

        Raises
        ------
        InvalidDocument
            If a field is missing, wrong or unknown; says what is needed.
        """
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            wrong = {str(item["loc"][0]): None for item in error.errors() if item["loc"]}
            needed = [_NEEDED.get(name, "only the fields of this form") for name in wrong]
            raise InvalidDocument(f"Nothing was changed. It needs {'; '.join(needed)}.") from None

    def send(self, populations: Populations) -> str:
        """Do what the form asks for, and return what came of it in plain words."""
        raise NotImplementedError


class _Create(Form):
    name: Name
    title: Line
    unit: _Told
    epsilon_total: Epsilon
    delta: Delta
    uses: Annotated[int, Field(ge=1, le=10**9)] | None
    epsilon_per_researcher: Epsilon | None
    blocks: Line

    def send(self, populations: Populations) -> str:
        wanted = self.model_dump(include=set(NewPopulation.model_fields))
        made = populations.create(self.domain, wanted)["population"]
        return (
            f"Population '{made['name']}' is made: {_caps(made)} for each {made['unit']}. "
            f"Datasets join it with 'population: {made['name']}' in dataset.yaml."
        )


class _OptOut(Form):
    name: Name
    person: _Label
    understood: _Ticked

    def send(self, populations: Populations) -> str:
        datasets = populations.opt_out(self.domain, self.name, self.person)["datasets"]
        # The label is not in the words: a notebook may be saved with what its widgets show.
        done = f"Noted: nothing starts any more on data of '{self.name}' that hold this person."
        if not datasets:
            return f"{done} No dataset has to be published again."
        listed = ", ".join(f"'{dataset}'" for dataset in datasets)
        return (
            f"{done} Publish {listed} again with 'workbench domain publish': what is published "
            "goes on without the person."
        )


class _Raise(Form):
    name: Name
    epsilon_total: Epsilon

    def send(self, populations: Populations) -> str:
        wanted = {"epsilon_total": self.epsilon_total}
        return _agreed(populations.propose_change(self.domain, self.name, wanted))


class _Merge(Form):
    name: Name
    merge: Name

    def send(self, populations: Populations) -> str:
        wanted = {"merge": self.merge}
        return _agreed(populations.propose_change(self.domain, self.name, wanted))


class _Agree(Form):
    change: Digest

    def send(self, populations: Populations) -> str:
        return _agreed(populations.agree(self.domain, self.change))


class History(Form):
    """Asks for what was spent over time in one population."""

    name: Name


FORMS: dict[str, type[Form]] = {
    "create-population": _Create,
    "opt-out": _OptOut,
    "raise-total": _Raise,
    "merge": _Merge,
    "agree": _Agree,
}


def _agreed(answer: dict[str, Any]) -> str:
    if answer["population"] is None:
        return "Signed. It waits for a second steward, for 30 days."
    population = answer["population"]["population"]
    return f"Two stewards agreed: population '{population['name']}' has {_caps(population)} now."


def _caps(population: dict[str, Any]) -> str:
    return f"epsilon {population['epsilon_total']:g} at delta {population['delta']:g}"
