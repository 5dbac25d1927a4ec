"""Write Python for a schema: a function of one record, its model, inputs, loss and metrics."""

from __future__ import annotations

import re
from dataclasses import dataclass

from workbench.documents import DatasetCard, Schema
from workbench.space.starter.parts import (
    MOST_OUTPUTS,
    Encoder,
    encoders,
    middle_and_half,
    scaled,
    size,
    targets,
)

_HIDDEN = 8
_BATCH = 500


@dataclass(frozen=True)
class Function:
    """A function of one record.

    Attributes
    ----------
    name
        Its name.
    source
        Python that defines it.
    first
        Python for what its calls take first: a model, or nothing.
    to
        How its ``submit`` names the dataset.
    options
        More that its ``submit`` needs.
    """

    name: str
    source: str
    first: str
    to: str
    options: str

    def rehearse(self, guarantee: str) -> str:
        """Return Python for a rehearsal."""
        return f"{self.name}.rehearse({self.first}data, {guarantee})"

    def submit(self, options: str) -> list[str]:
        """Return Python that submits it and waits."""
        return [
            f"request = {self.name}.submit(",
            f"    {self.first}{self.to}data, {options}{self.options},",
            ")",
            "result = request.wait()",
        ]


def function_for(card: DatasetCard) -> Function:
    """Return a training function, or a mean where the terms let neither model nor metrics leave."""
    trains = {"model", "metrics"} & set(card.terms.outputs)
    return _training(card) if trains else _statistic(card)


def _function_name(card: DatasetCard) -> str:
    return "learn_" + re.sub(r"[^a-z0-9]", "_", card.name)


def _rate(card: DatasetCard) -> float:
    expected = card.record_count * (1 - card.holdout_fraction)
    return 1.0 if expected <= _BATCH else max(0.001, round(_BATCH / expected, 3))


def _training(card: DatasetCard) -> Function:
    schema, name = card.data_schema, _function_name(card)
    parts = encoders(schema) if schema.targets else []
    linear = not parts and bool(schema.targets)
    model, value = _model(schema, parts)
    options = "learning_rate=0.5" if linear else 'learning_rate=0.01, optimizer="adam"'
    steps = 30 if linear else 60
    body = _body(schema, value) if schema.targets else _self(value)
    function = [
        f"@wb.training_function(steps={steps}, sample_rate={_rate(card)!r}, {options})",
        f"def {name}(model, record):",
        *(f"    {line}" for line in body),
    ]
    outputs = [output for output in ("model", "metrics") if output in card.terms.outputs]
    asked = "" if len(outputs) == 2 else f", outputs=({outputs[0]!r},)"
    source = f"{model}\n\n\n" + "\n".join(function)
    return Function(name, source, "make_model(), ", "to=", asked)


def _rest(schema: Schema, parts: list[Encoder]) -> list[str]:
    """Return the feature columns that no encoder reads."""
    read = {name for part in parts for name in part.columns}
    return [c.name for c in schema.features if c.name not in read and size(c) <= MOST_OUTPUTS]


def _model(schema: Schema, parts: list[Encoder]) -> tuple[str, str]:
    """Return Python that defines ``make_model``, and Python for what it is called with."""
    outputs = sum(target.outputs for target in targets(schema))
    width = sum(size(column) for column in schema.features)
    if not schema.targets:
        kept = min(width, MOST_OUTPUTS)
        cut = f"[:{kept}]" if kept < width else ""
        layers = (
            f"nn.Sequential(nn.Linear({kept}, {_HIDDEN}), nn.Tanh(), nn.Linear({_HIDDEN}, {kept}))"
        )
        return f"def make_model():\n    return {layers}", f"wb.features(record){cut}"
    if not parts:
        value = (
            "wb.features(record)" if width else "torch.ones(1)  # there is nothing to learn from"
        )
        return _linear(width or 1, outputs), value
    return _network(schema, parts, outputs)


