"""One domain as seen from outside: typed calls, signed tokens, checked answers."""

from __future__ import annotations

import copy
import json
import ssl
import time
from collections.abc import Iterator
from typing import Any, Self
from urllib.parse import quote

import httpx

from workbench.documents import (
    BudgetStatus,
    DatasetBudget,
    DatasetCard,
    Decision,
    Envelope,
    Person,
    PrivateKey,
    PublicKey,
    Request,
    RequestStatus,
    State,
    digest_bytes,
    now,
    tokens,
)
from workbench.documents.errors import (
    DomainUnavailable,
    InvalidDocument,
    InvalidSignature,
    from_code,
)
from workbench.evidence.bundle import Bundle
from workbench.space import journal
from workbench.space.card_cache import CardCache

TIMEOUT = httpx.Timeout(30.0, connect=5.0)
MAX_ANSWER = 256 << 20
_PAGE = 500
_MOST_PAGES = 200
_RETRIES = 3
_RETRY_SECONDS = 0.3


class DomainClient:
    """Calls one domain as one person.

    Parameters
    ----------
    name
        The domain's name; it is the audience of every token.
    public_key
        The domain's key, as the researcher was told it: answers by another key are refused.
    http
        An HTTP client with the domain's base URL.
    key
        The caller's key.
    """

    def __init__(
        self, name: str, public_key: PublicKey, http: httpx.Client, key: PrivateKey
    ) -> None:
        self.name = name
        self.public_key = public_key
        self.key = key
        self._http = http
        self._down_since: str | None = None
        self._cards = CardCache(self._card)
        self._tries = _RETRIES
        self._options: dict[str, Any] = {}

    def hurried(self, seconds: float) -> Self:
        """Return a client of the same domain that waits at most `seconds` for a part of an answer.

        It tries twice, because a connection that was kept open may have ended meanwhile.
        """
        found = copy.copy(self)
        found._tries = 2
        found._options = {"timeout": httpx.Timeout(seconds)}
        return found

    @classmethod
    def at(
        cls, name: str, url: str, public_key: PublicKey, key: PrivateKey, ca: str | None = None
    ) -> DomainClient:
        """Return a client of the domain at `url`; `ca` is a PEM file to trust for TLS."""
        verify = ssl.create_default_context(cafile=ca) if ca else True
        # A proxy from the environment would see which domains a researcher talks to.
        http = httpx.Client(base_url=url, timeout=TIMEOUT, verify=verify, trust_env=False)
        return cls(name, public_key, http, key)

    def _headers(self, method: str, target: str, body: bytes) -> dict[str, str]:
        token = tokens.make(self.key, self.name, method, target, body)
        return {"authorization": f"Bearer {token}", "content-type": "application/octet-stream"}

    def _unavailable(self, error: Exception) -> DomainUnavailable:
        self._down_since = self._down_since or now()
        return DomainUnavailable(
            f"domain '{self.name}' at {self._http.base_url} does not answer "
            f"({type(error).__name__}), since {self._down_since[:19].replace('T', ' ')} UTC",
            "Your request is safe: submitting it again costs nothing. Check the network, ask the "
            "domain's operator, or go on with the other domains.",
        )

    def _call(
        self, method: str, target: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> httpx.Response:
        # Every call is safe to repeat: requests and graphs are known by their digest.
        for attempt in range(self._tries):
            try:
                signed = (headers or {}) | self._headers(method, target, body)
                answer = self._http.request(
                    method, target, content=body, headers=signed, **self._options
                )
                break
            except (httpx.TransportError, OSError) as error:
                # Whoever is in a hurry has waited long enough after the first silence.
                hurry = bool(self._options) and isinstance(error, httpx.TimeoutException)
                if attempt == self._tries - 1 or hurry:
                    raise self._unavailable(error) from error
                time.sleep(_RETRY_SECONDS)
        self._down_since = None
        return self._checked(answer)

    def _checked(self, answer: httpx.Response) -> httpx.Response:
        if answer.is_success or answer.status_code == httpx.codes.NOT_MODIFIED:
            if len(answer.content) > MAX_ANSWER:
                raise InvalidDocument(f"domain '{self.name}': the answer is too large")
            return answer
        try:
            error = answer.json()["error"]
            found = from_code(str(error["code"]), str(error["message"]), str(error["hint"]))
        except (ValueError, KeyError, TypeError):
            raise self._stranger(f"HTTP {answer.status_code}") from None
        raise found

    def _stranger(self, what: str) -> DomainUnavailable:
        return DomainUnavailable(
            f"what answers for domain '{self.name}' at {self._http.base_url} is no domain ({what})",
            "Is something else listening at its address? Check space.toml.",
        )

    def _json(self, target: str, *fields: str) -> dict[str, Any]:
        """Return the JSON object at `target`, which must have `fields`."""
        return self._object(self._call("GET", target), *fields)

    def _object(self, answer: httpx.Response, *fields: str) -> dict[str, Any]:
        try:
            found = answer.json()
        except ValueError:
            raise self._stranger("it sends no JSON") from None
        if not isinstance(found, dict) or not set(fields) <= set(found):
            raise self._stranger("it sends other JSON")
        return found

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
        first = self._call("GET", f"/v1/datasets?limit={_PAGE}", headers=headers)
        if first.status_code == httpx.codes.NOT_MODIFIED:
            return self._cards.listed
        items = self._pages("/v1/datasets", "datasets", self._object(first, "datasets"))
        # The first page's tag: a card published while the others came is asked for next time.
        return self._cards.renew(first.headers.get("etag"), items)

    @property
    def cards_version(self) -> str | None:
        """Changes whenever `datasets` returned other cards; None before the first call."""
        return self._cards.version

    def _pages(self, target: str, field: str, page: dict[str, Any]) -> list[Any]:
        found = list(page[field])
        for _ in range(_MOST_PAGES):
            # Domains before API 2 send everything at once and name no next page.
            if page.get("next") is None:
                break
            after = quote(str(page["next"]), safe="")
            page = self._json(f"{target}?limit={_PAGE}&after={after}", field, "next")
            found += page[field]
        return found

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
        first = self._json(f"/v1/budgets?limit={_PAGE}", "budgets", "next")
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
        self, state: State | str | None = None, dataset: str | None = None
    ) -> list[RequestStatus]:
        """Return requests, newest first, at most 2,000; a steward sees everyone's."""
        found: list[RequestStatus] = []
        after = ""
        for _ in range(4):
            query = f"?limit=500{after}"
            query += f"&state={State(state)}" if state else ""
            query += f"&dataset={dataset}" if dataset else ""
            page = self._json(f"/v1/requests{query}", "requests", "next")
            found += [_consistent(RequestStatus.read(item)) for item in page["requests"]]
            if page["next"] is None:
                break
            after = f"&after={page['next']}"
        return found

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


def _consistent(status: RequestStatus) -> RequestStatus:
    """Return `status` if the request it shows has the digest it names: a steward signs that."""
    if status.request.digest != status.request_digest:
        raise InvalidDocument("the domain shows a request that has another digest than it says")
    return status
