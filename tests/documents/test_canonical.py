"""Canonical JSON: byte for byte what the reference library writes, whatever the value."""

from __future__ import annotations

import pytest
import rfc8785
from hypothesis import example, given, settings
from hypothesis import strategies as st

from workbench.documents.canonical import dumps

NUMBERS = (
    st.integers(-(1 << 53) + 1, (1 << 53) - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.floats(-10, 10)
    | st.sampled_from([0.0, -0.0, 1e-4, 9.9e-5, 1e-7, 1e15, 1e16, 1e21, 1e22, 5e-324, 0.1, 100.0])
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    max_leaves=20,
)


@settings(max_examples=1000, deadline=None)
@given(VALUES)
@example({"\U0001f600": 1, "\ufb33": 2, "a": [{}, [], '\x00\x1f\x7f\u2028"\\\b\f\n\r\t/é']})
def test_it_is_what_the_reference_library_writes(value):
    assert dumps(value) == rfc8785.dumps(value)


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        1 << 53,
        -(1 << 53),
        "\ud800",
        {"\ud800": 1},
        {1: 2},
        {1, 2},
        b"x",
    ],
    ids=repr,
)
def test_what_has_no_canonical_form_is_refused_the_same(value):
    for nested in (value, [value], {"a": value}):
        with pytest.raises(ValueError) as expected:
            rfc8785.dumps(nested)
        with pytest.raises(expected.type):
            dumps(nested)
