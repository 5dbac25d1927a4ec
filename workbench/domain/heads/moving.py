"""Carry a domain's database to another one, its ledger with it: from SQLite to PostgreSQL."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from sqlalchemy import Connection, Table, func, insert, select

from workbench.budget import chain
from workbench.budget import tables as budget
from workbench.documents import PrivateKey
from workbench.domain.access import log
from workbench.domain.heads import head
from workbench.domain.store import tables
from workbench.domain.store.config import FILE, DomainConfig, DomainFolder
from workbench.domain.store.database import Store
from workbench.errors import Conflict, InvalidConfiguration

_AT_ONCE = 500


def move(folder: DomainFolder, key: PrivateKey, url: str) -> int:
    """Copy all rows into an empty database and name it in ``domain.toml``; return how many.

    The old database stays as it is; the domain does not use it any more. The new one has to hold
    the newest ledger head, as the old one does, or nothing is changed.

    Parameters
    ----------
    folder, key
        The domain's; no server may use it meanwhile.
    url
        Of an empty database, as `DomainConfig.database`: a SQLite file is relative to the folder.

    Raises
    ------
    Conflict
        If the database is not empty.
    DomainUnavailable
        If one of the two cannot be used.
    LedgerBehind
        If the old database is older than the newest ledger head.
    """
    named = _named(folder.root / FILE, url)
    old, new = Store(folder.database_url), Store(folder.located(url))
    try:
        with old.write() as source, new.write() as target:
            head.check(source, folder, key)
            chain.check(source)
            log.append(source, "move", log.OPERATOR, "", "to another database")
            count = sum(_copied(source, target, table) for table in _every())
            chain.check(target)
            log.check(target)
            head.check(target, folder, key)
            if not new.sqlite:
                _after_the_last(target)
    finally:
        old.close()
        new.close()
    (folder.root / FILE).write_text(named)
    return count


def _every() -> list[Table]:
    return [*tables.metadata.sorted_tables, *budget.metadata.sorted_tables]


def _copied(source: Connection, target: Connection, table: Table) -> int:
    if target.execute(select(func.count()).select_from(table)).scalar():
        raise Conflict(
            f"the new database is not empty: '{table.name}' has rows", "Choose an empty one."
        )
    order = list(table.primary_key.columns)
    rows = [dict(row._mapping) for row in source.execute(select(table).order_by(*order))]
    for start in range(0, len(rows), _AT_ONCE):
        target.execute(insert(table), rows[start : start + _AT_ONCE])
    return len(rows)


def _after_the_last(target: Connection) -> None:
    """Let PostgreSQL's counters go on after the rows that came with their numbers."""
    for table in _every():
        for column in table.primary_key.columns:
            if column.autoincrement is not True:
                continue
            last = target.execute(select(func.max(column))).scalar()
            counter = func.pg_get_serial_sequence(table.name, column.name)
            target.execute(select(func.setval(counter, max(1, last or 1), last is not None)))


def _named(path: Path, url: str) -> str:
    """Return the configuration's text with another database in it."""
    if '"' in url or "\\" in url or "\n" in url:
        raise InvalidConfiguration("a database's URL has no quotes, backslashes or line ends")
    content = path.read_text()
    line = f'database = "{url}"'
    found = re.sub(r"(?m)^\s*database\s*=.*$", lambda match: line, content, count=1)
    if found == content and line not in content:
        found = f"{line}\n{content}"
    DomainConfig.model_validate(tomllib.loads(found))
    return found
