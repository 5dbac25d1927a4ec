"""Read the rows that a steward's query gives, some at a time; the database is only read."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from sqlalchemy import URL, Connection, Executable, TextClause, create_engine, make_url, text
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from workbench.catalog.reading import ColumnInFile
from workbench.catalog.sources import Omop, Query
from workbench.domain.datasets.tables import omop
from workbench.domain.datasets.tables.headings import named
from workbench.errors import InvalidData, MissingPackage

Found = TypeVar("Found")

_ROWS = 1 << 14
_SECONDS = 600
_FROM_ENVIRONMENT = "env:"
_UNREAD = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/""",
    re.DOTALL,
)
"""Quoted text and comments."""
_READS = re.compile(r"\s*(select|with)\b", re.IGNORECASE)


def batches(
    source: Query | Omop, folder: Path, wanted: Sequence[ColumnInFile]
) -> Iterator[dict[str, Any]]:
    """Yield the wanted columns of a query, some rows at a time.

    Parameters
    ----------
    source
        The database and the query, or the cohort of OMOP's tables.
    folder
        The domain's data: files of SQLite and DuckDB lie there.
    wanted
        The columns.

    Returns
    -------
    iterator of dict
        Column name to its values: objects of shape ``(n,)``, None for NULL.

    Raises
    ------
    InvalidData
        If the database cannot be reached, the query is none or fails, or a column is missing. No
        message holds an address, a password or a value.
    MissingPackage
        If the database's driver is not installed.
    """
    url = _url(source.sql if isinstance(source, Query) else source.omop, folder)
    statement: Executable
    if isinstance(source, Omop):
        statement = omop.statement_of(source, url.get_backend_name())
    else:
        statement = _written(source.query)
    try:
        engine = create_engine(url, connect_args=_options(url))
    except ModuleNotFoundError as error:
        raise MissingPackage(
            f"the database needs the package '{error.name}', which is not installed",
            "pip install 'dataspace-workbench[postgres]' or [duckdb].",
        ) from None
    try:
        with engine.connect() as found:
            _only_read(found)
            timed = _Timed(found.connection.driver_connection)
            streamed = statement.execution_options(stream_results=True, yield_per=_ROWS)
            rows = timed(partial(found.execute, streamed))
            names = named("the query", list(rows.keys()), wanted)
            at = {name: list(rows.keys()).index(heading) for name, heading in names.items()}
            while block := timed(partial(rows.fetchmany, _ROWS)):
                yield {name: _column(block, place) for name, place in at.items()}
    except (SQLAlchemyError, OSError) as error:
        raise InvalidData(
            f"dataset.yaml: data: the query cannot be run ({_kind(error)})",
            "Try it with the database's own client, as the user who serves the domain.",
        ) from None
    finally:
        engine.dispose()


def _written(query: str) -> TextClause:
    plain = _UNREAD.sub(" ", query).strip().removesuffix(";")
    if not _READS.match(plain) or ";" in plain:
        raise InvalidData("dataset.yaml: data.query: one query that begins with SELECT or WITH")
    # As it was written: a comment that is taken for one by mistake changes no condition.
    return text(query.replace(":", r"\:"))


def _kind(error: Exception) -> str:
    """Return what kind of error it is; the text of one can hold values."""
    original = getattr(error, "orig", None)
    told = original.args[0] if original is not None and original.args else ""
    code = f", SQLSTATE {told['C']}" if isinstance(told, dict) and "C" in told else ""
    return f"{type(original or error).__name__}{code}"


def _url(written: str, folder: Path) -> URL:
    address = written
    if written.startswith(_FROM_ENVIRONMENT):
        name = written.removeprefix(_FROM_ENVIRONMENT)
        address = os.environ.get(name, "")
        if not address:
            raise InvalidData(f"dataset.yaml: data: the variable {name} is not set")
    try:
        url = make_url(address)
        url.get_dialect()
    except (ArgumentError, NoSuchModuleError):
        raise InvalidData(
            "dataset.yaml: data: not the address of a database",
            "Such as postgresql://user@host/name, sqlite:///file.sqlite or duckdb:///file.duckdb.",
        ) from None
    if url.password and address == written:
        raise InvalidData(
            "dataset.yaml: data: a password does not belong into this file",
            "Put it into the variable PGPASSWORD, or the whole address into one: sql: env:NAME.",
        )
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+pg8000")
    if url.get_backend_name() == "postgresql" and url.password is None:
        url = url.set(password=os.environ.get("PGPASSWORD"))
    if url.get_backend_name() in ("sqlite", "duckdb"):
        path = (folder / (url.database or "")).resolve()
        if not path.is_relative_to(folder.resolve()) or not path.is_file():
            raise InvalidData("dataset.yaml: data: no such file in the domain's data folder")
        sqlite = url.get_backend_name() == "sqlite"
        database = f"file:{path}?mode=ro&uri=true" if sqlite else str(path)
        url = make_url(f"sqlite:///{database}") if sqlite else url.set(database=database)
    return url


def _options(url: URL) -> dict[str, Any]:
    if url.get_backend_name() == "duckdb":
        return {"read_only": True}
    # Of each answer of the server: what comes later than its own limit does not come at all.
    return {"timeout": _SECONDS + 30} if url.get_backend_name() == "postgresql" else {}


def _only_read(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET TRANSACTION READ ONLY")
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = {_SECONDS * 1000}")
    elif connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA query_only = ON")


class _Timed:
    """Does steps that all together may take `_SECONDS`; SQLite and DuckDB have no limit for it."""

    def __init__(self, connection: Any) -> None:
        self._interrupt = getattr(connection, "interrupt", lambda: None)
        self._left = float(_SECONDS)

    def __call__(self, step: Callable[[], Found]) -> Found:
        started = time.monotonic()
        timer = threading.Timer(self._left, self._interrupt)
        timer.start()
        try:
            return step()
        finally:
            timer.cancel()
            self._left -= time.monotonic() - started
            if self._left <= 0:
                raise InvalidData(
                    f"dataset.yaml: data: the query takes over {_SECONDS} seconds",
                    "Keep its result as a table of the database, or in files.",
                ) from None


def _column(rows: Sequence[Sequence[Any]], place: int) -> np.ndarray[Any, Any]:
    found = np.empty(len(rows), dtype=object)
    found[:] = [row[place] for row in rows]
    return found
