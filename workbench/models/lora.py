"""Low-rank adaptation: few trained numbers beside a frozen model.

Hu et al. 2022, arXiv:2106.09685. Fewer trained numbers also mean less noise in all.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable

import torch
from torch import nn

from workbench.documents.base import plain
from workbench.errors import InvalidArgument, NotFound


class LoraLinear(nn.Module):
    """``y = base(x) + up(down(x)) * scale`` with a frozen base and trained low-rank matrices.

    Parameters
    ----------
    base
        The layer to adapt, taken over and frozen.
    rank
        Inner width of the two matrices.
    scale
        Weight of their product. `up` starts at zero, so at first nothing changes.
    """

    def __init__(self, base: nn.Linear, rank: int, scale: float) -> None:
        super().__init__()
        self.base = base.requires_grad_(False)
        self.down = nn.Linear(base.in_features, rank, bias=False)
        self.up = nn.Linear(rank, base.out_features, bias=False)
        self.scale = scale
        nn.init.zeros_(self.up.weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the adapted layer's output, floating, shape ``(..., out_features)``."""
        adapted: torch.Tensor = self.base(x) + self.scale * self.up(self.down(x))
        return adapted

    def merged(self) -> nn.Linear:
        """Return one plain layer that computes the same."""
        found = copy.deepcopy(self.base)
        with torch.no_grad():
            found.weight += self.scale * (self.up.weight @ self.down.weight)
        return found.requires_grad_(True)


def lora(
    model: nn.Module,
    rank: int = 4,
    targets: Iterable[str] | None = None,
    *,
    train: Iterable[str] = (),
    scale: float = 1.0,
) -> nn.Module:
    """Return a copy of `model`, frozen, with low-rank matrices beside its Linear layers.

    Parameters
    ----------
    model
        Is left as it is.
    rank
        Inner width of the matrices.
    targets
        Names, or last parts of names, of the layers to adapt, such as ``("q_lin", "v_lin")``; all
        Linear layers that are not in `train` if not given.
    train
        Names, or last parts of names, of layers that are trained in full, such as a new head.
    scale
        Weight of the matrices' product.

    Returns
    -------
    torch.nn.Module
        Train and submit it like any other; `merge_lora` makes plain layers of it again.

    Raises
    ------
    NotFound
        If a name fits no layer of the model, or there is no Linear layer.
    InvalidArgument
        If `rank` is not a whole number above 0.
    """
    rank = plain(rank)
    if not isinstance(rank, int) or rank < 1:
        raise InvalidArgument(f"lora: rank is {rank}; expected a whole number above 0")
    found = copy.deepcopy(model).requires_grad_(False)
    kept = {name for part in train for name in _matching(found, part, nn.Module)}
    linear = {
        name
        for part in (targets if targets is not None else ("",))
        for name in _matching(found, part, nn.Linear)
    }
    for name in sorted(linear):
        # A layer of a subclass is often not called but read, as by nn.MultiheadAttention.
        inside = any(name == whole or name.startswith(f"{whole}.") for whole in kept)
        layer = found.get_submodule(name)
        if type(layer) is nn.Linear and not inside:
            parent, _, child = name.rpartition(".")
            adapted = LoraLinear(layer, rank, scale)
            if not name:
                return adapted
            setattr(found.get_submodule(parent), child, adapted)
    for name in kept:
        found.get_submodule(name).requires_grad_(True)
    return found


def merge_lora(model: nn.Module) -> nn.Module:
    """Return a copy of `model` in which plain Linear layers stand for the adapted ones."""
    if isinstance(model, LoraLinear):
        return model.merged()
    found = copy.deepcopy(model)
    for name, layer in list(found.named_modules()):
        if isinstance(layer, LoraLinear):
            parent, _, child = name.rpartition(".")
            setattr(found.get_submodule(parent), child, layer.merged())
    return found


def _matching(model: nn.Module, part: str, kind: type[nn.Module]) -> list[str]:
    names = [
        name
        for name, layer in model.named_modules()
        if isinstance(layer, kind) and (not part or name == part or name.endswith(f".{part}"))
    ]
    if not names:
        what = f"layer called '{part}'" if part else "Linear layer"
        raise NotFound(
            f"the model has no {what}",
            "print([name for name, _ in model.named_modules()]) shows the names.",
        )
    return names
