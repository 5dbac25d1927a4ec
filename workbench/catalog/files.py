"""Read ``dataset.yaml`` and ``terms.yaml``, written by a steward; errors name file, line and field.

The YAML is walked as a tree of nodes before anything is built from it: aliases (which can expand
without bound), duplicate keys and unknown keys are refused, so a typing error never becomes a
silently different rule.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import Field, ValidationError, model_validator

from workbench.catalog import tokenizers
from workbench.catalog.open_places import TO_FILL_IN, still_open
from workbench.catalog.reading import ColumnInFile, Reading, SchemaInFile
from workbench.catalog.sources import Data
from workbench.documents import Document, Schema, Terms
from workbench.documents.base import Finite, Line, Name, Text, in_words, type_tuple
from workbench.errors import InvalidSchema

DATASET = "dataset.yaml"
TERMS = "terms.yaml"
MAX_BYTES = 1 << 20
_MAX_DEPTH = 20
_MOST_ERRORS = 10
_EXPONENT = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)[eE][-+]?\d+")


class SnippetWish(Document):
    """How to make the snippet: its level, its rows and, for level 1, what it may cost.

    Attributes
    ----------
    level
        0: drawn from the schema alone. 1: from noised counts of the target, which are charged.
    rows
        How many rows it has.
    epsilon
        What level 1 may cost; level 0 has none.
    """

    level: Literal[0, 1] = 0
    rows: Annotated[int, Field(ge=10, le=10_000)] = 200
    epsilon: Annotated[Finite, Field(ge=0, le=10)] = 0.0

    @model_validator(mode="after")
    def _paid(self) -> Self:
        if (self.level == 1) != (self.epsilon > 0):
            raise ValueError("a snippet of level 1 needs an epsilon, one of level 0 has none")
        return self


class DatasetFile(Document):
    """What ``dataset.yaml`` says.

    Attributes
    ----------
    name
        The dataset's name, that of its folder.
    title
        What it is, in a line for people.
    description
        What it is, in some paragraphs for people.
    citation
        How to cite it.
    licence
        Under which licence it is.
    data
        Where the records come from: a file in the domain's folder ``data``, several files, a query
        or a cohort; never published.
    reading
        How that file is written; never published.
    population
        Whose data it is: the name of a population, or ``new``. The first dataset may leave it out.
    blocks
        Which blocks of the population are in the data; all, if none is named.
    records_per_member
        How many records a person has at most, where single records join a population of persons.
    record_count, unit_count
        How many units there are, rounded and public; one of the two has to be there.
    holdout_fraction
        The share of units that never trains and only measures.
    snippet
        The synthetic rows that everybody may see.
    data_schema
        What the records look like, in public facts.
    """

    name: Name
    title: Line
    description: Text = ""
    citation: Line = ""
    licence: Line = ""
    data: Data
    reading: Reading = Reading()
    population: Name | None = None
    blocks: Annotated[tuple[Line, ...], type_tuple, Field(max_length=10_000)] = ()
    records_per_member: Annotated[int | None, Field(ge=1, le=1000)] = None
    record_count: Annotated[int | None, Field(ge=1)] = None
    unit_count: Annotated[int | None, Field(ge=1)] = None
    holdout_fraction: Annotated[float, Field(ge=0, le=0.5)] = 0.25
    snippet: SnippetWish = SnippetWish()
    data_schema: SchemaInFile = Field(alias="schema")

    @model_validator(mode="after")
    def _counted(self) -> Self:
        if (self.record_count is None) == (self.unit_count is None):
            raise ValueError(
                "say once how many there are, rounded: unit_count (persons, or whatever the "
                "privacy unit is) or record_count, which means the same"
            )
        return self

    @property
    def count(self) -> int:
        """How many units there are, as it is published."""
        return self.unit_count or self.record_count or 0


class DatasetSource(Document):
    """What the two files say; of `reading` and `columns` nothing is published.

    `data_schema` is what is published of `columns`, and `tokenizer_files` what lies beside the
    files, by name.
    """

    name: Name
    title: Line
    description: Text
    citation: Line
    licence: Line
    data: Data
    reading: Reading = Field(Reading(), exclude=True)
    columns: tuple[ColumnInFile, ...] = Field((), exclude=True)
    tokenizer_files: dict[str, bytes] = Field({}, exclude=True)
    population: Name | None
    blocks: tuple[str, ...]
    records_per_member: int | None
    record_count: int
    holdout_fraction: float
    snippet: SnippetWish
    data_schema: Schema
    terms: Terms


class _Reader:
    """Turns YAML nodes into plain values and remembers the line of each."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lines: dict[tuple[str | int, ...], int] = {}
        self.open: list[tuple[str | int, ...]] = []
        self._loader = yaml.SafeLoader("")

    def fail(self, line: int, where: str, why: str) -> InvalidSchema:
        place = f"{self.name}:{line}: {where}: {why}" if where else f"{self.name}:{line}: {why}"
        return InvalidSchema(place)

    def value(self, node: yaml.Node, path: tuple[str | int, ...] = ()) -> Any:
        line = node.start_mark.line + 1
        self.lines[path] = line
        if len(path) > _MAX_DEPTH:
            raise self.fail(line, _dotted(path), "nested too deeply")
        if isinstance(node, yaml.MappingNode):
            found: dict[str, Any] = {}
            for key_node, value_node in node.value:
                if not isinstance(key_node, yaml.ScalarNode):
                    raise self.fail(line, _dotted(path), "a key must be a word")
                key = str(key_node.value)
                if key in found:
                    raise self.fail(
                        key_node.start_mark.line + 1, _dotted((*path, key)), "appears twice"
                    )
                found[key] = self.value(value_node, (*path, key))
            return found
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*path, i)) for i, item in enumerate(node.value)]
        try:
            value = self._loader.construct_object(node)
        except (yaml.YAMLError, ValueError) as error:
            raise self.fail(line, _dotted(path), f"cannot be read ({error})"[:200]) from None
        unquoted = isinstance(value, str) and getattr(node, "style", None) is None
        if unquoted and value == TO_FILL_IN:
            self.open.append(path)
        if unquoted and _EXPONENT.fullmatch(value):
            # YAML 1.1 takes 1e5 for text; a point and a sign it wants are usual nowhere else.
            return float(value)
        # YAML turns 2027-12-31 into a date; documents hold it as text.
        return value.isoformat() if hasattr(value, "isoformat") else value


