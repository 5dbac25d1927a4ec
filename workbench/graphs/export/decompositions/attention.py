"""Attention from plain operators: the fused kernels cannot be mapped over records."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from workbench.errors import GraphRefused


def attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attn_mask: torch.Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
    between: Callable[[torch.Tensor], torch.Tensor] = lambda weights: weights,
) -> torch.Tensor:
    """Return what ``torch.nn.functional.scaled_dot_product_attention`` returns.

    Parameters
    ----------
    query, key, value, attn_mask, dropout_p, is_causal, scale, enable_gqa
        As there; of shapes ``(..., heads, positions, width)``, floating, a mask also bool.
    between
        Applied to the attention weights before they meet the values.

    Raises
    ------
    GraphRefused
        If `dropout_p` is above 0.
    """
    if dropout_p:
        raise GraphRefused(
            "scaled_dot_product_attention drops out by itself, which cannot be repeated",
            "Call it as torch.nn.functional.scaled_dot_product_attention, or set dropout_p=0.",
        )
    if enable_gqa:
        key = key.repeat_interleave(query.shape[-3] // key.shape[-3], -3)
        value = value.repeat_interleave(query.shape[-3] // value.shape[-3], -3)
    factor = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    scores = query @ key.mT * factor
    if is_causal:
        attn_mask = torch.ones(scores.shape[-2:], dtype=torch.bool).tril()
    if attn_mask is not None and attn_mask.dtype == torch.bool:
        scores = torch.where(attn_mask, scores, float("-inf"))
    elif attn_mask is not None:
        scores = scores + attn_mask
    return between(scores.softmax(-1)) @ value
