"""Find wanted columns among the headings of a file, and say which are near when one is missing."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from workbench.catalog.reading import ColumnInFile
from workbench.errors import InvalidData

_SHOWN = 30
_DELIMITERS = ";\t|,"


def places(
    file: str, names: list[str], wanted: Sequence[ColumnInFile], delimiter: str = ""
) -> dict[str, int]:
    """Return the place of each wanted column.

    Parameters
    ----------
    file
        What is read, for messages.
    names
        The headings, in order.
    wanted
        The columns.
    delimiter
        What divided the headings, if they were text.

    Raises
    ------
    InvalidData
        If one is missing or comes twice.
    """
    if not names:
        raise InvalidData(f"{file}: it has no headings")
    found: dict[str, int] = {}
    missing = []
    for column in wanted:
        count = names.count(column.heading)
        if count > 1:
            raise InvalidData(f"{file}: '{column.heading}' appears twice in the header")
        if count:
            found[column.name] = names.index(column.heading)
        else:
            missing.append(column)
    if missing:
        raise _no_column(file, names, missing, delimiter)
    return found


def _no_column(
    file: str, names: list[str], missing: list[ColumnInFile], delimiter: str = ""
) -> InvalidData:
    words = [f"column '{missing[0].name}' is missing"]
    if missing[0].source:
        words = [f"column '{missing[0].name}' is missing (heading '{missing[0].source}')"]
    if len(missing) > 1:
        words.append(f", and {len(missing) - 1} more")
    shown = ", ".join(name[:50] for name in names[:_SHOWN]) + (", …" * (len(names) > _SHOWN))
    near = difflib.get_close_matches(missing[0].heading, names, 1)
    hint = f"The headings are: {shown}."
    other = next((one for one in _DELIMITERS if one != delimiter and one in names[0]), None)
    if delimiter and len(names) == 1 and other:
        written = "\\t" if other == "\t" else other
        hint += f' They read as one: write reading: {{delimiter: "{written}"}} in dataset.yaml.'
    elif near:
        hint += f' Did you mean source: "{near[0][:50]}"?'
    else:
        hint += " Where the file calls it otherwise, write source: beside its name."
    return InvalidData(f"{file}: {''.join(words)}", hint)


def named(file: str, names: list[str], wanted: Sequence[ColumnInFile]) -> dict[str, str]:
    """Return the heading of each wanted column.

    Raises
    ------
    InvalidData
        If one is missing.
    """
    missing = [column for column in wanted if column.heading not in names]
    if missing:
        raise _no_column(file, names, missing)
    return {column.name: column.heading for column in wanted}
