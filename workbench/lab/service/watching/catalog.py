"""Make the catalog of all domains as bytes, once for each version, also compressed."""

from __future__ import annotations

import gzip
import hashlib
import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypedDict

from workbench.lab.service.datasets.entries import Entry
from workbench.lab.service.watching.domains import WatchedDomain


class DomainProblem(TypedDict):
    """Why a domain cannot be used now, and what to do."""

    domain: str
    message: str
    hint: str


class CatalogView(TypedDict):
    """One version of the catalog, and the domains that may have more to offer."""

    version: str
    datasets: list[Entry]
    problems: list[DomainProblem]


@dataclass(frozen=True)
class CatalogBytes:
    """One version of the catalog.

    Attributes
    ----------
    version
        Changes whenever the content does.
    content
        JSON.
    """

    version: str
    content: bytes

    @cached_property
    def compressed(self) -> bytes:
        """The content as gzip."""
        return gzip.compress(self.content, compresslevel=5, mtime=0)


def problems_of(domains: Sequence[WatchedDomain]) -> list[DomainProblem]:
    """Return which domains are down or refuse this person, and why."""
    states = [domain.state.view() for domain in domains]
    return [
        {"domain": s["name"], "message": s["message"], "hint": s["hint"]}
        for s in states
        if s["state"] in ("down", "denied")
    ]


class Catalog:
    """The entries of all domains; the entries of a domain that is down stay, with a problem."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: CatalogBytes | None = None

    def version(self, domains: Sequence[WatchedDomain]) -> str:
        """Return the version of what the domains say now."""
        # Which domains have a problem belongs to the version; how long they had it does not.
        failing = [problem["domain"] for problem in problems_of(domains)]
        parts = [(domain.client.name, domain.version) for domain in domains]
        return hashlib.sha256(repr((parts, failing)).encode()).hexdigest()[:32]

    def of(self, domains: Sequence[WatchedDomain]) -> CatalogBytes:
        """Return the catalog of `domains`."""
        version = self.version(domains)
        with self._lock:
            if self._last is None or self._last.version != version:
                self._last = CatalogBytes(version, self._make(version, domains))
            return self._last

    def _make(self, version: str, domains: Sequence[WatchedDomain]) -> bytes:
        content: CatalogView = {
            "version": version,
            "datasets": [entry for domain in domains for entry in domain.entries()],
            "problems": problems_of(domains),
        }
        return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
