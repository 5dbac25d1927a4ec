"""Look-ups and distances by plain operators."""

from __future__ import annotations

import torch

A = torch.ops.aten


def one_hot(self: torch.Tensor, num_classes: int = -1) -> torch.Tensor:
    """Return what ``torch.nn.functional.one_hot`` returns: int64 of shape ``(..., num_classes)``.

    For values of any shape, int64. `num_classes` is given; see `export.functions`.
    """
    return (self.unsqueeze(-1) == torch.arange(num_classes)).to(torch.int64)


def embedding(
    weight: torch.Tensor,
    indices: torch.Tensor,
    padding_idx: int = -1,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> torch.Tensor:
    """Return what ``aten.embedding`` returns; `sparse` says only how a gradient is stored.

    Shapes ``(rows, width)``, floating, and any, int64; to that shape and ``width``.
    """
    if not sparse:
        # To be left as it is.
        return NotImplemented  # type: ignore[no-any-return]
    return A.embedding.default(weight, indices, padding_idx, scale_grad_by_freq)  # type: ignore[no-any-return]


def bilinear(
    input1: torch.Tensor,
    input2: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return what ``torch.nn.functional.bilinear`` returns (``x1 @ W @ x2`` for each output).

    Shapes ``(..., n)``, ``(..., m)``, ``(out, n, m)`` and ``(out,)`` to ``(..., out)``, floating.
    """
    out, first, second = weight.shape
    half = input1 @ weight.transpose(0, 1).reshape(first, out * second)
    product = half.reshape(*half.shape[:-1], out, second) * input2.unsqueeze(-2)
    return product.sum(-1) if bias is None else product.sum(-1) + bias


def cdist(
    x1: torch.Tensor, x2: torch.Tensor, p: float = 2.0, compute_mode: int | None = None
) -> torch.Tensor:
    """Return the distances of all rows of `x1` and `x2`, by the norm of order `p`.

    Shapes ``(..., n, d)`` and ``(..., m, d)`` to ``(..., n, m)``, floating.
    """
    return torch.linalg.vector_norm(x1.unsqueeze(-2) - x2.unsqueeze(-3), p, -1)  # type: ignore[no-any-return]
