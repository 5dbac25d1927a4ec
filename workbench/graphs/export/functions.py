"""Functions of PyTorch that decide on values, in forms that take one path for all records.

Some functions check their arguments' values or choose a way by them, in Python. The forms here
leave the check out or take the general way; what they return is the same.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch.distributions import Distribution
from torch.nn.modules import transformer
from torch.overrides import TorchFunctionMode

from workbench.errors import GraphRefused, ReductionOfOneRecord
from workbench.graphs.export.following import here
from workbench.graphs.export.labels import LabelsAsIndices
from workbench.graphs.export.patching import replaced
from workbench.graphs.operators.allowed import remedy


class _Refused(TorchFunctionMode):
    """Refuse by name what would fail later, in words of PyTorch's own."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        if func is torch._pack_padded_sequence:
            name = "pack_padded_sequence"
            raise GraphRefused(f"{name}: its shapes depend on the record", remedy(name)).at(here())
        if func is F.one_hot and max([*args[1:], *(kwargs or {}).values()], default=-1) < 1:
            raise GraphRefused(
                "one_hot without num_classes: its shape would depend on the record",
                "Say how many classes there are: torch.nn.functional.one_hot(label, num_classes).",
            ).at(here())
        return func(*args, **(kwargs or {}))


@contextmanager
def one_path() -> Iterator[None]:
    """Put the forms of this module in the place of PyTorch's, in this thread."""
    validated = Distribution._validate_args
    with ExitStack() as stack:
        stack.callback(Distribution.set_default_validate_args, validated)
        Distribution.set_default_validate_args(False)
        stack.enter_context(replaced(F, "gaussian_nll_loss", _gaussian_nll_loss))
        stack.enter_context(replaced(F, "embedding_bag", _embedding_bag))
        stack.enter_context(replaced(F, "kl_div", _telling_kl_div(F.kl_div)))
        stack.enter_context(replaced(transformer, "_detect_is_causal_mask", _is_causal))
        stack.enter_context(LabelsAsIndices())
        stack.enter_context(_Refused())
        yield


def _is_causal(
    mask: torch.Tensor | None, is_causal: bool | None = None, size: int | None = None
) -> bool:
    """Return whether the caller said so; a mask that is given works in any case."""
    return bool(is_causal)


def _telling_kl_div(plain: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``kl_div`` with a warning where "batchmean" divides one record by its size."""

    def kl_div(input: torch.Tensor, *args: Any, **named: Any) -> Any:
        if named.get("reduction") == "batchmean" and input.dim() == 1:
            warnings.warn(
                f"kl_div: of one record reduction='batchmean' divides by its {input.shape[0]} "
                "entries, not by the size of a batch. Give reduction='sum'.",
                ReductionOfOneRecord,
                stacklevel=3,
            )
        return plain(input, *args, **named)

    return kl_div


def _gaussian_nll_loss(
    input: torch.Tensor,
    target: torch.Tensor,
    var: torch.Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> torch.Tensor:
    """Return what ``torch.nn.functional.gaussian_nll_loss`` returns, negative variances allowed.

    They count as `eps`, as small ones do (Nix and Weigend 1994, doi:10.1109/ICNN.1994.374138).
    """
    variance = var if isinstance(var, torch.Tensor) else torch.full_like(input, var)
    if variance.dim() == input.dim() - 1 and variance.shape == input.shape[:-1]:
        variance = variance.unsqueeze(-1)
    # Too small a variance keeps its gradient, as in PyTorch.
    large = variance + (variance.clamp(min=eps) - variance).detach()
    loss = 0.5 * (large.log() + (input - target) ** 2 / large)
    if full:
        loss = loss + 0.5 * math.log(2 * math.pi)
    return {"mean": loss.mean, "sum": loss.sum}.get(reduction, lambda: loss)()


def _embedding_bag(
    input: torch.Tensor,
    weight: torch.Tensor,
    offsets: torch.Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: torch.Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> torch.Tensor:
    """Return what ``torch.nn.functional.embedding_bag`` returns, for bags of one length.

    Raises
    ------
    GraphRefused
        If `offsets` make bags of several lengths, or an option would look at other records.
    """
    if max_norm is not None or scale_grad_by_freq:
        raise GraphRefused(
            "embedding_bag with max_norm or scale_grad_by_freq is not allowed",
            "Leave both out; norms of gradients are bounded by max_grad_norm.",
        )
    if offsets is not None and offsets.shape != (1,):
        raise GraphRefused(
            "embedding_bag with several offsets makes bags of lengths that depend on the record",
            "Give one row of indices a bag: nn.EmbeddingBag(…)(ids[None])[0].",
        )
    rows = F.embedding(input, weight)
    if per_sample_weights is not None:
        rows = rows * per_sample_weights.unsqueeze(-1)
    bags = rows if input.dim() == 2 else rows.unsqueeze(0)
    if padding_idx is None:
        return _reduced(bags, mode, None)
    kept = (input != padding_idx % weight.shape[0]).reshape(*bags.shape[:2], 1)
    return _reduced(bags, mode, kept)


def _reduced(bags: torch.Tensor, mode: str, kept: torch.Tensor | None) -> torch.Tensor:
    if mode == "max":
        rows = bags if kept is None else bags.masked_fill(~kept, -math.inf)
        largest = rows.amax(1)
        return largest if kept is None else torch.where(kept.any(1), largest, 0.0)
    if kept is None:
        return bags.sum(1) if mode == "sum" else bags.mean(1)
    total = torch.where(kept, bags, 0.0).sum(1)
    return total if mode == "sum" else total / kept.sum(1).clamp(min=1)
