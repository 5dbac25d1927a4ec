"""Say how a run trains or sums up, and what follows from that in public.

There is one class of plan for each kind of run. What everybody has to know about a kind stands on
its plan: what it costs, what it lets out, how it is verified; `RunPlan` lists it. What a domain
does for a kind is in `workbench.domain.kinds`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Protocol, Self

from pydantic import Discriminator, Field, Tag, model_validator

from workbench.documents.base import Digest, Document, Finite
from workbench.errors import InvalidArgument

Output = Literal["model", "metrics", "statistics"]
"""What a run may let out."""
FILES: dict[Output, str] = {"model": "model.safetensors", "statistics": "statistics.safetensors"}
"""Each output that is a file, and what the file is called. A release has a digest for each."""


@dataclass(frozen=True)
class Mechanism:
    """Gaussian sums that a run takes of one part of the data, one after the other.

    Attributes
    ----------
    sample_rate
        With which probability each sum takes a privacy unit.
    noise_multiplier
        The noise's standard deviation, in units of what one privacy unit can change.
    sums
        How many sums there are.
    """

    sample_rate: float
    noise_multiplier: float
    sums: int


class RunPlan(Protocol):
    """What every class of plan has, whatever kind of run it is for."""

    @property
    def kind(self) -> str:
        """The kind's word; it is the key of every table of kinds."""

    @property
    def steps(self) -> int:
        """How many noisy sums the run takes, if it does not stop early: what progress counts."""

    @property
    def evaluated_at(self) -> tuple[int, ...]:
        """After which steps the metrics are measured; empty if the kind has none."""

    @property
    def patience(self) -> int | None:
        """After how many evaluations that are no better the run stops; None if it never does."""

    @property
    def further_graph(self) -> str | None:
        """The digest of the one graph that the plan may name beside the request's own."""

    def mechanisms(self, metrics: int) -> tuple[Mechanism, ...]:
        """Return what the run does to the data, for the accountant.

        Each mechanism reads a part of the data of its own, so one privacy unit pays for one of
        them. `metrics` is how many metrics the request names.
        """

    def check_outputs(self, metrics: tuple[str, ...], outputs: tuple[Output, ...]) -> None:
        """Check that a request with this plan may name these metrics and outputs.

        Raises
        ------
        ValueError
            If not; says what it may name.
        """


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


class _Optimizing(Protocol):
    @property
    def optimizer(self) -> str: ...

    @property
    def momentum(self) -> float: ...


def check_optimizer(how: _Optimizing) -> None:
    """Check that the optimizer of a plan, or of settings for one, uses the momentum that is given.

    A plan that does not fit is still read: there are signed ones from before this check.

    Raises
    ------
    InvalidArgument
        If the optimizer ignores it.
    """
    if how.momentum and how.optimizer != "momentum":
        raise InvalidArgument(
            f"momentum is {how.momentum:g}, but optimizer '{how.optimizer}' has none",
            "Give optimizer='momentum', or leave momentum out.",
        )


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

    @property
    def further_graph(self) -> None:
        """None: a training run has one graph."""
        return None

    def mechanisms(self, metrics: int) -> tuple[Mechanism, ...]:
        """Return DP-SGD on the training part and, with metrics, their sums on the hold-out part.

        With adaptive clipping `noise_multiplier` is that of gradients and count together (Andrew
        et al. 2021, Theorem 1). A run that stops early pays for all steps and evaluations.
        """
        training = Mechanism(self.sample_rate, self.noise_multiplier, self.steps)
        if metrics == 0:
            return (training,)
        return training, Mechanism(1.0, self.metrics_noise_multiplier, self.evaluations)

    def check_outputs(self, metrics: tuple[str, ...], outputs: tuple[Output, ...]) -> None:
        """Check that a request may name these metrics and outputs; see `RunPlan.check_outputs`."""
        if "statistics" in outputs:
            raise ValueError("a training run has the outputs 'model' and 'metrics'")
        if not metrics and (self.evaluations > 1 or self.patience is not None):
            raise ValueError("plan: evaluations and patience need a metric")


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

    @property
    def evaluated_at(self) -> tuple[int, ...]:
        """Empty: a statistic has no metrics."""
        return ()

    @property
    def patience(self) -> None:
        """None: a statistic runs all its rounds."""
        return None

    @property
    def further_graph(self) -> str | None:
        """The graph that makes the next round's state, if there is one."""
        return self.update

    def mechanisms(self, metrics: int) -> tuple[Mechanism, ...]:
        """Return the sums of all rounds; they read both parts of the data, as one."""
        return (Mechanism(self.sample_rate, self.noise_multiplier, self.rounds),)

    def check_outputs(self, metrics: tuple[str, ...], outputs: tuple[Output, ...]) -> None:
        """Check that a request may name these metrics and outputs; see `RunPlan.check_outputs`."""
        if metrics or outputs != ("statistics",):
            raise ValueError("a statistic has the output 'statistics' and no metrics")


def _kind_of_plan(value: Any) -> Any:
    # A training plan has no field that says so: it was the first kind, and digests stay.
    if isinstance(value, dict):
        return value.get("kind", Plan.kind)
    return getattr(value, "kind", None)


AnyPlan = Annotated[
    Annotated[Plan, Tag("training")] | Annotated[StatisticPlan, Tag("statistic")],
    Discriminator(
        _kind_of_plan,
        custom_error_type="kind_of_plan",
        custom_error_message="the kind of plan is unknown here",
    ),
]
"""A training plan or, where its ``kind`` says so, the plan of a statistic."""
