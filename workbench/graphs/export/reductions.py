"""Warn of reductions that mean something for a batch and something else for ONE record.

A training function sees one record. A mean that is divided by the weights of a batch's classes is,
of one record, divided by its own weight: all class weights cancel out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
import torch.fx

from workbench.errors import ReductionOfOneRecord

A = torch.ops.aten
_MEAN = 1
_DEFAULT_IGNORED = -100
_LOSSES = {
    A.cross_entropy_loss.default: "cross_entropy",
    A.nll_loss.default: "nll_loss",
    A.nll_loss_nd.default: "nll_loss",
    A.nll_loss2d.default: "nll_loss",
}


def told_reductions(program: torch.export.ExportedProgram) -> Iterator[tuple[torch.fx.Node, str]]:
    """Return calls whose mean is none of a batch, each with a warning in words.

    Parameters
    ----------
    program
        As ``torch.export.export`` returns it, with its losses not yet taken apart.
    """
    for node in program.graph.nodes:
        name = _LOSSES.get(node.target)
        if name is None:
            continue
        call = _arguments(node)
        by_class = not call["target"].meta["val"].dtype.is_floating_point
        if call["reduction"] != _MEAN or not by_class:
            continue
        several = call["target"].meta["val"].numel() > 1
        if call["weight"] is not None:
            what = (
                "is divided by the weights of the record's own labels, not by those of a batch"
                if several
                else "has no effect: it is divided by the weight of the record's own class"
            )
            yield node, f"{name}: of one record weight= {what}. Give reduction='sum'."
        elif call["ignore_index"] != _DEFAULT_IGNORED:
            what = (
                "is a mean over the labels of this record that are left"
                if several
                else "is NaN for a record with the ignored label, which then counts as zero"
            )
            yield node, f"{name}: of one record ignore_index= {what}. Give reduction='sum'."


def warning_of(words: str, line: str) -> ReductionOfOneRecord:
    """Return the warning, with the researcher's line where it is known."""
    return ReductionOfOneRecord(f"{words}\nat {line}" if line else words)


def _arguments(node: torch.fx.Node) -> dict[str, Any]:
    """Return the arguments of a call by name, with defaults."""
    schema = node.target._schema.arguments  # type: ignore[union-attr]
    given = dict(zip((a.name for a in schema), node.args, strict=False)) | dict(node.kwargs)
    return {a.name: given.get(a.name, a.default_value) for a in schema}
