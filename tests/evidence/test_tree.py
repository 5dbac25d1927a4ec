"""Check the hash tree against the definition in RFC 6962, section 2.1."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from workbench.evidence.tree import root_of


def defined(leaves):
    """The definition: split at the largest power of two that is smaller than the length."""
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + defined(leaves[:half]) + defined(leaves[half:])).digest()


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=40))
def test_the_root_is_that_of_the_definition(leaves):
    assert root_of(leaves) == defined(leaves)
