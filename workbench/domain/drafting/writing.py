"""Write a draft as ``dataset.yaml`` and ``terms.yaml``.

No value of the data is written but the levels that a steward confirmed and codes for missing values
of a public list. What has to come from knowledge is left to fill in.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from workbench.catalog.files import DATASET, TERMS, TO_FILL_IN
from workbench.catalog.reading import DATES
from workbench.domain.datasets.readers import DELIMITED
from workbench.domain.drafting.draft import Draft, DraftColumn
from workbench.errors import Conflict

OTHER = "other"
_PERSONS = {"pat": "patient", "pid": "patient", "mrn": "patient", "stud": "student"}

_TERMS = f"""\
text: {TO_FILL_IN}  # what the data may be used for, in your words
purposes: [{TO_FILL_IN}]  # of the Data Use Ontology: DUO:0000042 is general research
researchers: ["*"]  # every admitted researcher, or a list of key ids
epsilon_total: 4.0  # for one person, over all that is ever released; see docs/privacy.md
delta: 1.0e-6  # well below one in the number of people
epsilon_per_run: 1.0
outputs: [model, metrics, statistics]
minimum_records: 100
approval: {{mode: steward}}
"""


def write(draft: Draft, folder: Path, name: str, title: str, force: bool = False) -> None:
    """Write the two files of a draft.

    Parameters
    ----------
    draft
        The draft.
    folder
        The dataset's, made if missing.
    name, title
        The dataset's.
    force
        Whether files that are there may be overwritten.

    Raises
    ------
    Conflict
        If they are there and may not.
    """
    there = [file for file in (DATASET, TERMS) if (folder / file).exists()]
    if there and not force:
        raise Conflict(
            f"{folder / there[0]} is there already",
            "Give --force to overwrite it, or another --name.",
        )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / DATASET).write_text(dataset_text(draft, name, title), encoding="utf-8")
    if force or TERMS not in there:
        (folder / TERMS).write_text(_TERMS, encoding="utf-8")


def dataset_text(draft: Draft, name: str, title: str) -> str:
    """Return the text of ``dataset.yaml``."""
    unit = draft.unit
    whose = "records" if unit is None else f"{_unit_word(unit)}s (not records)"
    lines = [
        f"# A draft. Fill in each {TO_FILL_IN} from documentation or common sense, never from the",
        "# data; then run 'workbench domain check'.",
        f"name: {name}",
        f"title: {_quoted(title)}",
        f"data: {_quoted(draft.file)}",
        *_reading(draft),
        f"unit_count: {TO_FILL_IN}  # how many {whose}, rounded; public",
        "holdout_fraction: 0.25",
        "snippet: {level: 0, rows: 200}",
        "schema:",
        *_unit_lines(unit),
        "  columns:",
    ]
    for column in draft.columns:
        lines += _column(column, draft)
    lines += [
        f"    # left out, its heading cannot be used: {_quoted(one)}" for one in draft.left_out
    ]
    return "\n".join(lines) + "\n"


def _reading(draft: Draft) -> list[str]:
    if Path(draft.file).suffix not in DELIMITED:
        return []
    reading = draft.reading
    told = f"delimiter: {_quoted(reading.delimiter or ',')}, encoding: {reading.encoding}"
    return [f"reading: {{{told}, decimal: {_quoted(reading.decimal)}}}"]


def _unit_word(unit: DraftColumn) -> str:
    found = (word for start, word in _PERSONS.items() if unit.name.startswith(start))
    return next(found, "person")


def _unit_lines(unit: DraftColumn | None) -> list[str]:
    if unit is None:
        return [
            "  # If one person has several records: the person, and a column with role: unit.",
            "  privacy_unit: record",
        ]
    return [
        f"  privacy_unit: {_unit_word(unit)}  # whom the guarantee protects",
        "  # At most this many records of one are used; 'check' tells how many that keeps.",
        f"  max_records_per_unit: {TO_FILL_IN}",
    ]


def _column(column: DraftColumn, draft: Draft) -> list[str]:
    kind = column.kind
    told = [f"name: {column.name}"]
    if column.profile.heading != column.name:
        told.append(f"source: {_quoted(column.profile.heading)}")
    if column.role in ("unit", "ignored"):
        return [_line([*told, "kind: category", f"role: {column.role}"])]
    told.append(f"kind: {kind}")
    if column.role == "target":
        told.append("role: target")
    if column.entry is not None and column.entry.label:
        told.append(f"description: {_quoted(column.entry.label)}")
    comment = ""
    if kind == "category":
        more, comment = _categories(column)
    elif kind in DATES:
        written = f"format: {_quoted(column.profile.format)}" if column.profile.format else ""
        bounds = ["since: 2000-01-01", f"lower: {TO_FILL_IN}", f"upper: {TO_FILL_IN}"]
        more = [*([written] if written else []), *bounds]
        comment = "public dates, such as 2018-01-01"
    elif kind == "text":
        more = ["tokenizer: bytes", "length: 256"]
        comment = "mind names in it; role: ignored leaves it out"
    else:
        more, comment = _bounds(column)
    missing = column.missing
    if missing or column.profile.missing:
        more.append(f"missing: {json.dumps(missing or [''], ensure_ascii=False)}")
        if kind == "category":
            more.append(f"fill: {TO_FILL_IN}")
    return [_line([*told, *more], comment)]


def _categories(column: DraftColumn) -> tuple[list[str], str]:
    entry = column.entry
    if entry is not None and entry.categories:
        named = {code: label for code, label in entry.categories.items() if code != label}
        told = [f"categories: {_list(dict.fromkeys(entry.categories.values()))}"]
        pairs = ", ".join(f"{_quoted(code)}: {_quoted(label)}" for code, label in named.items())
        return told + ([f"labels: {{{pairs}}}"] if named else []), "of the code book"
    if not column.levels:
        return (
            [f"categories: [{TO_FILL_IN}]", f"other: {OTHER}"],
            "those that are publicly known; all else counts as other",
        )
    told = [f"categories: {_list([*column.levels, OTHER])}", f"other: {OTHER}"]
    return told, "take other away where nothing else can be"


def _bounds(column: DraftColumn) -> tuple[list[str], str]:
    entry, quantity = column.entry, column.quantity
    shape = f"shape: {json.dumps(list(column.profile.shape))}"
    told = [shape] if column.kind == "tensor" else []
    unit = (entry.unit if entry else "") or (quantity.unit if quantity else "")
    told += [f"unit: {_quoted(unit)}"] if unit else []
    if entry is not None and entry.lower is not None and entry.upper is not None:
        return [*told, f"lower: {entry.lower:g}", f"upper: {entry.upper:g}"], "of the code book"
    if quantity is not None:
        bounds = [f"lower: {quantity.lower:g}", f"upper: {quantity.upper:g}"]
        return [*told, *bounds], "a common quantity: check its unit and its bounds"
    return [*told, f"lower: {TO_FILL_IN}", f"upper: {TO_FILL_IN}"], "public bounds"


def _line(parts: list[str], comment: str = "") -> str:
    return f"    - {{{', '.join(parts)}}}" + (f"  # {comment}" if comment else "")


def _list(texts: Iterable[str]) -> str:
    return "[" + ", ".join(map(_quoted, texts)) + "]"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
