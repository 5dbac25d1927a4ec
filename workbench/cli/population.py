"""``workbench domain population …``: whose data a domain holds, and what they may cost together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.views.tables import Table
from workbench.views.terminal import print_json

if TYPE_CHECKING:
    from workbench.documents import PopulationStatus

app = typer.Typer(
    no_args_is_help=True,
    help="Populations: the people whose data a domain holds. A budget belongs to them.",
)

Root = Annotated[Path, typer.Argument(help="The domain's folder.")]
Name = Annotated[str, typer.Argument(help="Lower case, digits and hyphens.")]
Words = Annotated[list[Path] | None, typer.Option(help="A change that a steward has signed.")]
Out = Annotated[Path | None, typer.Option(help="Where to write the change for them to sign.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def create(
    root: Root,
    name: Name,
    epsilon_total: Annotated[float, typer.Option(help="For each person, over all releases.")],
    delta: Annotated[float, typer.Option(help="Much less than one in so many people.")],
    title: Annotated[str, typer.Option(help="For people.")] = "",
    unit: Annotated[str, typer.Option(help="record, or a schema's privacy_unit.")] = "record",
    uses: Annotated[int | None, typer.Option(help="How many runs there may be at most.")] = None,
    epsilon_per_researcher: Annotated[
        float | None, typer.Option(help="What one researcher may take of it at most.")
    ] = None,
    blocks: Annotated[
        str, typer.Option(help="A category column that parts its people, as a month of admission.")
    ] = "",
) -> None:
    """Make a population before its first dataset is published."""
    from workbench.documents import NewPopulation
    from workbench.domain.service import Domain

    domain = Domain(root)
    try:
        wanted = NewPopulation.read(
            {
                "name": name,
                "title": title,
                "unit": unit,
                "epsilon_total": epsilon_total,
                "delta": delta,
                "uses": uses,
                "blocks": blocks,
                "epsilon_per_researcher": epsilon_per_researcher,
            }
        )
        made = domain.operator.populations.create(wanted)
    finally:
        domain.close()
    typer.echo(
        f"made population {made.name}: epsilon {made.epsilon_total:g} at delta {made.delta:g} for "
        f"each {made.unit}. Datasets join it with 'population: {made.name}' in dataset.yaml"
    )


@app.command()
def merge(
    root: Root,
    name: Name,
    other: Annotated[str, typer.Argument(help="The one that is merged into it.")],
    word: Words = None,
    out: Out = None,
) -> None:
    """Let two populations share one total; needs the signatures of two stewards."""
    _change(root, name, word, out, merge=other)


@app.command("raise")
def raise_(
    root: Root,
    name: Name,
    epsilon_total: Annotated[float, typer.Option(help="The new total.")],
    word: Words = None,
    out: Out = None,
) -> None:
    """Raise a population's total; needs the signatures of two stewards."""
    _change(root, name, word, out, epsilon_total=epsilon_total)


def _change(root: Path, name: str, words: list[Path] | None, out: Path | None, **what: Any) -> None:
    from workbench.documents import Envelope, ProposedChange
    from workbench.documents.envelope import unverified
    from workbench.documents.population import PopulationChange
    from workbench.domain.service import Domain
    from workbench.errors import InvalidConfiguration

    domain = Domain(root)
    try:
        if not words:
            place = out or Path("change.json")
            proposed = domain.operator.populations.propose(name, ProposedChange.read(what))
            place.write_bytes(proposed.canonical())
            typer.echo(
                f"wrote {place}: {proposed.words}.\nTwo stewards sign it, each with 'workbench "
                f"key sign {place} --key KEY'; then run this again with '--word A --word B'"
            )
            return
        try:
            envelopes = [Envelope.parse(path.read_bytes()) for path in words]
        except OSError as error:
            raise InvalidConfiguration(f"cannot read {error.filename}: {error.strerror}") from None
        # The stewards must have signed the very change that is asked for here.
        wanted = domain.operator.populations.propose(name, ProposedChange.read(what))
        for envelope in envelopes:
            signed = unverified(envelope, PopulationChange)
            if signed.model_copy(update={"proposed": wanted.proposed}) != wanted:
                raise InvalidConfiguration(f"the stewards signed something else: {signed.words}")
        made = domain.operator.change(envelopes)
        less = domain.operator.populations.narrower(made)
    finally:
        domain.close()
    typer.echo(f"population {made.name}: epsilon {made.epsilon_total:g} at delta {made.delta:g}")
    for dataset, total in less:
        typer.echo(
            f"the terms.yaml of '{dataset}' still says epsilon_total {total:g}: change it and "
            "publish, if it should have more"
        )


