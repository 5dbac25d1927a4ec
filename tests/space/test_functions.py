"""Check that a wrong setting of a training function is told where it is written."""

from __future__ import annotations

import pytest

import workbench as wb
from workbench.errors import InvalidArgument


@pytest.mark.parametrize("option", ["optimizer", "clipping", "schedule"])
def test_a_word_that_is_no_option_is_told_with_those_that_are(option):
    with pytest.raises(InvalidArgument, match=f"{option} is 'banana'; expected .* or"):
        wb.training_function(learning_rate=0.1, steps=3, batch_size=8, **{option: "banana"})
