"""Collect what is wrong with a file, all of it, and tell it without telling a value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workbench.errors import InvalidData

_MOST = 20
"""How many faults are told."""


@dataclass
class _Fault:
    row: int
    count: int
    hint: str


class Faults:
    """What is wrong with some files, by column and kind, with the first row of each.

    Attributes
    ----------
    file
        The name of the file that is read now.
    """

    def __init__(self) -> None:
        self.file = ""
        self._found: dict[tuple[str, str, str], _Fault] = {}

    def __len__(self) -> int:
        return len(self._found)

    def note(
        self, column: str, what: str, rows: NDArray[np.bool_], before: int, hint: str = ""
    ) -> None:
        """Note that some rows are wrong.

        Parameters
        ----------
        column, what
            The column's name, and what is wrong, in words.
        rows
            Which rows of a batch, bool ``(n,)``.
        before
            How many rows come before the batch.
        hint
            What to do.
        """
        count = int(rows.sum())
        if not count:
            return
        first = before + int(np.flatnonzero(rows)[0]) + 1
        fault = self._found.setdefault((self.file, column, what), _Fault(first, 0, hint))
        fault.count += count

    def check(self) -> None:
        """Check that there is none.

        Raises
        ------
        InvalidData
            If there are some: tells all, a line each.
        """
        if not self._found:
            return
        lines, hints = [], []
        found = sorted(self._found.items(), key=lambda one: (one[0][0], one[1].row))
        for (file, column, what), fault in found:
            rest = fault.count - 1
            more = f" (and in {rest} more row{'s' * (rest > 1)})" if rest else ""
            lines.append(f"{file}: row {fault.row}, column '{column}': {what}{more}")
            if fault.hint and fault.hint not in hints:
                hints.append(fault.hint)
        if len(lines) > _MOST:
            lines[_MOST:] = [f"… and {len(lines) - _MOST} more"]
        raise InvalidData("\n".join(lines), " ".join(hints[:4]))
