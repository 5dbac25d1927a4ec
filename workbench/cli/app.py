"""The ``workbench`` command with all its subcommands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workbench._version import __version__
from workbench.cli import audit, domain, evidence, people, policy, schema, study
from workbench.views.terminal import print_json

app = typer.Typer(
    no_args_is_help=True,
    invoke_without_command=True,
    pretty_exceptions_enable=False,
)
app.add_typer(domain.app, name="domain")
app.add_typer(people.keys, name="key")
app.add_typer(policy.app, name="policy")
app.add_typer(study.app, name="study")
app.command()(audit.audit)
app.command()(evidence.verify)
app.command()(people.review)
app.command()(people.approve)
app.command()(people.deny)
app.command()(study.submit)
app.command()(schema.schema)

SpaceOption = Annotated[Path | None, typer.Option("--space", help="A space.toml.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback()
def options(
    version: Annotated[bool, typer.Option("--version", is_eager=True, help="Print it.")] = False,
) -> None:
    """Train on data that may not leave its holder."""
    if version:
        typer.echo(f"workbench {__version__}")
        raise typer.Exit


@app.command()
def demo(
    store: Annotated[Path, typer.Option(help="Where the demo keeps its domains.")] = Path(
        ".workbench/demo"
    ),
    out: Annotated[Path, typer.Option(help="Where each run's results go.")] = Path("runs"),
    lab: Annotated[bool, typer.Option("--lab", help="Open JupyterLab instead.")] = False,
    repeats: Annotated[int, typer.Option(min=1, help="Private runs per dataset.")] = 5,
) -> None:
    """Run the main job on this machine: two hospitals, one study, real data."""
    from workbench.demo.run import run

    run(store, out, lab=lab, repeats=repeats)


@app.command()
def catalog(space: SpaceOption = None, as_json: AsJson = False) -> None:
    """List what the domains offer."""
    from workbench.space.connection import connect

    found = connect(space).catalog()
    if as_json:
        print_json([card.model_dump(mode="json") for card in found])
        return
    found.table.show()
    for error in found.problems.values():
        typer.echo(f"{error.message}\n  {error.hint}", err=True)


@app.command()
def requests(space: SpaceOption = None, as_json: AsJson = False) -> None:
    """List your requests at all domains."""
    from workbench.space.connection import connect

    found = connect(space).requests()
    if as_json:
        print_json([handle.last_status.model_dump(mode="json") for handle in found])
        return
    found.table.show()
    for error in found.problems.values():
        typer.echo(f"{error.message}\n  {error.hint}", err=True)


@app.command()
def result(
    request: Annotated[str, typer.Argument(help="The start of a request's digest.")],
    out: Annotated[Path, typer.Option(help="Folder for model, metrics, evidence.")],
    space: SpaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Wait for a request and save what was released."""
    from workbench.space.connection import connect

    found = connect(space).request(request).wait(progress=not as_json)
    found.save(out)
    metrics = found.release.metrics
    if as_json:
        told = {metric.name: metric.model_dump() for metric in metrics}
        print_json({"metrics": told, "privacy": found.privacy.model_dump(), "out": str(out)})
        return
    for metric in metrics:
        typer.echo(f"{metric.name}: {metric.value:.3f} ± {metric.standard_error:.3f} (noise)")
    typer.echo(f"privacy spent: epsilon {found.privacy.epsilon:.3f}, saved to {out}")


@app.command()
def cancel(
    request: Annotated[str, typer.Argument(help="The start of a request's digest.")],
    space: SpaceOption = None,
) -> None:
    """Cancel a request; what already ran stays charged."""
    from workbench.space.connection import connect

    status = connect(space).request(request).cancel()
    typer.echo(f"{status.state}{' (charged)' if status.charged else ', nothing charged'}")
