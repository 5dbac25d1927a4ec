"""What each key of a file means: from the model that reads it, for editors and for the reference.

The meaning of a key is what the docstring of its model says of it under ``Attributes``.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from workbench.documents.base import IDENTIFIER

_SECTION = re.compile(r"^Attributes\n-+\n(.*?)(?=^\w[\w ]*\n-+\n|\Z)", re.M | re.S)
_LIMITS = {
    "minimum": "from {}",
    "exclusiveMinimum": "over {}",
    "maximum": "to {}",
    "exclusiveMaximum": "below {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {}",
    "maxItems": "at most {} of them",
    "maxProperties": "at most {} of them",
}
_PATTERNS = {
    "^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$": "small letters, digits and inner hyphens, at most 64",
    IDENTIFIER: "letters a to z, digits and _, no digit at the beginning, at most 128",
    r"^[^\x00-\x1f]*$": "one line",
    r"^\d{4}-\d{2}-\d{2}$": "as 2024-12-31",
    r"^\d{4}-\d\d-\d\d$": "as 2024-12-31",
    r"^DUO:\d{7}$": "as DUO:0000007",
    r"^(\*|[0-9a-f]{64})$": "`*` or 64 hexadecimal digits",
    r"^https?://[^\s/]+/?$": "as https://host:port",
}
_WORDS = {"string": "text", "integer": "whole number", "boolean": "true or false", "null": "null"}


@dataclass(frozen=True)
class Key:
    """A key of a file.

    Attributes
    ----------
    path
        Where it stands, such as ``schema.columns[].lower``.
    kind, limits
        What may stand there, in words.
    default
        What holds if it is not there; empty if it has to be.
    meaning
        What it means.
    """

    path: str
    kind: str
    limits: str
    default: str
    meaning: str


def meanings(model: type[BaseModel]) -> dict[str, str]:
    """Return what a model's docstring, and those that it builds on, say of its keys."""
    found: dict[str, str] = {}
    for one in reversed(model.__mro__):
        section = _SECTION.search(inspect.cleandoc(one.__doc__ or ""))
        if section is None or not issubclass(one, BaseModel):
            continue
        for part in re.split(r"\n(?=\S)", section.group(1).strip()):
            names, _, text = part.partition("\n")
            told = " ".join(text.split())
            found |= {name.strip(): told for name in names.split(",")}
    return found


def keys(model: type[BaseModel], before: str = "") -> Iterator[Key]:
    """Yield the keys of a file, those of inner models behind the key that holds them.

    Parameters
    ----------
    model
        What reads the file.
    before
        What stands before each path.
    """
    told, schema = meanings(model), _schema(model)
    for name, info in model.model_fields.items():
        key = info.alias or name
        inner = list(_models(info.annotation))
        facts = _resolved(schema["properties"][key], schema)
        several = any("$ref" in one.get("items", {}) for one in _alternatives(facts))
        path = f"{before}{key}" + "[]" * several
        yield Key(
            path=path,
            kind=_kind(facts, schema),
            limits=_limits(facts),
            default=_default(info),
            meaning=told.get(name, ""),
        )
        # Of several kinds of tables some keys are the same.
        below = {one.path: one for part in inner for one in keys(part, f"{path}.")}
        yield from below.values()


def json_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Return the JSON Schema of a file, with what each key means."""
    found = _schema(model)
    found["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    known = {one.__name__: one for one in _all_models(model)}
    for name, part in {model.__name__: found, **found.get("$defs", {})}.items():
        part.pop("description", None)
        if name in known:
            aliases = {f.alias or n: n for n, f in known[name].model_fields.items()}
            told = meanings(known[name])
            for key, facts in part.get("properties", {}).items():
                facts["description"] = told.get(aliases[key], "")
    return found


def _schema(model: type[BaseModel]) -> dict[str, Any]:
    found = model.model_json_schema(by_alias=True)
    _count_items(found)
    return found


def _count_items(part: Any) -> None:
    """Name the limits of lists as JSON Schema does: pydantic calls some of them those of texts."""
    if isinstance(part, dict):
        if part.get("type") == "array":
            for text, items in (("minLength", "minItems"), ("maxLength", "maxItems")):
                if text in part:
                    part[items] = part.pop(text)
        part = list(part.values())
    if isinstance(part, list):
        for one in part:
            _count_items(one)


def _all_models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield model
    for info in model.model_fields.values():
        for inner in _models(info.annotation):
            yield from _all_models(inner)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the models within the type of a field."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for one in get_args(annotation):
        yield from _models(one)


def _resolved(facts: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    reference = facts.get("$ref")
    if reference is None:
        return facts
    found: dict[str, Any] = schema["$defs"][reference.rpartition("/")[2]]
    return found


def _alternatives(facts: dict[str, Any]) -> list[dict[str, Any]]:
    found = facts.get("anyOf", [facts])
    return [one for one in found if one.get("type") != "null"]


def _kind(facts: dict[str, Any], schema: dict[str, Any]) -> str:
    """Return what may stand in a place, in words."""
    found = []
    for one in (_resolved(one, schema) for one in _alternatives(facts)):
        if "properties" in one:
            found.append("table")
        elif "enum" in one or "const" in one:
            values = one.get("enum", [one.get("const")])
            found.append(" or ".join(f"`{value}`" for value in values))
        elif one.get("type") == "array":
            inner = one.get("items", {})
            found.append(f"list of: {_kind(inner, schema)}")
        elif one.get("type") == "object":
            found.append(f"pairs of text and {_kind(one.get('additionalProperties', {}), schema)}")
        else:
            found.append(_WORDS.get(one.get("type", ""), one.get("type", "anything")))
    return " or ".join(dict.fromkeys(found))


def _limits(facts: dict[str, Any]) -> str:
    """Return the limits of a value, in words."""
    found = []
    for one in _alternatives(facts):
        inner = [one, *(_alternatives(one["items"]) if "items" in one else [])]
        for part in inner:
            found += [words.format(f"{part[k]:,}") for k, words in _LIMITS.items() if k in part]
            if "pattern" in part:
                pattern = part["pattern"]
                found.append(_PATTERNS.get(pattern, f"pattern `{pattern}`"))
    return ", ".join(dict.fromkeys(found))


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return ""
    value = info.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        return "see below"
    if value is None:
        return "none"
    if value in ("", (), {}):
        return "empty"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return f"`[{', '.join(map(str, value))}]`"
    return f"`{value}`"
