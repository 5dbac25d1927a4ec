"""What a researcher may ask for: epsilon, delta and purpose, checked before anything is sent."""

from __future__ import annotations

import math
import re
from typing import Any

from workbench.documents import DatasetCard
from workbench.documents.errors import InvalidDocument


def check_guarantee(epsilon: Any, delta: Any) -> None:
    """Return None if these can be asked for.

    Raises
    ------
    InvalidDocument
        If epsilon is not above 0, or delta not between 0 and 0.01.
    """
    if not (isinstance(epsilon, int | float) and math.isfinite(epsilon) and epsilon > 0):
        raise InvalidDocument(f"epsilon is {epsilon}; expected a number above 0")
    if not (isinstance(delta, float) and 0 < delta < 0.01):
        raise InvalidDocument(f"delta is {delta}; expected a number between 0 and 0.01")


def purpose_parts(purpose: str, card: DatasetCard) -> tuple[str, str]:
    """Return the DUO code and the words of a purpose such as ``"DUO:0000007 cancer"``.

    Raises
    ------
    InvalidDocument
        If it does not begin with a code; names those that the dataset allows.
    """
    code, _, words = purpose.strip().partition(" ")
    if not re.fullmatch(r"DUO:\d{7}", code):
        raise InvalidDocument(
            f"purpose '{purpose[:80]}' does not begin with a code of the Data Use Ontology",
            f"For example: 'DUO:0000007 cancer'. This dataset allows "
            f"{', '.join(card.terms.purposes)}.",
        )
    return code, words.strip()
