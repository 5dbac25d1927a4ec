"""A hash tree over a list: its root stands for all leaves and their order (RFC 6962)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


def root_of(leaves: Sequence[bytes]) -> bytes:
    """Return the root of the Merkle tree over `leaves`, of which there is at least one.

    Source: RFC 6962, section 2.1. Leaves and inner nodes are hashed with different first bytes, so
    that no list of leaves has the root of a shorter one.

    Returns
    -------
    bytes
        32 bytes, SHA-256.
    """
    nodes = [hashlib.sha256(b"\x00" + leaf).digest() for leaf in leaves]
    # Pairing neighbours and carrying the odd one up is the tree of RFC 6962.
    while len(nodes) > 1:
        paired = [
            hashlib.sha256(b"\x01" + left + right).digest()
            for left, right in zip(nodes[::2], nodes[1::2], strict=False)
        ]
        nodes = paired + ([nodes[-1]] if len(nodes) % 2 else [])
    return nodes[0]
