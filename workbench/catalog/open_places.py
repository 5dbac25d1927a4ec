"""Places in ``dataset.yaml`` and ``terms.yaml`` that wait for a public fact: the bare word TODO."""

from __future__ import annotations

from typing import Any

TO_FILL_IN = "TODO"
"""Stands where a steward has to write something; in quotes it is a word like others."""

_BOUND = "a public bound, from the documentation or common sense, never from the data"
_DATE = "a public date such as 2018-01-01, from the documentation, never from the data"
_MEANINGS = {
    "name": "what it is called here, in small letters, digits and hyphens",
    "title": "what people call the dataset",
    "population": "'new' if none of these people are in another dataset here, else its population",
    "unit_count": "how many persons there are, rounded; it is published",
    "record_count": "how many records there are, rounded; it is published",
    "privacy_unit": "whom the guarantee protects",
    "lower": _BOUND,
    "upper": _BOUND,
    "categories": "the labels that are publicly known, from the documentation",
    "shape": "the sizes that every tensor is brought to, public ones",
    "folder": "the folder in the domain's data folder that holds the files",
    "fill": "what stands for a missing value, one of the categories",
    "format": "how the file writes dates; day and month cannot be told apart from it",
    "since": _DATE,
    "text": "for what the data may be used, in words",
    "purposes": "terms of the GA4GH Data Use Ontology, such as [DUO:0000007]",
    "epsilon_total": "the privacy budget of one person, over all that is ever released",
    "epsilon_per_run": "how much of it one run may take at most",
    "delta": "well below one in the number of persons, such as 1.0e-6",
}
_ELSE = "something that is publicly known"


def still_open(path: tuple[str | int, ...], content: Any) -> str:
    """Return what has to be written at an open place, in words.

    Parameters
    ----------
    path
        The keys and places that lead to it.
    content
        What the whole file says.
    """
    key = next(part for part in reversed(path) if isinstance(part, str)) if path else ""
    place, meaning = key, _MEANINGS.get(key, _ELSE)
    if path[:2] == ("schema", "columns") and len(path) > 3:
        column = content["schema"]["columns"][path[2]]
        column = column if isinstance(column, dict) else {}
        place = f"column '{str(column.get('name'))[:130]}': {key}"
        if key in ("lower", "upper") and column.get("kind") in ("date", "datetime"):
            meaning = _DATE
    return f"{place}: still to fill in: {meaning}"
