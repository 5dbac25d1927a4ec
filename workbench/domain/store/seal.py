"""The domain's own secret: it seals noise seeds and derives the key that splits the data."""

from __future__ import annotations

import hmac
import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from workbench.engine.sampling.streams import SEED_BYTES
from workbench.errors import InvalidConfiguration

_NONCE_BYTES = 12


class Seal:
    """Seals and opens seeds with ChaCha20-Poly1305 (RFC 8439).

    Parameters
    ----------
    path
        A file of 32 bytes that only the owner can read.

    Raises
    ------
    InvalidConfiguration
        If the file is missing, readable by others, or of another size.
    """

    def __init__(self, path: Path) -> None:
        try:
            mode, secret = path.stat().st_mode, path.read_bytes()
        except OSError as error:
            raise InvalidConfiguration(
                f"cannot read the sealing key {path}: {error.strerror}"
            ) from None
        if mode & 0o077:
            raise InvalidConfiguration(
                f"the sealing key {path} can be read by other users", f"Run 'chmod 600 {path}'."
            )
        if len(secret) != SEED_BYTES:
            raise InvalidConfiguration(
                f"the sealing key {path} must have {SEED_BYTES} bytes; it has {len(secret)}",
                "Bring it back from a copy of the folder: without it no stored seed can be read.",
            )
        self._secret = secret
        self._cipher = ChaCha20Poly1305(self.derive("seal"))

    @staticmethod
    def create(path: Path) -> None:
        """Write a new sealing key, mode 0600; an existing one is never overwritten.

        Raises
        ------
        InvalidConfiguration
            If there is a file at `path`.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise InvalidConfiguration(f"{path} exists", "A key is never overwritten.") from None
        with os.fdopen(descriptor, "wb") as file:
            file.write(os.urandom(SEED_BYTES))

    def derive(self, label: str) -> bytes:
        """Return the 32-byte key for one purpose, HMAC-SHA256(secret, label)."""
        return hmac.digest(self._secret, label.encode(), "sha256")

    def new_seed(self, request: str) -> bytes:
        """Return a fresh seed, sealed to the request with this digest."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, os.urandom(SEED_BYTES), request.encode())

    def open_seed(self, sealed: bytes, request: str) -> bytes:
        """Return the seed that `new_seed` sealed.

        Raises
        ------
        InvalidConfiguration
            If it was sealed with another key or for another request.
        """
        nonce, body = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            return self._cipher.decrypt(nonce, body, request.encode())
        except (InvalidTag, ValueError):
            raise InvalidConfiguration(
                "a sealed seed cannot be opened: the sealing key or the database was changed"
            ) from None
