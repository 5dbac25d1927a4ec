"""Who makes a call: the person whose key signed its token, while that person is admitted."""

from __future__ import annotations

import itertools
import time

from sqlalchemy import delete, insert, select

from workbench.documents import Person, PublicKey
from workbench.domain.access import people
from workbench.domain.store import tables
from workbench.domain.store.home import Home
from workbench.errors import InvalidToken
from workbench.identity import tokens

_REMEMBERED = 100_000
"""How many used tokens are known after they ended."""
_FORGET_EVERY = 1000


class Callers:
    """Names the callers of one domain.

    Parameters
    ----------
    home
        The domain's.
    """

    def __init__(self, home: Home) -> None:
        self._name, self._store = home.folder.config.name, home.store
        self._uses = itertools.count()

    def authenticate(self, token: str, method: str, target: str) -> tuple[Person, tokens.Caller]:
        """Return who makes a call, before its body is read.

        Raises
        ------
        InvalidToken, NotAdmitted
            If the token or the person is not good for this call.
        """
        with self._store.read() as connection:

            def find_key(key_id: str) -> PublicKey | None:
                known = people.find(connection, key_id)
                return None if known is None else PublicKey.from_text(known.public_key)

            caller = tokens.verify(token, self._name, method, target, find_key)
            person = people.admitted(people.find(connection, caller.key.key_id))
        return person, caller

    def use_once(self, caller: tokens.Caller) -> None:
        """Take note of a token that changes something.

        Raises
        ------
        InvalidToken
            If it was used before.
        """
        table = tables.tokens
        with self._store.write() as connection:
            if next(self._uses) % _FORGET_EVERY == 0:
                # By number and not by age alone: a clock set back makes old tokens good again.
                past = table.c.expires < int(time.time()) - tokens.SKEW
                ends = select(table.c.expires).where(past).order_by(table.c.expires.desc())
                oldest = connection.execute(ends.offset(_REMEMBERED).limit(1)).scalar()
                if oldest is not None:
                    connection.execute(delete(table).where(table.c.expires <= oldest))
            if connection.execute(select(table).where(table.c.jti == caller.jti)).first():
                raise InvalidToken("the token was used before", "Make a new one for each call.")
            connection.execute(insert(table).values(jti=caller.jti, expires=caller.expires))
