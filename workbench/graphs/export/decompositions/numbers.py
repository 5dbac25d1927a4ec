"""Functions of one number by others: remainders, rounded quotients, signs, areas of hyperbolas.

Shapes and dtypes: any shapes that broadcast, of floating or whole dtypes, as PyTorch mixes them.
"""

from __future__ import annotations

import torch

Number = torch.Tensor | float
"""A tensor of any shape and dtype, or a number of Python."""


def atanh(self: torch.Tensor) -> torch.Tensor:
    """Return what ``aten.atanh`` returns."""
    return (torch.log1p(self) - torch.log1p(-self)) / 2


def copysign(self: torch.Tensor, other: Number) -> torch.Tensor:
    """Return what ``aten.copysign`` returns: `self` with the sign of `other`, also of -0.0."""
    dtype = torch.result_type(self, other)
    size = self.to(dtype if dtype.is_floating_point else torch.float32).abs()
    sign = other if isinstance(other, torch.Tensor) else torch.full_like(size, other)
    return torch.where((sign < 0) | (1 / sign < 0), -size, size)


def power(self: torch.Tensor, exponent: torch.Tensor) -> torch.Tensor:
    """Return what ``aten.pow.Tensor_Tensor`` returns, of two dtypes as of one.

    One of the dtypes is floating.
    """
    one, two = _alike(self, exponent)
    if one is self and two is exponent:
        # To be left as it is.
        return NotImplemented  # type: ignore[no-any-return]
    return torch.pow(one, two)


def fmod(self: torch.Tensor, other: Number) -> torch.Tensor:
    """Return what ``aten.fmod`` returns: what is left of a division that rounds toward 0.

    Of whole numbers nothing is left of a division by 0, where PyTorch fails.
    """
    one, two = _alike(self, other)
    if not one.is_floating_point():
        return one - _whole_quotient(one, two, torch.trunc) * two
    if one is self and two is other:
        return NotImplemented  # type: ignore[no-any-return]
    return torch.fmod(one, two)


def remainder(self: Number, other: Number) -> torch.Tensor:
    """Return what ``aten.remainder`` returns, which has the sign of `other`; see `fmod`."""
    one, two = _alike(self, other)
    if not one.is_floating_point():
        return one - _whole_quotient(one, two, torch.floor) * two
    left = torch.fmod(one, two)
    return torch.where(_crossed(left, two), left + two, left)


def divided(self: Number, other: Number, *, rounding_mode: str | None = None) -> torch.Tensor:
    """Return what ``aten.div.Tensor_mode`` returns; a rounded quotient has no gradient.

    Of whole numbers a division by 0 gives the largest one, where PyTorch fails.
    """
    if rounding_mode is None:
        return torch.div(self, other)
    one, two = _alike(self, other)
    one = one.detach()
    two = two.detach() if isinstance(two, torch.Tensor) else two
    if not one.is_floating_point():
        how = torch.floor if rounding_mode == "floor" else torch.trunc
        return _whole_quotient(one, two, how)
    if rounding_mode == "trunc":
        return (one / two).trunc()
    left = torch.fmod(one, two)
    quotient = (one - left) / two
    quotient = torch.where(_crossed(left, two), quotient - 1, quotient)
    down = quotient.floor()
    # The quotient is a whole number but for rounding.
    down = torch.where(quotient - down > 0.5, down + 1, down)
    if isinstance(two, torch.Tensor):
        return torch.where(two == 0, one / two, down)
    return down if two else one / two


def floor_divide(self: Number, other: Number) -> torch.Tensor:
    """Return what ``aten.floor_divide`` returns; see `divided`."""
    return divided(self, other, rounding_mode="floor")


def _alike(one: Number, two: Number) -> tuple[torch.Tensor, Number]:
    """Return both in the dtype that they have together; what has it already is left as it is."""
    dtype = torch.result_type(one, two)
    first = one.to(dtype) if isinstance(one, torch.Tensor) else torch.full((), one, dtype=dtype)
    return first, two.to(dtype) if isinstance(two, torch.Tensor) else two


def _crossed(left: torch.Tensor, divisor: Number) -> torch.Tensor:
    """Return whether what is left has another sign than the divisor."""
    if isinstance(divisor, torch.Tensor):
        return (left != 0) & ((left < 0) != (divisor < 0))
    return left > 0 if divisor < 0 else left < 0


def _whole_quotient(one: torch.Tensor, two: Number, rounded: object) -> torch.Tensor:
    # In float64, which is exact below 2 to the power of 52.
    exact = one.to(torch.float64) / two
    return (exact.floor() if rounded is torch.floor else exact.trunc()).to(one.dtype)
