"""Randomness from a sealed seed: unpredictable to everyone else, repeatable to its holder.

A seed gives one independent ChaCha20 stream (RFC 8439) per label, with the key
HMAC-SHA256(seed, label). Gaussians come from the Box-Muller transform in float64; each is the
scaled sum of four, which hides the gaps in floating-point numbers that would tell a noised value's
origin (Mironov 2012; Holohan and Braghin 2021, section 4).
"""

from __future__ import annotations

import hmac

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
from numpy.typing import NDArray

SEED_BYTES = 32


class SealedRandom:
    """The streams of one seed.

    Parameters
    ----------
    seed
        32 bytes, used for one run only.

    Raises
    ------
    ValueError
        If `seed` has another length.
    """

    def __init__(self, seed: bytes) -> None:
        if len(seed) != SEED_BYTES:
            raise ValueError(f"a seed has {SEED_BYTES} bytes, not {len(seed)}")
        self._seed = seed

    def stream(self, label: str) -> Stream:
        """Return the stream for `label`, from its beginning."""
        return Stream(hmac.digest(self._seed, label.encode(), "sha256"))


class Stream:
    """A stream of random numbers; it never repeats and never goes back."""

    def __init__(self, key: bytes) -> None:
        self._keystream = Cipher(ChaCha20(key, bytes(16)), mode=None).encryptor()

    def words(self, count: int) -> NDArray[np.uint64]:
        """Return `count` uniform 64-bit words, shape ``(count,)``."""
        return np.frombuffer(self._keystream.update(bytes(8 * count)), dtype="<u8")

    def bernoulli(self, probability: float, count: int) -> NDArray[np.bool_]:
        """Return `count` independent draws that are true with `probability`, shape ``(count,)``.

        The probability is exact to 2**-53.
        """
        return (self.words(count) >> np.uint64(11)) < np.uint64(round(probability * 2.0**53))

    def gaussian(self, count: int) -> NDArray[np.float64]:
        """Return `count` standard normal numbers, float64, shape ``(count,)``."""
        words = self.words(4 * count) >> np.uint64(11)
        # In (0, 1]: the logarithm of zero would be infinite.
        radius = np.sqrt(-2.0 * np.log((words[: 2 * count] + np.uint64(1)) * 2.0**-53))
        angle = words[2 * count :] * (2.0 * np.pi * 2.0**-53)
        four = (radius * np.cos(angle) + radius * np.sin(angle)).reshape(2, count)
        summed: NDArray[np.float64] = (four[0] + four[1]) / 2.0
        return summed
