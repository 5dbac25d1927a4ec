"""``workbench audit``: measure whether the engine keeps its privacy claims."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workbench.views.terminal import print_json


def audit(
    canaries: Annotated[int, typer.Option(min=200, max=20_000, help="Records to bet on.")] = 4000,
    seed: Annotated[int, typer.Option(min=0, help="Repeats coins, sampling and noise.")] = 0,
    out: Annotated[Path | None, typer.Option(help="A Markdown file to write.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure a lower bound on the engine's epsilon, and on that of three broken engines.

    Ends with 1 if a claim of the engine is refuted, or a broken engine's is not.
    """
    from workbench.audit.report import findings_table, write_report
    from workbench.audit.study import audit_all

    if out is not None:
        # A wrong path is told before the work, not after it.
        out.parent.mkdir(parents=True, exist_ok=True)
    found = list(audit_all(canaries, seed, progress=not as_json))
    if out is not None:
        write_report(found, canaries, seed, out)
    if as_json:
        print_json(
            [
                {
                    "engine": f.scenario.name,
                    "claimed": f.claimed,
                    "measured": f.measured,
                    "right": f.guesses.right,
                    "made": f.guesses.made,
                    "refuted": f.refuted,
                }
                for f in found
            ]
        )
    else:
        findings_table(found).show()
    if any(f.refuted == f.scenario.holds for f in found):
        raise typer.Exit(1)
