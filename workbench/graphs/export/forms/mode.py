"""Be asked about each function of PyTorch that is called, in words that all modes share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch.overrides import TorchFunctionMode


class Mode(TorchFunctionMode):
    """Asks `called` about each function of PyTorch that is called within it."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        return self.called(func, args, kwargs or {})

    def called(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Return what ``func(*args, **kwargs)`` is to return; here, what it returns."""
        return func(*args, **kwargs)
