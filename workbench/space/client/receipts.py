"""Keep the receipts of a space, so that a ledger that went back is noticed."""

from __future__ import annotations

import threading
from pathlib import Path

from workbench.errors import InvalidDocument
from workbench.evidence.receipts import Receipt, went_back

FILE = "receipts.jsonl"


class Receipts:
    """The receipts of all releases that were verified here.

    Parameters
    ----------
    file
        Where they are kept between kernels; None keeps them in memory alone, as does a folder that
        cannot be written.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._known: dict[str, Receipt] | None = None
        self._lock = threading.Lock()

    def take(self, receipt: Receipt) -> list[str]:
        """Keep a receipt and return what it says against the others of its domain."""
        with self._lock:
            # Another kernel of this space may have added some.
            known = self._read()
            others = [one for digest, one in known.items() if digest != receipt.digest]
            if receipt.digest not in known:
                known[receipt.digest] = receipt
                self._append(receipt)
        before = set(went_back(others))
        return [problem for problem in went_back([*others, receipt]) if problem not in before]

    def _read(self) -> dict[str, Receipt]:
        known = self._known if self._known is not None else {}
        self._known = known
        try:
            lines = [] if self._file is None else self._file.read_bytes().splitlines(keepends=True)
        except OSError:
            lines = []
        for line in lines:
            try:
                one = Receipt.parse(line)
            except InvalidDocument:
                continue
            known[one.digest] = one
        return known

    def _append(self, receipt: Receipt) -> None:
        if self._file is None:
            return
        try:
            # One short write in append mode: lines of two kernels never mix.
            with self._file.open("ab", buffering=0) as file:
                file.write(receipt.canonical() + b"\n")
        except OSError:
            return
