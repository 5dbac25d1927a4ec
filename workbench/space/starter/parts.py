"""The pieces of a starter: how each column enters the model, and what each target asks for."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from workbench.documents import Column, Schema
from workbench.views.kinds import kind_of_column

SMALL = 16
MOST_ENCODERS = 6
MOST_TARGETS = 8
MOST_OUTPUTS = 4096
_MOST_WORDS = 50_000
_HIDDEN = 16


@dataclass(frozen=True)
class Encoder:
    """How one tensor column, or a graph of two, enters the model.

    Attributes
    ----------
    columns
        Which columns it reads.
    value
        Python for the tensor, or the tensors, of one record.
    layers
        Python for the module.
    call
        Python for what the module gives for ``x``.
    width
        How many numbers that is.
    """

    columns: tuple[str, ...]
    value: str
    layers: str
    call: str
    width: int


@dataclass(frozen=True)
class Target:
    """What one target column asks for.

    Attributes
    ----------
    outputs
        How many numbers the model gives for it.
    lines
        Python that makes ``loss`` terms and metrics from ``{out}``.
    loss, metric
        Python for the loss and for the metric.
    metric_name
        The metric's name.
    """

    outputs: int
    lines: tuple[str, ...]
    loss: str
    metric: str
    metric_name: str


def size(column: Column) -> int:
    """Return how many numbers a column has in ``wb.features``."""
    return len(column.categories) if column.kind == "category" else math.prod(column.shape)


def middle_and_half(column: Column) -> tuple[float, float]:
    """Return the middle of the public bounds and half their width."""
    lower, upper = float(column.lower or 0.0), float(column.upper or 0.0)
    return (upper + lower) / 2, (upper - lower) / 2


def scaled(column: Column) -> str:
    """Return Python for a column of ``record``, scaled by its public bounds to [-1, 1]."""
    middle, half = middle_and_half(column)
    return f'(record["{column.name}"] - {middle!r}) / {half!r}'


def encoders(schema: Schema) -> list[Encoder]:
    """Return an encoder for each large tensor feature, at most `MOST_ENCODERS`."""
    large = [c for c in schema.features if c.tokenizer or (size(c) > SMALL and c.kind == "tensor")]
    found: list[Encoder] = []
    graph = _graph(large)
    if graph is not None:
        found.append(graph)
        large = [c for c in large if c.name not in graph.columns]
    return [*found, *(_encoder(column) for column in large)][:MOST_ENCODERS]


def _encoder(column: Column) -> Encoder:
    kind = kind_of_column(column)
    if kind == "text" and _words(column) <= _MOST_WORDS:
        return _text(column)
    makers = {"image": _image, "volume": _volume}
    return makers.get(kind, _series)(column)


def _words(column: Column) -> int:
    return round(float(column.upper or 0)) - round(float(column.lower or 0)) + 1


def _image(column: Column) -> Encoder:
    channels = column.shape[0] if len(column.shape) == 3 else 1
    height, width = column.shape[-2:]
    stride = max(1, min(height, width) // 16)
    layers = (
        f"nn.Sequential(nn.Conv2d({channels}, 8, 5, stride={stride}, padding=2), nn.ReLU(), "
        f"nn.Conv2d(8, {_HIDDEN}, 3, stride=2, padding=1), nn.ReLU(), "
        "nn.AdaptiveAvgPool2d(2), nn.Flatten())"
    )
    value = f"({scaled(column)}).reshape({channels}, {height}, {width})"
    # A layer for images wants a batch; a record is a batch of one.
    return Encoder((column.name,), value, layers, "{layer}({x}.unsqueeze(0))[0]", 4 * _HIDDEN)


def _volume(column: Column) -> Encoder:
    channels, *sides = column.shape
    stride = tuple(max(1, side // 8) for side in sides)
    layers = (
        f"nn.Sequential(nn.Conv3d({channels}, 8, 3, stride={stride}, padding=1), nn.ReLU(), "
        f"nn.Conv3d(8, {_HIDDEN}, 3, stride=2, padding=1), nn.ReLU(), "
        "nn.AdaptiveAvgPool3d(1), nn.Flatten())"
    )
    return Encoder((column.name,), scaled(column), layers, "{layer}({x}.unsqueeze(0))[0]", _HIDDEN)


def _series(column: Column) -> Encoder:
    length = column.shape[-1]
    channels = math.prod(column.shape[:-1])
    stride = max(1, length // 64)
    layers = (
        f"nn.Sequential(nn.Conv1d({channels}, {_HIDDEN}, 5, stride={stride}, padding=2), "
        "nn.ReLU(), nn.AdaptiveAvgPool1d(4), nn.Flatten())"
    )
    value = f"({scaled(column)}).reshape({channels}, {length})"
    return Encoder((column.name,), value, layers, "{layer}({x}.unsqueeze(0))[0]", 4 * _HIDDEN)


def _text(column: Column) -> Encoder:
    lower = round(float(column.lower or 0))
    value = f'(record["{column.name}"] - {lower}).round().long().reshape(-1)'
    layers = f"nn.Embedding({_words(column)}, {_HIDDEN})"
    return Encoder((column.name,), value, layers, "{layer}({x}).mean(0)", _HIDDEN)


def _graph(columns: Iterable[Column]) -> Encoder | None:
    """Return one step of messages along the edges, if there are edges and nodes that fit."""
    columns = list(columns)
    edges = next((c for c in columns if kind_of_column(c) == "graph"), None)
    if edges is None:
        return None
    count = edges.shape[0]
    nodes = next(
        (c for c in columns if c is not edges and len(c.shape) == 2 and c.shape[0] == count), None
    )
    if nodes is None:
        return None
    inside = f"{scaled(nodes)}"
    value = f'(record["{edges.name}"] @ ({inside})) / {float(count)!r} + {inside}'
    layers = f"nn.Sequential(nn.Linear({nodes.shape[1]}, {_HIDDEN}), nn.ReLU())"
    return Encoder((edges.name, nodes.name), value, layers, "{layer}({x}).mean(0)", _HIDDEN)


def targets(schema: Schema) -> list[Target]:
    """Return what the first targets ask for."""
    columns = schema.targets[:MOST_TARGETS]
    return [_target(column, number, len(columns)) for number, column in enumerate(columns)]


def _target(column: Column, number: int, count: int) -> Target:
    name = column.name

    def metric(word: str) -> str:
        # Two long names may begin alike: the number keeps them apart.
        return word if count == 1 else f"{word}_{name[:80]}_{number}"

    wanted = f"wanted{number}" if count > 1 else "wanted"
    if column.kind == "category":
        return Target(
            len(column.categories),
            (),
            f'F.cross_entropy({{out}}, record["{name}"])',
            f'{{out}}.argmax() == record["{name}"]',
            metric("accuracy"),
        )
    outputs = min(math.prod(column.shape), MOST_OUTPUTS)
    cut = f"[:{outputs}]" if math.prod(column.shape) > outputs else ""
    line = f"{wanted} = ({scaled(column)}).reshape(-1){cut}  # by the public bounds to [-1, 1]"
    return Target(
        outputs,
        (line,),
        f"(({{out}} - {wanted}) ** 2).mean()",
        f"(({{out}} - {wanted}).abs() < 0.2).float().mean()",
        metric("within_a_tenth"),
    )
