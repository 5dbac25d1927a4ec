"""Replace functions of PyTorch for a while, in this thread only."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
import torch._tensor
import torch.functional
import torch.nn.functional

_PATCHING = threading.RLock()


@contextmanager
def replaced(owner: Any, name: str, ours: Callable[..., Any]) -> Iterator[None]:
    """Let `name` of `owner`, a module or a class, be `ours`; for other threads it stays theirs."""
    here = threading.get_ident()
    with _PATCHING:
        theirs = vars(owner)[name]
        of_class = isinstance(theirs, classmethod)
        plain = theirs.__func__ if of_class else theirs

        def chosen(*args: Any, **named: Any) -> Any:
            return (ours if threading.get_ident() == here else plain)(*args, **named)

        setattr(owner, name, classmethod(chosen) if of_class else chosen)
        try:
            yield
        finally:
            setattr(owner, name, theirs)


@contextmanager
def seen_by_modes() -> Iterator[None]:
    """Let function modes see the operators that PyTorch's functions in Python call.

    Else a mode is asked about ``torch.nn.functional.multi_head_attention_forward`` as a whole, and
    never about what it calls.
    """
    with ExitStack() as stack:
        for module in (torch.nn.functional, torch.functional, torch._tensor):
            for name in ("has_torch_function", "has_torch_function_unary"):
                stack.enter_context(replaced(module, name, _no))
            stack.enter_context(replaced(module, "has_torch_function_variadic", _no))
        yield


def _no(*_: Any) -> bool:
    return False
