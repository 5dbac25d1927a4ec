"""Replace functions of PyTorch for a while, in this thread only."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import CodeType
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


_ASKING = (
    "has_torch_function",
    "has_torch_function_unary",
    "has_torch_function_variadic",
)
"""How PyTorch's functions in Python ask whether somebody else answers a call."""


def _nobody(code: CodeType) -> bool:
    return False


@contextmanager
def seen_by_modes(whole: Callable[[CodeType], bool] = _nobody) -> Iterator[None]:
    """Let function modes see the operators that PyTorch's functions in Python call.

    Else a mode is asked about ``torch.nn.functional.multi_head_attention_forward`` as a whole, and
    never about what it calls.

    Parameters
    ----------
    whole
        Takes the code of a function; returns whether modes are asked about it as a whole. So they
        see it under any name, also one that was imported before.
    """

    def asked(*_: Any) -> bool:
        # Called by `replaced`, which the function in question called.
        return whole(sys._getframe(2).f_code)

    with ExitStack() as stack:
        for module in (torch.nn.functional, torch.functional, torch._tensor):
            for name in _ASKING:
                stack.enter_context(replaced(module, name, asked))
        yield
