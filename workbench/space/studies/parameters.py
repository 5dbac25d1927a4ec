"""A notebook's parameters: the names in its cell tagged ``parameters``, and values for them."""

from __future__ import annotations

import ast
import difflib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.errors import InvalidArgument, InvalidConfiguration, NotFound, TooLarge

MAX_NOTEBOOK_BYTES = 50 << 20
MAX_PARAMETERS_BYTES = 100_000


@dataclass(frozen=True)
class Parameter:
    """One name of the parameters cell.

    Attributes
    ----------
    default
        The text right of ``=``.
    type
        The annotation, if there is one.
    help
        The comment behind it.
    """

    name: str
    default: str
    type: str
    help: str

    @property
    def value(self) -> Any:
        """The default's value if it is a plain Python value, else None."""
        try:
            return ast.literal_eval(self.default)
        except (ValueError, SyntaxError):
            return None


def parameters_of(notebook: Path) -> dict[str, Parameter]:
    """Return what can be given to `notebook`, by name.

    Raises
    ------
    NotFound
        If there is no such notebook.
    InvalidConfiguration
        If the file is no notebook.
    """
    import papermill

    _readable(notebook)
    try:
        found = papermill.inspect_notebook(str(notebook))
    except Exception as error:
        raise InvalidConfiguration(
            f"{notebook} is not a notebook that can be run: {str(error)[:200]}",
            "Open it in JupyterLab, choose a Python kernel and save it.",
        ) from None
    return {
        name: Parameter(
            name, one["default"], _known(one["inferred_type_name"]), one["help"].strip()
        )
        for name, one in found.items()
    }


def _readable(notebook: Path) -> None:
    if notebook.suffix != ".ipynb" or not notebook.is_file():
        raise NotFound(f"there is no notebook {notebook}", "Give the path of an .ipynb file.")
    if notebook.stat().st_size > MAX_NOTEBOOK_BYTES:
        raise TooLarge(
            f"{notebook} is over {MAX_NOTEBOOK_BYTES >> 20} MB",
            "Clear its outputs in JupyterLab (Edit > Clear Outputs of All Cells) and save it.",
        )


def _known(kind: str) -> str:
    return "" if kind == "None" else kind


def checked(notebook: Path, given: Mapping[str, Any]) -> dict[str, Any]:
    """Check that each value is a parameter of `notebook` and fits its default, and return them.

    Raises
    ------
    InvalidArgument
        If a name is unknown, says which is near; or a number is expected and something else given.
    TooLarge
        If the values are over 100 KB as JSON.
    """
    known = parameters_of(notebook)
    for name, value in given.items():
        if name not in known:
            raise _unknown(notebook, name, known)
        _fits(notebook, known[name], value)
    try:
        size = len(json.dumps(dict(given), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise InvalidArgument(f"a parameter is no JSON value: {error}") from None
    if size > MAX_PARAMETERS_BYTES:
        raise TooLarge("the parameters are over 100 KB", "Give the path of a file instead.")
    return dict(given)


def _unknown(notebook: Path, name: str, known: Mapping[str, Parameter]) -> InvalidArgument:
    if not known:
        return InvalidArgument(
            f"{notebook.name} takes no parameters",
            "Give a cell the tag 'parameters' and assign names in it, such as epsilon = 2.0.",
        )
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"Did you mean '{near[0]}'? " if near else ""
    return InvalidArgument(
        f"{notebook.name} has no parameter '{name}'", f"{hint}There are: {', '.join(known)}."
    )


def _fits(notebook: Path, parameter: Parameter, value: Any) -> None:
    default = parameter.value
    number = isinstance(default, int | float) and not isinstance(default, bool)
    if number and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise InvalidArgument(
            f"{notebook.name}: parameter '{parameter.name}' is {json.dumps(value)[:80]}, "
            f"expected a number such as {parameter.default}"
        )
    if isinstance(default, bool) and not isinstance(value, bool):
        raise InvalidArgument(
            f"{notebook.name}: parameter '{parameter.name}' is {json.dumps(value)[:80]}, "
            "expected true or false"
        )


def from_text(notebook: Path, pairs: Iterable[str]) -> dict[str, Any]:
    """Return the values of ``NAME=VALUE`` pairs, as a command line gives them.

    A value is JSON, else text; where the default is text, always text.

    Raises
    ------
    InvalidArgument
        If a pair has no ``=``.
    """
    known = parameters_of(notebook)
    given: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise InvalidArgument(f"'-p {pair}' has no value", "Write -p NAME=VALUE.")
        given[name] = text
        if name not in known or not isinstance(known[name].value, str):
            try:
                given[name] = json.loads(text)
            except ValueError:
                continue
    return given
