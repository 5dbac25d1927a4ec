"""What tests of sums and runs share: made-up batches, their clipped sums, small runs."""

from __future__ import annotations

import numpy as np
import torch

from tests.engine.models import CLASSES, schema_of
from workbench.documents import Plan
from workbench.engine.sums.clipping import ClippedSum
from workbench.engine.train import train
from workbench.graphs.export.features import RecordView
from workbench.graphs.export.training import export, outputs_of
from workbench.records import Records

BATCH = 9
C = 0.5
SEED = bytes(32)
ADAPTIVE = {"clipping": "adaptive", "noise_multiplier": 1.0, "count_noise_multiplier": 2.0}


def batch(schema, rows=BATCH, seed=1):
    generator = torch.Generator().manual_seed(seed)
    column = schema["x"]
    unit = torch.rand((rows, *column.shape), generator=generator)
    x = column.lower + unit * (column.upper - column.lower)
    return {"x": x, "y": torch.randint(CLASSES, (rows,), generator=generator)}


def per_record_gradients(model, function, schema, columns):
    """One gradient per record by torch.func, straight from the Python function."""
    trained = {n: p.detach() for n, p in model.named_parameters() if p.requires_grad}
    fixed = {n: p.detach() for n, p in model.named_parameters() if not p.requires_grad}

    def loss(parameters, record):
        view = RecordView(schema, record)

        def call(x):
            return torch.func.functional_call(model, {**parameters, **fixed}, (x,))

        return outputs_of(function(call, view))[0]

    return torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0))(trained, columns)


def clipped(gradients, bound):
    rows = next(iter(gradients.values())).shape[0]
    flat = torch.cat([g.reshape(rows, -1) for g in gradients.values()], 1).double()
    weights = (bound / flat.norm(dim=1)).clamp(max=1.0)
    return {n: torch.einsum("u,u...->...", weights, g.double()) for n, g in gradients.items()}


def assert_close(got, expected):
    largest = max(float(value.abs().max()) for value in expected.values())
    for name, value in expected.items():
        assert float((got[name] - value).abs().max()) <= 1e-5 * largest, name


def clipped_sum(graph, columns, bound, **options):
    inputs = tuple(columns[name] for name in graph.inputs)
    present = torch.ones(len(inputs[0]), dtype=torch.bool)
    summing = ClippedSum(graph, bound, **options)
    return summing(graph.parameters, inputs, present)


def flat(sums):
    return torch.cat([sums[name].reshape(-1) for name in sorted(sums)])


def sensitivity(graph, columns, row, **options):
    """Return how far the sum moves when one row is removed."""
    rows = len(columns["x"])
    kept = torch.arange(rows) != row
    without = {name: values[kept] for name, values in columns.items()}
    both = clipped_sum(graph, columns, C, **options), clipped_sum(graph, without, C, **options)
    return float((flat(both[0]) - flat(both[1])).norm())


def exported(function, model, shape=(6,), lower=-1.0, upper=1.0):
    torch.manual_seed(0)
    return export(function, model, schema_of(shape, lower, upper))


def plan(**changes):
    base = {
        "learning_rate": 0.1,
        "steps": 3,
        "sample_rate": 0.5,
        "max_grad_norm": 1.0,
        "noise_multiplier": 1.0,
        "metrics_noise_multiplier": 1.0,
    }
    return Plan.read(base | changes)


def records(rows=40, units=None, seed=0):
    schema = schema_of((6,))
    columns = {n: v.numpy() for n, v in batch(schema, rows, seed).items()}
    own = np.arange(rows) if units is None else units
    return Records(columns, own.astype(np.int64))


def trained(graph, training=None, seed=SEED, **changes):
    options = {"record_count": 50, "holdout_fraction": 0.2, "max_records_per_unit": 1}
    for name in tuple(changes):
        if name in options:
            options[name] = changes.pop(name)
    return train(
        graph, plan(**changes), training or records(), records(10, seed=5), seed=seed, **options
    )
