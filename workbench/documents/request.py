"""The request: one digest for everything that would run."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from workbench.documents.base import (
    Digest,
    Document,
    Finite,
    Identifier,
    KeyId,
    Line,
    Name,
    type_tuple,
)
from workbench.documents.card import Delta, Epsilon, Purpose


class Plan(Document):
    """How to train: DP-SGD (Abadi et al. 2016, arXiv:1607.00133) and how to measure.

    Each of `steps` rounds takes every training unit with probability `sample_rate` (Poisson),
    clips each unit's gradient to L2 norm `max_grad_norm`, adds Gaussian noise of standard
    deviation ``noise_multiplier * max_grad_norm`` to the sum, divides by the expected batch size
    and hands the result to `optimizer`. Each metric is a mean of per-record values in ``[0, 1]``
    over the hold-out part, from two noisy sums, with noise ``metrics_noise_multiplier *
    sqrt(number of metrics)``.
    """

    optimizer: Literal["sgd", "momentum", "adam"] = "sgd"
    learning_rate: Annotated[Finite, Field(gt=0, le=1e4)]
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.0
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 0.0
    steps: Annotated[int, Field(ge=1, le=1_000_000)]
    sample_rate: Annotated[float, Field(gt=0, le=1)]
    max_grad_norm: Annotated[Finite, Field(gt=0, le=1e6)]
    noise_multiplier: Annotated[Finite, Field(gt=0, le=1e6)]
    metrics_noise_multiplier: Annotated[Finite, Field(gt=0, le=1e6)]


class StatisticPlan(Document):
    """How to compute noisy sums of a bounded vector over ALL records, training and hold-out part.

    Each of `rounds` rounds takes every unit with probability `sample_rate` (Poisson), clips each
    unit's vector to L2 norm `max_norm`, and adds Gaussian noise of standard deviation
    ``noise_multiplier * max_norm`` to each entry of the sum. `update` is the digest of the graph
    that makes the next round's state from the noisy sum; without it there is one round.
    """

    kind: Literal["statistic"] = "statistic"
    rounds: Annotated[int, Field(ge=1, le=1000)] = 1
    max_norm: Annotated[Finite, Field(ge=1e-6, le=1e6)]
    noise_multiplier: Annotated[Finite, Field(gt=0, le=1e6)]
    sample_rate: Annotated[float, Field(gt=0, le=1)] = 1.0
    update: Digest | None = None

    @model_validator(mode="after")
    def _rounds_differ(self) -> Self:
        if self.rounds > 1 and self.update is None:
            raise ValueError("more than one round needs an update graph: all would be the same")
        return self

    @property
    def steps(self) -> int:
        """The number of noisy sums, by the name that `Plan` has for it."""
        return self.rounds


def _kind_of_plan(value: Any) -> str:
    kind = value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)
    return "statistic" if kind == "statistic" else "training"


AnyPlan = Annotated[
    Annotated[Plan, Tag("training")] | Annotated[StatisticPlan, Tag("statistic")],
    Discriminator(_kind_of_plan),
]
"""A training plan or, where its ``kind`` says so, the plan of a statistic."""

Output = Literal["model", "metrics", "statistics"]


class Request(Document):
    """What a researcher asks one domain to run on one dataset version.

    Equal digest means equal run: a request that was released before is answered from the store at
    no cost. `repeat` makes an otherwise equal request a new one, with new noise and a new charge.
    """

    format: Literal["workbench/request/v1"] = "workbench/request/v1"
    researcher: KeyId
    domain: Name
    dataset: Name
    dataset_version: Digest
    card: Digest
    function: Identifier
    graph: Digest
    inputs: Annotated[tuple[Identifier, ...], type_tuple, Field(min_length=1, max_length=10_000)]
    metrics: Annotated[tuple[Identifier, ...], type_tuple, Field(max_length=16)] = ()
    plan: AnyPlan
    epsilon: Epsilon
    delta: Delta
    purpose: Purpose
    purpose_text: Line = ""
    outputs: Annotated[tuple[Output, ...], type_tuple, Field(min_length=1, max_length=3)] = (
        "model",
        "metrics",
    )
    repeat: Annotated[int, Field(ge=0, le=1_000_000)] = 0

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        for field in ("inputs", "metrics", "outputs"):
            values = getattr(self, field)
            if len(set(values)) != len(values):
                raise ValueError(f"{field}: an entry appears twice")
        return self

    @model_validator(mode="after")
    def _outputs_of_plan(self) -> Self:
        if isinstance(self.plan, StatisticPlan):
            if self.metrics or self.outputs != ("statistics",):
                raise ValueError("a statistic has the output 'statistics' and no metrics")
        elif "statistics" in self.outputs:
            raise ValueError("a training run has the outputs 'model' and 'metrics'")
        return self
