"""Make the folder of a new domain: its configuration, its keys, and places for its files."""

from __future__ import annotations

import json
from pathlib import Path

from workbench.domain.store.config import FILE, DomainConfig, DomainFolder
from workbench.domain.store.files import make_private, write_private
from workbench.domain.store.seal import Seal
from workbench.errors import InvalidConfiguration
from workbench.identity.keys import PrivateKey

_TEMPLATE = """\
name = {name}
title = {title}
host = "127.0.0.1"
port = {port}
# database = "postgresql://user:password@host/database"
# certificate = "tls/server.crt"
# private_key = "tls/server.key"

[limits]
seconds = 600
cpu_seconds = 600
memory_mb = 4096
jobs = 1
workers = 1
"""


def set_up(root: Path, *, name: str, title: str = "", port: int = 8700) -> DomainFolder:
    """Make a domain's folder; only its owner can read it.

    Parameters
    ----------
    root
        The folder; it may be there already, without a configuration.
    name, title, port
        As in `DomainConfig`.

    Raises
    ------
    InvalidDocument
        If the name, title or port is not allowed; nothing is made.
    InvalidConfiguration
        If there is a domain in the folder; it stays as it is.
    """
    DomainConfig.read({"name": name, "title": title, "port": port})
    if (root / FILE).exists():
        raise InvalidConfiguration(f"{root / FILE} exists", "Choose another folder.")
    make_private(root)
    text = _TEMPLATE.format(name=json.dumps(name), title=json.dumps(title), port=port)
    write_private(root / FILE, text.encode())
    folder = DomainFolder(root)
    for place in (folder.signing_key.parent, folder.datasets, folder.data, folder.state):
        make_private(place)
    PrivateKey.create().save(folder.signing_key)
    Seal.create(folder.sealing_key)
    return folder
