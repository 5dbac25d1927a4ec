"""DSSE envelopes: a payload, its type and signatures over both.

The format is the Dead Simple Signing Envelope, protocol version 1
(https://github.com/secure-systems-lab/dsse/blob/master/protocol.md): what is signed is
``"DSSEv1" SP len(type) SP type SP len(body) SP body``.
"""

from __future__ import annotations

import base64
from typing import Annotated, Self, TypeVar

from pydantic import Field

from workbench.documents.base import Document, KeyId, digest_bytes, type_tuple
from workbench.errors import InvalidDocument, InvalidSignature
from workbench.identity.keys import PrivateKey, PublicKey

D = TypeVar("D", bound=Document)


def _pae(kind: str, body: bytes) -> bytes:
    encoded = kind.encode()
    return b"DSSEv1 %d %b %d %b" % (len(encoded), encoded, len(body), body)


class Signature(Document):
    """One signature of an envelope."""

    keyid: KeyId
    sig: Annotated[str, Field(max_length=128)]


class Envelope(Document):
    """A signed document as it is stored and sent."""

    payload: Annotated[str, Field(max_length=1_400_000)]
    payloadType: Annotated[str, Field(max_length=200)]
    signatures: Annotated[tuple[Signature, ...], type_tuple, Field(min_length=1, max_length=4)]

    @classmethod
    def sign(cls, document: Document, key: PrivateKey) -> Self:
        """Wrap `document` in an envelope signed by `key`.

        Raises
        ------
        TypeError
            If documents of this class are never signed.
        """
        kind, body = document.payload_type, document.canonical()
        if not kind:
            raise TypeError(f"{type(document).__name__} has no payload type: it is never signed")
        signature = Signature(
            keyid=key.key_id, sig=base64.b64encode(key.sign(_pae(kind, body))).decode()
        )
        return cls(
            payload=base64.b64encode(body).decode(), payloadType=kind, signatures=(signature,)
        )

    def open(self, kind: type[D], key: PublicKey) -> D:
        """Return the document if it is of `kind`, signed by `key`, and in canonical form.

        Raises
        ------
        InvalidSignature
            If `key` did not sign exactly this.
        InvalidDocument
            If the payload is of another type, not canonical, or does not fit the model.
        """
        expected = kind.payload_type
        if not expected or self.payloadType != expected:
            raise InvalidDocument(f"envelope: holds '{self.payloadType}', expected '{expected}'")
        body = self._decode(self.payload)
        signature = next((s for s in self.signatures if s.keyid == key.key_id), None)
        if signature is None:
            raise InvalidSignature(
                f"{kind.__name__}: signed by {self.signatures[0].keyid[:12]}, "
                f"expected {key.key_id[:12]}"
            )
        key.verify(self._decode(signature.sig), _pae(expected, body))
        document = kind.parse(body)
        # One digest per meaning: two spellings of one request would be two requests.
        if digest_bytes(body) != document.digest:
            raise InvalidDocument(
                f"{kind.__name__}: the payload is not canonical JSON (RFC 8785), or a text in it "
                "has characters that nobody sees or that turn its direction"
            )
        return document

    @staticmethod
    def _decode(text: str) -> bytes:
        try:
            return base64.b64decode(text, validate=True)
        except ValueError:
            raise InvalidDocument("envelope: not base64") from None


def unverified(envelope: Envelope, kind: type[D]) -> D:
    """Return the document in an envelope; **the signature is not checked**.

    This is for envelopes that were opened before they were stored, and to find out which key a
    stranger's envelope asks for before it is opened with that key.

    Raises
    ------
    InvalidDocument
        If the payload is not base64 or does not fit the model.
    """
    return kind.parse(Envelope._decode(envelope.payload))
