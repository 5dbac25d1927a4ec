"""Bags of embeddings as look-ups and sums.

Shapes and dtypes: indices are int64, tables and results floating, of the shapes that PyTorch has.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from workbench.errors import GraphRefused


def embedding_bag(
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
