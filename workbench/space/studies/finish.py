"""End a study: gather its requests, compose its cost, write report and record."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from workbench.budget.accountant import epsilon_of, run_curve
from workbench.documents import DatasetCard, Envelope, PrivateKey, Request, now
from workbench.documents.envelope import unverified
from workbench.evidence.bundle import Bundle
from workbench.space.client import journal
from workbench.space.studies import record
from workbench.space.studies.record import Spent, State, StudyRecord, StudyRequest
from workbench.space.studies.report import write_report


def finish(
    folder: Path,
    notebook: str,
    *,
    began_ns: int,
    key: PrivateKey | None,
    source: str,
    started: str,
    state: State,
    message: str,
    cell: int,
    cells: int,
) -> StudyRecord:
    """Write report and ``study.json`` of what lies in `folder`, and return the record."""
    requests = gathered(journal.read(folder))
    made = StudyRecord(
        title=title_of(folder / notebook),
        notebook=notebook,
        source=source,
        state=state,
        message=message,
        cell=cell,
        cells=cells,
        started=started,
        ended=now(),
        requests=requests,
        spent=composed(folder, requests),
    )
    write_report(folder, made)
    made = made.model_copy(update={"files": tuple(record.files_since(folder, began_ns))})
    (folder / record.SIGNATURE).unlink(missing_ok=True)
    (folder / record.FILE).write_bytes(made.canonical())
    if key is not None:
        (folder / record.SIGNATURE).write_bytes(Envelope.sign(made, key).canonical())
    return made


def gathered(entries: Iterable[journal.Entry]) -> tuple[StudyRequest, ...]:
    """Return one line per request, in the order in which they first appear."""
    found: dict[str, StudyRequest] = {}
    for entry in entries:
        known = found.get(entry.request) or StudyRequest(
            request=entry.request,
            state="open",
            domain=entry.domain,
            dataset=entry.dataset,
            function=entry.function,
            epsilon=entry.epsilon,
            delta=entry.delta,
        )
        if entry.event != "submitted":
            known = known.model_copy(
                update={
                    "state": entry.event,
                    "release": entry.release,
                    "evidence": journal.evidence_path(entry.request),
                    "checks": entry.checks,
                    "message": entry.message,
                }
            )
        found[entry.request] = known
    return tuple(found.values())


def composed(folder: Path, requests: Sequence[StudyRequest]) -> tuple[Spent, ...]:
    """Return what the verified requests cost together on each dataset version.

    Curves add up order by order, as in the domain's ledger; epsilons are not simply summed. Other
    studies on the same data are in the domain's ledger and not here.
    """
    curves: dict[tuple[str, str], list[np.ndarray]] = {}
    deltas: dict[tuple[str, str], float] = {}
    for one in requests:
        if one.state != "verified" or one.evidence is None:
            continue
        bundle = Bundle.parse((folder / one.evidence).read_bytes())
        request = unverified(bundle.request, Request)
        card = unverified(bundle.card, DatasetCard)
        place = (card.path, request.dataset_version)
        curves.setdefault(place, []).append(run_curve(request.plan, len(request.metrics)))
        deltas[place] = card.terms.delta
    return tuple(
        Spent(
            dataset=path,
            version=version,
            runs=len(found),
            delta=deltas[path, version],
            epsilon=epsilon_of(np.sum(found, axis=0), deltas[path, version]),
        )
        for (path, version), found in curves.items()
    )


def title_of(notebook: Path) -> str:
    """Return the first heading of `notebook`, else its name."""
    import nbformat

    content = nbformat.reads(notebook.read_text(), as_version=4)  # type: ignore[no-untyped-call]
    for cell in content.cells:
        if cell.cell_type == "markdown":
            for line in cell.source.splitlines():
                if line.startswith("#"):
                    return line.lstrip("#").strip()[:200] or notebook.stem
    return notebook.stem[:200]
