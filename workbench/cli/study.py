"""``workbench study …`` and ``workbench submit``: notebooks as studies, scripts as requests."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.documents.base import short
from workbench.views.terminal import print_json

if TYPE_CHECKING:
    from workbench.documents import PublicKey

app = typer.Typer(no_args_is_help=True, help="Run notebooks as studies.")


@app.command("new")
def new_study(
    dataset: Annotated[str, typer.Argument(help="domain/dataset, or its name alone.")],
    out: Annotated[Path, typer.Option(help="The notebook to write.")],
    space: Annotated[Path | None, typer.Option("--space", help="A space.toml.")] = None,
) -> None:
    """Write a notebook that rehearses, submits, waits and shows what came back."""
    from workbench.space.connection import connect
    from workbench.space.studies import new

    path = new.new_study(connect(space).dataset(dataset), out)
    typer.echo(f"{path}\nRun it with: workbench study run {path} --out runs/1")


@app.command("run")
def run_study(
    notebook: Annotated[Path, typer.Argument(help="A notebook with a parameters cell.")],
    out: Annotated[Path, typer.Option(help="The study's folder.")],
    parameters: Annotated[
        list[str] | None, typer.Option("-p", help="NAME=VALUE; JSON values keep their type.")
    ] = None,
    space: Annotated[Path | None, typer.Option("--space", help="A space.toml.")] = None,
) -> None:
    """Run a notebook with parameters; the same parameters give the same numbers at no new cost."""
    from workbench.space.studies.bar import run_with_bar
    from workbench.space.studies.parameters import from_text

    if space is not None:
        os.environ["WORKBENCH_SPACE"] = str(space.resolve())
    given = from_text(notebook, parameters or [])
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        run_with_bar(notebook, out, given)
    except KeyboardInterrupt:
        typer.echo(f"\nStopped. What ran so far is in {out}; requests go on at the domains.")
        raise SystemExit(130) from None
    typer.echo(
        f"Study: {out}\nReport: {out / 'report.html'}\nCheck it: workbench study verify {out}"
    )


@app.command("verify")
def verify_study(
    folder: Annotated[Path, typer.Argument(help="A study's folder.")],
    space: Annotated[
        Path | None, typer.Option("--space", help="A space.toml: whose domains' keys to trust.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check that a study's files and evidence are what it says."""
    from workbench.space.studies.verify import verify

    findings = verify(folder, _trusted(space))
    wrong = [finding for finding in findings if not finding.holds]
    if as_json:
        print_json({"holds": not wrong, "checks": [asdict(finding) for finding in findings]})
    else:
        for finding in findings:
            typer.echo(f"{'ok   ' if finding.holds else 'WRONG'}  {finding.what}: {finding.words}")
    if wrong:
        raise SystemExit(1)


def _trusted(space: Path | None) -> dict[str, PublicKey] | None:
    from workbench.errors import InvalidConfiguration
    from workbench.space.connection import connect

    try:
        found = connect(space)
    except InvalidConfiguration:
        if space is not None:
            raise
        return None
    return {name: client.public_key for name, client in found.domains.items()}


@app.command("export")
def export_study(
    folder: Annotated[Path, typer.Argument(help="A study's folder.")],
    out: Annotated[Path, typer.Option(help="The .zip to write.")],
    licence: Annotated[str, typer.Option(help="Under which licence: its address.")] = "",
) -> None:
    """Write a study as an RO-Crate, for a repository or a reviewer."""
    from workbench.space.studies.crate import export

    typer.echo(f"RO-Crate: {export(folder, out, licence)}")


def submit(
    script: Annotated[
        Path, typer.Argument(help="A .py file with one training function and a model().")
    ],
    to: Annotated[list[str], typer.Option(help="domain/dataset; may be given several times.")],
    purpose: Annotated[str, typer.Option(help="A DUO code and some words.")],
    epsilon: Annotated[float | None, typer.Option(help="What each run may cost.")] = None,
    noise_multiplier: Annotated[
        float | None, typer.Option(help="In place of epsilon, which then follows from it.")
    ] = None,
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

    from workbench.errors import InvalidArgument
    from workbench.space.connection import connect
    from workbench.space.training.functions import TrainingFunction

    names = runpy.run_path(str(script))
    functions = [value for value in names.values() if isinstance(value, TrainingFunction)]
    if len(functions) != 1 or not callable(names.get("model")):
        raise InvalidArgument(
            f"{script} has {len(functions)} training functions"
            + ("" if callable(names.get("model")) else " and no model()"),
            "It needs one @wb.training_function and a function model() that returns the module.",
        )
    where = connect(space)
    datasets = [where.dataset(path) for path in to]
    asked: Any = {"epsilon": epsilon, "noise_multiplier": noise_multiplier, "delta": delta}
    if rehearse:
        for dataset in datasets:
            typer.echo(repr(functions[0].rehearse(names["model"](), dataset, **asked)))
        return
    group = functions[0].submit(
        names["model"](), to=datasets, purpose=purpose, repeat=repeat, **asked
    )
    if as_json:
        typer.echo(json.dumps([handle.digest for handle in group]))
        return
    for handle in group:
        typer.echo(f"{short(handle.digest)}  {handle.client.name}: {handle.last_status.state}")
    typer.echo("Get the result with: workbench result <request> --out FOLDER")
