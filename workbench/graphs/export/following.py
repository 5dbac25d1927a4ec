"""Call a researcher's function so that what cannot be followed names the line and what to write."""

from __future__ import annotations

import contextlib
import functools
import logging
import re
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import torch
import torch.fx

from workbench.documents.schema import Column, Schema
from workbench.errors import GraphRefused, WorkbenchError, line_in_words
from workbench.graphs.operators.allowed import remedy

T = TypeVar("T")
Examples = dict[str, torch.Tensor]
"""Column name to its value in one record: a number of shape ``()`` or a tensor of the column's
shape, int64 for categories and float32 for all others."""

_NOT_THEIRS = (
    *(f"{folder}/" for folder in (Path(torch.__file__).parent, Path(__file__).parents[2])),
    contextlib.__file__,
    functools.__file__,
    # Code that PyTorch makes.
    "<string>",
    "<eval_with_key>",
)
_BEYOND = re.compile(r"index out of range in self|is out of bounds|out of bounds for")


def line_of(frames: Iterable[tuple[str, int, str]]) -> str:
    """Return the innermost line that is neither torch's nor of this package, in words.

    Parameters
    ----------
    frames
        File, number of the line and code, from the outermost call to the innermost.

    Returns
    -------
    str
        Empty if no frame is the researcher's.
    """
    own = [frame for frame in frames if not frame[0].startswith(_NOT_THEIRS)]
    if not own:
        return ""
    path, number, code = own[-1]
    return line_in_words(traceback.FrameSummary(path, number, "", line=code))


def here() -> str:
    """Return the researcher's line that is running, in words; empty if there is none."""
    frames = traceback.extract_stack()
    return line_of((f.filename, f.lineno or 0, f.line or "") for f in frames)


def _line_of_error(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return line_of((f.filename, f.lineno or 0, f.line or "") for f in frames)


def followed(function: Callable[..., T], *given: Any) -> T:
    """Return what `function` returns while it is exported.

    Raises
    ------
    GraphRefused
        If it cannot be followed: names the line. PyTorch's own account of it, of some hundred
        lines, is left out.
    """
    noisy = logging.getLogger("torch.fx.experimental.symbolic_shapes")
    level = noisy.level
    noisy.setLevel(logging.ERROR)
    try:
        return function(*given)
    except WorkbenchError:
        raise
    except Exception as error:
        raise not_followed(error) from None
    finally:
        noisy.setLevel(level)


def not_followed(error: Exception) -> GraphRefused:
    """Return the refusal of a function for which ``torch.export`` raised `error`."""
    from torch.fx.experimental.symbolic_shapes import GuardOnDataDependentSymNode

    if isinstance(error, GuardOnDataDependentSymNode):
        return GraphRefused(
            "Python would decide on a record's value, with if, for, while, assert, and, or, "
            "int() or float(); a record graph takes one path for all records",
            "Use torch.where(condition, one, other) instead of if, & and | instead of and and or, "
            "and torch instead of float() and math.",
        ).at(_line_of_error(error))
    first = str(error).strip().splitlines() or [type(error).__name__]
    operator = re.search(r"\baten\.\w+\.\w+", first[0])
    if operator and remedy(operator[0]) != remedy(""):
        refused = GraphRefused(f"operator '{operator[0]}' is not allowed", remedy(operator[0]))
        return refused.at(_line_of_error(error))
    return GraphRefused(
        f"torch.export cannot follow the function: {first[0][:500]}",
        "Write it for one record, in plain torch, without NumPy and without if / for on the "
        "record's values.",
    ).at(_line_of_error(error))


def fails_by_itself(error: Exception) -> GraphRefused:
    """Return the refusal of a function that fails for made-up records without ``torch.export``."""
    first = str(error).strip().splitlines() or [type(error).__name__]
    return GraphRefused(
        "the function fails for every record that was made up within the columns' bounds: "
        f"{first[0][:500]}",
        "Call it yourself with a record of the snippet, and mend what fails there.",
    ).at(_line_of_error(error))


def at_bounds(run: Callable[[Examples], object], schema: Schema) -> None:
    """Check that `run` looks nothing up beyond a table, for records at the columns' bounds.

    A domain answers look-ups beyond a table with its first or last row, and classes beyond the
    last with no loss: a run that failed for one record would tell about it. What lies beyond is
    most often a mistake, and it shows here at no cost.

    Parameters
    ----------
    run
        Calls the function with one record.
    schema
        Its columns; the records are made up of their public bounds.

    Raises
    ------
    GraphRefused
        If it does; names the line.
    """
    for end in ("lowest", "highest"):
        record = {column.name: _at(column, end == "highest") for column in schema.usable}
        try:
            run(record)
        except (IndexError, RuntimeError) as error:
            if _BEYOND.search(str(error)):
                raise GraphRefused(
                    f"of a record with the {end} values that its columns can have, the function "
                    f"looks up what is not there: {str(error).splitlines()[0][:300]}",
                    "An embedding needs a row, and a loss a class, for each value that the column "
                    "can have; .clamp(…) what may lie beyond.",
                ).at(_line_of_error(error)) from None
        except Exception:  # noqa: S112 - what fails for such a record alone cannot fail at a domain
            continue


def _at(column: Column, highest: bool) -> torch.Tensor:
    if column.kind == "category":
        return torch.tensor(len(column.categories) - 1 if highest else 0)
    bound = column.upper if highest else column.lower
    return torch.full(column.shape, float(bound or 0.0), dtype=torch.float32)
