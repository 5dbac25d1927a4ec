"""``workbench domain draft``: a first word on a holder's files, with questions to the steward."""

from __future__ import annotations

import filecmp
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.documents.base import visible

if TYPE_CHECKING:
    from workbench.domain.drafting.draft import Draft
    from workbench.domain.drafting.guessing import ColumnDraft

_SHOWN = 50
_RARE = 10


def draft(
    root: Annotated[Path, typer.Argument(help="The domain's folder.")],
    files: Annotated[
        list[Path],
        typer.Argument(help="Data files with the same columns, or their names in data/."),
    ],
    name: Annotated[str, typer.Option(help="The dataset's; else that of the first file.")] = "",
    title: Annotated[str, typer.Option(help="For people.")] = "",
    codebook: Annotated[
        Path | None,
        typer.Option(help="CSV: name, label, unit, lower, upper, categories (a|b), missing (a|b)."),
    ] = None,
    levels: Annotated[
        list[str] | None,
        typer.Option(help="COLUMN=a,b,c: labels that are publicly known. May be given again."),
    ] = None,
    headings: Annotated[
        bool, typer.Option("--headings", help="The first line is one of headings, whatever it is.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a draft.")] = False,
    ask: Annotated[
        bool | None, typer.Option(help="Ask which labels are public; if not said, in a terminal.")
    ] = None,
) -> None:
    """Write a first dataset.yaml and terms.yaml of data files, for a steward to complete."""
    from workbench.domain.drafting import draft as reading
    from workbench.domain.drafting.codebook import read_codebook
    from workbench.domain.drafting.writing import write
    from workbench.domain.store.config import DomainFolder
    from workbench.domain.store.files import copy_private

    folder = DomainFolder(root)
    paths = [_found(folder.data, path) for path in files]
    book = read_codebook(codebook) if codebook else None
    found = reading.draft(paths, name, title, book, headings)
    for column, labels in map(_confirmed, levels or []):
        found = found.with_levels(column, labels)
    _show(found)
    if sys.stdin.isatty() if ask is None else ask:
        found = _asked(found)
    elsewhere = [path for path in paths if _is_elsewhere(folder.data, path)]
    place = write(found, folder, force)
    typer.echo(f"wrote {place / 'dataset.yaml'} and {place / 'terms.yaml'}")
    for path in elsewhere:
        copy_private(path, folder.data / path.name)
        typer.echo(f"copied {path.name} into {folder.data}")
    typer.echo(
        f"fill in what stands there as TODO, then run 'workbench domain check {root} {found.name}'"
    )


def _found(data: Path, path: Path) -> Path:
    """Return the path of a file: as it is said, or in the domain's folder of data."""
    inside = data / path
    return inside if inside.exists() and not path.exists() else path


def _is_elsewhere(data: Path, path: Path) -> bool:
    """Return whether a file has to be copied into the domain's folder of data."""
    target = data / path.name
    if target.exists() and not filecmp.cmp(target, path, shallow=False):
        raise typer.BadParameter(f"{target} is there already and is another file")
    return not target.exists()


def _confirmed(text: str) -> tuple[str, list[str]]:
    column, equals, labels = text.partition("=")
    if not equals:
        raise typer.BadParameter("COLUMN=a,b", param_hint="--levels")
    return column.strip(), [label.strip() for label in labels.split(",") if label.strip()]


def _show(found: Draft) -> None:
    """Show what was found; it goes to the terminal and nowhere else."""
    repeated = f", {found.repeated} of them as one before" if found.repeated else ""
    typer.echo(f"read {found.rows} records{repeated}; what follows is for your eyes only")
    for column in found.columns:
        if column.left_out:
            heading = visible(column.heading) or "(no heading)"
            typer.echo(f"  {heading}: left out, {column.left_out}")
            continue
        seen = column.seen
        parts: list[str] = [column.kind]
        if column.role != "feature":
            parts.append(f"perhaps the {'person' if column.role == 'unit' else 'target'}")
        parts += [f"{seen.distinct} different labels"] if column.role == "unit" else []
        parts += [f"missing in {seen.missing}"] if seen.missing else []
        parts += seen.doubts
        typer.echo(f"  {column.name}: {', '.join(parts)}")


def _asked(found: Draft) -> Draft:
    """Return the draft with the labels that the steward confirmed, column by column."""
    for column in found.used:
        if not column.asks_for_levels:
            continue
        typer.echo(_levels_in_words(column))
        answer = _answer("publicly known? [all/choose/none]", ("all", "choose", "none"))
        if answer == "all":
            found = found.with_levels(column.name, list(column.seen.levels), every=True)
        elif answer == "choose":
            known = [
                label
                for label in column.seen.levels
                if _answer(f"  {visible(label)}? [y/n]", ("y", "n")) == "y"
            ]
            found = found.with_levels(column.name, known)
    return found


def _levels_in_words(column: ColumnDraft) -> str:
    levels = column.seen.levels
    shown = [f"{visible(label)} ({count})" for label, count in list(levels.items())[:_SHOWN]]
    more = f" and {len(levels) - _SHOWN} more" if len(levels) > _SHOWN else ""
    rare = sum(count < _RARE for count in levels.values())
    warned = f"; {rare} of them in fewer than {_RARE} records" if rare else ""
    return f"{column.name}: {len(levels)} levels found: {', '.join(shown)}{more}{warned}"


def _answer(question: str, answers: tuple[str, ...]) -> str:
    """Ask until one of some answers is given; its first letter is enough."""
    while True:
        given = str(typer.prompt(question, default=answers[-1], show_default=False)).strip().lower()
        for answer in answers:
            if given and answer.startswith(given):
                return answer
