"""Keep gradients as sketches: small enough to compare those of a large model one by one."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import torch

_SKETCH = 1 << 16
_AT_ONCE = 16
"""How many rows of a sketch are added at once."""
_LIBC = ctypes.CDLL(None)


def sketches(loss: torch.Tensor, named: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the sketches of the gradients of a loss, by the names of the parameters.

    One gradient after the other: together they would be as large as the model.

    Parameters
    ----------
    loss
        Floating, of shape ``()``.
    named
        Leaves of autograd's graph, float32 of any shape.

    Returns
    -------
    dict of str to torch.Tensor
        float32, of shape ``(n,)`` with `n` at most 65,536; a gradient that is zero may be left out.
    """
    if not loss.requires_grad or not named:
        return {}
    found: dict[str, torch.Tensor] = {}
    before = {name: leaf.grad for name, leaf in named.items()}
    hooks = []
    for name, leaf in named.items():
        leaf.grad = None
        sketching = _sketching(found, name)
        hooks.append(leaf.register_post_accumulate_grad_hook(sketching))  # type: ignore[no-untyped-call]
    try:
        loss.backward(inputs=list(named.values()), retain_graph=True)  # type: ignore[no-untyped-call]
    finally:
        for hook in hooks:
            hook.remove()
        for name, leaf in named.items():
            leaf.grad = before[name]
    return found


def _sketching(found: dict[str, torch.Tensor], name: str) -> Callable[[torch.Tensor], None]:
    def sketched(leaf: torch.Tensor) -> None:
        if leaf.grad is None:
            # A hook of the researcher's took it away.
            return
        found[name] = _sketch(leaf.grad)
        leaf.grad = None
        if leaf.numel() > _SKETCH:
            _give_back()

    return sketched


def _give_back() -> None:
    """Return freed memory to the system, where the C library can.

    glibc keeps aligned pieces of some megabytes and does not use them again for others of the same
    size: freed gradients would add up to several times the model.
    """
    trim = getattr(_LIBC, "malloc_trim", None)
    if trim is not None:
        trim(0)


def _sketch(gradient: torch.Tensor) -> torch.Tensor:
    """Return a gradient as at most `_SKETCH` numbers, float32.

    A larger one is folded with random signs: a linear map that keeps norms and distances but for
    some 1 / sqrt(`_SKETCH`) (Charikar, Chen and Farach-Colton 2002, doi:10.1007/3-540-45465-9_59).
    """
    dense = (gradient.to_dense() if gradient.is_sparse else gradient).detach().reshape(-1)
    if dense.numel() <= _SKETCH:
        return dense.clone()
    random = torch.Generator().manual_seed(0)
    total = torch.zeros(_SKETCH)
    for piece in torch.split(dense, _AT_ONCE * _SKETCH):
        rows = -(-len(piece) // _SKETCH)
        signs = torch.randint(2, (rows * _SKETCH,), generator=random, dtype=torch.int8) * 2 - 1
        signed = torch.zeros(rows * _SKETCH)
        signed[: len(piece)] = piece * signs[: len(piece)]
        total += signed.reshape(rows, _SKETCH).sum(0)
    return total
