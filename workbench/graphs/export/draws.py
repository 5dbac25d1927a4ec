"""Let what is random draw from numbers of the record's own, so that it can be repeated.

Dropout, stochastic depth, ``torch.rand``, ``bernoulli_`` and the like take `RecordView.noise` in
place of PyTorch's generator: fresh for each record and step, and known from the run's sealed seed.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from statistics import NormalDist
from typing import Any

import torch
import torch.nn.functional as F
from torch.optim.optimizer import register_optimizer_step_pre_hook

from workbench.errors import GraphRefused
from workbench.graphs.export.decompositions.attention import attention
from workbench.graphs.export.features import RecordView
from workbench.graphs.export.following import here
from workbench.graphs.export.forms.mode import Mode
from workbench.graphs.export.forms.patching import replaced, seen_by_modes

_ALPHA = 1.7580993408473766
"""What a dropped entry becomes in alpha dropout, negated (Klambauer et al. 2017,
arXiv:1706.02515)."""
_OUTSIDE = (
    "Make the tensor once, outside of the function, and keep it as a constant or a buffer; for "
    "fresh numbers in each step leave seed and generator out."
)
_BELOW_ONE = 1 - 2**-24
"""The largest float32 below 1."""


class Draws(Mode):
    """Answer what is random from the noise of one record.

    Parameters
    ----------
    view
        The record.
    """

    def __init__(self, view: RecordView) -> None:
        super().__init__()
        self._view = view
        self._answers: dict[Any, Callable[..., Any]] = {
            torch.dropout: self._dropout,
            torch.dropout_: _in_place(self._dropout),
            torch.feature_dropout: self._feature_dropout,
            torch.feature_dropout_: _in_place(self._feature_dropout),
            torch.alpha_dropout: self._alpha_dropout,
            torch.alpha_dropout_: _in_place(self._alpha_dropout),
            torch.feature_alpha_dropout: self._feature_alpha_dropout,
            torch.feature_alpha_dropout_: _in_place(self._feature_alpha_dropout),
            torch.rrelu: self._rrelu,
            torch.rrelu_: _in_place(self._rrelu),
            F.scaled_dot_product_attention: self._attention,
            torch.rand: self._rand,
            torch.randn: self._randn,
            torch.rand_like: lambda like, **o: self._uniform(tuple(like.shape)).to(_kind(like, o)),
            torch.randn_like: lambda like, **o: view.noise(tuple(like.shape)).to(_kind(like, o)),
            torch.bernoulli: self._bernoulli,
            torch.Tensor.bernoulli: self._bernoulli,
            torch.Tensor.bernoulli_: self._bernoulli_,
            torch.Tensor.uniform_: self._uniform_,
            torch.Tensor.normal_: self._normal_,
            torch.Tensor.exponential_: self._exponential_,
            torch.normal: self._normal,
            torch.randperm: lambda n, **o: (
                view.noise((n,)).argsort().to(o.get("dtype", torch.int64))
            ),
        }

    def called(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Call `func`, or answer in its place.

        Raises
        ------
        GraphRefused
            If it has a generator of its own: all records would get the same numbers.
        """
        if isinstance(kwargs.get("generator"), torch.Generator):
            raise GraphRefused(
                "random numbers with generator= would be the same for all records", _OUTSIDE
            ).at(here())
        answer = self._answers.get(func)
        return (func if answer is None else answer)(*args, **kwargs)

    def _uniform(self, shape: tuple[int, ...]) -> torch.Tensor:
        """Return numbers in [0, 1) of a shape, float32."""
        return ((1 + torch.erf(self._view.noise(shape) / math.sqrt(2))) / 2).clamp(0, _BELOW_ONE)

    def _kept(self, shape: tuple[int, ...], p: float) -> torch.Tensor:
        """Return a mask that is False with probability `p`."""
        if p >= 1 or p <= 0:
            return (torch.ones if p <= 0 else torch.zeros)(shape, dtype=torch.bool)
        return self._view.noise(shape) > NormalDist().inv_cdf(p)

    def _scaled_mask(self, shape: tuple[int, ...], p: float) -> torch.Tensor:
        """Return a mask that is 0 with probability `p`, else 1 / (1 - p)."""
        return torch.zeros(shape) if p >= 1 else self._kept(shape, p).to(torch.float32) / (1 - p)

    def _dropout(self, input: torch.Tensor, p: float, train: bool) -> torch.Tensor:
        return input * self._scaled_mask(tuple(input.shape), p) if train and p > 0 else input

    def _feature_dropout(self, input: torch.Tensor, p: float, train: bool) -> torch.Tensor:
        return input * self._scaled_mask(_features(input), p) if train and p > 0 else input

    def _alpha_dropout(self, input: torch.Tensor, p: float, train: bool) -> torch.Tensor:
        return self._alpha(input, tuple(input.shape), p) if train and p > 0 else input

    def _feature_alpha_dropout(self, input: torch.Tensor, p: float, train: bool) -> torch.Tensor:
        return self._alpha(input, _features(input), p) if train and p > 0 else input

    def _alpha(self, input: torch.Tensor, shape: tuple[int, ...], p: float) -> torch.Tensor:
        if p >= 1:
            return torch.zeros_like(input)
        scale = 1 / math.sqrt((_ALPHA**2 * p + 1) * (1 - p))
        kept = self._kept(shape, p).to(torch.float32)
        return input * (kept * scale) + ((kept - 1) * _ALPHA * scale + _ALPHA * scale * p)

    def _rrelu(
        self,
        input: torch.Tensor,
        lower: float = 1 / 8,
        upper: float = 1 / 3,
        training: bool = False,
        **options: Any,
    ) -> torch.Tensor:
        slope: Any = (lower + upper) / 2
        if training:
            slope = lower + (upper - lower) * self._uniform(tuple(input.shape))
        return torch.where(input < 0, input * slope, input)

    def _attention(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        attn_mask: torch.Tensor | None = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,
        **options: Any,
    ) -> Any:
        if dropout_p == 0:
            fused = F.scaled_dot_product_attention
            return fused(query, key, value, attn_mask, 0.0, is_causal, **options)
        drop = lambda weights: self._dropout(weights, dropout_p, True)  # noqa: E731
        given = (query, key, value, attn_mask, 0.0, is_causal)
        return attention(*given, between=drop, **options)

    def _rand(self, *size: Any, **options: Any) -> torch.Tensor:
        return self._uniform(_shape(size, options)).to(_dtype(options))

    def _randn(self, *size: Any, **options: Any) -> torch.Tensor:
        return self._view.noise(_shape(size, options)).to(_dtype(options))

    def _bernoulli(self, input: torch.Tensor, p: float | None = None, **_: Any) -> torch.Tensor:
        chance = input if p is None else p
        return (self._uniform(tuple(input.shape)) < chance).to(input.dtype)

    def _bernoulli_(self, input: torch.Tensor, p: Any = 0.5, **_: Any) -> torch.Tensor:
        shape = tuple(input.shape)
        if isinstance(p, torch.Tensor):
            return input.copy_(self._uniform(shape) < p)
        return input.copy_(self._kept(shape, 1 - p))

    def _uniform_(
        self, input: torch.Tensor, lower: float = 0.0, upper: float = 1.0, **_: Any
    ) -> torch.Tensor:
        return input.copy_(lower + (upper - lower) * self._uniform(tuple(input.shape)))

    def _normal_(
        self, input: torch.Tensor, mean: float = 0.0, std: float = 1.0, **_: Any
    ) -> torch.Tensor:
        return input.copy_(mean + std * self._view.noise(tuple(input.shape)))

    def _exponential_(self, input: torch.Tensor, lambd: float = 1.0, **_: Any) -> torch.Tensor:
        return input.copy_(-torch.log1p(-self._uniform(tuple(input.shape))) / lambd)

    def _normal(self, mean: Any, std: Any = 1.0, *size: Any, **options: Any) -> torch.Tensor:
        tensors = [value for value in (mean, std) if isinstance(value, torch.Tensor)]
        if tensors:
            shape = torch.broadcast_shapes(*(t.shape for t in tensors))  # type: ignore[no-untyped-call]
            kind = tensors[0].dtype
        else:
            shape, kind = torch.Size(_shape(size, options)), _dtype(options)
        with torch.no_grad():
            drawn: torch.Tensor = mean + std * self._view.noise(tuple(shape))
            return drawn.to(kind)


