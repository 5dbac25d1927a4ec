"""``workbench key …``, and a steward's decisions on requests."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workbench.documents.base import short
from workbench.views.terminal import print_json

keys = typer.Typer(no_args_is_help=True, help="Make and show keys.")

SpaceOption = Annotated[Path | None, typer.Option("--space", help="The steward's space.toml.")]
RequestArgument = Annotated[str, typer.Argument(help="The start of a request's digest.")]


@keys.command()
def create(path: Annotated[Path, typer.Argument(help="Where to write it.")]) -> None:
    """Make an Ed25519 key; the public half goes beside it as .pub."""
    from workbench.identity.keys import PrivateKey

    key = PrivateKey.create()
    key.save(path)
    typer.echo(f"{key.public}\nkey id {key.key_id}")


@keys.command()
def show(path: Annotated[Path, typer.Argument(help="A private key.")]) -> None:
    """Show the public half of a key."""
    from workbench.identity.keys import PrivateKey

    key = PrivateKey.load(path)
    typer.echo(f"{key.public}\nkey id {key.key_id}")


@keys.command()
def sign(
    file: Annotated[Path, typer.Argument(help="A change of a population, as a domain wrote it.")],
    key: Annotated[Path, typer.Option(help="Your private key.")],
    out: Annotated[Path | None, typer.Option(help="Where to write it; else beside FILE.")] = None,
) -> None:
    """Sign a change of a population as a steward, after saying what it says."""
    from workbench.documents import Envelope, PopulationChange
    from workbench.errors import InvalidConfiguration
    from workbench.identity.keys import PrivateKey

    try:
        change = PopulationChange.parse(file.read_bytes())
    except OSError as error:
        raise InvalidConfiguration(f"cannot read {file}: {error.strerror}") from None
    signer = PrivateKey.load(key)
    place = out or file.with_name(f"{file.stem}-{signer.key_id[:8]}.json")
    place.write_bytes(Envelope.sign(change, signer).canonical())
    typer.echo(f"signed: {change.words}.\nwrote {place}")


def review(
    request: RequestArgument,
    space: SpaceOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print all facts on a request; for stewards."""
    from workbench.space.connection import connect
    from workbench.views.review import review_lines

    found = connect(space).request(request)
    facts = found.client.review(found.digest)
    if as_json:
        print_json(facts)
        return
    for line in review_lines(facts):
        typer.echo(line)


def approve(
    request: RequestArgument,
    reason: Annotated[str, typer.Option(help="The researcher will read it.")] = "",
    space: SpaceOption = None,
) -> None:
    """Approve a pending request; for stewards."""
    _decide(request, "approve", reason, space)


def deny(
    request: RequestArgument,
    reason: Annotated[str, typer.Option(help="The researcher will read it.")],
    space: SpaceOption = None,
) -> None:
    """Deny a pending request with a reason; for stewards."""
    _decide(request, "deny", reason, space)


def _decide(request: str, verdict: str, reason: str, space: Path | None) -> None:
    from workbench.space.connection import connect

    found = connect(space).request(request)
    status = found.client.decide(found.digest, verdict, reason)
    typer.echo(f"{short(found.digest)}: {status.state}")
    if status.state == "pending":
        missing = status.approvals_needed - len(status.approvals)
        typer.echo(f"approved by {', '.join(status.approvals)}; {missing} more needed")
