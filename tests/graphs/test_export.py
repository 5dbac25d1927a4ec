"""What a researcher's function may be, and what a refusal says."""

from __future__ import annotations

import io
import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.engine.models import MODELS, classify
from workbench.documents import Schema
from workbench.errors import GraphRefused, UnknownColumn
from workbench.graphs.export.features import features
from workbench.graphs.export.training import export

TABLE = Schema.read(
    {
        "columns": [
            {"name": "age", "kind": "number", "lower": 0, "upper": 120},
            {"name": "smokes", "kind": "category", "categories": ["no", "yes"]},
            {"name": "ill", "kind": "category", "role": "target", "categories": ["no", "yes"]},
        ]
    }
)


def on_table(model, record):
    return F.cross_entropy(model(features(record)), record["ill"])


def linear(seed=0):
    torch.manual_seed(seed)
    return nn.Linear(3, 2)


def test_equal_functions_give_equal_bytes():
    first, second = (export(on_table, linear(), TABLE) for _ in range(2))
    assert first.archive == second.archive
    assert first.digest == second.digest
    assert export(on_table, linear(1), TABLE).digest != first.digest


def test_nothing_of_this_machine_travels():
    archive = export(on_table, linear(), TABLE).archive
    assert b"test_export" not in archive
    assert b"stack_trace" not in archive


def test_the_file_is_a_pt2_that_pytorch_opens():
    graph = export(on_table, linear(), TABLE)
    program = torch.export.load(io.BytesIO(graph.archive))
    record = (torch.tensor(40.0), torch.tensor(1), torch.tensor(0))
    expected = F.cross_entropy(linear()(torch.tensor([40 / 60 - 1, 0.0, 1.0])), torch.tensor(0))
    assert torch.allclose(program.module()(*record)[0], expected)


def test_only_columns_that_are_read_travel():
    graph = export(lambda m, r: m(r["age"].reshape(1)).sum(), nn.Linear(1, 1), TABLE)
    assert graph.inputs == ("age",)


@pytest.mark.parametrize("name", MODELS)
def test_every_family_of_models_exports(name):
    make, function, schema = MODELS[name]
    graph = export(function, make(), schema)
    assert graph.facts.trainable > 0
    assert graph.facts.activation_bytes > 0


def test_a_batch_norm_function_is_refused_with_the_remedy():
    def mixed(model, record):
        positions = model(features(record)).reshape(1, 1, 2)
        return F.batch_norm(positions, None, None, training=True).sum()

    with pytest.raises(GraphRefused, match="batch_norm") as caught:
        export(mixed, linear(), TABLE)
    assert "GroupNorm" in caught.value.hint


def test_a_recurrent_layer_that_drops_out_between_its_layers_is_refused():
    layer = nn.LSTM(2, 2, 2, dropout=0.1)
    with pytest.raises(GraphRefused, match=r"layer '1' \(LSTM\) drops out between its layers"):
        export(on_table, nn.Sequential(nn.Linear(3, 2), layer), TABLE)


def bounded(model, record):
    return F.embedding(record["smokes"], model.weight, max_norm=0.1).sum()


