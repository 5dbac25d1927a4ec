"""Check which calls of operators a record graph may make; say what to use instead of others.

Each allowed operator is free of side effects and randomness, has output shapes that follow from
input shapes alone, and cannot fail on the values it meets: a run that could fail for one record's
value would tell that value. `workbench.graphs.operators.table` is the table. Neither its value
nor its gradient for one record looks at the other records of a batch
(`tests/engine/test_independence.py` asks each). Operators that look things up by index are made
total by `workbench.engine.program.guards`.
"""

from __future__ import annotations

import operator
from typing import Any

import torch
import torch.fx

from workbench.errors import GraphRefused
from workbench.graphs.operators.arguments.base import ANY, MOST_DIMENSIONS
from workbench.graphs.operators.signatures import EVERYWHERE, FIRST_ONLY
from workbench.graphs.operators.table import SIGNATURES
from workbench.graphs.record_graph import TensorSpec

ALLOWED: frozenset[str] = frozenset(SIGNATURES)
"""Every operator a record graph may use, as ``aten.<name>.<overload>``."""

REMEDIES: dict[str, str] = {
    "recurrent dropout": "Set its dropout to 0. For dropout between layers build several of one "
    "layer each, with nn.Dropout between them.",
    "spectral_norm": "Call .eval() on that layer before you train: the norm is then divided by as "
    "it is. Or use torch.nn.utils.parametrizations.weight_norm.",
    "orthogonal": "Add a penalty to the loss instead: "
    "(weight @ weight.T - torch.eye(n)).square().sum(). Or use "
    "torch.nn.utils.parametrizations.weight_norm.",
    "track_running_stats": "Set track_running_stats=False; or call .eval() to use the statistics "
    "that it has.",
    "max_norm": "Leave max_norm out; torch.nn.functional.normalize(vectors, dim=-1) after the "
    "look-up bounds them.",
    "scale_grad_by_freq": "Leave scale_grad_by_freq out: gradients are clipped for each person.",
    "CrossMapLRN2d": "Use nn.LocalResponseNorm, which gives the same for odd sizes.",
    "dropout": "Use nn.Dropout or torch.nn.functional.dropout, which draw from the record; else "
    "set dropout to 0.",
    "bernoulli": "Compare wb.noise(record, ...) instead: random numbers come with the record.",
    "rand": "Use wb.noise(record, ...): random numbers come with the record.",
    "normal": "Use wb.noise(record, ...): random numbers come with the record.",
    "batch_norm": "Batch normalization mixes records: use nn.GroupNorm or nn.LayerNorm. As a layer "
    "(nn.BatchNorm2d) it is converted when the function is exported.",
    "local_scalar_dense": "A record's value must not become a number of Python, by .item() or as "
    "an index: use torch.where, or look up with torch.nn.functional.embedding(index, table).",
    "assert_async": "It can fail on a record's value: leave the check out.",
    "sym_size": "A shape depends on the record's values: use torch.where with masks.",
    "pack_padded_sequence": "Run the layer over the padded sequence, and take the output at the "
    "record's length: outputs[length - 1]; or mask what lies beyond.",
    "fractional_max_pool": "Its windows are random: use nn.MaxPool2d or nn.AdaptiveMaxPool2d.",
    "max_unpool": "Give it windows that lie apart (a stride of at least the kernel's size), or use "
    "nn.Upsample.",
    "ctc_loss": "Its lengths depend on the record: use a loss for each position, as cross_entropy.",
    "fft": "A record graph has no complex numbers: multiply with matrices of cosines and sines, "
    "such as torch.cos(2 * torch.pi * torch.outer(k, t) / n).",
    "complex": "A record graph has no complex numbers: keep real and imaginary parts apart.",
    "multinomial": "Take the largest of logits + Gumbel noise: "
    "(logits - (-torch.rand_like(logits).log()).log()).argmax().",
    "unique": "Its output's shape depends on the record's values: compare with torch.arange.",
    "linalg": "It fails for some values, as for a singular matrix. What does not depend on the "
    "record is computed outside of the function; a normal distribution of independent numbers is "
    "torch.distributions.Independent(Normal(mean, scale), 1); else use products and sums.",
    "empty": "Build layers and tensors before, outside of the function: a layer that is made in it "
    "would not be trained.",
    "nonzero": "Its output's shape depends on the record's values: use torch.where with masks.",
    "masked_select": "Its output's shape depends on the record's values: use torch.where.",
    "index_put": "It writes in place: use torch.where with masks.",
    "scatter": "It can fail on a record's value: compare against torch.arange instead.",
    "prod": "Its gradient depends on whether any record of a batch holds a zero: use cumprod, or "
    "the exponential of a sum of logarithms.",
    "scaled_dot_product_attention": "Export it with workbench, which takes it apart.",
    "lstm": "Export it with workbench, which takes recurrent layers apart.",
    "gru": "Export it with workbench, which takes recurrent layers apart.",
}


