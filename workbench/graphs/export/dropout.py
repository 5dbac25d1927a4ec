"""Let dropout draw from random numbers of the record's own, so that it can be repeated."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import NormalDist
from typing import Any

import torch
import torch.nn.functional as F

from workbench.graphs.export.attention import attention
from workbench.graphs.export.features import RecordView

_PATCHING = threading.RLock()


def _scaled_mask(view: RecordView, shape: tuple[int, ...], p: float) -> torch.Tensor:
    """Return a mask that is 0 with probability `p`, else 1 / (1 - p)."""
    if p >= 1:
        return torch.zeros(shape)
    kept = view.noise(shape) > NormalDist().inv_cdf(p)
    return kept.to(torch.float32) / (1 - p)


def _elementwise(view: RecordView) -> Callable[..., torch.Tensor]:
    def dropout(
        input: torch.Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
    ) -> torch.Tensor:
        return input * _scaled_mask(view, tuple(input.shape), p) if training and p > 0 else input

    return dropout


def _channelwise(view: RecordView, positions: int) -> Callable[..., torch.Tensor]:
    def dropout(
        input: torch.Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
    ) -> torch.Tensor:
        if not training or p == 0:
            return input
        shape = (*input.shape[: input.dim() - positions], *[1] * positions)
        return input * _scaled_mask(view, shape, p)

    return dropout


def _attention(view: RecordView, fused: Callable[..., Any]) -> Callable[..., Any]:
    def scaled_dot_product_attention(
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        attn_mask: torch.Tensor | None = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,
        **options: Any,
    ) -> Any:
        if dropout_p == 0:
            return fused(query, key, value, attn_mask, 0.0, is_causal, **options)
        drop = _elementwise(view)
        return attention(
            query,
            key,
            value,
            attn_mask,
            0.0,
            is_causal,
            between=lambda weights: drop(weights, dropout_p),
            **options,
        )

    return scaled_dot_product_attention


def _in_this_thread(ours: Callable[..., Any], theirs: Callable[..., Any]) -> Callable[..., Any]:
    here = threading.get_ident()

    def chosen(*args: Any, **named: Any) -> Any:
        return (ours if threading.get_ident() == here else theirs)(*args, **named)

    return chosen


@contextmanager
def dropout_from(view: RecordView) -> Iterator[None]:
    """Let the dropout functions of torch draw from the record, here and in all that is called.

    Their place in ``torch.nn.functional`` is taken for the time: modules look them up there. What
    other threads call meanwhile is torch's own.
    """
    functions: dict[str, Callable[..., Any]] = {
        "dropout": _elementwise(view),
        "dropout1d": _channelwise(view, 1),
        "dropout2d": _channelwise(view, 2),
        "dropout3d": _channelwise(view, 3),
        "scaled_dot_product_attention": _attention(view, F.scaled_dot_product_attention),
    }
    with _PATCHING:
        before = {name: getattr(F, name) for name in functions}
        try:
            for name, function in functions.items():
                setattr(F, name, _in_this_thread(function, before[name]))
            yield
        finally:
            for name, function in before.items():
                setattr(F, name, function)
