"""The catalogue as a table in a notebook."""

from __future__ import annotations

from workbench.space.connection import Space, connect
from workbench.space.datasets import Catalog


class CatalogBrowser:
    """What the domains of a space offer, asked anew each time it is shown.

    Parameters
    ----------
    space
        By default what `connect` finds.
    contains
        Show only datasets whose path, title or purposes contain this text.
    """

    def __init__(self, space: Space | None = None, contains: str = "") -> None:
        self.space = space or connect()
        self.contains = contains.lower()

    def _found(self) -> Catalog:
        catalog = self.space.catalog()
        catalog.cards = [
            card
            for card in catalog.cards
            if self.contains in " ".join([card.path, card.title, *card.terms.purposes]).lower()
        ]
        return catalog

    def __repr__(self) -> str:
        return repr(self._found())

    def _repr_html_(self) -> str:
        return str(self._found()._repr_html_())
