"""Tell what a researcher's own function did wrong: their line, and what to write instead."""

from __future__ import annotations

import inspect
import linecache
import re
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from workbench.documents.base import IDENTIFIER
from workbench.errors import (
    GraphRefused,
    InvalidArgument,
    WorkbenchError,
    is_theirs,
    line_in_words,
    line_of,
)

_LONGEST_DECORATION = 30
_NOT_FOLLOWED = "torch.export cannot follow the function"
_REMEDIES = (
    (
        r"indices' to have one of the following scalar types|scalar types: Long",
        "An index is a whole number: use a category column, or .long() of a number.",
    ),
    (
        r"dtype .*Long|scalar type Long|target with class probabilities|nll_loss.*Float",
        "A class is a whole number: use a category column, or .long() of a number. For a vector of "
        "0 and 1 write F.one_hot(label, number_of_classes).float().",
    ),
    (
        r"same dtype|but found (Double|Half|BFloat16)|expected scalar type",
        "Columns are float32, and categories int64: leave out .double() and .half(), and write "
        ".float() or .long() where two meet.",
    ),
    (
        r"CUDA|cuda",
        "Leave out .cuda() and .to('cuda'): the domain chooses where it trains.",
    ),
    (
        r"Expected more than 1 value per channel",
        "Batch normalization mixes records: use nn.GroupNorm or nn.LayerNorm. As a layer, such as "
        "nn.BatchNorm2d, it is converted.",
    ),
    (
        r"not str|'str' object",
        "A record is a mapping of column names to tensors, and looping over it gives the names: "
        "write record['age'].",
    ),
    (
        r"'RecordView' object",
        "A record is a mapping of column names to tensors: record['age'].",
    ),
    (
        r"does not require grad",
        "Call neither backward() nor an optimizer: return the loss, the domain does the rest.",
    ),
    (
        r"numpy|unsupported format|must be (real number|Tensor)|can't convert",
        "Write it in plain torch: no NumPy, no math module, no formatted text of a value.",
    ),
    (
        r"shape|size|dimension|Dimension|dim ",
        "It gets ONE record: numbers and categories have shape (), and there is no batch "
        "dimension. Layers that want one get x.unsqueeze(0), and their result is [0].",
    ),
)
_CORRECT = "Correct this line. The function was tried on a made-up record; nothing was sent."


@contextmanager
def researchers_code(function: Callable[..., Any]) -> Iterator[None]:
    """Turn what fails in a researcher's function into an error that names their line.

    Parameters
    ----------
    function
        Where it is defined is named if no other line is known.

    Raises
    ------
    WorkbenchError
        What was raised, with a line.
    GraphRefused
        In place of any other error that came out of their code. An error that is ours stays as it
        is.
    """
    try:
        yield
    except WorkbenchError as error:
        told, line = error, line_in_words(line_of(error.__traceback__))
        if error.message.startswith(_NOT_FOLLOWED):
            told = type(error)(error.message, _remedy(error.message) or error.hint)
        raise told.at(line or _definition(function)) from None
    except Exception as error:
        frame = line_of(error.__traceback__)
        if frame is None:
            raise
        raise _failed(error).at(line_in_words(frame)) from None


def _failed(error: Exception) -> GraphRefused:
    first = (str(error).strip().splitlines() or [""])[0][:300]
    return GraphRefused(
        f"the function fails for a record: {type(error).__name__}: {first}",
        _remedy(str(error)) or _CORRECT,
    )


def _remedy(text: str) -> str:
    product = re.search(r"shapes cannot be multiplied \(\d+x(\d+) and (\d+)x\d+\)", text)
    if product:
        return f"The layer expects {product[2]} numbers, and is given {product[1]}."
    return next((told for words, told in _REMEDIES if re.search(words, text)), "")


def _definition(function: Callable[..., Any]) -> str:
    """Return the line with the name of a function, where it is known."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is None:
        return ""
    # A decorated function begins at its first decorator.
    first = code.co_firstlineno
    last = first + (1 if code.co_name == "<lambda>" else _LONGEST_DECORATION)
    numbers = (
        number
        for number in range(first, last)
        if linecache.getline(code.co_filename, number).lstrip().startswith("def ")
    )
    number = next(numbers, first)
    text = linecache.getline(code.co_filename, number)
    frame = traceback.FrameSummary(code.co_filename, number, code.co_name, line=text)
    return line_in_words(frame) if is_theirs(frame) else ""


def check_takes(function: Callable[..., Any], names: tuple[str, ...]) -> None:
    """Check that a function can be called with the arguments that it will get.

    Parameters
    ----------
    function
        The researcher's.
    names
        What the arguments are usually called, in their order.

    Raises
    ------
    InvalidArgument
        If it takes more or fewer, or by its names expects them in another order.
    """
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        # Of some callables nobody can tell what they take.
        return
    wanted, takes = ", ".join(names), list(signature.parameters)
    swapped = takes[: len(names)] == list(reversed(names)) and len(names) > 1
    try:
        signature.bind(*names)
    except TypeError:
        swapped = True
    if swapped:
        name = getattr(function, "__name__", type(function).__name__)
        raise InvalidArgument(
            f"'{name}' takes ({', '.join(takes)}); it is called with ({wanted})",
            f"Write def {name}({wanted}): …, for ONE record: a mapping of column names to tensors.",
        ).at(_definition(function))


def check_name(name: str, kind: str) -> None:
    """Check that a request can name a function so.

    Parameters
    ----------
    name
        The function's ``__name__``.
    kind
        What it is, in words.

    Raises
    ------
    InvalidArgument
        If it cannot, such as a lambda's.
    """
    if re.fullmatch(IDENTIFIER, name):
        return
    what = "a lambda has none" if name == "<lambda>" else f"'{name[:80]}' is none"
    raise InvalidArgument(
        f"the {kind} needs a name that the data holder can read; {what}",
        "Write it with def, and name it in letters a to z, digits and underscores.",
    )


def check_metric_names(names: tuple[str, ...]) -> None:
    """Check that a request can have metrics of these names.

    Raises
    ------
    InvalidArgument
        If not; names the first that it cannot.
    """
    for name in names:
        if not re.fullmatch(IDENTIFIER, name):
            raise InvalidArgument(
                f"'{name[:80]}' is no name for a metric",
                "Name it in letters a to z, digits and underscores, such as 'top_5'.",
            )
