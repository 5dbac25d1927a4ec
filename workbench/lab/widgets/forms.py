"""The part of the steward's panel on populations: whose data there are, and what is left of them.

The front end (``populations.js``) shows what `PopulationSection.content` says. What its forms send
is read as a `Document`, so a message that is not one of theirs calls no domain.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, Field, StringConstraints, ValidationError

from workbench.documents import (
    Document,
    NewPopulation,
    PopulationStatus,
    ProposedChange,
    WaitingChange,
)
from workbench.documents.base import Digest, Line, Name
from workbench.documents.card import Delta, Epsilon
from workbench.errors import InvalidDocument, NotFound, WorkbenchError
from workbench.space.client.client import DomainClient

SECONDS = 60.0
MOST_POPULATIONS = 100
MOST_BLOCKS = 24
MOST_DATASETS = 20
MOST_HISTORIES = 20
MOST_POINTS = 200
_LONGEST_TICKET = 64

_Told = Annotated[Line, Field(min_length=1), StringConstraints(pattern=r"\S")]


def _only_true(value: bool) -> bool:
    if not value:
        raise ValueError("not ticked")
    return value


_Ticked = Annotated[bool, AfterValidator(_only_true)]
# A label stays as it is, also with characters that nobody sees: it has to be that of the files.
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


class _Form(Document):
    """A message of the front end; `ticket` comes back with the answer."""

    action: str
    ticket: Annotated[str, Field(max_length=_LONGEST_TICKET)] = ""
    domain: Annotated[str, Field(max_length=200)]

    @classmethod
    def of(cls, content: dict[str, Any]) -> Self:
        """Return a message as what it should be; else say what it needs."""
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            wrong = {str(item["loc"][0]): None for item in error.errors() if item["loc"]}
            needed = [_NEEDED.get(name, "only the fields of this form") for name in wrong]
            raise InvalidDocument(f"Nothing was changed. It needs {'; '.join(needed)}.") from None

    def send(self, client: DomainClient) -> str:
        """Do it; returns what came of it in plain words."""
        raise NotImplementedError


class _Create(_Form):
    name: Name
    title: Line
    unit: _Told
    epsilon_total: Epsilon
    delta: Delta
    uses: Annotated[int, Field(ge=1, le=10**9)] | None
    epsilon_per_researcher: Epsilon | None
    blocks: Line

    def send(self, client: DomainClient) -> str:
        wanted = NewPopulation.read(self.model_dump(include=set(NewPopulation.model_fields)))
        made = client.create_population(wanted).population
        return (
            f"Population '{made.name}' is made: {_caps(made.epsilon_total, made.delta)} for each "
            f"{made.unit}. Datasets join it with 'population: {made.name}' in dataset.yaml."
        )


class _OptOut(_Form):
    name: Name
    person: _Label
    understood: _Ticked

    def send(self, client: DomainClient) -> str:
        datasets = client.opt_out(self.name, self.person)
        # The label is not in the words: a notebook may be saved with what its widgets show.
        done = f"Noted: nothing starts any more on data of '{self.name}' that hold this person."
        if not datasets:
            return f"{done} No dataset has to be published again."
        listed = ", ".join(f"'{dataset}'" for dataset in datasets)
        return (
            f"{done} Publish {listed} again with 'workbench domain publish': what is published "
            "goes on without the person."
        )


class _Raise(_Form):
    name: Name
    epsilon_total: Epsilon

    def send(self, client: DomainClient) -> str:
        wanted = ProposedChange(epsilon_total=self.epsilon_total)
        return _agreed(client.propose_change(self.name, wanted))


class _Merge(_Form):
    name: Name
    merge: Name

    def send(self, client: DomainClient) -> str:
        return _agreed(client.propose_change(self.name, ProposedChange(merge=self.merge)))


class _Agree(_Form):
    change: Digest

    def send(self, client: DomainClient) -> str:
        return _agreed(client.agree(self.change))


class _History(_Form):
    name: Name


_FORMS: dict[str, type[_Form]] = {
    "create-population": _Create,
    "opt-out": _OptOut,
    "raise-total": _Raise,
    "merge": _Merge,
    "agree": _Agree,
}


@dataclass(frozen=True)
class _Known:
    """What a domain said when its requests and this panel were at `mark`."""

    mark: object
    time: float
    section: dict[str, Any]


class PopulationSection:
    """What the panel knows about populations, and what its forms do.

    Nothing is asked before the section was opened. Then a domain is asked again when a request
    moved, when a form was sent, and after a minute.

    Parameters
    ----------
    clients
        The domains by name, with the steward's key.

    Attributes
    ----------
    sent
        How many forms a domain was sent: any of them may have moved budgets.
    """

    ACTIONS: ClassVar = frozenset({"populations", "history", *_FORMS})

    def __init__(self, clients: Mapping[str, DomainClient]) -> None:
        self._clients = clients
        self.sent = 0
        self._opened = 0
        self._known: dict[str, _Known] = {}
        self._followed: tuple[tuple[str, str], ...] = ()
        self._histories: dict[tuple[str, str], tuple[float, dict[str, Any]]] = {}
        self._answer: dict[str, Any] = {"ticket": "", "ok": False, "words": ""}

    def renew(self, client: DomainClient, moves: object) -> None:
        """Ask a domain if there may be news; `moves` changes when a request moved."""
        if not self._opened:
            return
        mark = (self._opened, self.sent, moves)
        known = self._known.get(client.name)
        if known is None or known.mark != mark or time.monotonic() - known.time > SECONDS:
            before = None if known is None else known.section
            known = _Known(mark, time.monotonic(), _section(client, before))
            self._known = {**self._known, client.name: known}
        followed = self._followed
        histories = {key: value for key, value in self._histories.items() if key in followed}
        for domain, name in followed:
            found = histories.get((domain, name))
            if domain == client.name and (found is None or found[0] != known.time):
                histories[domain, name] = (known.time, _history(client, name))
        self._histories = histories

    def content(self) -> dict[str, Any]:
        """Return what the front end shows; without populations before the section was opened."""
        known = self._known
        sections = [
            known[name].section if name in known else _nothing(name) for name in self._clients
        ]
        return {
            "populations": sections if self._opened else None,
            "histories": {f"{d}/{n}": found for (d, n), (_, found) in self._histories.items()},
            "answer": self._answer,
        }

    def act(self, content: dict[str, Any]) -> str:
        """Do what a message asks for, one of `ACTIONS`.

        Parameters
        ----------
        content
            The message. Nothing of it is trusted.

        Returns
        -------
        str
            What came of it, in plain words; empty if only more is to be shown.
        """
        action = content["action"]
        if action == "populations":
            self._opened += 1
            return ""
        done = False
        try:
            if action == "history":
                self._follow(_History.of(content))
                return ""
            words = self._send(_FORMS[action].of(content))
            done = True
        except WorkbenchError as error:
            words = _said(error)
        ticket = content.get("ticket")
        ticket = ticket[:_LONGEST_TICKET] if isinstance(ticket, str) else ""
        # At once, with its words: a thread may show it before the panel's message is set.
        self._answer = {"ticket": ticket, "ok": done, "words": words}
        return words

    def _follow(self, form: _History) -> None:
        key = (self._client(form.domain).name, form.name)
        others = [other for other in self._followed if other != key]
        self._followed = (*others, key)[-MOST_HISTORIES:]

    def _send(self, form: _Form) -> str:
        client = self._client(form.domain)
        try:
            return form.send(client)
        finally:
            # Afterwards: a thread that asks meanwhile may be told how it was before.
            self.sent += 1

    def _client(self, domain: str) -> DomainClient:
        if domain not in self._clients:
            raise NotFound(f"There is no domain '{domain}' here.")
        return self._clients[domain]


def _section(client: DomainClient, before: dict[str, Any] | None) -> dict[str, Any]:
    try:
        found, waiting = client.populations(), client.waiting_changes()
    except WorkbenchError as error:
        words = _said(error)
        if isinstance(error, NotFound):
            words = (
                f"Domain '{client.name}' is older than this workbench and does not tell its "
                "populations. Ask its operator to update it."
            )
        # What is being typed stays on the screen while a domain is away for a moment.
        return (before or _nothing(client.name)) | {"error": words}
    # Used ones first where there are more than anybody looks through.
    most = sorted(
        found, key=lambda status: -max((b.epsilon_spent for b in status.blocks), default=0.0)
    )
    shown = sorted(most[:MOST_POPULATIONS], key=lambda status: status.population.name)
    return {
        "domain": client.name,
        "error": "",
        "populations": [_shown(status) for status in shown],
        "in_all": len(found),
        "changes": [_waiting(client, change) for change in waiting],
    }


def _nothing(domain: str) -> dict[str, Any]:
    return {"domain": domain, "error": "", "populations": [], "in_all": 0, "changes": []}


def _shown(status: PopulationStatus) -> dict[str, Any]:
    return {
        "population": status.population.model_dump(mode="json"),
        "datasets": list(status.datasets[:MOST_DATASETS]),
        "datasets_in_all": len(status.datasets),
        "blocks": [block.model_dump(mode="json") for block in status.blocks[:MOST_BLOCKS]],
        "blocks_in_all": len(status.blocks),
    }


def _waiting(client: DomainClient, waiting: WaitingChange) -> dict[str, Any]:
    change = waiting.change
    # Words and digest are of what would be signed, whatever else the domain says of it.
    return {
        "digest": change.digest,
        "words": change.words,
        "proposed": change.proposed,
        "by": list(waiting.by),
        "mine": client.key.key_id in waiting.keys,
    }


def _history(client: DomainClient, name: str) -> dict[str, Any]:
    try:
        found = client.population_history(name)
    except WorkbenchError as error:
        return {"error": _said(error), "blocks": []}
    blocks = []
    for line in found.blocks:
        points = [point.model_dump(mode="json") for point in line.points]
        step = max(1, -(-len(points) // MOST_POINTS))
        # From the end, so that the newest is always there.
        blocks.append({"block": line.block, "points": points[::-1][::step][::-1]})
    return {"error": "", "blocks": blocks}


def _agreed(made: PopulationStatus | None) -> str:
    if made is None:
        return "Signed. It waits for a second steward, for 30 days."
    population = made.population
    return (
        f"Two stewards agreed: population '{population.name}' has "
        f"{_caps(population.epsilon_total, population.delta)} now."
    )


def _caps(epsilon: float, delta: float) -> str:
    return f"epsilon {epsilon:g} at delta {delta:g}"


def _said(error: WorkbenchError) -> str:
    return f"{error.message} {error.hint}".strip()
