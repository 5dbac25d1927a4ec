"""``workbench domain …``: what operators and stewards do at a data holder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from workbench.cli import population
from workbench.cli.draft import draft
from workbench.documents.base import hex_of, short
from workbench.views.tables import Table
from workbench.views.terminal import print_json
from workbench.views.words import time_words

if TYPE_CHECKING:
    from workbench.domain.api.terminal import LogFormat
    from workbench.domain.publishing.approval import Wins
    from workbench.domain.publishing.report import Report

app = typer.Typer(no_args_is_help=True, help="Run a data holder's domain.")
app.add_typer(population.app, name="population")
app.command()(draft)

Root = Annotated[Path, typer.Argument(help="The domain's folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def init(
    root: Root,
    name: Annotated[str, typer.Option(help="Lower case, digits and hyphens.")],
    title: Annotated[str, typer.Option(help="For people.")] = "",
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Where to listen.")] = 8700,
) -> None:
    """Make a domain's folder: configuration, signing key, sealing key."""
    from workbench.domain.setup import set_up

    set_up(root, name=name, title=title, port=port)
    typer.echo(f"made {root}: put data into data/, cards into datasets/, then publish and serve")


@app.command()
def serve(
    root: Root,
    log_format: Annotated[str, typer.Option(help="text, or json for collectors.")] = "text",
) -> None:
    """Serve the domain until Ctrl-C; each event is a line."""
    from workbench.domain.api.server import serve as run

    if log_format not in ("text", "json"):
        raise typer.BadParameter("'text' or 'json'", param_hint="--log-format")
    run(root, cast("LogFormat", log_format))


@app.command()
def admit(
    root: Root,
    key: Annotated[str, typer.Argument(help="A public key, or a .pub file.")],
    name: Annotated[str, typer.Option(help="The person's name.")],
    role: Annotated[str, typer.Option(help="researcher or steward.")] = "researcher",
) -> None:
    """Admit a person by their public key."""
    from workbench.domain.service import Domain
    from workbench.identity.keys import PublicKey

    text = Path(key).read_text() if Path(key).is_file() else key
    domain = Domain(root)
    person = domain.operator.admit(PublicKey.from_text(text), name, role)
    domain.close()
    typer.echo(f"admitted {person.name} as {person.role}, key {short(person.key_id)}")


@app.command()
def revoke(root: Root, key_id: Annotated[str, typer.Argument(help="The key's id.")]) -> None:
    """Take back an admission."""
    from workbench.domain.service import Domain

    domain = Domain(root)
    person = domain.operator.revoke(key_id)
    domain.close()
    typer.echo(f"revoked {person.name}, key {short(person.key_id)}")


@app.command()
def publish(
    root: Root,
    dataset: Annotated[str, typer.Argument(help="A folder under datasets/.")],
    approval: Annotated[
        str | None,
        typer.Option(help="If a steward and terms.yaml both changed it: 'file' or 'kept' holds."),
    ] = None,
) -> None:
    """Read a dataset and publish its card."""
    from workbench.catalog.files import read_dataset
    from workbench.domain.service import Domain

    if approval not in (None, "file", "kept"):
        raise typer.BadParameter("'file' or 'kept'", param_hint="--approval")
    domain = Domain(root)
    try:
        found: list[Report] = []
        card = domain.operator.publish(dataset, cast("Wins", approval), found.append)
        file = read_dataset(domain.folder.datasets / dataset).terms.approval
    finally:
        domain.close()
    typer.echo(f"published {card.path}, version {short(card.dataset_version)}")
    for line in found[0].summary():
        typer.echo(f"  {line}")
    if card.terms.approval != file:
        typer.echo(
            "kept the approval that a steward set: "
            f"{card.terms.approval.canonical().decode()}\n"
            f"terms.yaml says {file.canonical().decode()}; make it agree, or publish with "
            "'--approval file' to let the file win"
        )


@app.command()
def check(
    root: Root,
    dataset: Annotated[str, typer.Argument(help="A folder under datasets/.")],
) -> None:
    """Do all that publishing would do with a dataset's files, and publish nothing."""
    from workbench.domain.service import Domain

    domain = Domain(root)
    try:
        found = domain.operator.check(dataset)
    finally:
        domain.close()
    for line in found.lines():
        typer.echo(line)
    typer.echo("nothing is wrong; nothing was published")