@app.command("opt-out")
def opt_out(
    root: Root,
    name: Name,
    person: Annotated[str, typer.Option(help="As the unit column of the files has it.")],
) -> None:
    """Note that a person takes part in no run any more; what was spent on them stays."""
    from workbench.domain.service import Domain

    domain = Domain(root)
    try:
        datasets = domain.operator.populations.opt_out(name, person)
    finally:
        domain.close()
    typer.echo("noted: nothing starts any more on data that hold this person")
    for dataset in datasets:
        typer.echo(f"publish '{dataset}' again: it goes on without the person")


@app.command()
def blocks(
    file: Annotated[Path, typer.Argument(help="A .csv or .parquet file; it stays there.")],
    column: Annotated[str, typer.Option(help="A public column, such as a month of admission.")],
    unit: Annotated[str, typer.Option(help="The column that names the person.")],
    epsilon_total: Annotated[float, typer.Option(help="The population's total.")] = 8.0,
    delta: Annotated[float, typer.Option(help="The population's delta.")] = 1e-6,
    epsilon_run: Annotated[float, typer.Option(help="What one run costs.")] = 1.0,
    window: Annotated[int, typer.Option(min=1, help="How many of the newest a run reads.")] = 3,
    order: Annotated[
        list[str] | None, typer.Option(help="The blocks in their order; else sorted as text.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what blocks would do to a table of yours: who is in which, and how many runs fit."""
    from dataclasses import asdict

    from workbench.domain.populations.block_plan import plan

    found = plan(
        file,
        column,
        unit,
        epsilon_total=epsilon_total,
        delta=delta,
        window=window,
        epsilon_run=epsilon_run,
        order=order or (),
    )
    if as_json:
        figures = {"runs_each": found.runs_each, "came_back": found.came_back}
        print_json(asdict(found) | figures)
        return
    Table(
        ["block", "people", "records in it", "of its people, again later"],
        [[b.name, str(b.people), str(b.records), str(b.again)] for b in found.blocks],
    ).show()
    typer.echo(
        f"Each person counts in one block, the first: {found.came_back} who come again stay where "
        "they are. A dataset with the later block alone leaves them out; one with both has all "
        "their records.\n"
        f"Without blocks about {found.runs} runs at epsilon {epsilon_run:g} fit in the total of "
        f"{epsilon_total:g}, for everybody and for good.\n"
        f"With blocks, if each run reads the newest {window}, a block is read while {window} are "
        f"new: about {found.runs_each} runs between two new blocks, and it never runs dry.\n"
        "These are exact counts of private data: they are for you, not for publishing. A run needs "
        "enough people: choose blocks as large as what you publish."
    )


@app.command()
def show(
    root: Root,
    name: Annotated[str | None, typer.Argument(help="One of them; else all.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what a person has been charged at most, by block, and what is left."""
    from workbench.domain.service import Domain

    domain = Domain(root)
    try:
        names = [name] if name else domain.operator.populations.names()
        found = [domain.operator.populations.status(one) for one in names]
        old = domain.operator.behind()
        waiting = [
            w for w in domain.operator.populations.waiting() if name in (None, w.change.name)
        ]
    finally:
        domain.close()
    if as_json:
        shown = [status.model_dump(mode="json") for status in found]
        print_json(shown[0] if name else shown)
        return
    Table(
        [
            "population",
            "block",
            "a",
            "epsilon total",
            "spent at most",
            "left",
            "delta",
            "runs",
            "datasets",
        ],
        [
            [
                _named(s) if first else "",
                b.block or ("all" if len(s.blocks) == 1 else "to come"),
                s.population.unit if first else "",
                f"{s.population.epsilon_total:g}",
                f"{b.epsilon_spent:.3f}",
                f"{b.epsilon_left:.3f}",
                f"{s.population.delta:g}",
                str(b.runs),
                ", ".join(s.datasets) if first else "",
            ]
            for s in found
            for first, b in ((b is s.blocks[0], b) for b in s.blocks)
        ],
    ).show()
    if old:
        typer.echo(f"warning: {old}", err=True)
    for one in waiting:
        typer.echo(f"signed by {', '.join(one.by)}, waits for a second steward: {one.change.words}")


def _named(status: PopulationStatus) -> str:
    name, into = status.population.name, status.population.merged_into
    return name if into is None else f"{name}, merged into {into}"
