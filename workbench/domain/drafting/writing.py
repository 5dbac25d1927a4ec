"""Write a draft as ``dataset.yaml`` and ``terms.yaml``.

What a steward has to know stands there as ``TODO``, which checking and publishing refuse.

Guarantees: of the file's values nothing is written but labels that somebody has confirmed and codes
of public lists for missing values. Headings are written.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import yaml

from workbench.catalog.files import DATASET, TERMS, DatasetFile
from workbench.catalog.keys import json_schema
from workbench.catalog.open_places import TO_FILL_IN
from workbench.catalog.reading import Reading
from workbench.documents import Terms
from workbench.domain.drafting.draft import Draft
from workbench.domain.drafting.guessing import OTHER, ColumnDraft
from workbench.domain.store.config import DomainFolder
from workbench.domain.store.files import make_private, write_private
from workbench.errors import Conflict, InvalidArgument

SCHEMAS = ".schemas"
"""The folder beside the datasets that has the JSON Schemas of both files, for editors."""
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,200}")
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?")
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*( [A-Za-z0-9_-]+)*")
_SINCE = "2000-01-01"
_ENCODINGS = {"iso8859-1": "latin-1"}
_NEVER = "from the documentation, never from the data"


def write(draft: Draft, folder: DomainFolder, force: bool = False) -> Path:
    """Write a draft into a domain's folder and return the dataset's folder.

    Parameters
    ----------
    draft
        The draft.
    folder
        The domain's.
    force
        Whether a dataset of that name may be overwritten.

    Raises
    ------
    InvalidArgument
        If a file or the dataset has a name that the domain does not take.
    Conflict
        If there is a dataset of that name and it may not; it stays as it is.
    """
    if not _NAME.fullmatch(draft.name):
        raise InvalidArgument(
            f"'{draft.name[:70]}' is no name of a dataset",
            "A name has small letters, digits and hyphens within: --name clinic-visits.",
        )
    for name in draft.files:
        if not _FILE.fullmatch(name):
            raise InvalidArgument(
                f"'{name[:70]}' is no name of a data file",
                "Rename it: letters a to z, digits, '.', '_' and '-', and no blanks.",
            )
    place = folder.datasets / draft.name
    if place.exists() and not force:
        raise Conflict(
            f"there is a dataset '{draft.name}' already",
            "Give it another name with --name, or --force to overwrite its two files.",
        )
    found = folder.datasets.iterdir() if folder.datasets.exists() else ()
    others = any(p.is_dir() and p != place and not p.name.startswith(".") for p in found)
    make_private(folder.datasets)
    make_private(folder.datasets / SCHEMAS)
    for file, kind in ((DATASET, DatasetFile), (TERMS, Terms)):
        text = json.dumps(json_schema(kind), indent=1, ensure_ascii=False)
        write_private(folder.datasets / SCHEMAS / f"{Path(file).stem}.json", text.encode())
    make_private(place)
    write_private(place / DATASET, dataset_text(draft, others).encode())
    write_private(place / TERMS, terms_text(draft).encode())
    return place


def dataset_text(draft: Draft, others: bool = False) -> str:
    """Return the text of ``dataset.yaml``.

    Parameters
    ----------
    draft
        The draft.
    others
        Whether the domain has other datasets, whose people may be the same.
    """
    unit = _unit(draft)
    count = "record_count" if unit == "record" else "unit_count"
    data = [_scalar(name) for name in draft.files]
    lines = [
        _editor("dataset"),
        "# A first draft. Each TODO waits for a public fact; 'workbench domain check' names them.",
        "# No bound and no label may come from the data.",
        f"name: {_scalar(draft.name)}",
        f"title: {_scalar(draft.title) if draft.title else f'{TO_FILL_IN}  # for people'}",
        f"data: {data[0] if len(data) == 1 else _flow(data)}",
        *_reading(draft.reading),
    ]
    if others:
        lines.append(
            f"population: {TO_FILL_IN}  # 'new' if none of these people are in another dataset"
        )
    lines += [
        f"{count}: {TO_FILL_IN}  # how many {unit}s there are, rounded; it is published",
        "holdout_fraction: 0.25  # this share never trains and only measures",
        "snippet: {level: 0, rows: 200}  # made up from the schema alone",
        "schema:",
        *_protected(draft, unit),
        "  columns:",
    ]
    for column in draft.columns:
        lines += _left_out(column) if column.left_out else _column(column)
    if not any(column.role == "target" for column in draft.used):
        lines.append("# No target was found. Write role: target beside it, if there is one.")
    return "\n".join(lines) + "\n"


def terms_text(draft: Draft) -> str:
    """Return the text of ``terms.yaml``: nothing is allowed that a steward has not filled in."""
    unit = _unit(draft)
    return "\n".join(
        [
            _editor("terms"),
            f"text: {TO_FILL_IN}  # for what the data may be used, in words",
            f"purposes: {TO_FILL_IN}  # of the GA4GH Data Use Ontology, such as [DUO:0000007]",
            'researchers: ["*"]  # everybody who is admitted, or a list of key ids',
            f"epsilon_total: {TO_FILL_IN}  # for one {unit}, over all that is ever released",
            f"epsilon_per_run: {TO_FILL_IN}  # how much of it one run may take at most",
            f"delta: {TO_FILL_IN}  # well below one in the number of {unit}s, such as 1.0e-6",
            "outputs: [model, metrics, statistics]",
            "minimum_records: 100",
            "approval: {mode: steward}  # each request waits for you",
            "",
        ]
    )


def _editor(name: str) -> str:
    return f"# yaml-language-server: $schema=../{SCHEMAS}/{name}.json"


def _unit(draft: Draft) -> str:
    units = [column for column in draft.used if column.role == "unit"]
    if not units:
        return "record"
    return "patient" if re.match("pat|pac", units[0].name) else "person"


def _protected(draft: Draft, unit: str) -> list[str]:
    if unit == "record":
        return [
            "  # No column was found that tells persons apart: each record is protected by itself.",
            "  # Has a person several? Write role: unit at their column, and privacy_unit: person.",
        ]
    return [
        f"  privacy_unit: {unit}  # whom the guarantee protects",
        f"  max_records_per_unit: 1  # of one {unit}; 'check' tells what other numbers would use",
    ]


def _reading(reading: Reading) -> list[str]:
    told = reading.model_dump(exclude_defaults=True)
    if not told:
        return []
    told["encoding"] = _ENCODINGS.get(reading.encoding, reading.encoding)
    pairs = [f"{key}: {_scalar(told[key])}" for key in Reading.model_fields if key in told]
    return [f"reading: {{{', '.join(pairs)}}}"]


def _left_out(column: ColumnDraft) -> list[str]:
    return [f"    # Left out: {json.dumps(column.heading)}, since {column.left_out}."]


def _column(column: ColumnDraft) -> list[str]:
    """Return the lines of one column."""
    lines = [f"name: {_scalar(column.name)}"]
    if column.heading != column.name:
        lines.append(f"source: {_scalar(column.heading, always=True)}")
    lines.append(f"kind: {column.kind}")
    if column.role != "feature":
        what = "tells persons apart" if column.role == "unit" else "is what is learned"
        lines.append(f"role: {column.role}  # if this {what}")
    if column.description:
        lines.append(f"description: {_scalar(column.description)}")
    if column.unit and column.kind in ("number", "integer"):
        lines.append(f"unit: {_scalar(column.unit)}")
    if column.role != "unit":
        lines += _facts(column)
    return [f"    {'- ' if place == 0 else '  '}{line}" for place, line in enumerate(lines)]


def _facts(column: ColumnDraft) -> list[str]:
    if column.kind == "category":
        return [*_categories(column), *_codes(column)]
    if column.kind in ("date", "datetime"):
        return [*_dates(column), *_codes(column)]
    if column.kind == "text":
        return [
            "tokenizer: bytes",
            "length: 128  # longer texts are cut; names in them stay",
            *_codes(column),
        ]
    lines = []
    if column.kind == "tensor" and not column.shape:
        lines.append(f"shape: {TO_FILL_IN}  # [channels, height, width] of images, and public")
        lines.append(f"files: {{folder: {TO_FILL_IN}}}  # the folder in data/ that holds them")
    if column.shape:
        lines.append(f"shape: {_flow([str(size) for size in column.shape])}")
    for name, bound in (("lower", column.lower), ("upper", column.upper)):
        known = f"# {column.source}" if name == "lower" and bound is not None else ""
        open_ = f"# a public {name} bound, {_NEVER}" if bound is None else known
        hint = f"; {column.hint}" if bound is None and column.hint and name == "lower" else ""
        lines.append(
            f"{name}: {TO_FILL_IN if bound is None else f'{bound:.12g}'}  {open_}{hint}".rstrip()
        )
    return [*lines, *_codes(column)]


def _categories(column: ColumnDraft) -> list[str]:
    named = [_label(one) for one in column.categories or ()]
    lines = []
    if column.labels:
        pairs = [
            f"{_scalar(code, always=True)}: {_label(name)}" for code, name in column.labels.items()
        ]
        lines.append(f"labels: {{{', '.join(pairs)}}}")
    if not named:
        lines.append(f"categories: {TO_FILL_IN}  # the labels that are publicly known, {_NEVER}")
    else:
        source = f"  # {column.source}" if column.source else ""
        lines.append(f"categories: {_flow(named)}{source}")
    if column.other or not named:
        other = OTHER if OTHER not in (column.categories or ()) else f"{OTHER}_label"
        lines.append(f"other: {other}  # all other labels")
    return lines


def _dates(column: ColumnDraft) -> list[str]:
    lines = []
    if column.format is None:
        lines.append(f"format: {TO_FILL_IN}  # {column.hint or 'how the file writes dates'}")
    elif column.format:
        lines.append(f"format: {json.dumps(column.format)}")
    return [
        *lines,
        f"since: {_SINCE}  # a public day, from which days are counted",
        f"lower: {TO_FILL_IN}  # a public date, {_NEVER}",
        f"upper: {TO_FILL_IN}",
    ]


def _codes(column: ColumnDraft) -> list[str]:
    if not column.missing:
        return []
    lines = [f"missing: {_flow([_scalar(code, always=True) for code in column.missing])}"]
    if column.kind == "category":
        lines.append(f"fill: {TO_FILL_IN}  # which category stands for a missing value")
    return lines


def _flow(items: list[str]) -> str:
    return f"[{', '.join(items)}]"


def _label(text: str) -> str:
    """Return a label as YAML: whole numbers as they are, so that 1 is also 1.0."""
    return text if re.fullmatch(r"-?(0|[1-9][0-9]{0,8})", text) else _scalar(text)


def _scalar(value: str | int, always: bool = False) -> str:
    """Return a value as YAML; in quotes if it would be read as something else, or `always`."""
    if isinstance(value, int):
        return str(value)
    plain = _PLAIN.fullmatch(value) and value != TO_FILL_IN and not always
    if plain and yaml.safe_load(value) == value:
        return value
    quoted = json.dumps(value, ensure_ascii=False)
    # YAML has JSON's escapes, but not its pairs of surrogates.
    return "".join(one if one.isprintable() else f"\\U{ord(one):08X}" for one in quoted)
