"""Turn texts into numbers of tokens and back, the same at a domain and at a researcher's."""

from __future__ import annotations

import codecs
import json
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from workbench.documents import digest_bytes
from workbench.documents.schema import Tokenizer
from workbench.errors import InvalidDocument, InvalidSchema, MissingPackage

BYTES = "bytes"
MAX_BYTES = 16 << 20
"""The largest file of a tokenizer."""
_PADDING = ("[PAD]", "<pad>", "<|endoftext|>")


class _Codec(Protocol):
    def encode(self, text: str) -> list[int]: ...

    def decode(self, tokens: list[int]) -> str: ...


class _Bytes:
    """A token is a byte of UTF-8 plus 1; 0 is padding."""

    def encode(self, text: str) -> list[int]:
        return [byte + 1 for byte in text.encode()]

    def decode(self, tokens: list[int]) -> str:
        return codecs.decode(bytes(token - 1 for token in tokens), "utf-8", "replace")


class _OfFile:
    def __init__(self, found: Any) -> None:
        self._found = found

    def encode(self, text: str) -> list[int]:
        return list(self._found.encode(text).ids)

    def decode(self, tokens: list[int]) -> str:
        return str(self._found.decode(tokens))


class TextTokens:
    """Texts as tokens.

    Parameters
    ----------
    told
        What the card says of the tokenizer.
    content
        Its file; none for ``bytes``.

    Raises
    ------
    InvalidDocument
        If `content` is not the file that the card names, or cannot be read.
    MissingPackage
        If it needs the package ``tokenizers``, which is not installed.
    """

    def __init__(self, told: Tokenizer, content: bytes | None = None) -> None:
        self.told = told
        self._codec: _Codec = _Bytes()
        if told.content is not None:
            if content is None or digest_bytes(content) != told.content:
                raise InvalidDocument("the tokenizer is not the one that the card names")
            self._codec = _OfFile(_read(content))

    def encode(self, texts: Sequence[str], length: int) -> NDArray[np.float32]:
        """Return texts as tokens: cut to `length`, or padded.

        Parameters
        ----------
        texts
            Of n texts.
        length
            Tokens of one text.

        Returns
        -------
        ndarray
            float32, of shape ``(n, length)``: whole numbers in ``[0, vocabulary)``.
        """
        found = np.full((len(texts), length), self.told.padding, dtype=np.float32)
        for row, text in enumerate(texts):
            tokens = self._codec.encode(text)[:length]
            found[row, : len(tokens)] = tokens
        return found

    def decode(self, tokens: Sequence[float]) -> str:
        """Return the text of one record's tokens, of shape ``(length,)``, without the padding."""
        whole = [int(token) for token in tokens]
        return self._codec.decode([token for token in whole if token != self.told.padding])


def tokenizer_of(name: str, content: bytes | None) -> Tokenizer:
    """Return what a card says of a tokenizer.

    Parameters
    ----------
    name
        ``bytes``, or the name of a file.
    content
        That file: JSON of Hugging Face's ``tokenizers``.

    Raises
    ------
    InvalidSchema
        If it cannot be read.
    """
    if content is None:
        return Tokenizer(name=BYTES, vocabulary=257, padding=0)
    if len(content) > MAX_BYTES:
        raise InvalidSchema(f"{name}: {len(content)} bytes; at most {MAX_BYTES}")
    try:
        found = _read(content)
    except InvalidDocument as error:
        raise InvalidSchema(f"{name}: {error.message}") from None
    size = max(found.get_vocab().values(), default=0) + 1
    known = [found.token_to_id(word) for word in _PADDING]
    padding = next((number for number in known if number is not None), size)
    return Tokenizer(
        name=name,
        content=digest_bytes(content),
        vocabulary=max(size, padding + 1),
        padding=padding,
    )


def _read(content: bytes) -> Any:
    try:
        import tokenizers
    except ImportError:
        raise MissingPackage(
            "a tokenizer of a file needs the package 'tokenizers'",
            "pip install 'dataspace-workbench[huggingface]'",
        ) from None
    try:
        json.loads(content)
        found = tokenizers.Tokenizer.from_str(content.decode())
    except Exception:
        # The library raises bare exceptions for whatever it cannot read.
        raise InvalidDocument(
            "it is not a file of Hugging Face's tokenizers (tokenizer.json)"
        ) from None
    found.no_padding()
    found.no_truncation()
    return found
