"""The catalog in a notebook: found by words and filters, opened without leaving the page."""

from __future__ import annotations

from typing import Any

from workbench.errors import WorkbenchError
from workbench.lab.widgets.live import LiveWidget, module, style
from workbench.space.cards import Catalog
from workbench.space.connection import Space, connect

_MOST_ROWS = 100


class CatalogBrowser(LiveWidget):
    """What the domains of a space offer.

    Where no widget can be shown it is a table of the first datasets.

    Parameters
    ----------
    space
        By default what `connect` finds.
    contains
        Show only datasets whose path, title or purposes contain this text.
    """

    _esm = module("catalog.js")
    _css = style("catalog.css")

    def __init__(self, space: Space | None = None, contains: str = "") -> None:
        super().__init__(space or connect())
        self.contains = contains.lower()
        self._version = ""

    def news(self, anew: bool) -> None:
        """Send the catalog if it changed."""
        if anew:
            self.service.refresh()
        found = self.service.catalog()
        if anew or found.version != self._version:
            self._version = found.version
            self.send({"kind": "catalog", "contains": self.contains}, [found.compressed])

    def asked(self, action: str, content: dict[str, Any]) -> None:
        """Open a dataset."""
        if action == "open":
            domain, name = str(content.get("domain")), str(content.get("name"))
            path = f"{domain}/{name}"
            try:
                detail = self.service.dataset(domain, name)
                self.send({"kind": "dataset", "path": path, "detail": detail})
            except WorkbenchError as error:
                words = f"{error.message} {error.hint}".strip()
                self.send({"kind": "dataset", "path": path, "error": words})

    def _found(self) -> tuple[Catalog, int]:
        catalog = self.space.catalog()
        cards = [
            card
            for card in catalog.cards
            if self.contains in " ".join([card.path, card.title, *card.terms.purposes]).lower()
        ]
        return Catalog(cards[:_MOST_ROWS], catalog.problems), len(cards)

    def __repr__(self) -> str:
        catalog, count = self._found()
        return "\n".join([repr(catalog), *_rest(count)])

    def _repr_html_(self) -> str:
        catalog, count = self._found()
        return "".join([str(catalog._repr_html_()), *(f"<p>{words}</p>" for words in _rest(count))])


def _rest(count: int) -> list[str]:
    if count <= _MOST_ROWS:
        return []
    return [f"and {count - _MOST_ROWS} more: CatalogBrowser(contains='…') finds them"]
