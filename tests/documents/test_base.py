"""Check what every document stands on."""

from __future__ import annotations

from workbench.documents.base import digest_bytes, hex_of, short


def test_a_digest_and_a_key_are_shown_by_their_first_twelve_digits():
    digest = digest_bytes(b"")
    assert hex_of(digest) == hex_of(digest[7:]) == digest[7:]
    assert short(digest) == short(digest[7:]) == "e3b0c44298fc"
