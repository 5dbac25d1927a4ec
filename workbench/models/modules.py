"""A module with other parameters than it was built with."""

from __future__ import annotations

import copy

import torch
from torch import nn

from workbench.errors import InvalidArgument
from workbench.graphs.export.normalization import (
    STATISTICS,
    batch_norms,
    keeps_statistics,
    without_batch_norm,
)


def load_into(module: nn.Module, parameters: dict[str, torch.Tensor]) -> nn.Module:
    """Return a copy of `module` with `parameters`, in evaluation mode.

    Batch normalization is replaced as in what was trained. Layers whose running statistics were
    released compute by them. Other scales and shifts belong to group normalization, and would be
    wrong beside a batch layer's running statistics.

    `parameters` have the shapes of the module's own; float32, as they are released.

    Raises
    ------
    InvalidArgument
        If the module has other parameters.
    """
    norms = batch_norms(module)
    with_statistics = {name for name in norms if f"{name}.running_mean".lstrip(".") in parameters}
    # A release made before its graph had the statistics of frozen layers: the module's own hold.
    without = {n for n, layer in norms.items() if layer.affine and not layer.weight.requires_grad}
    without -= with_statistics
    fixed = with_statistics | {name for name in without if keeps_statistics(norms[name])}
    found = without_batch_norm(copy.deepcopy(module), quiet=True, fixed=fixed)
    own = {f"{name}.{statistic}".lstrip(".") for name in without for statistic in STATISTICS}
    try:
        missing = found.load_state_dict(parameters, strict=False)
    except RuntimeError as error:
        told = str(error).splitlines()[-1]
        raise InvalidArgument(f"the module has other shapes: {told}") from None
    names = {name for name, _ in found.named_parameters()} - own
    wrong = [*missing.unexpected_keys, *(names & set(missing.missing_keys))]
    if wrong:
        raise InvalidArgument(f"the module and the release differ in parameter '{wrong[0]}'")
    return found.eval()
