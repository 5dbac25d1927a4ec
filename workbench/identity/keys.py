"""Make, store and name Ed25519 keys (RFC 8032)."""

from __future__ import annotations

import base64
import hashlib
import os
from pathlib import Path

from cryptography.exceptions import InvalidSignature as _BadSignature
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from workbench.errors import InvalidConfiguration, InvalidDocument, InvalidSignature

_PRIME = 2**255 - 19
_ORDER_8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
_SMALL_ORDER = frozenset({0, 1, _PRIME - 1, _ORDER_8, _PRIME - _ORDER_8})
"""The y of the curve's points of order 1, 2, 4 and 8."""


class PublicKey:
    """An Ed25519 public key.

    Parameters
    ----------
    raw
        The key's 32 bytes.

    Raises
    ------
    InvalidDocument
        If `raw` is not 32 bytes, or a point for which anyone can sign: of small order, or written
        in a second way, which RFC 8032, 5.1.3 refuses.
    """

    def __init__(self, raw: bytes) -> None:
        try:
            self.crypto = Ed25519PublicKey.from_public_bytes(raw)
        except ValueError:
            raise InvalidDocument(f"public key: {len(raw)} bytes; Ed25519 keys have 32") from None
        y = int.from_bytes(raw, "little") & (2**255 - 1)
        if y >= _PRIME or y in _SMALL_ORDER:
            raise InvalidDocument(
                "public key: a point of small order, or not written as RFC 8032 says: anyone could "
                "sign for it",
                "Make a key with 'workbench key create'.",
            )
        self.raw = raw

    @property
    def key_id(self) -> str:
        """SHA-256 of the raw key, 64 hexadecimal digits."""
        return hashlib.sha256(self.raw).hexdigest()

    def __str__(self) -> str:
        return "ed25519:" + base64.b64encode(self.raw).decode()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PublicKey) and other.raw == self.raw

    def __hash__(self) -> int:
        return hash(self.raw)

    @classmethod
    def from_text(cls, text: str) -> PublicKey:
        """Read ``ed25519:<base64>``, the form that `str` gives.

        Raises
        ------
        InvalidDocument
            If `text` has another form.
        """
        prefix, _, body = text.strip().partition(":")
        if prefix != "ed25519":
            raise InvalidDocument("public key: expected the form 'ed25519:<base64>'")
        try:
            return cls(base64.b64decode(body, validate=True))
        except ValueError:
            raise InvalidDocument("public key: the part after 'ed25519:' is not base64") from None

    def verify(self, signature: bytes, message: bytes) -> None:
        """Check that `signature` over `message` is by this key.

        Raises
        ------
        InvalidSignature
            If it is not.
        """
        try:
            self.crypto.verify(signature, message)
        except _BadSignature:
            raise InvalidSignature(f"the signature is not by key {self.key_id[:12]}") from None


class PrivateKey:
    """An Ed25519 private key."""

    def __init__(self, crypto: Ed25519PrivateKey) -> None:
        self.crypto = crypto
        self.public = PublicKey(
            crypto.public_key().public_bytes(
                serialization.Encoding.Raw, serialization.PublicFormat.Raw
            )
        )

    @property
    def key_id(self) -> str:
        """The `PublicKey.key_id` of the public half."""
        return self.public.key_id

    def sign(self, message: bytes) -> bytes:
        """Return the 64-byte signature of `message`."""
        return self.crypto.sign(message)

    @classmethod
    def create(cls) -> PrivateKey:
        """Make a new key from the operating system's randomness."""
        return cls(Ed25519PrivateKey.generate())

    def save(self, path: Path) -> None:
        """Write the key as PKCS #8 PEM, mode 0600, and its public half beside it as ``.pub``.

        Raises
        ------
        InvalidConfiguration
            If `path` exists: a key is never overwritten.
        """
        pem = self.crypto.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise InvalidConfiguration(f"{path} exists", "A key is never overwritten.") from None
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
        path.with_suffix(".pub").write_text(f"{self.public}\n")

    @classmethod
    def load(cls, path: Path) -> PrivateKey:
        """Read a key that `save` wrote.

        Raises
        ------
        InvalidConfiguration
            If the file is missing, readable by others, or no Ed25519 key.
        """
        try:
            mode = path.stat().st_mode
            pem = path.read_bytes()
        except OSError as error:
            raise InvalidConfiguration(
                f"cannot read the key {path}: {error.strerror}",
                "Make one with 'workbench key create'.",
            ) from None
        try:
            crypto = serialization.load_pem_private_key(pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise InvalidConfiguration(f"{path} is not a private key in PEM form") from None
        if not isinstance(crypto, Ed25519PrivateKey):
            raise InvalidConfiguration(f"{path} is not an Ed25519 key")
        # Not before it is known to be a key: other files may have to be readable.
        if mode & 0o077:
            raise InvalidConfiguration(
                f"the key {path} can be read by other users", f"Run 'chmod 600 {path}'."
            )
        return cls(crypto)
