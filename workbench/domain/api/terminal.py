"""What an operator sees while a domain is served: one line an event, as text or as JSON."""

from __future__ import annotations

import json
import logging
import re
from datetime import UTC, datetime
from typing import Literal

from workbench.documents import LogEntry
from workbench.documents.base import short
from workbench.documents.oversight import Event

LogFormat = Literal["text", "json"]
_LONG = re.compile(r"(sha256:)?[0-9a-f]{64}")
_log = logging.getLogger("workbench.domain")
_WORDS: dict[Event, str] = {
    "admit": "admitted",
    "revoke": "revoked",
    "publish": "published",
    "policy": "policy changed",
    "submit": "request came",
    "decide": "request decided",
    "launch": "run started",
    "release": "run released",
    "fail": "run failed",
    "cancel": "request cancelled",
    "population": "population changed",
    "reconcile": "ledger reconciled",
    "move": "database moved",
}


def set_up(form: LogFormat) -> None:
    """Send what the domain logs to the terminal, a line each.

    Parameters
    ----------
    form
        ``text`` for people, ``json`` for programs that collect logs: an object a line with
        ``time``, ``level``, ``message`` and, of an event, its fields.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(_Json() if form == "json" else _Text())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    # Its two lines say how it works, not what it did.
    logging.getLogger("alembic").setLevel(logging.WARNING)


def tell(entry: LogEntry) -> None:
    """Log a line of the domain's access log."""
    subject = short(entry.subject) if _LONG.fullmatch(entry.subject) else entry.subject[:64]
    who = f" by {entry.who}" if entry.who else ""
    detail = f": {entry.detail}" if entry.detail else ""
    fields = entry.model_dump(include={"event", "who", "key", "subject", "detail"})
    _log.info("%s, %s%s%s", _WORDS[entry.event], subject, who, detail, extra={"fields": fields})


class _Text(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%d %H:%M:%S")


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        told = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "message": record.getMessage(),
        }
        return json.dumps(told | getattr(record, "fields", {}))