@app.command()
def reconcile(
    root: Root,
    lost: Annotated[
        bool, typer.Option("--lost", help="No copy of the database is left: start an empty one.")
    ] = False,
) -> None:
    """Repair the ledger after an old database was restored: charge what it does not know."""
    from workbench.domain.service import Domain

    domain = Domain(root)
    try:
        with domain.alone():
            found = domain.operator.reconcile(lost=lost)
    finally:
        domain.close()
    typer.echo(
        f"{found}. Requests of that time are lost, and what they spent is not. Publish the "
        "datasets again"
        if found is not None
        else "nothing to do: the database holds the newest ledger head"
    )


@app.command()
def move(
    root: Root,
    to: Annotated[str, typer.Option(help="An empty database: postgresql://… or sqlite://…")],
) -> None:
    """Move the domain to another database, with its privacy ledger."""
    from sqlalchemy import make_url

    from workbench.domain.heads.moving import move as carry
    from workbench.domain.service import Domain
    from workbench.domain.store.config import DomainFolder

    domain = Domain(root)
    try:
        with domain.alone():
            count = carry(domain.folder, domain.key, to)
    finally:
        domain.close()
    place = DomainFolder(root).database_url
    typer.echo(f"copied {count} rows to {make_url(place)!r}; domain.toml names it now")


@app.command()
def log(
    root: Root,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many lines.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Check that no line of the access log was changed, and show it, newest first."""
    from workbench.domain.access import log as lines
    from workbench.domain.service import Domain

    domain = Domain(root)
    try:
        with domain.store.read() as connection:
            count = lines.check(connection)
            found, _ = lines.page(connection, limit=limit)
    finally:
        domain.close()
    if as_json:
        print_json([entry.model_dump(mode="json") for entry in found])
        return
    Table(
        ["line", "time", "event", "who", "subject", "detail"],
        [
            [
                str(e.sequence),
                time_words(e.time),
                e.event,
                e.who or "the domain",
                hex_of(e.subject),
                e.detail,
            ]
            for e in found
        ],
    ).show()
    head = f", the newest with hash {found[0].hash}" if found else ""
    typer.echo(f"{count} lines, each bound to the one before it{head}")


@app.command()
def requests(root: Root, as_json: AsJson = False) -> None:
    """List all requests, newest first."""
    from workbench.domain.requests import stored as stored
    from workbench.domain.requests.statuses import statuses
    from workbench.domain.service import Domain

    domain = Domain(root)
    with domain.store.read() as connection:
        rows = stored.listed(connection, limit=500)
        found = statuses(connection, rows, lambda digest: None)
    domain.close()
    if as_json:
        print_json([status.model_dump(mode="json") for status in found])
        return
    Table(
        ["request", "state", "researcher", "dataset", "epsilon", "decided by", "reason"],
        [
            [
                short(s.request_digest),
                s.state,
                s.researcher,
                s.request.dataset,
                f"{s.request.epsilon:g}",
                s.decided_by or "",
                s.reason,
            ]
            for s in found
        ],
    ).show()


@app.command()
def budget(root: Root, as_json: AsJson = False) -> None:
    """Show the privacy budget of every dataset."""
    from workbench.domain.service import Domain

    domain = Domain(root)
    found, after = domain.holdings.budgets()
    while after is not None:
        more, after = domain.holdings.budgets(after)
        found += more
    domain.close()
    if as_json:
        print_json({b.dataset: b.model_dump(mode="json", exclude={"dataset"}) for b in found})
        return
    Table(
        ["dataset", "population", "epsilon total", "spent", "left", "delta", "runs"],
        [
            [
                s.dataset,
                s.population,
                f"{s.epsilon_total:g}",
                f"{s.epsilon_spent:.3f}",
                f"{s.epsilon_left:.3f}",
                f"{s.delta:g}",
                str(s.runs),
            ]
            for s in found
        ],
    ).show()
