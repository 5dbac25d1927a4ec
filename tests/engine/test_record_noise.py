"""Random numbers of a record's own: fresh, repeatable, and never another record's."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from pydantic import TypeAdapter, ValidationError
from torch import nn

from tests.engine.models import CLASSES, schema_of
from tests.engine.support import batch, flat, records, trained
from workbench.documents.inputs import MAX_NOISE_NUMBERS, GraphInput, NoiseInput
from workbench.engine.sampling.batches import UnitTable
from workbench.engine.sampling.noise import SealedRandom
from workbench.engine.sums.clipping import ClippedSum
from workbench.errors import GraphRefused, UnknownColumn
from workbench.graphs.export.draws import drawing_from
from workbench.graphs.export.features import RecordView, noise
from workbench.graphs.export.training import export
from workbench.graphs.inputs import check_inputs

SCHEMA = schema_of((6,))
C = 0.5


def noisy(model, record):
    """The loss moves with the noise of the record, through a nonlinearity."""
    logits = torch.tanh(model(record["x"] + noise(record, 6))) * (1 + noise(record))
    return F.cross_entropy(logits, record["y"]), {"accuracy": logits.argmax() == record["y"]}


@pytest.fixture(scope="module")
def graph():
    torch.manual_seed(0)
    return export(noisy, nn.Linear(6, CLASSES), SCHEMA)


def inputs(graph, rows=9):
    columns = batch(SCHEMA, rows)
    generator = torch.Generator().manual_seed(3)
    return [
        columns[name]
        if name in columns
        else torch.randn((rows, *NoiseInput.parse(name).shape), generator=generator)
        for name in graph.inputs
    ]


def test_each_draw_is_an_input_that_says_its_shape_and_is_no_column(graph):
    assert graph.inputs == ("x", "y", "noise:0:6", "noise:1:")
    check_inputs(graph, graph.inputs, SCHEMA)
    with pytest.raises(GraphRefused, match="the graph takes"):
        check_inputs(graph, ("x", "y", "noise:0:7", "noise:1:"), SCHEMA)
    with pytest.raises(GraphRefused, match="the graph takes"):
        check_inputs(graph, ("noise:0:6", "noise:2:", "noise:3:", "noise:1:"), SCHEMA)


def test_noise_of_one_record_never_reaches_another_records_term(graph):
    """The term of each record is the same alone and among others with other noise."""
    values = inputs(graph)
    present = torch.ones(9, dtype=torch.bool)
    together = flat(ClippedSum(graph, C)(graph.parameters, tuple(values), present))
    alone = [
        flat(
            ClippedSum(graph, C)(graph.parameters, tuple(v[r : r + 1] for v in values), present[:1])
        )
        for r in range(9)
    ]
    assert torch.allclose(together, sum(alone), atol=1e-6)
    others = [v.clone() for v in values]
    for position in (2, 3):
        others[position][4] += 1.0
    moved = flat(ClippedSum(graph, C)(graph.parameters, tuple(others), present))
    changed = flat(
        ClippedSum(graph, C)(graph.parameters, tuple(v[4:5] for v in others), present[:1])
    )
    assert float((moved - together).norm()) > 1e-3
    assert torch.allclose(moved - together, changed - alone[4], atol=1e-6)


def test_whatever_the_noise_one_record_moves_the_sum_by_at_most_c(graph):
    values = inputs(graph)
    values[2] *= 1e4
    present = torch.ones(9, dtype=torch.bool)
    summing = ClippedSum(graph, C)
    whole = flat(summing(graph.parameters, tuple(values), present))
    for row in range(9):
        without = present.clone()
        without[row] = False
        assert float((whole - flat(summing(graph.parameters, tuple(values), without))).norm()) <= C


def test_draws_are_standard_normal_and_fresh_for_each_record_and_round():
    table = UnitTable(records(40), ("x", "noise:0:50"), 1, SealedRandom(bytes(32)).stream("n"))
    rounds = [
        torch.cat([columns[1] for columns, _ in table.chunks(np.arange(40), 16)]) for _ in range(3)
    ]
    drawn = torch.cat(rounds)
    assert drawn.dtype == torch.float32
    assert drawn.shape == (3 * 48, 50)
    assert len(drawn.unique()) > 0.999 * drawn.numel()
    count = drawn.numel()
    assert abs(float(drawn.mean())) < 5 / count**0.5
    assert abs(float(drawn.var()) - 1) < 5 * (2 / count) ** 0.5


def test_without_a_stream_no_noise_is_made_up():
    with pytest.raises(ValueError, match="no stream"):
        UnitTable(records(5), ("x", "noise:0:"), 1)


def test_one_seed_repeats_a_run_bit_for_bit_and_another_draws_others(graph):
    first, again = (trained(replace(graph, metrics=("accuracy",))) for _ in range(2))
    assert all(torch.equal(first.parameters[n], again.parameters[n]) for n in graph.trainable)
    assert first.metrics == again.metrics
    streams = [SealedRandom(bytes([n]) * 32).stream("record-noise") for n in range(2)]
    tables = [UnitTable(records(5), ("noise:0:3",), 1, stream) for stream in streams]
    one, two = (next(table.chunks(np.arange(5), 5))[0][0] for table in tables)
    assert not torch.equal(one, two)


def test_the_losss_noise_is_not_the_noise_that_covers_the_sums():
    random = SealedRandom(bytes(32))
    labels = (
        "record-noise/0",
        "record-noise/1",
        "record-noise-metrics/0",
        "public-noise",
        "noise",
        "sampling",
        "metrics",
    )
    drawn = {label: random.stream(label).gaussian(4).numpy().tobytes() for label in labels}
    assert len(set(drawn.values())) == len(labels)


@pytest.mark.parametrize("name", ["age", "_x9", "noise:0:", "noise:0:3", "noise:999:16x3x2"])
def test_names_that_a_request_may_have(name):
    assert TypeAdapter(GraphInput).validate_python(name) == name
    parsed = NoiseInput.parse(name)
    assert name == (parsed.name if parsed else name)


@pytest.mark.parametrize(
    "name",
    [
        "noise:00:3",
        "noise:0",
        "noise:0:0",
        "noise:0:3x",
        "noise:-1:3",
        "noise:0:3 ",
        "noise:1000:3",
        "noise:0:12345678",
        "Noise:0:3",
        "noise:0:1x1x1x1x1x1x1x1x1",
        "a:b",
        "noise:0:3\n",
    ],
)
def test_other_names_are_refused(name):
    with pytest.raises(ValidationError):
        TypeAdapter(GraphInput).validate_python(name)
    assert NoiseInput.parse(name) is None


def test_too_much_noise_is_refused():
    def greedy(model, record):
        return model(record["x"]).sum() + noise(record, MAX_NOISE_NUMBERS).sum() + noise(record)

    with pytest.raises(GraphRefused, match="random numbers for one record"):
        export(greedy, nn.Linear(6, 1), SCHEMA)


@pytest.mark.parametrize("shape", [(0,), (-1,), (1.5,), (10**7,), (1,) * 9, (True,)])
def test_sizes_that_are_none_are_refused(shape):
    with pytest.raises(GraphRefused, match="sizes"):
        noise(RecordView(SCHEMA, {}), *shape)


def test_noise_needs_the_record_of_a_training_function():
    with pytest.raises(UnknownColumn, match=r"noise\(\) takes the record"):
        noise({"x": torch.zeros(6)}, 3)


def dropping(layer, x):
    view = RecordView(SCHEMA, {})
    with drawing_from(view):
        return layer(x), view.drawn


@pytest.mark.parametrize(
    ("layer", "shape", "drawn"),
    [
        (nn.Dropout(0.25), (40, 1000), ["noise:0:40x1000"]),
        (nn.Dropout2d(0.25), (1, 4000, 3, 3), ["noise:0:1x4000x1x1"]),
        (nn.Dropout1d(0.25), (4000, 5), ["noise:0:1x4000x1"]),
    ],
)
def test_dropout_zeroes_its_share_and_scales_the_rest(layer, shape, drawn):
    torch.manual_seed(0)
    out, names = dropping(layer, torch.ones(shape))
    assert names == drawn
    assert out.unique().tolist() == pytest.approx([0, 1 / 0.75])
    share = float((out == 0).float().mean())
    assert abs(share - 0.25) < 5 * (0.25 * 0.75 / 4000) ** 0.5


def test_dropout_in_evaluation_mode_or_with_p_0_draws_nothing():
    x = torch.ones(5)
    for layer in (nn.Dropout(0.5).eval(), nn.Dropout(0.0)):
        out, names = dropping(layer, x)
        assert torch.equal(out, x)
        assert names == []


def test_torch_has_its_own_dropout_back_afterwards():
    before = F.dropout, F.scaled_dot_product_attention
    with pytest.raises(ZeroDivisionError):
        with drawing_from(RecordView(SCHEMA, {})):
            assert torch.equal(F.dropout(torch.ones(9), 1.0), torch.zeros(9))
            _ = 1 / 0
    assert (F.dropout, F.scaled_dot_product_attention) == before


def test_other_threads_keep_torchs_own_dropout():
    view = RecordView(SCHEMA, {})
    with drawing_from(view):
        with ThreadPoolExecutor(1) as pool:
            out = pool.submit(F.dropout, torch.ones(1000), 0.5).result()
    assert 0 < int((out == 0).sum()) < 1000
    assert view.drawn == []


def test_dropout_inside_attention_draws_from_the_record():
    torch.manual_seed(0)
    layer = nn.MultiheadAttention(8, 2, dropout=0.5, batch_first=True)
    x = torch.randn(1, 5, 8)
    (dropped, _), names = dropping(lambda x: layer(x, x, x, need_weights=False), x)
    assert len(names) == 1
    assert NoiseInput.parse(names[0]).numbers == 2 * 5 * 5
    assert not torch.allclose(dropped, layer.eval()(x, x, x, need_weights=False)[0])