@pytest.mark.parametrize(
    ("function", "model", "words"),
    [
        (lambda m, r: m(r["smokes"]).sum(), nn.Embedding(2, 4, max_norm=0.1), "max_norm"),
        (bounded, nn.Embedding(2, 4), "max_norm"),
        (on_table, nn.utils.parametrizations.spectral_norm(nn.Linear(3, 2)), "spectral_norm"),
        (on_table, nn.utils.spectral_norm(nn.Linear(3, 2)), "spectral_norm"),
    ],
)
def test_a_model_that_would_write_into_itself_is_refused_and_is_as_it_was(function, model, words):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(GraphRefused, match=words):
        export(function, model, TABLE)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_buffer_that_forward_writes_to_is_refused():
    class Counting(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Linear(3, 2)
            self.register_buffer("seen", torch.zeros(()))

        def forward(self, x):
            self.seen += 1
            return self.inner(x)

    with pytest.raises(GraphRefused, match="buffer 'seen' is written"):
        export(on_table, Counting(), TABLE)


def test_a_seed_within_the_function_is_refused():
    def seeded(model, record):
        torch.manual_seed(0)
        return (model(features(record)) + torch.randn(2)).sum()

    with pytest.raises(GraphRefused, match="manual_seed") as caught:
        export(seeded, linear(), TABLE)
    assert "buffer" in caught.value.hint


def test_a_slice_to_the_end_and_an_and_of_masks_are_written_as_allowed_operators():
    def masked(model, record):
        logits = model(features(record))
        both = (logits[1:] > -9) & (logits[1:] < 9)
        either = (logits[:1] > 9) | both
        return torch.where(either, logits[1:], 0.0).sum()

    operators = export(masked, linear(), TABLE).facts.operators
    assert {"aten.bitwise_and.Tensor", "aten.bitwise_or.Tensor"} <= set(operators)


def test_an_operator_made_of_allowed_ones_is_taken_apart():
    def stepped(model, record):
        return torch.diff(model(features(record))).square().sum()

    graph = export(stepped, linear(), TABLE)
    assert "aten.diff.default" not in graph.facts.operators


def test_tied_parameters_are_kept_under_whichever_name_the_graph_uses():
    class Tied(nn.Module):
        def __init__(self, first, second):
            super().__init__()
            setattr(self, first, nn.Linear(3, 2, bias=False))
            setattr(self, second, nn.Linear(3, 2, bias=False))
            getattr(self, second).weight = getattr(self, first).weight
            self.names = (first, second)

        def forward(self, x):
            return getattr(self, self.names[0])(x) + getattr(self, self.names[1])(2 * x)

    for names in (("a", "b"), ("b", "a")):
        graph = export(on_table, Tied(*names), TABLE)
        assert len(graph.ties) == len(graph.trainable) == 1
        assert {*graph.ties, *graph.ties.values()} == {"a.weight", "b.weight"}
        assert set(graph.ties.values()) == graph.trainable


def test_a_column_that_does_not_exist_gets_a_suggestion():
    with pytest.raises(UnknownColumn, match="no column 'aeg'") as caught:
        export(lambda m, r: m(r["aeg"].reshape(1)).sum(), nn.Linear(1, 1), TABLE)
    assert "Did you mean age?" in caught.value.hint


def test_a_loss_that_is_not_one_number_is_refused():
    with pytest.raises(GraphRefused, match="the loss has shape"):
        export(lambda m, r: m(features(r)), linear(), TABLE)


def test_a_function_that_returns_something_else_is_told_what_to_return():
    with pytest.raises(GraphRefused, match="must return a loss"):
        export(lambda m, r: "loss", linear(), TABLE)


def test_half_precision_parameters_are_refused():
    with pytest.raises(GraphRefused, match=r"expected float32"):
        export(classify, nn.Linear(6, 3).half(), MODELS["linear"][2])


@pytest.mark.parametrize(
    ("said", "step"),
    [
        ("has to be a number that is not NaN", lambda out: (out == math.nan).float()),
        ("entries that are NaN", lambda out: out + torch.tensor([0.0, math.nan])),
    ],
)
def test_a_number_that_is_nan_is_refused_with_its_line(said, step):
    with pytest.raises(GraphRefused, match=rf"(?s){said}.*at test_export.py, line \d+"):
        export(lambda m, r: step(m(features(r))).sum(), linear(), TABLE)


@pytest.mark.parametrize(
    ("value", "said"),
    [(math.nan, "that are NaN"), (math.inf, "that are infinite"), (1e7, r"above 1e\+06")],
)
def test_a_parameter_that_is_not_finite_or_too_large_is_refused_by_name(value, said):
    model = linear()
    with torch.no_grad():
        model.bias[0] = value
    with pytest.raises(GraphRefused, match=f"tensor 'bias' has entries {said}"):
        export(on_table, model, TABLE)
