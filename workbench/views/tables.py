"""One table, shown alike in a notebook, on a terminal, as plain text and as Markdown."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_FREE = frozenset({"title", "purposes", "reason", "detail"})
"""Columns of free text."""


@dataclass(frozen=True)
class Table:
    """Rows of text under named columns.

    Attributes
    ----------
    columns
        The names of the columns; if there are none, the first cell of each row names the row.
    rows
        The cells, as many in each row.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def html(self) -> str:
        """Return the table as HTML, with everything escaped."""
        head = "".join(f'<th scope="col">{escape(name)}</th>' for name in self.columns)
        body = ""
        for row in self.rows:
            cells = [f"<td>{escape(cell)}</td>" for cell in row]
            if not self.columns:
                cells[0] = f'<th scope="row">{escape(row[0])}</th>'
            body += f"<tr>{''.join(cells)}</tr>"
        top = f"<thead><tr>{head}</tr></thead>" if self.columns else ""
        return f"<table>{top}<tbody>{body}</tbody></table>"

    def plain(self) -> str:
        """Return the table as lines of text: columns one below the other, or ``name: value``."""
        if not self.columns:
            return "\n".join(self._pairs())
        lines = [self.columns, *self.rows]
        widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        )

    def line(self) -> str:
        """Return a table without columns in one line."""
        return ", ".join(self._pairs())

    def markdown(self) -> str:
        """Return the table as Markdown."""
        lines = [self.columns, ["---"] * len(self.columns), *self.rows]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)

    def show(self, title: str | None = None) -> None:
        """Print the table to the terminal; into a pipe, as lines with tabs between the cells."""
        if not sys.stdout.isatty():
            if title:
                print(title)
            for line in [self.columns, *self.rows] if self.columns else self.rows:
                print("\t".join(" ".join(cell.split()) for cell in line))
            return
        from rich.console import Console
        from rich.markup import escape as unmarked
        from rich.table import Table as Drawn

        drawn = Drawn(title=title)
        for name in self.columns:
            # A name that is cut cannot be used; of what people wrote the start is enough here.
            free = name in _FREE
            drawn.add_column(name, overflow="ellipsis" if free else "fold", no_wrap=free)
        for row in self.rows:
            drawn.add_row(*(unmarked(cell) for cell in row))
        Console().print(drawn)

    def _pairs(self) -> list[str]:
        return [f"{name}: {' '.join(cells)}" for name, *cells in self.rows]
