"""One table, shown alike in a notebook, on a terminal, as plain text and as Markdown."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_FREE = frozenset({"title", "purposes", "reason", "detail", "why"})
"""Columns of free text: on a narrow terminal they are cut, and nothing else is."""
_LEAST = 16
_GAP = "  "


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
            _GAP.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
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
        """Print the table: to a terminal in columns, into a pipe with a tab between two cells.

        A name that is cut cannot be used. So on a terminal only free text is, to what room there
        is; lines that are still too long go on in the next line of the terminal.
        """
        rows = [[" ".join(cell.split()) for cell in row] for row in self.rows]
        if title:
            print(title)
        if not sys.stdout.isatty():
            for line in [self.columns, *rows] if self.columns else rows:
                print("\t".join(line))
            return
        print(Table(self.columns, self._fitting(rows, shutil.get_terminal_size().columns)).plain())

    def _fitting(self, rows: list[list[str]], room: int) -> list[list[str]]:
        """Return the rows with free text cut so that a line has `room` characters, if it can."""
        if not self.columns:
            return rows
        widths = [max(map(len, column)) for column in zip(self.columns, *rows, strict=True)]
        over = sum(widths) + len(_GAP) * (len(widths) - 1) - room
        free = [n for n, name in enumerate(self.columns) if name in _FREE]
        for n in sorted(free, key=lambda n: -widths[n]):
            least = min(widths[n], max(_LEAST, widths[n] - over))
            over -= widths[n] - least
            for row in rows:
                if len(row[n]) > least:
                    row[n] = row[n][: least - 1] + "…"
        return rows

    def _pairs(self) -> list[str]:
        return [f"{name}: {' '.join(cells)}" for name, *cells in self.rows]
