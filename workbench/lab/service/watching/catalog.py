"""The catalog of all domains as bytes: made once for each version, also compressed."""

from __future__ import annotations

import gzip
import hashlib
import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from workbench.lab.service.watching.domains import WatchedDomain


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


class Catalog:
    """The entries of all domains; those of a domain that is down stay, and a problem says so."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: CatalogBytes | None = None

    @staticmethod
    def _problems(domains: Sequence[WatchedDomain]) -> list[dict[str, str]]:
        states = [domain.state.view() for domain in domains]
        return [
            {"domain": s["name"], "message": s["message"], "hint": s["hint"]}
            for s in states
            if s["state"] in ("down", "denied")
        ]

    def version(self, domains: Sequence[WatchedDomain]) -> str:
        """Return the version of what the domains say now."""
        # Which domains have a problem belongs to the version; how long they had it does not.
        failing = [problem["domain"] for problem in self._problems(domains)]
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
        content: dict[str, Any] = {
            "version": version,
            "datasets": [entry for domain in domains for entry in domain.entries()],
            "problems": self._problems(domains),
        }
        return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