def _dotted(path: tuple[str | int, ...]) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _parse(path: Path) -> tuple[Any, _Reader]:
    name = path.name
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InvalidSchema(f"{name}: over {MAX_BYTES} bytes")
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InvalidSchema(f"{path} is missing", "See docs/steward.md for an example.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidSchema(f"{name}: cannot be read ({type(error).__name__})") from None
    try:
        for token in yaml.scan(text, Loader=yaml.SafeLoader):
            if isinstance(token, yaml.AliasToken | yaml.AnchorToken | yaml.TagToken):
                line = token.start_mark.line + 1
                raise InvalidSchema(f"{name}:{line}: anchors, aliases and tags are not allowed")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise InvalidSchema(f"{name}:{line}: not YAML: {error.problem}") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise InvalidSchema(f"{name}: not YAML ({type(error).__name__})") from None
    if not isinstance(node, yaml.MappingNode):
        raise InvalidSchema(f"{name}:1: expected 'key: value' lines")
    reader = _Reader(name)
    return reader.value(node), reader


def _documents(kinds: dict[Path, type[Any]]) -> list[Any]:
    """Return what files say; what is wrong in all of them is told at once."""
    found: list[Any] = []
    wrong: list[InvalidSchema] = []
    for path, kind in kinds.items():
        try:
            found.append(_document(kind, path))
        except InvalidSchema as error:
            wrong.append(error)
    if wrong:
        hints = [error.hint for error in wrong if error.hint]
        raise InvalidSchema("\n".join(error.message for error in wrong), *hints[:1])
    return found


def _document(kind: type[Any], path: Path) -> Any:
    content, reader = _parse(path)
    if reader.open:
        told = [f"{path.name}:{reader.lines[at]}: {still_open(at, content)}" for at in reader.open]
        raise InvalidSchema(
            "\n".join(told),
            f"Write what is publicly known in the place of {TO_FILL_IN}, not what the data say.",
        )
    try:
        return kind.model_validate_json(_json(content, path.name))
    except ValidationError as error:
        raise InvalidSchema(_explained(path.name, error, content, reader)) from None


def _explained(name: str, error: ValidationError, content: Any, reader: _Reader) -> str:
    """Return one line for each field that is wrong, as ``file:line: field: what``."""
    found: dict[tuple[str | int, ...], str] = {}
    for item in error.errors(include_url=False, include_input=False):
        where: tuple[str | int, ...] = tuple(item["loc"])
        known = where
        while known not in reader.lines:
            known = known[:-1]
        # Of a value that may be of several types, each says that it is not the one.
        several = len(known) > 1 and known != where and isinstance(_at(content, known), bool | str)
        place = known if several else where
        found.setdefault(place, _said(in_words(item), _at(content, known), place))
    lines = []
    for where, message in list(found.items())[:_MOST_ERRORS]:
        known = where
        while known not in reader.lines:
            known = known[:-1]
        label = _dotted(where)
        lines.append(f"{name}:{reader.lines[known]}: {label + ': ' if label else ''}{message}")
    if len(found) > _MOST_ERRORS:
        lines.append(f"… and {len(found) - _MOST_ERRORS} more")
    return "\n".join(lines)


def _at(content: Any, path: tuple[str | int, ...]) -> Any:
    for part in path:
        content = content[part]
    return content


def _said(message: str, value: Any, where: tuple[str | int, ...]) -> str:
    """Return what is wrong with a value, in words."""
    if isinstance(value, bool) and "boolean" not in message:
        word = "yes, true or on" if value else "no, false or off"
        return f"YAML takes {word} for true or false; as a word it is written in quotes"
    if where[-1:] == ("name",) and where[0] == "schema" and "a name has letters" in message:
        heading = json.dumps(value, ensure_ascii=False)
        return f"{message}; write the file's heading beside it: source: {heading}"
    return message


def _json(content: Any, name: str) -> str:
    try:
        return json.dumps(content, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidSchema(f"{name}: a value is not allowed ({error})"[:300]) from None


def _tokenizer_files(folder: Path, columns: tuple[ColumnInFile, ...]) -> dict[str, bytes]:
    """Return the tokenizers' files that columns name."""
    names = {one.tokenizer for one in columns if one.tokenizer not in (None, tokenizers.BYTES)}
    found: dict[str, bytes] = {}
    for name in sorted(name for name in names if name is not None):
        path = folder / name
        try:
            if path.stat().st_size > tokenizers.MAX_BYTES:
                raise InvalidSchema(f"{name}: over {tokenizers.MAX_BYTES} bytes")
            found[name] = path.read_bytes()
        except OSError as error:
            raise InvalidSchema(
                f"{name}: cannot be read ({error.strerror})",
                f"A tokenizer's file lies beside {DATASET}; tokenizer: bytes needs none.",
            ) from None
    return found


def read_dataset(folder: Path) -> DatasetSource:
    """Read a dataset's two files.

    Parameters
    ----------
    folder
        Holds ``dataset.yaml`` and ``terms.yaml``.

    Raises
    ------
    InvalidSchema
        If one is missing or wrong, as ``file:line: field: what``.
    """
    dataset, terms = _documents({folder / DATASET: DatasetFile, folder / TERMS: Terms})
    texts = _tokenizer_files(folder, dataset.data_schema.columns)
    told = {name: tokenizers.tokenizer_of(name, content) for name, content in texts.items()}
    told[tokenizers.BYTES] = tokenizers.tokenizer_of(tokenizers.BYTES, None)
    return DatasetSource(
        name=dataset.name,
        title=dataset.title,
        description=dataset.description,
        citation=dataset.citation,
        licence=dataset.licence,
        data=dataset.data,
        reading=dataset.reading,
        columns=dataset.data_schema.columns,
        tokenizer_files=texts,
        population=dataset.population,
        blocks=dataset.blocks,
        records_per_member=dataset.records_per_member,
        record_count=dataset.count,
        holdout_fraction=dataset.holdout_fraction,
        snippet=dataset.snippet,
        data_schema=dataset.data_schema.published(told),
        terms=terms,
    )
