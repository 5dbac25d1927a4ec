"""Make the jobs that a worker is handed: a run, a rehearsal, or a check of the programs."""

from __future__ import annotations

from typing import Literal

from workbench.documents import DatasetCard, Request
from workbench.documents.inputs import NoiseInput
from workbench.documents.schema import Schema
from workbench.domain.kinds.job import Job
from workbench.domain.kinds.table import kind_of
from workbench.domain.requests import graphs
from workbench.domain.store.config import DomainFolder

_NOISE = 3.0
"""Made-up noise lies within so many standard deviations."""
_NO_SEED = "0" * 64


def job_of(
    folder: DomainFolder,
    mode: Literal["training", "rehearsal"],
    request: Request,
    card: DatasetCard,
    training: str,
    holdout: str | None,
    seed: bytes,
) -> Job:
    """Return the job that runs or rehearses a request.

    Parameters
    ----------
    folder
        The domain's folder, with the graphs.
    mode
        A ``training``, of any kind of run, reads private records, a rehearsal synthetic ones.
    request, card
        What is run, on which dataset.
    training, holdout
        Absolute paths of records; a rehearsal has no hold-out part.
    seed
        32 bytes, from which all noise is made.
    """
    return Job(
        mode=mode,
        graph=str(graphs.path(folder, request.graph)),
        update=_further_graph(folder, request),
        training=training,
        holdout=holdout,
        inputs=request.inputs,
        metrics=request.metrics,
        plan=request.plan,
        record_count=card.record_count,
        holdout_fraction=card.holdout_fraction,
        max_records_per_unit=card.data_schema.max_records_per_unit,
        seed=seed.hex(),
    )


def check_job(folder: DomainFolder, request: Request, card: DatasetCard) -> Job:
    """Return the job that checks a request: all that its programs depend on, and nothing else."""
    schema = card.data_schema
    return Job(
        mode="check",
        graph=str(graphs.path(folder, request.graph)),
        update=_further_graph(folder, request),
        inputs=request.inputs,
        metrics=request.metrics,
        bounds=tuple(_bounds(schema, name) for name in request.inputs),
        plan=kind_of(request.plan).shortest(request.plan),
        record_count=card.record_count,
        holdout_fraction=card.holdout_fraction,
        max_records_per_unit=schema.max_records_per_unit,
        seed=_NO_SEED,
    )


def _further_graph(folder: DomainFolder, request: Request) -> str | None:
    digest = request.plan.further_graph
    return None if digest is None else str(graphs.path(folder, digest))


def _bounds(schema: Schema, name: str) -> tuple[float, float]:
    if NoiseInput.parse(name) is not None:
        return -_NOISE, _NOISE
    column = schema[name]
    if column.kind == "category":
        return 0.0, len(column.categories) - 1.0
    assert column.lower is not None
    assert column.upper is not None
    return column.lower, column.upper
