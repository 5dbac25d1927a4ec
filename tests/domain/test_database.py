"""A database that cannot be opened says where it is and why, and never a password."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from workbench.domain.store.database import Store
from workbench.errors import DomainUnavailable, InvalidConfiguration, MissingPackage


@pytest.mark.parametrize(
    ("url", "error", "words"),
    [
        ("postgresql://u:secret@127.0.0.1:1/x", DomainUnavailable, "host 127.0.0.1 and port 1"),
        ("sqlite:////nowhere/x.sqlite", DomainUnavailable, "/nowhere/x.sqlite cannot be opened"),
        ("postgresql+psycopg2://u:secret@h/x", MissingPackage, "needs the package 'psycopg2'"),
        ("secret", InvalidConfiguration, "no address of a database"),
        ("none://u:secret@h/x", InvalidConfiguration, "no address of a database"),
    ],
)
def test_where_and_why(url, error, words):
    with pytest.raises(error) as caught:
        Store(url)
    assert words in caught.value.message
    assert caught.value.hint
    assert "secret" not in str(caught.value)


@pytest.fixture
def with_password(postgresql):
    """The address of a PostgreSQL for a user who needs a password, which is ``secret``."""
    engine = create_engine(f"{postgresql}/postgres", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        rules = Path(str(connection.execute(text("SHOW hba_file")).scalar()))
        before = rules.read_text()
        connection.execute(text("CREATE ROLE asked LOGIN SUPERUSER PASSWORD 'secret'"))
        rules.write_text(f"host all asked 127.0.0.1/32 scram-sha-256\n{before}")
        connection.execute(text("SELECT pg_reload_conf()"))
        yield make_url(postgresql).set(drivername="postgresql", username="asked")
        rules.write_text(before)
        connection.execute(text("SELECT pg_reload_conf()"))
        connection.execute(text("DROP ROLE asked"))
    engine.dispose()


def test_postgresql_says_what_is_wrong_with_user_or_name(with_password, monkeypatch):
    monkeypatch.delenv("PGPASSWORD", raising=False)
    wrong = with_password.set(password="mistyped", database="postgres")
    with pytest.raises(DomainUnavailable, match="password authentication failed") as caught:
        Store(wrong.render_as_string(hide_password=False))
    assert "PGPASSWORD" in caught.value.hint
    assert "mistyped" not in str(caught.value)
    monkeypatch.setenv("PGPASSWORD", "secret")
    with pytest.raises(DomainUnavailable, match='"nothing" does not exist') as caught:
        Store(str(with_password.set(database="nothing")))
    assert "createdb" in caught.value.hint
