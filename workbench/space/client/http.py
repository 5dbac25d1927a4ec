"""Call one domain over HTTP: signed tokens, retries, bounded answers, typed errors."""

from __future__ import annotations

import copy
import ssl
import time
from collections.abc import Iterator
from typing import Any, Self, TypeVar
from urllib.parse import quote

import httpx

from workbench.documents import Document, PrivateKey, PublicKey, now
from workbench.documents.base import visible
from workbench.errors import DomainUnavailable, InvalidDocument, from_code
from workbench.graphs.record_graph import MOST_PARAMETERS, Limits
from workbench.identity import tokens
from workbench.views.words import time_words

TIMEOUT = httpx.Timeout(30.0, connect=5.0)
# The largest answer is a released model.
MAX_ANSWER = Limits(MOST_PARAMETERS).archive_bytes
PAGE = 500
D = TypeVar("D", bound=Document)
_MOST_PAGES = 200
_RETRIES = 3
_RETRY_SECONDS = 0.3


class Transport:
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
        self._tries = _RETRIES
        self._options: dict[str, Any] = {}

    def hurried(self, seconds: float) -> Self:
        """Return a transport that waits at most `seconds` for a part of an answer.

        It tries twice, because a connection that was kept open may have ended meanwhile.
        """
        found = copy.copy(self)
        found._tries = 2
        found._options = {"timeout": httpx.Timeout(seconds)}
        return found

    @classmethod
    def at(
        cls, name: str, url: str, public_key: PublicKey, key: PrivateKey, ca: str | None = None
    ) -> Self:
        """Return a transport to the domain at `url`; `ca` is a PEM file to trust for TLS."""
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
            f"({type(error).__name__}), since {time_words(self._down_since)} UTC",
            "Your request is safe: submitting it again costs nothing. Check the network, ask the "
            "domain's operator, or go on with the other domains.",
        )

    def call(
        self, method: str, target: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> httpx.Response:
        """Call the domain with a signed token; a broken connection is tried again.

        Parameters
        ----------
        method, target, body
            What is sent, such as ``"GET"``, ``"/v1/datasets?limit=500"`` and nothing.
        headers
            Sent beside the token.

        Raises
        ------
        WorkbenchError
            What the domain answered, by its code.
        DomainUnavailable
            If nothing answers, or something that is no domain.
        """
        # Every call is safe to repeat: requests and graphs are known by their digest.
        for attempt in range(self._tries):
            try:
                signed = (headers or {}) | self._headers(method, target, body)
                answer = self._http.request(
                    method, target, content=body, headers=signed, **self._options
                )
                break
            except (httpx.TransportError, OSError) as error:
                # A hurried client has waited long enough after one time-out.
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
            words = (visible(str(error[name])) for name in ("code", "message", "hint"))
            found = from_code(*words)
        except (ValueError, KeyError, TypeError):
            raise self._stranger(f"HTTP {answer.status_code}") from None
        raise found

    def _stranger(self, what: str) -> DomainUnavailable:
        return DomainUnavailable(
            f"what answers for domain '{self.name}' at {self._http.base_url} is no domain ({what})",
            "Is something else listening at its address? Check space.toml.",
        )

    def read(self, kind: type[D], method: str, target: str, body: bytes = b"") -> D:
        """Return the document of type `kind` that the domain answers with."""
        return kind.parse(self.call(method, target, body).content)

    def lines(self, target: str) -> Iterator[str]:
        """Yield the lines of the answer at `target` as they come.

        Raises
        ------
        DomainUnavailable
            If the connection breaks.
        """
        headers = self._headers("GET", target, b"")
        try:
            with self._http.stream("GET", target, headers=headers) as answer:
                if not answer.is_success:
                    answer.read()
                    self._checked(answer)
                yield from answer.iter_lines()
        except (httpx.TransportError, OSError) as error:
            raise self._unavailable(error) from error

    def get(self, target: str, *fields: str) -> dict[str, Any]:
        """Return the JSON object at `target`, which must have `fields`."""
        return self.object_of(self.call("GET", target), *fields)

    def object_of(self, answer: httpx.Response, *fields: str) -> dict[str, Any]:
        """Return the JSON object that a domain answered, which must have `fields`.

        Raises
        ------
        DomainUnavailable
            If it is something else: then no domain answered.
        """
        try:
            found = answer.json()
        except ValueError:
            raise self._stranger("it sends no JSON") from None
        if not isinstance(found, dict) or not set(fields) <= set(found):
            raise self._stranger("it sends other JSON")
        return found

    def pages(self, target: str, field: str, page: dict[str, Any]) -> list[Any]:
        """Return the entries of `field` of all pages at `target`, of which `page` is the first."""
        found = list(page[field])
        for _ in range(_MOST_PAGES):
            # Domains before API 2 send everything at once and name no next page.
            if page.get("next") is None:
                break
            after = quote(str(page["next"]), safe="")
            page = self.get(f"{target}?limit={PAGE}&after={after}", field, "next")
            found += page[field]
        return found
