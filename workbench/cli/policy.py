"""``workbench policy …``: a dataset's policy, for stewards."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.documents.base import short
from workbench.views.tables import Table
from workbench.views.terminal import print_json

if TYPE_CHECKING:
    from workbench.documents import Approval, PolicyStatus
    from workbench.space.client.client import DomainClient

app = typer.Typer(no_args_is_help=True, help="Show, try and set a dataset's policy; for stewards.")

Dataset = Annotated[str, typer.Argument(metavar="DATASET", help="Such as hospital-a/visits.")]
SpaceOption = Annotated[Path | None, typer.Option("--space", help="The steward's space.toml.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Epsilon = Annotated[
    float | None, typer.Option(help="Approve requests up to this; without it ask for all.")
]
Purposes = Annotated[list[str] | None, typer.Option("--purpose", help="One that it covers.")]
Approvals = Annotated[int, typer.Option(min=1, max=2, help="How many stewards must approve.")]


@app.command()
def show(dataset: Dataset, space: SpaceOption = None, as_json: AsJson = False) -> None:
    """Show what the policy approves now, and what it may approve at most."""
    client, name = _found(dataset, space)
    _print(client.policy(name), as_json)


@app.command("try")
def try_(
    dataset: Dataset,
    epsilon: Epsilon = None,
    purpose: Purposes = None,
    approvals: Approvals = 1,
    space: SpaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Show which past requests a policy would have approved; changes nothing."""
    client, name = _found(dataset, space)
    found = client.policy_dry_run(name, _approval(epsilon, purpose, approvals))
    if as_json:
        print_json(found.model_dump(mode="json", by_alias=True))
        return
    Table(
        ["request", "function", "researcher", "epsilon", "was", "would be", "why"],
        [
            [
                short(one.request_digest),
                one.function,
                one.researcher,
                f"{one.epsilon:g}",
                one.decided_by or one.state,
                one.would,
                one.why,
            ]
            for one in found.requests
        ],
    ).show()
    typer.echo(f"{found.would_approve} of {found.considered} would have been approved")


@app.command("set")
def set_(
    dataset: Dataset,
    epsilon: Epsilon = None,
    purpose: Purposes = None,
    approvals: Approvals = 1,
    space: SpaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Sign a policy and have the dataset's card published with it."""
    client, name = _found(dataset, space)
    _print(client.set_policy(name, _approval(epsilon, purpose, approvals)), as_json)


def _found(dataset: str, space: Path | None) -> tuple[DomainClient, str]:
    from workbench.space.connection import connect

    found = connect(space).dataset(dataset)
    return found.client, found.card.name


def _approval(epsilon: float | None, purposes: list[str] | None, approvals: int) -> Approval:
    from workbench.documents import Approval

    mode = "steward" if epsilon is None and not purposes else "policy"
    return Approval.read(
        {"mode": mode, "epsilon": epsilon, "purposes": purposes or [], "approvals": approvals}
    )


def _print(status: PolicyStatus, as_json: bool) -> None:
    if as_json:
        print_json(status.model_dump(mode="json"))
        return
    approval = status.approval
    who = "one steward" if approval.approvals == 1 else "two stewards"
    if approval.mode == "policy":
        covers = ", ".join(approval.purposes)
        typer.echo(f"approves up to epsilon {approval.epsilon:g} for {covers}; {who} for the rest")
    else:
        typer.echo(f"{who} for every request")
    at_most = ", ".join(status.purposes_allowed)
    typer.echo(f"at most: epsilon {status.epsilon_per_run:g}, purposes {at_most}")
    if status.file is not None:
        typer.echo(f"terms.yaml says otherwise: {status.file.canonical().decode()}")
