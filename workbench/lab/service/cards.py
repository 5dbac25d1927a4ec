"""The verified cards of one domain; a signature is checked once for each card."""

from __future__ import annotations

from workbench.documents import DatasetCard
from workbench.space.client import DomainClient


class Cards:
    """Cards by name, each with its digest.

    Attributes
    ----------
    known
        Name to digest and card. Replaced and never changed in place.
    """

    def __init__(self) -> None:
        self.known: dict[str, tuple[str, DatasetCard]] = {}

    def refresh(self, client: DomainClient) -> None:
        """Ask for the cards and keep them.

        Raises
        ------
        WorkbenchError
            If the domain cannot be asked, or a card is not signed by it; then the old ones stay.
        """
        self.known = {card.name: (card.digest, card) for card in client.datasets()}
