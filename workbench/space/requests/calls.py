"""What all calls of researchers have in common: numbers of any library, errors without our lines.

A call that researchers make is marked with `public_call`. What they should look at, although it can
be run, is told by `doubt`.
"""

from __future__ import annotations

import functools
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

from workbench.documents.base import plain
from workbench.errors import DoubtfulRequest, WorkbenchError, hide_our_lines

P = ParamSpec("P")
R = TypeVar("R")
_PACKAGE = f"{Path(__file__).parents[2]}/"


def public_call(call: Callable[P, R]) -> Callable[P, R]:
    """Return a function or method as researchers call it.

    Numbers of NumPy and other libraries reach it as plain numbers, and an error of ours is shown
    without the lines of this package.
    """

    @functools.wraps(call)
    def called(*given: P.args, **options: P.kwargs) -> R:
        try:
            return call(*map(plain, given), **{name: plain(one) for name, one in options.items()})
        except WorkbenchError:
            hide_our_lines()
            raise

    return called


def doubt(text: str) -> None:
    """Warn of something that is perhaps not meant, at the researcher's own line."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        level, frame = level + 1, frame.f_back
    warnings.warn(text, DoubtfulRequest, stacklevel=level)
