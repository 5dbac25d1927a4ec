"""Plans: how a run trains or sums up, and what follows from that in public.

There is one class for each kind of run. What a domain does for a kind is in
`workbench.domain.kinds`.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from workbench.documents.base import Digest, Document, Finite


class PublicLoss(Document):
    """How to train the parameters that no record reaches, such as a generator's.

    After each step of DP-SGD, `optimizer` takes one step on the mean of the graph's last output
    over `draws` draws of its noise. It reads noised parameters only: post-processing, free of
    cost.
    """

    optimizer: Literal["sgd", "adam"] = "adam"
    learning_rate: Annotated[Finite, Field(gt=0, le=1e4)]
    draws: Annotated[int, Field(ge=1, le=10_000)] = 64


MAX_EVALUATIONS = 100
"""How many evaluations a plan may have."""


def _option(default: Any) -> Any:
    return Field(exclude_if=lambda value: value == default)


class Plan(Document):
    """How to train: DP-SGD (Abadi et al. 2016, arXiv:1607.00133) and how to measure.

    Each of `steps` steps takes every training unit with probability `sample_rate` (Poisson),
    clips each unit's gradient to L2 norm `max_grad_norm`, adds Gaussian noise of standard
    deviation ``noise_multiplier * max_grad_norm`` to the sum, divides by the expected batch size
    and hands the result to `optimizer`. Each metric is a mean of per-record values in ``[0, 1]``
    over the hold-out part, from two noisy sums, with noise ``metrics_noise_multiplier *
    sqrt(number of metrics)``. With `public_loss` the graph's last output is a loss that no record
    reaches, and it is descended after each step.

    An option that is left at its default is not written, so a plan that uses none of them has the
    digest that it had before there were options.

    Attributes
    ----------
    schedule, warmup_steps
        How the learning rate goes: up linearly over the first `warmup_steps` steps, then constant,
        or down to 0 linearly or as a half cosine.
    clipping
        ``flat``: one bound on all parameters together. ``per_layer``: each of G layers is clipped
        to ``max_grad_norm / sqrt(G)``. ``adaptive``: the bound starts at `max_grad_norm` and
        follows the `target_quantile` of the units' norms by a noisy count of the units below it
        (Andrew et al. 2021, arXiv:1905.03871); the count's noise has standard deviation
        `count_noise_multiplier`, and the gradients get more noise, so that both together cost
        what `noise_multiplier` says.
    evaluations
        How often the metrics are measured, evenly spaced, the last time after the last step.
    patience
        Stop when the first metric has not risen for so many evaluations, and keep the parameters
        with its highest value. Without it all `steps` are run and the last parameters are kept.
    """

    kind: ClassVar[Literal["training"]] = "training"

    optimizer: Literal["sgd", "momentum", "adam"] = "sgd"
    learning_rate: Annotated[Finite, Field(gt=0, le=1e4)]
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.0
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 0.0
    steps: Annotated[int, Field(ge=1, le=1_000_000)]
    sample_rate: Annotated[float, Field(gt=0, le=1)]
    max_grad_norm: Annotated[Finite, Field(gt=0, le=1e6)]
    noise_multiplier: Annotated[Finite, Field(gt=0, le=1e6)]
    metrics_noise_multiplier: Annotated[Finite, Field(gt=0, le=1e6)]
    public_loss: Annotated[PublicLoss | None, Field(exclude_if=lambda value: value is None)] = None
    schedule: Annotated[Literal["constant", "linear", "cosine"], _option("constant")] = "constant"
    warmup_steps: Annotated[int, Field(ge=0, le=1_000_000), _option(0)] = 0
    clipping: Annotated[Literal["flat", "per_layer", "adaptive"], _option("flat")] = "flat"
    target_quantile: Annotated[float, Field(ge=0.01, le=0.99), _option(0.5)] = 0.5
    count_noise_multiplier: Annotated[Finite, Field(ge=0, le=1e7), _option(0.0)] = 0.0
    evaluations: Annotated[int, Field(ge=1, le=MAX_EVALUATIONS), _option(1)] = 1
    patience: Annotated[Annotated[int, Field(ge=1, le=MAX_EVALUATIONS)] | None, _option(None)] = (
        None
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.warmup_steps > self.steps:
            raise ValueError("warmup_steps: more than steps")
        if self.evaluations > self.steps:
            raise ValueError("evaluations: more than steps")
        adaptive = self.clipping == "adaptive"
        if not adaptive and (self.count_noise_multiplier, self.target_quantile) != (0.0, 0.5):
            raise ValueError("count_noise_multiplier, target_quantile: for adaptive clipping only")
        # Half the multiplier would leave the gradients no budget at all.
        if adaptive and not 2 * self.count_noise_multiplier > 1.001 * self.noise_multiplier:
            raise ValueError("count_noise_multiplier: must be above noise_multiplier / 2")
        return self

    @property
    def gradient_noise_multiplier(self) -> float:
        """Noise on the clipped sum in units of its bound.

        With adaptive clipping part of the budget goes to the count, whose sensitivity is 1/2:
        ``(z**-2 - (2 s)**-2)**(-1/2)`` (Andrew et al. 2021, Theorem 1).
        """
        if self.clipping != "adaptive":
            return self.noise_multiplier
        ratio = self.noise_multiplier / (2 * self.count_noise_multiplier)
        return self.noise_multiplier / math.sqrt(1 - ratio**2)

    @property
    def evaluated_at(self) -> tuple[int, ...]:
        """After how many steps the metrics are measured."""
        return tuple(n * self.steps // self.evaluations for n in range(1, self.evaluations + 1))


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
