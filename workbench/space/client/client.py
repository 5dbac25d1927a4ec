"""One domain as seen from outside: typed calls, signed tokens, checked answers."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

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
from workbench.errors import (
    InvalidDocument,
    InvalidSignature,
    NotFound,
)
from workbench.evidence.bundle import Bundle
from workbench.space.client import journal
from workbench.space.client.card_cache import CardCache
from workbench.space.client.http import PAGE, Transport


class DomainClient(Transport):
    """All calls of one domain; see `Transport` for what it takes to make one."""

    def __init__(
        self, name: str, public_key: PublicKey, http: httpx.Client, key: PrivateKey
    ) -> None:
        super().__init__(name, public_key, http, key)
        self._cards = CardCache(self._card)
        self._statuses: dict[str, RequestStatus] = {}

    def info(self) -> dict[str, Any]:
        """Return who answers, after checking that it is the expected domain.

        Raises
        ------
        InvalidSignature
            If it is another one.
        """
        found = self._json("/v1/domain")
        if (found.get("name"), found.get("public_key")) != (self.name, str(self.public_key)):
            raise InvalidSignature(
                f"the server is '{found.get('name')}', not '{self.name}' with the expected key",
                "Compare the domain's public key with its operator before you go on.",
            )
        return found

    def _card(self, envelope: Envelope) -> DatasetCard:
        return envelope.open(DatasetCard, self.public_key)

    def me(self) -> Person:
        """Return who I am to this domain, and in which role."""
        return Person.parse(self._call("GET", "/v1/me").content)

    def datasets(self) -> list[DatasetCard]:
        """Return the cards of all datasets, signatures checked; at most 100,000.

        What has not changed since the last call is neither sent nor checked again.
        """
        known = self._cards.version
        headers = {} if known is None else {"if-none-match": known}
        first = self._call("GET", f"/v1/datasets?limit={PAGE}", headers=headers)
        if first.status_code == httpx.codes.NOT_MODIFIED:
            return self._cards.listed
        items = self._pages("/v1/datasets", "datasets", self._object(first, "datasets"))
        # The first page's tag: a card published while the others came is asked for next time.
        return self._cards.renew(first.headers.get("etag"), items)

    @property
    def cards_version(self) -> str | None:
        """Changes whenever `datasets` returned other cards; None before the first call."""
        return self._cards.version

    def dataset(self, name: str) -> DatasetCard:
        """Return one card, signature checked."""
        return self._card(Envelope.parse(self._call("GET", f"/v1/datasets/{name}").content))

    def snippet(self, card: DatasetCard) -> bytes:
        """Return a dataset's snippet, its digest checked against the card."""
        content = self._call("GET", f"/v1/datasets/{card.name}/snippet").content
        if digest_bytes(content) != card.snippet.content:
            raise InvalidSignature(f"the snippet of '{card.path}' is not the one its card names")
        return content

    def croissant(self, name: str) -> dict[str, Any]:
        """Return a dataset's Croissant description."""
        return self._json(f"/v1/datasets/{name}/croissant")

    def budget(self, name: str) -> BudgetStatus:
        """Return a dataset's privacy budget."""
        return BudgetStatus.parse(self._call("GET", f"/v1/datasets/{name}/budget").content)

    def budgets(self) -> list[DatasetBudget]:
        """Return the privacy budgets of all datasets, by name."""
        first = self._json(f"/v1/budgets?limit={PAGE}", "budgets", "next")
        return [DatasetBudget.read(item) for item in self._pages("/v1/budgets", "budgets", first)]

    def upload(self, digest: str, archive: bytes) -> None:
        """Upload a record graph."""
        self._call("PUT", f"/v1/graphs/{digest}", archive)

    def submit(self, request: Request) -> RequestStatus:
        """Sign and submit a request."""
        envelope = Envelope.sign(request, self.key)
        status = self._status(self._call("POST", "/v1/requests", envelope.canonical()))
        journal.submitted(request)
        return status

    def _status(self, answer: httpx.Response) -> RequestStatus:
        return _consistent(RequestStatus.parse(answer.content))

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
            page = self._json(f"/v1/requests{query}", "requests", "next")
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
        return self._status(self._call("GET", f"/v1/requests/{digest}"))

    def events(self, digest: str) -> Iterator[RequestStatus]:
        """Yield the request's status whenever it changes, until it is final.

        Raises
        ------
        DomainUnavailable
            If the connection breaks.
        """
        target = f"/v1/requests/{digest}/events"
        try:
            with self._http.stream("GET", target, headers=self._headers("GET", target, b"")) as s:
                if not s.is_success:
                    s.read()
                    self._checked(s)
                for line in s.iter_lines():
                    if line.startswith("data: "):
                        yield RequestStatus.parse(line.removeprefix("data: "))
        except (httpx.TransportError, OSError) as error:
            raise self._unavailable(error) from error

    def cancel(self, digest: str) -> RequestStatus:
        """Cancel a request."""
        return self._status(self._call("POST", f"/v1/requests/{digest}/cancel"))

    def evidence(self, digest: str) -> Bundle:
        """Return the evidence of a release; `workbench.evidence.verify` checks it."""
        return Bundle.parse(self._call("GET", f"/v1/requests/{digest}/evidence").content)

    def model(self, digest: str) -> bytes:
        """Return a released model, safetensors."""
        return self._call("GET", f"/v1/requests/{digest}/model").content

    def statistics(self, digest: str) -> bytes:
        """Return released noisy sums and the last state, safetensors."""
        return self._call("GET", f"/v1/requests/{digest}/statistics").content

    def review(self, digest: str) -> dict[str, Any]:
        """Return all facts for a decision, as JSON; for stewards."""
        return self._json(f"/v1/requests/{digest}/review")

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
        return self._status(self._call("POST", f"/v1/requests/{digest}/decision", body))

    def spending(self, name: str) -> Spending:
        """Return a dataset's budget over time and by person; a researcher's own part only."""
        return Spending.parse(self._call("GET", f"/v1/datasets/{name}/spending").content)

    def policy(self, name: str) -> PolicyStatus:
        """Return a dataset's policy and what it may be at most; for stewards."""
        return PolicyStatus.parse(self._call("GET", f"/v1/datasets/{name}/policy").content)

    def policy_dry_run(self, name: str, approval: Approval) -> DryRun:
        """Return what a policy would have done with past requests; for stewards."""
        body = PolicyQuestion(approval=approval).canonical()
        answer = self._call("POST", f"/v1/datasets/{name}/policy/dry-run", body)
        return DryRun.parse(answer.content)

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
        return PolicyStatus.parse(self._call("PUT", f"/v1/datasets/{name}/policy", body).content)

    def log(self, after: int | None = None, limit: int = 100) -> tuple[list[LogEntry], int | None]:
        """Return who did what when, newest first, and where to go on; for stewards.

        Raises
        ------
        VerificationFailed
            If lines were changed or left out.
        """
        query = f"?limit={limit}" + ("" if after is None else f"&after={after}")
        page = self._json(f"/v1/log{query}", "entries", "next")
        entries = [LogEntry.read(item) for item in page["entries"]]
        check_log(entries)
        return entries, None if page["next"] is None else int(page["next"])

    def people(self) -> list[Person]:
        """Return who is or was admitted; for stewards."""
        return [Person.read(p) for p in self._json("/v1/people", "people")["people"]]

    def admit(self, public_key: str, name: str, role: str) -> Person:
        """Admit a key; for stewards."""
        body = json.dumps({"public_key": public_key, "name": name, "role": role}).encode()
        return Person.parse(self._call("POST", "/v1/people", body).content)

    def revoke(self, key_id: str) -> Person:
        """Take back an admission; for stewards."""
        return Person.parse(self._call("POST", f"/v1/people/{key_id}/revoke").content)

    def populations(self) -> list[PopulationStatus]:
        """Return all populations with their budgets by block, by name; for stewards."""
        first = self._json(f"/v1/populations?limit={PAGE}", "populations", "next")
        found = self._pages("/v1/populations", "populations", first)
        return [PopulationStatus.read(item) for item in found]

    def population_history(self, name: str) -> PopulationHistory:
        """Return what was spent over time in a population's blocks; for stewards."""
        return PopulationHistory.parse(self._call("GET", f"/v1/populations/{name}/history").content)

    def create_population(self, wanted: NewPopulation) -> PopulationStatus:
        """Make a population before its first dataset; for stewards."""
        answer = self._call("POST", "/v1/populations", wanted.canonical())
        return PopulationStatus.parse(answer.content)

    def opt_out(self, population: str, person: str) -> list[str]:
        """Let a person take part in nothing any more; for stewards.

        Parameters
        ----------
        population
            Its name.
        person
            The person's label, as the unit column of the files has it.

        Returns
        -------
        list of str
            The datasets that have to be published anew.
        """
        body = OptOut.read({"person": person}).canonical()
        answer = self._call("POST", f"/v1/populations/{population}/opt-out", body)
        return [str(name) for name in self._object(answer, "datasets")["datasets"]]

    def waiting_changes(self) -> list[WaitingChange]:
        """Return the changes of populations that wait for a second steward; for stewards."""
        answer = self._call("GET", "/v1/population-changes")
        return list(WaitingChanges.parse(answer.content).changes)

    def propose_change(self, population: str, wanted: ProposedChange) -> PopulationStatus | None:
        """Sign a change of a population; it takes the word of two stewards.

        Returns
        -------
        PopulationStatus or None
            As it is then, if another steward had signed the same; else None.

        Raises
        ------
        InvalidDocument
            If the domain would have another change signed than the one that was asked for.
        """
        answer = self._call("POST", f"/v1/populations/{population}/proposal", wanted.canonical())
        change = PopulationChange.parse(answer.content)
        if (change.name, change.epsilon_total, change.other_name) != (
            population,
            wanted.epsilon_total,
            wanted.merge,
        ):
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
        return Agreed.parse(self._call("POST", "/v1/population-changes", body).content).population


def _consistent(status: RequestStatus) -> RequestStatus:
    """Return `status` if the request it shows has the digest it names: a steward signs that."""
    if status.request.digest != status.request_digest:
        raise InvalidDocument("the domain shows a request that has another digest than it says")
    return status
