"""Every layer and loss of ``torch.nn`` trains, is converted, or is refused with a way that works.

A layer of a newer PyTorch without a row fails here by its name. Several rows are exported as one
model; for each record all their gradients are compared with plain autograd.
"""

from __future__ import annotations

import inspect
import os
import re
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.graphs.torch_nn.agreement import check_records
from tests.graphs.torch_nn.functions import FUNCTIONS, OF_LAYERS
from tests.graphs.torch_nn.layers import LAYERS
from tests.graphs.torch_nn.refusals import LAYERS as REFUSED
from tests.graphs.torch_nn.refusals import OTHERS
from tests.graphs.torch_nn.together import Together
from workbench.errors import GraphRefused

DOCUMENT = Path(__file__).parents[2] / "docs/models.md"
BEGIN, END = "<!-- layers: begin -->", "<!-- layers: end -->"
CONTAINERS = """
Container DataParallel Module ModuleDict ModuleList ParameterDict ParameterList RNNBase RNNCellBase
Sequential
"""
"""What holds layers, or is what several of them have in common."""
NO_LAYERS = """
Optional assert_int_or_pair boolean_dispatch handle_torch_function has_torch_function
has_torch_function_unary has_torch_function_variadic
"""
WITHOUT_GRADIENTS = "grouped_mm native_channel_shuffle scaled_grouped_mm scaled_mm"
"""Functions that PyTorch itself does not train here."""
CONVERTED = "batch normalization"
MODELS = {
    family: [*dict.fromkeys(way for ways in rows.values() for way in ways)]
    for family, rows in LAYERS.items()
}
_SIZE = 14
GROUPS = [
    pytest.param(ways[start : start + _SIZE], id=f"{family} {start // _SIZE + 1}")
    for family, ways in [*MODELS.items(), ("functions", [w for f in FUNCTIONS.values() for w in f])]
    for start in range(0, len(ways), _SIZE)
]


REMEDIES = [r.remedy for r in (*REFUSED.values(), *OTHERS.values()) if r.remedy is not None]


def refused_names():
    return {name for text in REFUSED for name in re.findall(r"\w+", text)}


def test_every_layer_and_loss_has_a_row():
    found = {
        name
        for name, value in vars(nn).items()
        if inspect.isclass(value) and issubclass(value, nn.Module) and not name.startswith("_")
    }
    rows = {name for family in LAYERS.values() for name, ways in family.items() if ways}
    assert found - set(CONTAINERS.split()) - rows - refused_names() == set()


def test_every_function_has_a_row():
    found = {
        name
        for name, value in vars(F).items()
        if callable(value) and not inspect.isclass(value) and not name.startswith("_")
    }
    rows = {name for family in LAYERS.values() for name in family}
    by_layer = {name for name, layer in OF_LAYERS.items() if layer in rows}
    known = {
        *NO_LAYERS.split(),
        *WITHOUT_GRADIENTS.split(),
        *FUNCTIONS,
        *by_layer,
        *OTHERS,
        "fractional_max_pool3d",
    }
    assert {name.removesuffix("_with_indices") for name in found - set(FUNCTIONS)} - known == set()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("ways", GROUPS)
def test_gradients_are_those_of_plain_autograd_record_by_record(ways):
    torch.manual_seed(0)
    check_records(Together(ways))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", {**REFUSED, **OTHERS})
def test_a_refusal_names_what_it_refuses(name):
    refusal = {**REFUSED, **OTHERS}[name]
    with pytest.raises(GraphRefused) as caught:
        Together([refusal.refused]).exported()
    assert refusal.words in caught.value.message
    assert "See docs/models.md" not in caught.value.hint


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("start", range(0, len(REMEDIES), _SIZE))
def test_what_a_refusal_says_to_use_instead_trains(start):
    torch.manual_seed(0)
    check_records(Together(REMEDIES[start : start + _SIZE]))


def shown(names):
    """Return names as code; of those for several dimensions the others as ``2d`` and ``3d``."""
    told = []
    for name in sorted(names):
        stem, space = re.fullmatch(r"(.*?)([123]d)?", name).groups()
        first = not told or space is None or not told[-1].startswith(f"`{stem}1d`")
        told += [f"`{name}`"] if first else []
        told[-1] += "" if first else f" `{space}`"
    return told


def table():
    """Return the table of docs/models.md."""
    lines = ["| of `torch.nn` | | use instead |", "|---|---|---|"]
    for family, rows in LAYERS.items():
        state = "converted, see below" if family == CONVERTED else "trains"
        lines.append(f"| {family}: {', '.join(shown(rows))} | {state} | |")
    lines += [f"| `{name}` | refused | {r.instead} |" for name, r in REFUSED.items()]
    return "\n".join(lines)


def test_the_guide_has_the_table_of_these_rows():
    """With ``WORKBENCH_DOCS=1`` it is written."""
    text = DOCUMENT.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    new = f"{before}{BEGIN}\n{table()}\n{END}{after}"
    if os.environ.get("WORKBENCH_DOCS"):
        DOCUMENT.write_text(new)
    assert DOCUMENT.read_text() == new