def _linear(inputs: int, outputs: int) -> str:
    return (
        "def make_model():\n"
        f"    model = nn.Linear({inputs}, {outputs})\n"
        "    nn.init.zeros_(model.weight)\n"
        "    nn.init.zeros_(model.bias)\n"
        "    return model"
    )


def _network(schema: Schema, parts: list[Encoder], outputs: int) -> tuple[str, str]:
    rest = _rest(schema, parts)
    plain = sum(size(schema[name]) for name in rest)
    names = [f"part{number}" for number in range(len(parts))]
    calls = [
        part.call.format(layer=f"self.{name}", x=name)
        for name, part in zip(names, parts, strict=True)
    ]
    inputs = [*names, *(["others"] if rest else [])]
    width = sum(part.width for part in parts) + plain
    lines = [
        "class Network(nn.Module):",
        "    def __init__(self):",
        "        super().__init__()",
        *(f"        self.{n} = {p.layers}" for n, p in zip(names, parts, strict=True)),
        f"        self.head = nn.Linear({width}, {outputs})",
        "",
        f"    def forward(self, {', '.join(inputs)}):",
        f"        seen = torch.cat([{', '.join([*calls, *(['others'] if rest else [])])}])",
        "        return self.head(seen)",
        "",
        "",
        "def make_model():",
        "    return Network()",
    ]
    values = [part.value for part in parts]
    if rest:
        lines = [*_others(schema, rest), "", "", *lines]
        values.append("others(record)")
    return "\n".join(lines), ",\n        ".join(values)


def _others(schema: Schema, names: list[str]) -> list[str]:
    """Return Python for the columns beside the tensors, scaled by their public bounds."""
    columns = [schema[name] for name in names]
    numbers = {c.name: middle_and_half(c) for c in columns if c.kind != "category"}
    categories = {c.name: len(c.categories) for c in columns if c.kind == "category"}
    return [
        f"NUMBERS = {numbers!r}  # the middle of the public bounds, and half their width",
        f"CATEGORIES = {categories!r}",
        "",
        "",
        "def others(record):",
        "    numbers = [",
        "        ((record[name] - middle) / half).reshape(-1)",
        "        for name, (middle, half) in NUMBERS.items()",
        "    ]",
        "    categories = [",
        "        (record[name].unsqueeze(0) == torch.arange(count)).to(torch.float32)",
        "        for name, count in CATEGORIES.items()",
        "    ]",
        "    return torch.cat([*numbers, *categories])",
    ]


def _body(schema: Schema, value: str) -> list[str]:
    found = targets(schema)
    lines = [f"out = model({value})"] if "#" not in value else [f"x = {value}", "out = model(x)"]
    if "\n" in value:
        lines = ["out = model(", *(f"    {line.strip()}" for line in f"{value},".split("\n")), ")"]
    losses, metrics, start = [], [], 0
    for target in found:
        out = f"out[{start}:{start + target.outputs}]" if len(found) > 1 else "out"
        start += target.outputs
        lines += target.lines
        losses.append(target.loss.format(out=out))
        metrics.append(f'"{target.metric_name}": {target.metric.format(out=out)}')
    lines.append(f"loss = {' + '.join(losses)}")
    return [*lines, f"return loss, {{{', '.join(metrics)}}}"]


def _self(value: str) -> list[str]:
    """Return a body that learns to reproduce the record, for a schema without target."""
    return [
        f"x = {value}",
        "out = model(x)",
        "close = ((out - x).abs() < 0.2).float().mean()",
        'return ((out - x) ** 2).mean(), {"within_a_tenth": close}',
    ]


def _statistic(card: DatasetCard) -> Function:
    """Return a mean of the first column."""
    column = card.data_schema.usable[0]
    value = (
        f'(record["{column.name}"] == 0).to(torch.float32)'
        if column.kind == "category"
        else f"({scaled(column)}).reshape(-1).mean()"
    )
    name = _function_name(card).replace("learn_", "mean_", 1)
    source = f"@wb.statistic(bound=1.0)\ndef {name}(record):\n    return {value}"
    return Function(name, source, "", "", "")
