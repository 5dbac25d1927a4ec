"""The audit as a page: what was claimed, what was proven, and what that shows."""

from __future__ import annotations

from pathlib import Path

from workbench.audit.plot import svg
from workbench.audit.study import CONFIDENCE, DELTA, Finding
from workbench.views.tables import Table

_PAGE = Path(__file__).with_name("page.md")


def write_report(findings: list[Finding], canaries: int, seed: int, path: Path) -> None:
    """Write the page to `path` and its picture to ``images/`` beside it.

    Parameters
    ----------
    findings
        What `study.audit_all` gave.
    canaries, seed
        With what.
    path
        A Markdown file; what is there is replaced.
    """
    picture = f"{path.stem}.svg"
    images = path.parent / "images"
    images.mkdir(parents=True, exist_ok=True)
    (images / picture).write_text(svg(findings))
    made = findings[0].guesses.made
    shares = [
        f.measured / f.claimed
        for f in findings
        if f.scenario.holds and f.scenario.plan.sample_rate == 1.0
    ]
    page = _PAGE.read_text().format(
        table=findings_table(findings).markdown().replace("| refuted |", "| **refuted** |"),
        picture=picture,
        delta=DELTA,
        confidence=CONFIDENCE,
        rest=1 - CONFIDENCE,
        canaries=canaries,
        each_way=made // 2,
        guesses=made,
        seed=seed,
        least=min(shares),
        most=max(shares),
        runs=len(findings),
    )
    path.write_text(page)


def findings_table(findings: list[Finding]) -> Table:
    """Return one row for each engine that was measured."""
    columns = (
        "engine",
        "noise",
        "steps",
        "sample rate",
        "right guesses",
        "claimed epsilon",
        "proven: above",
        "claim",
    )
    rows = [
        (
            finding.scenario.name,
            f"{finding.scenario.plan.noise_multiplier:.4g}",
            str(finding.scenario.plan.steps),
            f"{finding.scenario.plan.sample_rate:g}",
            f"{finding.guesses.right} of {finding.guesses.made}",
            f"{finding.claimed:.2f}",
            f"{finding.measured:.2f}",
            "refuted" if finding.refuted else "stands",
        )
        for finding in findings
    ]
    return Table(columns, rows)
