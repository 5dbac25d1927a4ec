"""Keep what a training function says about gradients while it is exported.

``torch.export`` keeps values and forgets some of what was said about gradients: it drops
``torch.no_grad``, and of a ``torch.autograd.Function`` it sees the forward part only. Here
``no_grad`` becomes ``detach``, which stays in the graph. What cannot be kept is noted with its
line, so that `workbench.graphs.export.agreement` can name it when the gradients differ.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils._pytree import tree_leaves, tree_map_only

from workbench.errors import GraphRefused
from workbench.graphs.export.following import here
from workbench.graphs.export.forms.mode import Mode
from workbench.graphs.export.forms.patching import replaced


class GradientsKept(Mode):
    """Write ``detach`` where the function switches gradients off.

    Attributes
    ----------
    noted
        What has gradients of its own that a graph cannot keep, in words, each with its line.
    """

    def __init__(self) -> None:
        super().__init__()
        self.noted: dict[str, str] = {}

    def called(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Call `func`; detach what it returns where gradients are switched off.

        Raises
        ------
        GraphRefused
            If it writes in place there, into what is learned.
        """
        if func is torch._C._set_grad_enabled:
            # Not noted by torch.export, which would make a graph within the graph of it.
            with torch._C.DisableTorchFunction():
                return func(*args)
        if getattr(func, "__self__", None) is torch.Tensor.data and func.__name__ == "__get__":
            return args[0].detach()
        if torch.is_grad_enabled():
            return func(*args, **kwargs)
        learned = any(
            isinstance(leaf, torch.Tensor) and leaf.requires_grad
            for leaf in tree_leaves((args, kwargs))
        )
        if not learned:
            return func(*args, **kwargs)
        own = _own_function()
        if own is not None:
            # Its forward part is followed as it is: it may have the gradient that autograd finds.
            self.note(f"{own}, a torch.autograd.Function")
            return func(*args, **kwargs)
        if _in_place(func):
            raise GraphRefused(
                f"{func.__name__} changes a tensor in place under torch.no_grad(), and its "
                "gradient would pass by that change; a record graph cannot keep that",
                "For new values with the gradient of the old ones write: "
                "x = x + (new - x).detach()",
            ).at(here())
        return tree_map_only(torch.Tensor, torch.Tensor.detach, func(*args, **kwargs))

    def note(self, what: str) -> None:
        """Remember `what`, with the researcher's line that is running."""
        self.noted.setdefault(what, here())


def _own_function() -> str | None:
    """Return the name of the ``torch.autograd.Function`` whose forward part runs, or None.

    Asked of the stack: a module may have kept ``Function.apply`` under a name of its own.
    """
    apply = vars(torch.autograd.Function)["apply"].__func__.__code__
    frame = inspect.currentframe()
    while frame is not None:
        if frame.f_code is apply:
            return str(frame.f_locals["cls"].__name__)
        frame = frame.f_back
    return None


def _in_place(func: Callable[..., Any]) -> bool:
    name = getattr(func, "__name__", "")
    return name == "__setitem__" or (name.endswith("_") and not name.endswith("__"))


@contextmanager
def gradients_kept(mode: GradientsKept) -> Iterator[None]:
    """Export what is called in here with its gradients, which `mode` keeps."""
    hooked = vars(torch.Tensor)["register_hook"]

    def register_hook(tensor: torch.Tensor, hook: Any) -> Any:
        mode.note("Tensor.register_hook(…)")
        return hooked(tensor, hook)

    with replaced(torch.Tensor, "register_hook", register_hook), mode:
        yield
