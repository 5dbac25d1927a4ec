"""Put forms that take one path for all records in the place of PyTorch's functions.

Some functions check their arguments' values or choose a way by them, in Python. The forms here
leave the check out or take the general way; what they return is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import CodeType, FunctionType
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.distributions import Distribution
from torch.nn.modules import transformer

from workbench.errors import GraphRefused
from workbench.graphs.export.constants import is_constant
from workbench.graphs.export.decompositions import norms
from workbench.graphs.export.following import here
from workbench.graphs.export.forms import embeddings, losses, matrices
from workbench.graphs.export.forms.labels import LabelsAsIndices
from workbench.graphs.export.forms.mode import Mode
from workbench.graphs.export.forms.patching import replaced, seen_by_modes
from workbench.graphs.export.forms.unpooling import max_unpool
from workbench.graphs.operators.allowed import remedy

_FORMS: dict[Any, Callable[..., Any]] = {
    torch.cov: matrices.cov,
    torch.Tensor.cov: matrices.cov,
    torch.corrcoef: matrices.corrcoef,
    torch.Tensor.corrcoef: matrices.corrcoef,
    torch.bincount: matrices.bincount,
    torch.Tensor.bincount: matrices.bincount,
    torch.tril_indices: matrices.tril_indices,
    torch.triu_indices: matrices.triu_indices,
    torch.batch_norm: norms.batch_norm,
    F.gaussian_nll_loss: losses.gaussian_nll_loss,
    F.kl_div: losses.telling_kl_div(F.kl_div),
    F.embedding_bag: embeddings.embedding_bag,
    **{getattr(F, f"max_unpool{space}d"): max_unpool(space) for space in (1, 2, 3)},
}
"""Function to what is called instead."""
_CODES = {function.__code__ for function in _FORMS if isinstance(function, FunctionType)}
_DIFFERENTIATING = (torch.autograd.grad, torch.autograd.backward, torch.Tensor.backward)
_REFUSED: dict[Any, tuple[str, str]] = {
    torch._pack_padded_sequence: ("pack_padded_sequence", "its shapes depend on the record"),
    torch.embedding_renorm_: ("embedding with max_norm", "it changes the table while it is read"),
    torch._unique2: ("unique", "its shape depends on the record's values"),
    torch._VF.unique_dim: ("unique", "its shape depends on the record's values"),
    torch._VF.unique_consecutive:  # type: ignore[attr-defined]
    (
        "unique_consecutive",
        "its shape depends on the record's values",
    ),
}
"""Function to its name and why it is refused, in words."""


class _Forms(Mode):
    """Call our forms; refuse by name what would fail later, in words of PyTorch's own."""

    def __init__(self) -> None:
        super().__init__()
        self._running: set[CodeType] = set()

    def has(self, code: CodeType) -> bool:
        """Return whether there is a form of the function with such code, and it is not running."""
        return code in _CODES and code not in self._running

    def called(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        if torch._C._functorch.maybe_current_level() is not None and not _enters_or_leaves(func):
            raise GraphRefused(
                "torch.func (vmap, grad, vjp, jacrev, …) cannot be followed within the function",
                "Write what it computes in plain torch: a derivative as its formula, a vmap as an "
                "operation on the whole tensor. What does not depend on the record is computed "
                "outside of the function.",
            ).at(here())
        if func in _DIFFERENTIATING:
            raise GraphRefused(
                "a gradient is computed within the function; the domain does that itself",
                "Return the loss, without backward() or an optimizer. Where the loss is made of a "
                "derivative, write that as a formula.",
            ).at(here())
        if func in _REFUSED and not is_constant(args[0]):
            name, why = _REFUSED[func]
            raise GraphRefused(f"{name}: {why}", remedy(name)).at(here())
        if func is F.one_hot and max([*args[1:], *kwargs.values()], default=-1) < 1:
            raise GraphRefused(
                "one_hot without num_classes: its shape would depend on the record",
                "Say how many classes there are: torch.nn.functional.one_hot(label, num_classes).",
            ).at(here())
        form = _FORMS.get(func)
        before = set(self._running)
        code = None if form is None else getattr(func, "__code__", None)
        self._running |= {code} if code else set()
        try:
            return (func if form is None else form)(*args, **kwargs)
        except GraphRefused as error:
            raise error.at(here()) from None
        finally:
            self._running = before


def _enters_or_leaves(func: Callable[..., Any]) -> bool:
    """Return whether `func` begins or ends a transform of ``torch.func``, which has to end."""
    return getattr(func, "__module__", "") == "torch._functorch.predispatch"


@contextmanager
def one_path() -> Iterator[None]:
    """Put the forms of this module in the place of PyTorch's, in this thread."""
    validated = Distribution._validate_args
    with ExitStack() as stack:
        stack.callback(Distribution.set_default_validate_args, validated)
        Distribution.set_default_validate_args(False)
        methods: tuple[tuple[Any, str, Callable[..., Any]], ...] = (
            (nn.AdaptiveLogSoftmaxWithLoss, "forward", losses.adaptive_log_softmax),
            (nn.AdaptiveLogSoftmaxWithLoss, "_get_full_log_prob", losses.full_log_prob),
            (nn.AdaptiveLogSoftmaxWithLoss, "predict", losses.most_likely),
            (transformer, "_detect_is_causal_mask", _is_causal),
        )
        for owner, name, form in methods:
            stack.enter_context(replaced(owner, name, form))
        forms = _Forms()
        stack.enter_context(seen_by_modes(forms.has))
        stack.enter_context(LabelsAsIndices())
        stack.enter_context(forms)
        yield


def _is_causal(
    mask: torch.Tensor | None, is_causal: bool | None = None, size: int | None = None
) -> bool:
    """Return whether the caller said so; a mask that is given works in any case."""
    return bool(is_causal)
