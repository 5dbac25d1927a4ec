"""A label as an index reads and writes what a number of Python would, in whatever place."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tests.graphs.agreement import SCHEMA, check_sums
from workbench.errors import GraphRefused
from workbench.graphs.export.forms.labels import LabelsAsIndices
from workbench.graphs.export.training import export

LABELS = [torch.int64, torch.int32, torch.int16, torch.int8]


@st.composite
def indices(draw):
    """Draw a shape, and an index into it with labels, numbers, slices, None and an ellipsis."""
    shape = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=4)))
    items = []
    for size in shape[: draw(st.integers(1, len(shape)))]:
        place = draw(st.integers(-size, size - 1))
        start = draw(st.integers(0, size - 1))
        label = torch.tensor(place, dtype=draw(st.sampled_from(LABELS)))
        items.append(draw(st.sampled_from([label, label, place, slice(start, None)])))
    if draw(st.booleans()):
        items.insert(draw(st.integers(0, len(items))), None)
    if draw(st.booleans()):
        # At its place stand all dimensions that the others leave.
        taken = sum(item is not None for item in items)
        items = [*items[: draw(st.integers(0, len(items)))], Ellipsis] if taken else [Ellipsis]
    return shape, tuple(items)


def plain(index):
    return tuple(int(item) if isinstance(item, torch.Tensor) else item for item in index)


@given(indices())
def test_what_is_read_is_what_a_number_reads(drawn):
    shape, index = drawn
    value = torch.randn(shape)
    with LabelsAsIndices():
        found = value[index]
    assert torch.equal(found, value[plain(index)])


@given(indices(), st.sampled_from(["number", "whole", "row"]))
@settings(max_examples=200)
def test_what_is_written_is_what_a_number_writes(drawn, what):
    shape, index = drawn
    wanted = torch.randn(shape)
    found, part = wanted.clone(), wanted[plain(index)]
    new = {"number": 7.0, "whole": torch.randn(part.shape), "row": torch.randn(part.shape[-1:])}[
        what
    ]
    wanted[plain(index)] = new
    with LabelsAsIndices():
        found[index] = new
    assert torch.equal(found, wanted)


@pytest.mark.parametrize("read", [True, False])
def test_a_label_of_dtype_uint8_would_be_a_mask(read):
    value, label = torch.zeros(3), torch.tensor(1, dtype=torch.uint8)
    with LabelsAsIndices(), pytest.raises(GraphRefused, match="is a mask"):
        if read:
            value[label]
        else:
            value[label] = 1.0


class Hot(nn.Module):
    """Writes what it computes where the label says, and looks it up there."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Linear(4, 3), nn.Linear(3, 3)


def written(m, r):
    table = torch.zeros(2, 3, 3)
    table[0, r["y"]] = m.first(r["x"])
    table[1, :, r["y"]] = m.first(r["x"]) * 2
    table[..., r["y"], r["y"]] += 1.0
    return F.cross_entropy(m.second(table[0, r["y"]] + table[1, :, r["y"]]), r["y"])


def test_what_is_written_at_a_label_has_the_gradient_of_autograd():
    check_sums(written, Hot, export(written, Hot(), SCHEMA))
