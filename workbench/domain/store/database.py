"""The domain's database: opened, migrated, and used in short transactions.

SQLite runs in WAL mode with full synchronisation; PostgreSQL is used through pg8000. Writers take
turns, so a check and what follows from it are one step. A database that is locked, full or gone
gives `DomainUnavailable`, and the transaction leaves no trace.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import alembic.command
import alembic.config
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from workbench.errors import DomainUnavailable, InvalidConfiguration, MissingPackage

_WRITERS, _SERVER = 0x776F726B, 0x776F726C
_WAIT_SECONDS = 10


class Store:
    """One database.

    Parameters
    ----------
    url
        ``sqlite:///path`` or ``postgresql://…``; without a password that of the variable
        ``PGPASSWORD``.

    Raises
    ------
    DomainUnavailable
        If the database cannot be opened or migrated; names its place and the cause.
    InvalidConfiguration, MissingPackage
        If `url` is none, or its driver is not installed.
    """

    def __init__(self, url: str) -> None:
        self.sqlite = url.startswith("sqlite")
        self.engine = _sqlite(url) if self.sqlite else _postgresql(url)
        with _as_unavailable(opened=self.engine), self.engine.connect() as connection:
            config = alembic.config.Config()
            config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
            config.attributes["connection"] = connection
            alembic.command.upgrade(config, "head")
            connection.commit()
        self._writing, self._claiming = threading.Lock(), threading.Lock()
        self._file: int | None = None
        self._session: Connection | None = None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection for reading."""
        with _as_unavailable(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Give a connection for one transaction; writers wait for each other."""
        with _as_unavailable(), self._turn(), self.engine.connect() as connection:
            connection = connection.execution_options(writes=True)
            with connection.begin():
                if not self.sqlite:
                    connection.execute(
                        text("SELECT pg_advisory_xact_lock(:key)"), {"key": _WRITERS}
                    )
                yield connection

    @contextmanager
    def _turn(self) -> Iterator[None]:
        # SQLite's own waiting is by trying again and again: whoever has waited long tries seldom.
        held = self.sqlite and self._writing.acquire(timeout=_WAIT_SECONDS)
        try:
            yield
        finally:
            if held:
                self._writing.release()

    def claim(self) -> None:
        """Keep this database for one server, until `close` or the end of the process.

        Asked again, it claims anew what a restart of the database has let go.

        Raises
        ------
        DomainUnavailable
            If another server has it: two would run every request twice.
        """
        with self._claiming:
            held = self._claim_file() if self.sqlite else self._claim_session()
        if not held:
            raise DomainUnavailable(
                "another server already serves this database",
                "Stop that one first. Two domains need two databases.",
            )

    def _claim_file(self) -> bool:
        if self._file is None:
            file = os.open(f"{self.engine.url.database}.serving", os.O_WRONLY | os.O_CREAT, 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(file)
                return False
            self._file = file
        return True

    def _claim_session(self) -> bool:
        with _as_unavailable():
            if self._session is not None:
                try:
                    self._session.execute(text("SELECT 1"))
                    return True
                except (DBAPIError, OSError):
                    self._session.invalidate()
                    self._session.close()
                    self._session = None
            session = self.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            try:
                query = text("SELECT pg_try_advisory_lock(:key)")
                held = bool(session.execute(query, {"key": _SERVER}).scalar())
            except (DBAPIError, OSError):
                session.invalidate()
                session.close()
                raise
            if held:
                self._session = session
            else:
                session.close()
            return held

    def close(self) -> None:
        """Close all connections."""
        if self._file is not None:
            os.close(self._file)
        if self._session is not None:
            # PostgreSQL may notice a moment later that the session has ended: the next server that
            # starts would be refused.
            with suppress(SQLAlchemyError, OSError):
                self._session.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _SERVER})
            # Given back to the pool, the session would keep its lock.
            self._session.invalidate()
            self._session.close()
        self._file = self._session = None
        self.engine.dispose()


@contextmanager
def _as_unavailable(opened: Engine | None = None) -> Iterator[None]:
    """Turn errors of a database into `DomainUnavailable`.

    Where it is `opened`, on the operator's terminal, the message names place and cause; later it
    does not, for researchers read it.
    """
    try:
        yield
    except (DBAPIError, OSError) as error:
        if opened is not None:
            raise DomainUnavailable(*_cause(opened, error)) from error
        # The driver's own message can quote a statement's values.
        raise DomainUnavailable(
            f"the domain's database cannot be used now ({type(error).__name__})",
            "Nothing was changed. Try again in a minute; if it stays, tell the domain's operator.",
        ) from error
    except SQLAlchemyError as error:
        raise DomainUnavailable(
            f"the domain's database gave no answer ({type(error).__name__})", "Try again."
        ) from error


def _cause(engine: Engine, error: DBAPIError | OSError) -> tuple[str, str]:
    """Return why a database cannot be opened, and what to do."""
    url = engine.url
    where = url.database if url.get_backend_name() == "sqlite" else repr(url)
    own = getattr(error, "orig", None) or error
    told = own.args[0] if own.args else ""
    code = told.get("C", "") if isinstance(told, dict) else ""
    words = told.get("M", "") if isinstance(told, dict) else str(told)
    hint = next((hint for start, hint in _HINTS.items() if start and code.startswith(start)), "")
    hint = hint or "Is it there, may this user read and write it, and is 'database' right?"
    return f"the database {where} cannot be opened: {words or type(own).__name__}", hint


_HINTS = {
    "28": "Check user and password in 'database' of domain.toml, or the variable PGPASSWORD.",
    "3D": "Make it first: createdb NAME.",
    "42": "The user needs the right to make tables in it.",
    "53": "It has no room or no connection left.",
}
"""What to do, by the class of PostgreSQL's error codes (its manual, appendix A)."""


def _sqlite(url: str) -> Engine:
    engine = create_engine(url, connect_args={"timeout": _WAIT_SECONDS})

    @event.listens_for(engine, "connect")
    def on_connect(connection, record):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        # The driver's implicit BEGIN would start writers as readers and let them deadlock.
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _postgresql(url: str) -> Engine:
    try:
        parsed = make_url(url)
        if parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+pg8000")
        if parsed.password is None and os.environ.get("PGPASSWORD"):
            parsed = parsed.set(password=os.environ["PGPASSWORD"])
        return create_engine(
            parsed,
            pool_pre_ping=True,
            connect_args={"timeout": _WAIT_SECONDS},
            pool_timeout=_WAIT_SECONDS,
        )
    except ModuleNotFoundError as error:
        raise MissingPackage(
            f"the database needs the package '{error.name}', which is not installed",
            "pip install 'dataspace-workbench[postgres]', and write postgresql://… in domain.toml.",
        ) from None
    except ArgumentError:
        raise InvalidConfiguration(
            "'database' of domain.toml is no address of a database",
            "Such as sqlite:///domain.sqlite or postgresql://user@host/name.",
        ) from None
