"""Studies: notebooks that papermill runs again, and functions submitted without a notebook."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(no_args_is_help=True, help="Run notebooks as studies.")


@app.command("run")
def run_study(
    notebook: Annotated[Path, typer.Argument(help="A notebook with a parameters cell.")],
    out: Annotated[Path, typer.Option(help="Folder for the executed notebook.")],
    parameters: Annotated[
        list[str] | None, typer.Option("-p", help="name=value; JSON values keep their type.")
    ] = None,
    space: Annotated[Path | None, typer.Option("--space", help="A space.toml.")] = None,
) -> None:
    """Run a notebook with parameters; the same parameters give the same numbers at no new cost."""
    given: dict[str, Any] = {}
    for pair in parameters or []:
        name, _, text = pair.partition("=")
        try:
            given[name] = json.loads(text)
        except ValueError:
            given[name] = text
    if space is not None:
        os.environ["WORKBENCH_SPACE"] = str(space.resolve())
    typer.echo(f"executed notebook: {execute(notebook, out, given)}")


def execute(notebook: Path, out: Path, parameters: dict[str, Any]) -> Path:
    """Run `notebook` by papermill and return the executed copy in `out`.

    Raises
    ------
    RequestFailed
        If a cell fails: the message is the cell's error, the copy shows where.
    """
    import papermill
    from papermill.exceptions import PapermillExecutionError

    from workbench.documents.errors import RequestFailed

    out.mkdir(parents=True, exist_ok=True)
    target = out / notebook.name
    try:
        papermill.execute_notebook(
            str(notebook),
            str(target),
            parameters=parameters,
            kernel_name="python3",
            cwd=str(notebook.parent),
            log_output=False,
            progress_bar=True,
        )
    except PapermillExecutionError as error:
        raise RequestFailed(
            f"cell {error.exec_count} of {notebook.name} failed: {error.ename}: {error.evalue}",
            f"See {target}.",
        ) from None
    return target


def submit(
    script: Annotated[
        Path, typer.Argument(help="A .py file with one training function and a model().")
    ],
    to: Annotated[list[str], typer.Option(help="domain/dataset; may be given several times.")],
    epsilon: Annotated[float, typer.Option(help="What each run may cost.")],
    purpose: Annotated[str, typer.Option(help="A DUO code and some words.")],
    delta: Annotated[float, typer.Option(help="Delta of the guarantee.")] = 1e-5,
    repeat: Annotated[int, typer.Option(help="Another number asks for a new run.")] = 0,
    space: Annotated[Path | None, typer.Option("--space", help="A space.toml.")] = None,
    rehearse: Annotated[
        bool, typer.Option("--rehearse", help="Only rehearse on the snippet, at no cost.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Submit a training function from a Python file of yours."""
    import runpy

    from workbench.documents.errors import NotFound
    from workbench.space.connection import connect
    from workbench.space.functions import TrainingFunction

    names = runpy.run_path(str(script))
    functions = [value for value in names.values() if isinstance(value, TrainingFunction)]
    if len(functions) != 1 or not callable(names.get("model")):
        raise NotFound(
            f"{script} has {len(functions)} training functions"
            + ("" if callable(names.get("model")) else " and no model()"),
            "It needs one @wb.training_function and a function model() that returns the module.",
        )
    where = connect(space)
    datasets = [where.dataset(path) for path in to]
    if rehearse:
        for dataset in datasets:
            typer.echo(repr(functions[0].rehearse(names["model"](), dataset, epsilon, delta)))
        return
    group = functions[0].submit(
        names["model"](), to=datasets, epsilon=epsilon, delta=delta, purpose=purpose, repeat=repeat
    )
    if as_json:
        typer.echo(json.dumps([handle.digest for handle in group]))
        return
    for handle in group:
        typer.echo(f"{handle.digest[7:19]}  {handle.client.name}: {handle.last_status.state}")
    typer.echo("Get the result with: workbench result <request> --out FOLDER")