def _in_place(answer: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    """Return `answer` such that it writes what it gives into its first argument."""

    def written(input: torch.Tensor, *args: Any, **options: Any) -> torch.Tensor:
        return input.copy_(answer(input, *args, **options))

    return written


def _features(input: torch.Tensor) -> tuple[int, ...]:
    """Return the shape of a mask that drops whole channels, the second dimension."""
    return (*input.shape[:2], *[1] * (input.dim() - 2))


def _shape(size: Sequence[Any], options: dict[str, Any]) -> tuple[int, ...]:
    given = size or (options.get("size", ()),)
    single = len(given) == 1 and not isinstance(given[0], int)
    return tuple(int(n) for n in (given[0] if single else given))


def _dtype(options: dict[str, Any]) -> torch.dtype:
    return options.get("dtype") or torch.get_default_dtype()


def _kind(like: torch.Tensor, options: dict[str, Any]) -> torch.dtype:
    return options.get("dtype") or like.dtype


def _seeded(*_: Any) -> Any:
    raise GraphRefused(
        "torch.manual_seed in a training function would give all records the same random numbers",
        _OUTSIDE,
    )


def _optimizing(*_: Any, **__: Any) -> Any:
    raise GraphRefused(
        "an optimizer is used within the function; the domain does that itself",
        "Return the loss. Optimizer and learning rate are said above the function: "
        "@wb.training_function(optimizer='adam', learning_rate=0.01, …).",
    ).at(here())


@contextmanager
def drawing_from(view: RecordView) -> Iterator[None]:
    """Let what is random draw from the record, here and in all that is called.

    What other threads call meanwhile is torch's own.
    """
    with ExitStack() as stack:
        stack.enter_context(seen_by_modes())
        stack.enter_context(replaced(torch, "manual_seed", _seeded))
        for name in ("__init__", "zero_grad"):
            stack.enter_context(replaced(torch.optim.Optimizer, name, _optimizing))
        thread = threading.get_ident()
        hook = register_optimizer_step_pre_hook(
            lambda *_: _optimizing() if threading.get_ident() == thread else None
        )
        stack.callback(hook.remove)
        stack.enter_context(Draws(view))
        yield
