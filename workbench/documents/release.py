"""The release: all that leaves a domain for one request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from workbench.documents.base import (
    Digest,
    Document,
    Finite,
    Identifier,
    Name,
    Timestamp,
    type_tuple,
)
from workbench.documents.card import Delta, Epsilon
from workbench.documents.ledger_head import LedgerPoint
from workbench.documents.plans import FILES, MAX_EVALUATIONS, Output


class Metric(Document):
    """One metric: two noisy sums and the mean that follows from them.

    `total` is the noisy sum of the per-record values in [0, 1], `complement` of one minus them;
    `value` is ``total / (total + complement)``, clipped to [0, 1]; `standard_error` is the
    standard deviation that the noise alone gives `value` (delta method).
    """

    name: Identifier
    value: Finite
    total: Finite
    complement: Finite
    standard_error: Annotated[Finite, Field(ge=0)]


class Evaluation(Document):
    """The metrics after `step` steps of DP-SGD."""

    step: Annotated[int, Field(ge=1)]
    metrics: Annotated[tuple[Metric, ...], type_tuple]


def best(history: Sequence[Evaluation]) -> int:
    """Return the position of the highest value of the first metric, the earliest of equals."""
    values = [evaluation.metrics[0].value for evaluation in history]
    return values.index(max(values))


def kept(history: Sequence[Evaluation], patience: int | None) -> int:
    """Return the position of the evaluation whose parameters are released.

    The rule looks at nothing but noised metrics, so it is post-processing, and whoever has the
    history of a release can apply it again.

    Parameters
    ----------
    history
        All evaluations in order, at least one.
    patience
        The plan's; with None the last parameters are kept.
    """
    return len(history) - 1 if patience is None else best(history)


def stops(history: Sequence[Evaluation], patience: int | None) -> bool:
    """Return whether a run stops: none of the last `patience` evaluations was the best."""
    return patience is not None and len(history) - 1 - best(history) >= patience


class PrivacySpent(Document):
    """The (epsilon, delta) guarantee of this run by itself, under add/remove of one unit."""

    epsilon: Epsilon
    delta: Delta
    mechanism: Literal["poisson-subsampled-gaussian"] = "poisson-subsampled-gaussian"
    neighbours: Literal["add-remove"] = "add-remove"


def digests_of_files(document: Document) -> dict[Output, str]:
    """Return the digests of files, by output, that a document has under the names in `FILES`."""
    found = {output: getattr(document, output) for output in FILES}
    return {output: digest for output, digest in found.items() if digest is not None}


Approvals = Annotated[
    tuple[Digest, ...], type_tuple, Field(max_length=1, exclude_if=lambda value: not value)
]
"""Digests of decisions; not written if there are none, as in documents from before."""


class Release(Document):
    """What was released for a request, and at which cost.

    `steps` is how many steps, or rounds of a statistic, were run, and `metrics` are those of the
    released parameters. `history` holds every evaluation, if the plan asked for more than one.
    `approvals` are the digests of the approvals before `decision`, where the terms ask for two.
    `model` and `statistics` are the digests of safetensors files: the trained parameters, or the
    noisy sums and the last state. `ledger` is where the domain's privacy ledger stood: a domain
    that does not hold this row any more has forgotten what was spent.
    """

    payload_type: ClassVar[str] = "application/vnd.workbench.release+json"

    format: Literal["workbench/release/v1"] = "workbench/release/v1"
    request: Digest
    decision: Digest
    approvals: Approvals = ()
    domain: Name
    dataset_version: Digest
    model: Digest | None
    statistics: Digest | None = None
    metrics: Annotated[tuple[Metric, ...], type_tuple] = ()
    history: Annotated[
        tuple[Evaluation, ...],
        type_tuple,
        Field(max_length=MAX_EVALUATIONS, exclude_if=lambda value: not value),
    ] = ()
    privacy: PrivacySpent
    steps: Annotated[int, Field(ge=1)]
    engine: Annotated[str, Field(max_length=100)]
    ledger: Annotated[LedgerPoint | None, Field(exclude_if=lambda value: value is None)] = None
    released: Timestamp

    @property
    def files(self) -> dict[Output, str]:
        """The digests of the files that were released, by output."""
        return digests_of_files(self)
