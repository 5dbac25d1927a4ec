"""``workbench domain draft``: begin a dataset from its data file."""

from __future__ import annotations

import filecmp
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from workbench.domain.drafting.draft import Draft, DraftColumn

_MOST_SHOWN = 30


def draft(
    root: Annotated[Path, typer.Argument(help="The domain's folder.")],
    file: Annotated[Path, typer.Argument(help="The data file, or its name in data/.")],
    name: Annotated[str, typer.Option(help="The dataset's; the file's if not said.")] = "",
    title: Annotated[str, typer.Option(help="For people.")] = "",
    codebook: Annotated[
        Path | None,
        typer.Option(help="CSV: name, label, unit, lower, upper, categories, missing."),
    ] = None,
    levels: Annotated[
        list[str] | None,
        typer.Option(help="COLUMN=a,b: its levels that are publicly known; may come often."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a draft.")] = False,
) -> None:
    """Look at a data file and write a first dataset.yaml and terms.yaml to complete."""
    from workbench.domain.drafting import codebook as books
    from workbench.domain.drafting.draft import draft as drafted
    from workbench.domain.drafting.draft import names_of
    from workbench.domain.drafting.writing import write
    from workbench.domain.store.config import DomainFolder

    folder = DomainFolder(root)
    path = _in_data(folder.data, file)
    name = name or next(iter(names_of([path.stem]).values())).replace("_", "-")
    found = drafted(path, books.read(codebook) if codebook is not None else None)
    _tell(found)
    found.confirm(dict(_levels(text) for text in levels or ()))
    if sys.stdin.isatty():
        for column in found.columns:
            if column.asks and column.levels is None:
                column.levels = _asked(column)
    write(found, folder.datasets / name, name, title or path.stem, force)
    typer.echo(
        f"wrote {folder.datasets / name}/dataset.yaml and terms.yaml. Fill in each TODO, then "
        f"'workbench domain check {root} {name}'"
    )


def _in_data(data: Path, file: Path) -> Path:
    """Return the file in the domain's folder of data; one from elsewhere is copied there."""
    if file.parent == Path() and (data / file.name).is_file():
        return data / file.name
    if not file.is_file():
        raise typer.BadParameter(f"{file}: no such file, neither here nor in {data}")
    target = data / file.name
    if target.exists() and filecmp.cmp(target, file, shallow=False):
        return target
    if target.exists():
        raise typer.BadParameter(f"{target} is there already and is another file")
    shutil.copyfile(file, target)
    target.chmod(0o600)
    typer.echo(f"copied {file.name} into {data}")
    return target


def _levels(text: str) -> tuple[str, tuple[str, ...]]:
    column, found, levels = text.partition("=")
    if not found:
        raise typer.BadParameter("COLUMN=a,b", param_hint="--levels")
    return column, tuple(level.strip() for level in levels.split(",") if level.strip())


def _tell(found: Draft) -> None:
    """Show a steward what the file holds; none of it is written."""
    written = f"delimiter {found.reading.delimiter!r}, " if found.reading.delimiter else ""
    typer.echo(
        f"{found.file}: {found.rows} records, {len(found.columns)} columns; {written}"
        f"encoding {found.reading.encoding}, decimal {found.reading.decimal!r}"
    )
    for column in found.columns:
        typer.echo(f"  {column.name}: {_seen(column)}")
    if found.unit is None:
        typer.echo("  no column seems to tell persons apart")
    if found.duplicates:
        typer.echo(f"  ! {found.duplicates} records are equal to one before them")
    for heading in found.left_out:
        typer.echo(f"  ! {heading!r}: a heading that is empty or comes twice cannot be used")


def _seen(column: DraftColumn) -> str:
    profile = column.profile
    parts = [column.kind if column.role == "feature" else f"{column.kind}, {column.role}"]
    if column.kind == "category" and column.role != "unit":
        shown = [f"{level} ({count})" for level, count in profile.levels.most_common(_MOST_SHOWN)]
        more = len(profile.levels) - len(shown)
        parts.append(", ".join(shown) + (f" and {more} more" if more > 0 else ""))
    elif column.role == "unit":
        parts.append(f"{'over ' if profile.many else ''}{len(profile.levels)} of them")
    if column.missing:
        parts.append(f"missing: {', '.join(repr(code) for code in column.missing)}")
    return "; ".join(parts)


def _asked(column: DraftColumn) -> tuple[str, ...]:
    """Ask a steward which levels are publicly known."""
    levels = list(column.profile.levels)
    shown = ", ".join(levels[:_MOST_SHOWN])
    typer.echo(f"{column.name}: {shown}")
    answer = typer.prompt(
        "  publicly known? 'all', 'none', or those that are, with commas between", default="none"
    )
    if answer.strip() in ("all", "none"):
        return tuple(levels) if answer.strip() == "all" else ()
    return tuple(level.strip() for level in answer.split(",") if level.strip() in levels)
