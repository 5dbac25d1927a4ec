"""What every part of a domain works with: its folder, its database, and its two secrets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from workbench.domain.store.config import DomainFolder
from workbench.domain.store.database import Store
from workbench.domain.store.seal import Seal
from workbench.identity.keys import PrivateKey


@dataclass(frozen=True)
class Home:
    """One domain's folder, its open database, its signing key and its sealing key."""

    folder: DomainFolder
    store: Store
    key: PrivateKey
    seal: Seal

    @classmethod
    def open(cls, root: Path) -> Home:
        """Open the domain in the folder `root`.

        Raises
        ------
        InvalidConfiguration, DomainUnavailable
            If its configuration, a key or its database cannot be used.
        """
        folder = DomainFolder(root)
        key = PrivateKey.load(folder.signing_key)
        seal = Seal(folder.sealing_key)
        return cls(folder, Store(folder.database_url), key, seal)
