"""Common quantities with public bounds: wide limits of what is plausible, not reference ranges.

The limits in ``quantities.csv`` are rounded and much wider than the reference range of any
laboratory, so that they fit the sick as well; units are those of UCUM. A steward checks them.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_CAMEL = re.compile(r"(?<=[a-zäöüß])(?=[A-Z])")
_WORD = re.compile(r"[^\W\d_]+\d?[^\W\d_]*\d?")


@dataclass(frozen=True)
class Quantity:
    """A quantity: its unit by UCUM and its public bounds."""

    unit: str
    lower: float
    upper: float


def words_of(heading: str) -> list[str]:
    """Return the words of a heading in lower case: ``BMI_bei Aufnahme`` is bmi, bei, aufnahme."""
    return [
        word.lower() for text in (heading, _CAMEL.sub(" ", heading)) for word in _WORD.findall(text)
    ]


def quantity_of(heading: str) -> Quantity | None:
    """Return the quantity that a heading names, if it is a common one."""
    return next((_known()[word] for word in words_of(heading) if word in _known()), None)


@cache
def _known() -> dict[str, Quantity]:
    text = files("workbench.domain.drafting").joinpath("quantities.csv").read_text("utf-8")
    found: dict[str, Quantity] = {}
    for row in csv.DictReader(text.splitlines()):
        quantity = Quantity(row["unit"], float(row["lower"]), float(row["upper"]))
        found |= dict.fromkeys(row["words"].split(), quantity)
    return found
