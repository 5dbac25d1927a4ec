"""What all calls of researchers have in common: numbers of any library, errors without our lines.

A call that researchers make is marked with `public_call`. What they should look at, although it can
be run, is told by `doubt`.
"""

from __future__ import annotations

import difflib
import functools
import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar

from workbench.documents.base import plain
from workbench.errors import (
    DoubtfulRequest,
    InvalidArgument,
    WorkbenchError,
    hide_our_lines,
    warn_at_their_line,
)

P = ParamSpec("P")
R = TypeVar("R")
_UNEXPECTED = re.compile("unexpected keyword argument '(.+)'")


def public_call(call: Callable[P, R]) -> Callable[P, R]:
    """Return a function or method as researchers call it.

    Numbers of NumPy and other libraries reach it as plain numbers, and an error of ours is shown
    without the lines of this package. So are arguments that it does not take.
    """
    signature = inspect.signature(call)

    @functools.wraps(call)
    def called(*given: P.args, **options: P.kwargs) -> R:
        try:
            check_arguments(call.__name__, signature, given, options)
            return call(*map(plain, given), **{name: plain(one) for name, one in options.items()})
        except WorkbenchError:
            hide_our_lines()
            raise

    return called


def check_arguments(
    name: str,
    signature: inspect.Signature,
    given: tuple[Any, ...],
    options: Mapping[str, Any],
    told: Mapping[str, str] | None = None,
) -> None:
    """Check that a call takes its arguments.

    Parameters
    ----------
    name
        What is called.
    signature
        What it takes.
    given, options
        Its arguments, without and with a name.
    told
        Name of an argument that people give and it does not take, to what to do instead.

    Raises
    ------
    InvalidArgument
        If it does not; says what it takes, and which name is near a wrong one.
    """
    try:
        # Names that it does not know come first: one of them may be what is missing.
        signature.bind_partial(**options)
        signature.bind(*given, **options)
    except TypeError as error:
        names = [one for one in signature.parameters if one not in ("self", "cls")]
        wrong = _UNEXPECTED.search(str(error))
        hint = "" if wrong is None else (told or {}).get(wrong[1], "")
        near = difflib.get_close_matches(wrong[1], names, 1) if wrong and not hint else []
        hint = hint or (f"Did you mean {near[0]}?" if near else "")
        if "too many positional" in str(error) and callable(given[-1]):
            hint = f"As a decorator write @wb.{name}(…) with its settings above the function."
        raise InvalidArgument(
            f"{name}(): {error}", f"{hint} It takes: {', '.join(names)}.".strip()
        ) from None


def doubt(text: str) -> None:
    """Warn of something that is perhaps not meant, at the researcher's own line."""
    warn_at_their_line(text, DoubtfulRequest)
