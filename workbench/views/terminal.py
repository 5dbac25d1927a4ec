"""How commands print."""

from __future__ import annotations

import json
from typing import Any


def print_json(value: Any) -> None:
    """Print `value` as JSON for scripts."""
    print(json.dumps(value, indent=2, sort_keys=True))


def table(columns: list[str], rows: list[list[str]], title: str | None = None) -> None:
    """Print a table for people."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    view = Table(title=title)
    for column in columns:
        # A name that is cut cannot be used.
        view.add_column(column, overflow="fold")
    for row in rows:
        view.add_row(*(escape(str(cell)) for cell in row))
    Console().print(view)
