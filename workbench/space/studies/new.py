"""A new study: a notebook with a parameters cell that runs as it is."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

from workbench.errors import Conflict, InvalidArgument
from workbench.space.datasets import Dataset
from workbench.space.starter.cells import study

_MOST = 1000


def new_study(dataset: Dataset, path: Path) -> Path:
    """Write a study of `dataset` to `path`; a file that is there is never overwritten.

    Raises
    ------
    InvalidArgument
        If `path` does not end in ``.ipynb``.
    Conflict
        If `path` is taken, or cannot be written.
    """
    if path.suffix != ".ipynb":
        raise InvalidArgument(f"{path} does not end in .ipynb", "Give --out study.ipynb")
    if not _written(path, text_of(study(dataset.card))):
        raise Conflict(f"{path} is there already", "Give another name with --out.")
    return path


def write_new(place: Path, name: str, cells: Sequence[dict[str, str]]) -> Path:
    """Write cells as ``<name>-study.ipynb`` into the folder `place`, with a number if need be.

    Parameters
    ----------
    place, name
        Where, and how the file begins.
    cells
        Each with ``kind`` (markdown, code, or parameters) and ``source``.

    Raises
    ------
    Conflict
        If there are a thousand of this name.
    """
    text = text_of(cells)
    for number in itertools.islice(itertools.count(1), _MOST):
        path = place / f"{name}-study{'' if number == 1 else f'-{number}'}.ipynb"
        if _written(path, text):
            return path
    raise Conflict("there are a thousand such studies here", "Choose another folder.")


def _written(path: Path, text: str) -> bool:
    try:
        with path.open("x") as file:
            file.write(text)
    except FileExistsError:
        return False
    except OSError as error:
        raise Conflict(f"cannot write {path}: {error.strerror}", "Choose another folder.") from None
    return True


def text_of(cells: Sequence[dict[str, str]]) -> str:
    """Return cells as the text of a notebook."""
    from nbformat import v4, writes

    make = {
        "markdown": lambda source: v4.new_markdown_cell(source),  # type: ignore[no-untyped-call]
        "code": lambda source: v4.new_code_cell(source),  # type: ignore[no-untyped-call]
        "parameters": lambda source: v4.new_code_cell(  # type: ignore[no-untyped-call]
            source, metadata={"tags": ["parameters"]}
        ),
    }
    notebook = v4.new_notebook()  # type: ignore[no-untyped-call]
    notebook.cells = [make[cell["kind"]](cell["source"]) for cell in cells]
    notebook.metadata.kernelspec = {
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
        "name": "python3",
    }
    notebook.metadata.language_info = {"name": "python"}
    return str(writes(notebook)) + "\n"  # type: ignore[no-untyped-call]
