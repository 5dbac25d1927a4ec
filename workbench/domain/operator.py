"""What the operator does on the domain's own machine; whoever can read its folder may do it.

The commands ``workbench domain ...`` call this, and no route of the API does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from workbench.documents import DatasetCard, Envelope, Person, Population, PublicKey
from workbench.documents.base import short
from workbench.domain.access import log, people
from workbench.domain.datasets import cards, files
from workbench.domain.heads import head
from workbench.domain.heads.reconcile import Reconciled, reconcile
from workbench.domain.population_keeper import PopulationKeeper
from workbench.domain.populations import agreement
from workbench.domain.publishing.approval import Wins
from workbench.domain.publishing.publish import examine, prepare, publish
from workbench.domain.publishing.report import Report
from workbench.domain.requests import stored
from workbench.domain.store.home import Home
from workbench.errors import LedgerBehind


class Operator:
    """The operator of one domain.

    Parameters
    ----------
    home
        The domain's.

    Attributes
    ----------
    populations
        What the operator does with populations.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        self.populations = PopulationKeeper(home, log.OPERATOR)

    def publish(
        self, name: str, approval: Wins = None, tell: Callable[[Report], None] = lambda told: None
    ) -> DatasetCard:
        """Publish a dataset from its folder; see `publishing.publish`. `tell` gets the report.

        The records of earlier versions are removed, except where a request still needs them.
        """
        home = self._home
        # Before others wait: a large file takes minutes.
        examined = examine(home.folder, name)
        with head.changing(home) as connection:
            before = cards.version(connection)
            found = publish(connection, home.folder, examined, home.key, home.seal, approval)
            if cards.version(connection) != before:
                version = f"version {short(found.card.dataset_version)}"
                log.append(connection, "publish", log.OPERATOR, name, version)
        with home.store.write() as connection:
            waiting = [request.card for request in stored.not_ended(connection, name)]
            files.remove_superseded(connection, home.folder, name, waiting)
        tell(found.report)
        return found.card

    def check(self, name: str) -> Report:
        """Do all that `publish` would do, publish nothing, and return what a steward should see.

        Raises
        ------
        InvalidSchema, InvalidData, Conflict
            As `publish`.
        """
        home = self._home
        examined = examine(home.folder, name)
        with home.store.write() as connection:
            found = prepare(connection, home.folder, examined, home.key, home.seal)
            connection.rollback()
        return found.report

    def admit(self, key: PublicKey, name: str, role: str) -> Person:
        """Admit a key; see `people.admit`."""
        with self._home.store.write() as connection:
            return people.admit(connection, log.OPERATOR, key, name, role)

    def revoke(self, key_id: str) -> Person:
        """Take back an admission; see `people.revoke`."""
        with self._home.store.write() as connection:
            return people.revoke(connection, log.OPERATOR, key_id)

    def change(self, envelopes: Sequence[Envelope]) -> Population:
        """Change a population as two stewards have signed; see `agreement.change`."""
        domain, key = self._home.folder.config.name, self._home.key
        with head.changing(self._home) as connection:
            return agreement.change(connection, domain, key, envelopes)

    def reconcile(self, lost: bool = False) -> Reconciled | None:
        """Let the database know what the newest ledger head knows; see `heads.reconcile`.

        Nothing is done, and None returned, where the database holds the head.
        """
        with self._home.store.write() as connection:
            return reconcile(connection, self._home.folder, self._home.key, lost)

    def behind(self) -> str:
        """Return why the database cannot be believed; empty if it holds the newest ledger head."""
        try:
            with self._home.store.read() as connection:
                head.check(connection, self._home.folder, self._home.key)
        except LedgerBehind as error:
            return error.message
        return ""
