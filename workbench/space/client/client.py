"""All that can be asked of one domain: each answer is checked before it is used."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterator
from typing import Any, Self

import httpx

from workbench.documents import (
    Agreed,
    Approval,
    BudgetStatus,
    DatasetBudget,
    DatasetCard,
    Decision,
    DryRun,
    Envelope,
    LogEntry,
    NewPopulation,
    OptOut,
    Person,
    PolicyChange,
    PolicyQuestion,
    PolicyStatus,
    PopulationChange,
    PopulationHistory,
    PopulationStatus,
    PrivateKey,
    ProposedChange,
    PublicKey,
    Request,
    RequestStatus,
    Spending,
    State,
    WaitingChange,
    WaitingChanges,
    digest_bytes,
    now,
)
from workbench.documents.oversight import check_log
from workbench.errors import InvalidDocument, InvalidSignature, NotFound
from workbench.evidence.bundle import Bundle
from workbench.space.client import journal, uploads
from workbench.space.client.card_cache import CardCache
from workbench.space.client.http import PAGE, Transport
from workbench.space.client.receipts import Receipts


class DomainClient:
    """All calls of one domain: what is sent is signed, what is answered is checked.

    Parameters
    ----------
    road
        How the domain is reached, with its name and key and the caller's key.
    receipts
        Of the releases that were verified; those of one space are kept together.
    """

    def __init__(self, road: Transport, receipts: Receipts | None = None) -> None:
        self.road = road
        self.receipts = receipts or Receipts()
        self._cards = CardCache(self._card)
        self._statuses: dict[str, RequestStatus] = {}

    @classmethod
    def at(
        cls,
        name: str,
        url: str,
        public_key: PublicKey,
        key: PrivateKey,
        ca: str | None = None,
        receipts: Receipts | None = None,
    ) -> Self:
        """Return a client of the domain at `url`; `ca` is a PEM file to trust for TLS."""
        return cls(Transport.at(name, url, public_key, key, ca), receipts)

    def hurried(self, seconds: float) -> Self:
        """Return a client that waits at most `seconds` for a part of an answer."""
        found = copy.copy(self)
        found.road = self.road.hurried(seconds)
        return found

    @property
    def name(self) -> str:
        """The domain's name in this space."""
        return self.road.name

    @property
    def public_key(self) -> PublicKey:
        """The domain's key, as the researcher was told it."""
        return self.road.public_key

    @property
    def key(self) -> PrivateKey:
        """The caller's key."""
        return self.road.key

    def info(self) -> dict[str, Any]:
        """Return who answers, after checking that it is the expected domain.

        Raises
        ------
        InvalidSignature
            If it is another one.
        """
        found = self.road.get("/v1/domain")
        if (found.get("name"), found.get("public_key")) != (self.name, str(self.public_key)):
            raise InvalidSignature(
                f"the server is '{found.get('name')}', not '{self.name}' with the expected key",
                "Compare the domain's public key with its operator before you go on.",
            )
        return found

    def _card(self, envelope: Envelope) -> DatasetCard:
        return envelope.open(DatasetCard, self.public_key)

    def me(self) -> Person:
        """Return the caller as the domain knows them, with their role."""
        return self.road.read(Person, "GET", "/v1/me")

    def datasets(self) -> list[DatasetCard]:
        """Return the cards of all datasets, signatures checked; at most 100,000.

        What has not changed since the last call is neither sent nor checked again.
        """
        known = self._cards.version
        headers = {} if known is None else {"if-none-match": known}
        first = self.road.call("GET", f"/v1/datasets?limit={PAGE}", headers=headers)
        if first.status_code == httpx.codes.NOT_MODIFIED:
            return self._cards.listed
        items = self.road.pages("/v1/datasets", "datasets", self.road.object_of(first, "datasets"))
        # The first page's tag: a card published while the others came is asked for next time.
        return self._cards.renew(first.headers.get("etag"), items)

    @property
    def cards_version(self) -> str | None:
        """Changes whenever `datasets` returned other cards; None before the first call."""
        return self._cards.version

    def dataset(self, name: str) -> DatasetCard:
        """Return one card, signature checked."""
        return self._card(self.road.read(Envelope, "GET", f"/v1/datasets/{name}"))

    def snippet(self, card: DatasetCard) -> bytes:
        """Return a dataset's snippet, its digest checked against the card.

        Raises
        ------
        InvalidSignature
            If it is another one.
        """
        content = self.road.call("GET", f"/v1/datasets/{card.name}/snippet").content
        if digest_bytes(content) != card.snippet.content:
            raise InvalidSignature(f"the snippet of '{card.path}' is not the one its card names")
        return content

    def tokenizer(self, card: DatasetCard, column: str) -> bytes:
        """Return a tokenizer's file, unchecked: `TextTokens` checks it."""
        return self.road.call("GET", f"/v1/datasets/{card.name}/tokenizers/{column}").content

    def croissant(self, name: str) -> dict[str, Any]:
        """Return a dataset's Croissant description."""
        return self.road.get(f"/v1/datasets/{name}/croissant")

    def budget(self, name: str) -> BudgetStatus:
        """Return a dataset's privacy budget."""
        return self.road.read(BudgetStatus, "GET", f"/v1/datasets/{name}/budget")

    def budgets(self) -> list[DatasetBudget]:
        """Return the privacy budgets of all datasets, by name."""
        first = self.road.get(f"/v1/budgets?limit={PAGE}", "budgets", "next")
        found = self.road.pages("/v1/budgets", "budgets", first)
        return [DatasetBudget.read(item) for item in found]

    def upload(self, digest: str, archive: uploads.Archive, tell: uploads.Told = None) -> None:
        """Upload a record graph; see `workbench.space.client.uploads.upload`."""
        uploads.upload(self.road, digest, archive, tell)

    def submit(self, request: Request) -> RequestStatus:
        """Sign and submit a request."""
        envelope = Envelope.sign(request, self.key)
        status = self._status("POST", "/v1/requests", envelope.canonical())
        journal.submitted(request)
        return status

    def _status(self, method: str, target: str, body: bytes = b"") -> RequestStatus:
        return _consistent(self.road.read(RequestStatus, method, target, body))

    def requests(
        self, state: State | str | None = None, dataset: str | None = None, most: int = 2000
    ) -> list[RequestStatus]:
        """Return requests, newest first, at most `most`; a steward sees everyone's.

        What a request was checked for once is not checked again while its status stays the same.
        """
        found: dict[str, RequestStatus] = {}
        after = ""
        for _ in range(math.ceil(most / PAGE)):
            query = f"?limit={min(PAGE, most - len(found))}{after}"
            query += f"&state={State(state)}" if state else ""
            query += f"&dataset={dataset}" if dataset else ""
            page = self.road.get(f"/v1/requests{query}", "requests", "next")
            for item in page["requests"]:
                text = json.dumps(item, sort_keys=True)
                known = self._statuses.get(text)
                found[text] = known or _consistent(RequestStatus.parse(text))
            if page["next"] is None or len(found) >= most:
                break
            after = f"&after={page['next']}"
        # Replaced and never changed in place: several threads may ask at the same time.
        self._statuses = found
        return list(found.values())

    def status(self, digest: str) -> RequestStatus:
        """Return where a request stands."""
        return self._status("GET", f"/v1/requests/{digest}")

    def events(self, digest: str) -> Iterator[RequestStatus]:
        """Yield the request's status whenever it changes, until it is final.

        Raises
        ------
        DomainUnavailable
            If the connection breaks.
        """
        for line in self.road.lines(f"/v1/requests/{digest}/events"):
            if line.startswith("data: "):
                yield RequestStatus.parse(line.removeprefix("data: "))

    def cancel(self, digest: str) -> RequestStatus:
        """Cancel a request."""
        return self._status("POST", f"/v1/requests/{digest}/cancel")

    def evidence(self, digest: str) -> Bundle:
        """Return the evidence of a release; `workbench.evidence.verify` checks it."""
        return self.road.read(Bundle, "GET", f"/v1/requests/{digest}/evidence")

    def model(self, digest: str) -> bytes:
        """Return a released model, safetensors."""
        return self.road.call("GET", f"/v1/requests/{digest}/model").content

    def statistics(self, digest: str) -> bytes:
        """Return released noisy sums and the last state, safetensors."""
        return self.road.call("GET", f"/v1/requests/{digest}/statistics").content

    def review(self, digest: str) -> dict[str, Any]:
        """Return all facts for a decision, as JSON; for stewards."""
        return self.road.get(f"/v1/requests/{digest}/review")

    def decide(self, digest: str, verdict: str, reason: str = "") -> RequestStatus:
        """Sign and send a decision, ``approve`` or ``deny`` with a reason; for stewards."""
        decision = Decision.read(
            {
                "request": digest,
                "verdict": verdict,
                "reason": reason,
                "by": "steward",
                "key": self.key.key_id,
                "decided": now(),
            }
        )
        body = Envelope.sign(decision, self.key).canonical()
        return self._status("POST", f"/v1/requests/{digest}/decision", body)

    def spending(self, name: str) -> Spending:
        """Return a dataset's budget over time and by person; a researcher's own part only."""
        return self.road.read(Spending, "GET", f"/v1/datasets/{name}/spending")

    def policy(self, name: str) -> PolicyStatus:
        """Return a dataset's policy and what it may be at most; for stewards."""
        return self.road.read(PolicyStatus, "GET", f"/v1/datasets/{name}/policy")

    def policy_dry_run(self, name: str, approval: Approval) -> DryRun:
        """Return what a policy would have done with past requests; for stewards."""
        body = PolicyQuestion(approval=approval).canonical()
        return self.road.read(DryRun, "POST", f"/v1/datasets/{name}/policy/dry-run", body)

    def set_policy(self, name: str, approval: Approval) -> PolicyStatus:
        """Sign a dataset's new approval and have its card published with it; for stewards."""
        change = PolicyChange(
            domain=self.name,
            dataset=name,
            card=self.dataset(name).digest,
            approval=approval,
            key=self.key.key_id,
            changed=now(),
        )
        body = Envelope.sign(change, self.key).canonical()
        return self.road.read(PolicyStatus, "PUT", f"/v1/datasets/{name}/policy", body)

    def log(self, after: int | None = None, limit: int = 100) -> tuple[list[LogEntry], int | None]:
        """Return `limit` lines of the access log, newest first, and where to go on; for stewards.

        Raises
        ------
        VerificationFailed
            If lines were changed or left out.
        """
        query = f"?limit={limit}" + ("" if after is None else f"&after={after}")
        page = self.road.get(f"/v1/log{query}", "entries", "next")
        entries = [LogEntry.read(item) for item in page["entries"]]
        check_log(entries)
        return entries, None if page["next"] is None else int(page["next"])

    def people(self) -> list[Person]:
        """Return who is or was admitted; for stewards."""
        return [Person.read(p) for p in self.road.get("/v1/people", "people")["people"]]

    def admit(self, public_key: str, name: str, role: str) -> Person:
        """Admit a key; for stewards."""
        body = json.dumps({"public_key": public_key, "name": name, "role": role}).encode()
        return self.road.read(Person, "POST", "/v1/people", body)

    def revoke(self, key_id: str) -> Person:
        """Take back an admission; for stewards."""
        return self.road.read(Person, "POST", f"/v1/people/{key_id}/revoke")

    def populations(self) -> list[PopulationStatus]:
        """Return all populations with their budgets by block, by name; for stewards."""
        first = self.road.get(f"/v1/populations?limit={PAGE}", "populations", "next")
        found = self.road.pages("/v1/populations", "populations", first)
        return [PopulationStatus.read(item) for item in found]

    def population_history(self, name: str) -> PopulationHistory:
        """Return what was spent over time in a population's blocks; for stewards."""
        return self.road.read(PopulationHistory, "GET", f"/v1/populations/{name}/history")

    def create_population(self, wanted: NewPopulation) -> PopulationStatus:
        """Make a population before its first dataset; for stewards."""
        return self.road.read(PopulationStatus, "POST", "/v1/populations", wanted.canonical())

    def opt_out(self, population: str, person: str) -> list[str]:
        """Note that a person takes part in no run any more; return the datasets to publish anew.

        For stewards.

        Parameters
        ----------
        population, person
            Its name, and the person's label as the unit column of the files has it.
        """
        body = OptOut.read({"person": person}).canonical()
        answer = self.road.call("POST", f"/v1/populations/{population}/opt-out", body)
        return [str(name) for name in self.road.object_of(answer, "datasets")["datasets"]]

    def waiting_changes(self) -> list[WaitingChange]:
        """Return the changes of populations that wait for a second steward; for stewards."""
        return list(self.road.read(WaitingChanges, "GET", "/v1/population-changes").changes)

    def propose_change(self, population: str, wanted: ProposedChange) -> PopulationStatus | None:
        """Propose and sign a change of a population; it needs the signatures of two stewards.

        Returns
        -------
        PopulationStatus or None
            As it is then, if another steward had signed the same; else None.

        Raises
        ------
        InvalidDocument
            If the domain would have another change signed than the one that was asked for.
        """
        target = f"/v1/populations/{population}/proposal"
        change = self.road.read(PopulationChange, "POST", target, wanted.canonical())
        asked = (population, wanted.epsilon_total, wanted.merge)
        if (change.name, change.epsilon_total, change.other_name) != asked:
            raise InvalidDocument("the domain would have another change signed", change.words)
        return self._agree(change)

    def agree(self, digest: str) -> PopulationStatus | None:
        """Sign a change that waits for a second steward; returns the population as it is then.

        Raises
        ------
        NotFound
            If no change of this digest waits.
        """
        for waiting in self.waiting_changes():
            if waiting.change.digest == digest:
                return self._agree(waiting.change)
        raise NotFound("no such change waits any more", "Look at the population as it is now.")

    def _agree(self, change: PopulationChange) -> PopulationStatus | None:
        if change.domain != self.name:
            raise InvalidDocument(f"the change is for domain '{change.domain}'")
        body = Envelope.sign(change, self.key).canonical()
        return self.road.read(Agreed, "POST", "/v1/population-changes", body).population


def _consistent(status: RequestStatus) -> RequestStatus:
    """Check that a status shows the request whose digest it names: a steward signs the digest."""
    if status.request.digest != status.request_digest:
        raise InvalidDocument("the domain sent a request whose digest is not the one that it names")
    return status