def remedy(operator: str) -> str:
    """Return what to use instead of an operator that is not allowed; a general hint if unknown."""
    found = (text for part, text in REMEDIES.items() if part in operator)
    return next(found, "See docs/models.md for the operators that a record graph may use.")


def check_call(node: torch.fx.Node) -> None:
    """Check that a call of an operator is one that its signature allows.

    Parameters
    ----------
    node
        A call, all of whose tensors have their ``meta["spec"]``.

    Raises
    ------
    GraphRefused
        If it is not; names the operator, the argument, what it is and what is allowed.
    """
    name = str(node.target)
    if name not in SIGNATURES:
        raise GraphRefused(f"graph: operator '{name}' is not allowed", remedy(name))
    signature, schema = SIGNATURES[name], node.target._schema.arguments  # type: ignore[union-attr]
    given = dict(zip((a.name for a in schema), node.args, strict=False)) | dict(node.kwargs)
    call = {a.name: _plain(given.get(a.name, a.default_value)) for a in schema}
    for argument in schema:
        if argument.name not in given:
            if not argument.has_default_value():
                raise GraphRefused(f"graph: {name}: '{argument.name}' is missing")
            continue
        value = call[argument.name]
        kind = signature.arguments.get(argument.name) or EVERYWHERE.get(argument.name)
        if kind is None and value != argument.default_value:
            raise GraphRefused(
                f"graph: {name}: '{argument.name}' has to be {argument.default_value}", remedy(name)
            )
        if kind is not None and not kind.fits(value, call):
            got, wanted = _told(value), str(kind)
            hint = remedy(name)
            if "int64" in got and "int64" not in wanted and "float32" in wanted:
                hint = "Make floats of whole numbers: .float()."
            raise GraphRefused(
                f"graph: {name}: '{argument.name}' is {got}; it has to be {wanted}", hint
            )
    for relation in signature.relations:
        wrong = relation(call)
        if wrong is not None:
            raise GraphRefused(f"graph: {name}: {wrong}", remedy(name))
    for user in node.users:
        first = user.target is operator.getitem and user.args[1] == 0
        if name in FIRST_ONLY and not first:
            raise GraphRefused(f"graph: {name}: only the first of its results may be used")


def _plain(value: Any) -> Any:
    """Return a call's argument with specs for tensors and lists for any lists."""
    if isinstance(value, torch.fx.Node):
        return value.meta.get("spec", value)
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _told(value: Any) -> str:
    if isinstance(value, TensorSpec):
        return f"a tensor of {str(value.dtype).removeprefix('torch.')} with shape {value.shape}"
    if isinstance(value, list):
        return "[" + ", ".join(_told(item) for item in value[:20]) + "]"
    return f"'{value[:50]}'" if isinstance(value, str) else str(value)


def check_value(name: str, value: torch.Tensor) -> TensorSpec:
    """Return the spec, shape and dtype, of a tensor that a record graph may have.

    Raises
    ------
    GraphRefused
        If it is empty, has too many dimensions, or a dtype that is not allowed.
    """
    shape = tuple(value.shape)
    if 0 in shape:
        raise GraphRefused(f"graph: '{name[:100]}' has shape {shape}: an empty tensor")
    if len(shape) > MOST_DIMENSIONS:
        raise GraphRefused(
            f"graph: '{name[:100]}' has {len(shape)} dimensions; at most {MOST_DIMENSIONS}"
        )
    if value.dtype not in ANY:
        raise GraphRefused(f"graph: '{name[:100]}' is of {value.dtype}, which is not allowed")
    return TensorSpec(shape, value.dtype)
