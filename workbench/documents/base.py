"""The base of every document: frozen, strict, with one canonical form and one digest."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import re
import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar, Self

import rfc8785
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)

from workbench.errors import InvalidDocument

MAX_DOCUMENT_BYTES = 1 << 20
_MANY_DIGITS = re.compile(rb"\d{16}")


def _tupled(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


_JOINERS = "\u200c\u200d"
_UNSEEN = frozenset({"Cc", "Cf", "Zl", "Zp"})


def visible(text: str) -> str:
    """Return `text` without invisible characters and without those that turn the text around.

    Those are control and format characters of Unicode and its separators of lines and paragraphs.
    Line feeds, tabs and the two joiners, which scripts and emoji need, stay.
    """
    if text.isprintable():
        return text
    return "".join(
        c for c in text if c in "\n\t" + _JOINERS or unicodedata.category(c) not in _UNSEEN
    )


Visible = AfterValidator(visible)
"""Makes a text field hold only what people see, so a signature over other text does not open."""

Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
"""``sha256:`` and 64 hexadecimal digits."""

KeyId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""SHA-256 of the 32 raw bytes of an Ed25519 public key, in hexadecimal."""

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$")]
"""A domain's or dataset's name: lower case, digits and inner hyphens, at most 64."""

IDENTIFIER = r"^[A-Za-z_][A-Za-z0-9_]{0,127}$"
Identifier = Annotated[str, StringConstraints(pattern=IDENTIFIER)]
"""A column's, metric's or function's name."""

Line = Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00-\x1f]*$"), Visible]
"""One line of text for people."""

Text = Annotated[str, StringConstraints(max_length=20_000), Visible]
"""Some paragraphs of text for people."""

Note = Annotated[str, StringConstraints(max_length=2000), Visible]
"""A few sentences of text for people."""

Timestamp = Annotated[
    str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$")
]
"""UTC, RFC 3339."""

Finite = Annotated[float, Field(allow_inf_nan=False)]

type_tuple = BeforeValidator(_tupled)
"""Lets a JSON array fill a tuple field although the document is strict."""


def digest_bytes(data: bytes) -> str:
    """Return the `Digest` of `data`."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def hex_of(digest: str) -> str:
    """Return the hexadecimal digits of a `Digest`, as file names need them: no ``sha256:``."""
    return digest.removeprefix("sha256:")


def short(digest: str) -> str:
    """Return the first 12 hexadecimal digits of a `Digest` or `KeyId`, to show to people."""
    return hex_of(digest)[:12]


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine, by its name ``localhost`` or its IP address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def now() -> str:
    """Return the current time as a `Timestamp`."""
    return _timestamp(datetime.now(UTC))


def ago(*, hours: float) -> str:
    """Return the time `hours` before now as a `Timestamp`; timestamps sort as text."""
    return _timestamp(datetime.now(UTC) - timedelta(hours=hours))


def _timestamp(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def plain(value: Any) -> Any:
    """Return a number of NumPy or of another library, of shape ``()``, as the number that it is.

    Lists, tuples and dicts are looked into; all else, arrays with it, comes back as it is.
    """
    if isinstance(value, list | tuple) and type(value) in (list, tuple):
        return type(value)(plain(one) for one in value)
    if type(value) is dict:
        return {plain(key): plain(one) for key, one in value.items()}
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        return value.item()
    return value


class Document(BaseModel):
    """A frozen pydantic model whose JSON has one canonical form (RFC 8785).

    Unknown fields, NaN and infinities are refused, so equal documents have equal bytes and equal
    digests on every machine.

    Attributes
    ----------
    payload_type
        The DSSE payload type under which documents of this class are signed; empty for those that
        are never signed. It is written out in each class: a class can be renamed, what was signed
        cannot.
    """

    payload_type: ClassVar[str] = ""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, populate_by_name=True
    )

    def canonical(self) -> bytes:
        """Return the canonical JSON of this document as bytes (RFC 8785)."""
        return rfc8785.dumps(self.model_dump(mode="json", by_alias=True))

    @property
    def digest(self) -> str:
        """The `Digest` of `canonical()`."""
        return digest_bytes(self.canonical())

    @classmethod
    def parse(cls, data: bytes | str) -> Self:
        """Read a document from JSON.

        Raises
        ------
        InvalidDocument
            If `data` is over 1 MiB, is not JSON, does not fit the model, or has a whole number
            that canonical JSON cannot hold (RFC 8785, section 3.2.2.3); names each field.
        """
        if len(data) > MAX_DOCUMENT_BYTES:
            raise InvalidDocument(
                f"{cls.__name__}: {len(data)} bytes; at most {MAX_DOCUMENT_BYTES}"
            )
        try:
            found = cls.model_validate_json(data)
            if _MANY_DIGITS.search(data.encode() if isinstance(data, str) else data):
                found.canonical()
        except (ValidationError, RecursionError) as error:
            raise InvalidDocument(explain(cls.__name__, error)) from None
        except rfc8785.CanonicalizationError:
            raise InvalidDocument(
                f"{cls.__name__}: a whole number is over {2**53 - 1}",
                "Larger ones are not the same in every language that reads JSON.",
            ) from None
        return found

    @classmethod
    def read(cls, value: Any) -> Self:
        """Like `parse`, for values already decoded from JSON or YAML; see `plain` for numbers.

        Raises
        ------
        InvalidDocument
            As `parse`, and if `value` cannot be written as JSON; names the field.
        """
        value = plain(value)
        try:
            return cls.parse(json.dumps(value, allow_nan=False))
        except (TypeError, ValueError) as error:
            field = _unwritable(value)
            raise InvalidDocument(f"{cls.__name__}{field}: {error}") from None


def _unwritable(value: Any) -> str:
    """Return the field of a document that cannot be written as JSON, with a dot before it."""
    for name, one in value.items() if isinstance(value, dict) else ():
        try:
            json.dumps(one, allow_nan=False)
        except (TypeError, ValueError):
            return f".{name}{_unwritable(one)}"
    return ""


def explain(what: str, error: ValidationError | RecursionError) -> str:
    """Return one line per wrong field: where, and what was expected."""
    if isinstance(error, RecursionError):
        return f"{what}: nested too deeply"
    lines = [
        f"{what}.{'.'.join(str(part) for part in item['loc'])}: {in_words(item)}"
        for item in error.errors(include_url=False, include_input=False)[:20]
    ]
    return "\n".join(lines)


def in_words(item: Any) -> str:
    """Return what pydantic says of one wrong field, without patterns that have words."""
    if item["type"] == "string_pattern_mismatch" and item["ctx"]["pattern"] == IDENTIFIER:
        return "a name has letters a to z, digits and _ only, and begins with no digit"
    return str(item["msg"]).removeprefix("Value error, ")
