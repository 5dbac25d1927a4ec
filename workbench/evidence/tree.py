"""A hash tree over a list: its root stands for all leaves and their order (RFC 6962)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable


def root_of(leaves: Iterable[bytes]) -> bytes:
    """Return the root of the Merkle tree over `leaves`, of which there is at least one.

    Source: RFC 6962, section 2.1. Leaves and inner nodes are hashed with different first bytes, so
    that no list of leaves has the root of a shorter one. The leaves are read one at a time, and
    none is kept.

    Returns
    -------
    bytes
        32 bytes, SHA-256.
    """
    # Roots of full trees, each smaller than the one before it: the binary digits of the count.
    roots: list[bytes] = []
    for count, leaf in enumerate(leaves, 1):
        roots.append(hashlib.sha256(b"\x00" + leaf).digest())
        # As many full trees end here as the count has zeros at its end.
        for _ in range((count & -count).bit_length() - 1):
            roots.append(_joined(roots.pop(-2), roots.pop()))
    while len(roots) > 1:
        roots.append(_joined(roots.pop(-2), roots.pop()))
    return roots[0]


def _joined(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()
