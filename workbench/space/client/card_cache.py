"""The cards of one domain as they were last verified, so that asking again is cheap."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from typing import Any

from workbench.documents import DatasetCard, Envelope


class CardCache:
    """Verified cards by the bytes of their envelopes.

    A card whose envelope is byte for byte one that was verified before is not verified again. What
    is no longer listed is forgotten, so the cache is never larger than the domain's list.

    Parameters
    ----------
    verify
        Opens an envelope with the domain's key, or raises.
    """

    def __init__(self, verify: Callable[[Envelope], DatasetCard]) -> None:
        self._verify = verify
        self._known: dict[bytes, DatasetCard] = {}
        self._lock = threading.Lock()
        self._listed: tuple[DatasetCard, ...] = ()
        self.version: str | None = None

    @property
    def listed(self) -> list[DatasetCard]:
        """The cards of the last complete list."""
        return list(self._listed)

    def renew(self, version: str | None, items: list[Any]) -> list[DatasetCard]:
        """Return the cards of a complete new list; if one is wrong, none of them is kept.

        Raises
        ------
        InvalidSignature, InvalidDocument
            If one was not signed by the domain.
        """
        found: dict[bytes, DatasetCard] = {}
        for item in items:
            text = json.dumps(item, sort_keys=True).encode()
            key = hashlib.sha256(text).digest()
            card = self._known.get(key)
            found[key] = self._verify(Envelope.parse(text)) if card is None else card
        with self._lock:
            self._known, self._listed, self.version = found, tuple(found.values()), version
        return self.listed
