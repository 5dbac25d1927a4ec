"""``report.html``: a study on one page that opens anywhere and loads nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from workbench.documents.base import short
from workbench.evidence.bundle import Bundle
from workbench.evidence.verify import verify
from workbench.space.studies import record
from workbench.space.studies.outputs import cells_html
from workbench.space.studies.record import StudyRecord, StudyRequest
from workbench.views.tables import Table
from workbench.views.words import time_words

_STYLE = Path(__file__).with_name("report.css")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_STATES = {"done": ("done", ""), "failed": ("failed", "bad"), "cancelled": ("stopped", "plain")}


def write_report(folder: Path, study: StudyRecord) -> Path:
    """Write the report of what lies in `folder`; everything in it is escaped or cleaned."""
    import nbformat

    text = (folder / study.notebook).read_text()
    notebook = nbformat.reads(text, as_version=4)  # type: ignore[no-untyped-call]
    parameters = json.loads((folder / record.PARAMETERS).read_text())
    lock = (folder / record.ENVIRONMENT).read_text()
    word, kind = _STATES[study.state]
    parts = [
        f"<h1>{escape(study.title)}</h1>",
        f'<p><span class="badge {kind}">{word}</span> {escape(study.message)}</p>',
        f'<p class="sub">{escape(study.notebook)}, {time_words(study.started)} to '
        f"{time_words(study.ended)} UTC, cell {study.cell} of {study.cells}</p>",
        "<h2>Parameters</h2>",
        _parameters(parameters),
        "<h2>What was released, and what it cost</h2>",
        _requests(folder, study),
        _spent(study),
        "<h2>Notebook</h2>",
        cells_html(notebook),
        "<h2>Run it again</h2>",
        _again(study, parameters),
        "<h2>Environment</h2>",
        f"<details><summary>{escape(lock.splitlines()[0].lstrip('# '))}, "
        f"{len(lock.splitlines()) - 2} packages</summary><pre>{escape(lock)}</pre></details>",
    ]
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(study.title)}</title><style>{_STYLE.read_text()}</style></head>"
        f"<body><main>{''.join(parts)}</main></body></html>"
    )
    target = folder / record.REPORT
    target.write_text(page)
    return target


def _parameters(given: dict[str, Any]) -> str:
    if not given:
        return "<p>None were given: the notebook's own.</p>"
    return Table((), [(name, json.dumps(value)) for name, value in given.items()]).html()


def _requests(folder: Path, study: StudyRecord) -> str:
    if not study.requests:
        return "<p>This study sent no request and looked at no release.</p>"
    head = "".join(
        f'<th scope="col">{name}</th>'
        for name in ("request", "dataset", "function", "privacy", "released", "evidence")
    )
    rows = "".join(_row(folder, one) for one in study.requests)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    return f'<div class="wide">{table}</div>'


def _row(folder: Path, one: StudyRequest) -> str:
    released, mark, kind = _outcome(folder, one)
    privacy = "" if one.epsilon is None else f"ε {one.epsilon:g}"
    cells = [short(one.request), one.path, one.function, privacy, released]
    plain = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
    return f'<tr>{plain}<td class="{kind}">{escape(mark)}</td></tr>'


def _outcome(folder: Path, one: StudyRequest) -> tuple[str, str, str]:
    """Return what was released, and whether its evidence holds; nothing unverified is shown."""
    if one.state == "open":
        return "", "no release yet", ""
    if one.state == "refuted" or one.evidence is None:
        return "", f"does not hold: {one.message}", "bad"
    release = verify(Bundle.parse((folder / one.evidence).read_bytes())).release
    metrics = [f"{m.name} {m.value:.3f} ± {m.standard_error:.3f}" for m in release.metrics]
    other = ["noisy sums"] if release.statistics else []
    return ", ".join(metrics + other) or "model", f"✓ verified ({len(one.checks)} checks)", "good"


def _spent(study: StudyRecord) -> str:
    if not study.spent:
        return ""
    rows = [
        (one.dataset, short(one.version), str(one.runs), f"{one.epsilon:.3g}", f"{one.delta:g}")
        for one in study.spent
    ]
    table = Table(("dataset", "version", "runs", "ε in all", "δ"), rows).html()
    return (
        "<p>Composed over this study's runs (Rényi accounting), as the domain's ledger does. The "
        f"ledger also knows what others spent.</p>{table}"
    )


def _again(study: StudyRecord, parameters: dict[str, Any]) -> str:
    from shlex import quote

    words = [f"-p {quote(f'{name}={json.dumps(v)}')}" for name, v in parameters.items()]
    lines: Sequence[str] = (
        f"pip install -r {record.ENVIRONMENT}",
        " ".join(["workbench study run", quote(study.notebook), "--out runs/again", *words]),
        "workbench study verify .",
    )
    return (
        "<p>Equal requests are answered from the earlier release: the same numbers, at no new "
        f"privacy cost.</p><pre>{escape(chr(10).join(lines))}</pre>"
    )
