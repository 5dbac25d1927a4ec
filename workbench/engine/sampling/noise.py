"""Draw random numbers from a sealed seed: secret to others, repeatable to its holder.

A seed gives one independent stream per name (`workbench.engine.sampling.streams`): AES-256 in
counter mode (NIST SP 800-38A) under the key HMAC-SHA256(seed, name). Gaussians come from the
Box-Muller transform in float64 on 52 random bits each. Floating-point numbers have gaps, and which
of them a noised sum can fall into would tell the sum (Mironov 2012). So a noised sum is rounded to
a grid that is far coarser than the gaps: between two neighbours of the grid lie some 2**30 values
of the noise, and rounding a noised value is post-processing.
"""

from __future__ import annotations

import hmac
import math

import numpy as np
import torch
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR
from numpy.typing import NDArray

from workbench.engine.sampling.streams import SEED_BYTES, StreamName

_GRID = 2.0**-20
_PIECE = 1 << 17
"""How many normal numbers are made at once: a few arrays of them fit into a processor's caches."""
_PLAIN = memoryview(bytes(8 * _PIECE))
_AT_ONCE = 1 << 12
"""How many normal numbers are drawn at once where fewer are asked for; the others wait."""
_ONE = np.float64(1.0).view(np.uint64)


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

    def stream(self, name: StreamName, rank: int | None = None) -> Stream:
        """Return a stream, from its beginning.

        Parameters
        ----------
        name
            Which one.
        rank
            For a stream of which each rank has its own: which rank's.
        """
        label = name if rank is None else f"{name}/{rank}"
        return Stream(hmac.digest(self._seed, label.encode(), "sha256"))


class Stream:
    """A stream of random numbers; it never repeats and never goes back."""

    def __init__(self, key: bytes) -> None:
        self._keystream = Cipher(AES(key), CTR(bytes(16))).encryptor()
        self._waiting = torch.empty(0, dtype=torch.float64)
        # Kept: in a worker, new memory is filled first.
        self._words = np.empty(0, dtype=np.uint64)
        self._drawn = torch.empty(0, dtype=torch.float64)

    def words(self, count: int) -> NDArray[np.uint64]:
        """Return `count` uniform 64-bit words, uint64, shape ``(count,)``."""
        return np.frombuffer(self._keystream.update(bytes(8 * count)), dtype="<u8")

    def bernoulli(self, probability: float, count: int) -> NDArray[np.bool_]:
        """Return `count` independent draws, bool, ``(count,)``, that are true with `probability`.

        The probability is exact to 2**-53.
        """
        return (self.words(count) >> np.uint64(11)) < np.uint64(round(probability * 2.0**53))

    def gaussian(self, count: int) -> torch.Tensor:
        """Return `count` standard normal numbers, float64, shape ``(count,)``."""
        if count >= _AT_ONCE:
            pieces = range(0, count, _PIECE)
            return torch.cat([self._fresh(min(_PIECE, count - at)).clone() for at in pieces])
        if count > len(self._waiting):
            self._waiting = self._fresh(_AT_ONCE).clone()
        drawn, self._waiting = self._waiting[:count].clone(), self._waiting[count:]
        return drawn

    def _fresh(self, count: int) -> torch.Tensor:
        """Return up to `_PIECE` normal numbers, in memory that the next call writes again."""
        half = (count + 1) // 2
        if len(self._words) < 2 * half:
            self._words = np.empty(2 * half, dtype=np.uint64)
            self._drawn = torch.empty(2 * half, dtype=torch.float64)
        words, drawn = self._words[: 2 * half], self._drawn[: 2 * half]
        self._keystream.update_into(_PLAIN[: words.nbytes], memoryview(words.data).cast("B"))
        words >>= np.uint64(12)
        words |= _ONE
        # Random fractions under the exponent of 1: uniform in [1, 2).
        uniform = words.view(np.float64)
        radius, angle = torch.from_numpy(uniform[:half]), torch.from_numpy(uniform[half:])
        # In (0, 1]: the logarithm of zero would be infinite.
        np.subtract(2.0, uniform[:half], out=uniform[:half])
        radius.log_().mul_(-2.0)
        np.sqrt(uniform[:half], out=uniform[:half])
        angle.mul_(2.0 * math.pi)
        torch.cos(angle, out=drawn[:half]).mul_(radius)
        torch.sin(angle, out=drawn[half:]).mul_(radius)
        return drawn[:count]

    def add_noise(self, values: torch.Tensor, scale: float) -> None:
        """Add Gaussian noise to every entry, in place, and round to a grid.

        Parameters
        ----------
        values
            float64, of any shape, contiguous.
        scale
            The noise's standard deviation; the grid is the power of two at or below
            ``scale * 2**-20``. With 0, which only a rehearsal may ask for, nothing happens.
        """
        if scale == 0:
            return
        grid = 2.0 ** math.floor(math.log2(scale * _GRID))
        # In pieces, so that drawing for a large model takes little memory beside it.
        flat = values.view(-1)
        for start in range(0, len(flat), _PIECE):
            part = flat[start : start + _PIECE]
            count = part.numel()
            drawn = self._fresh(count) if count >= _AT_ONCE else self.gaussian(count)
            part.add_(drawn, alpha=scale)
            # By a power of two: exact.
            part.mul_(1 / grid).round_().mul_(grid)
