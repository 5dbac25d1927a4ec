"""The settings of a training function, and the plan that they make for a domain."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import get_args, get_type_hints

from workbench.budget.accountant import calibrate
from workbench.documents import DatasetCard, Plan
from workbench.documents.plans import MAX_EVALUATIONS
from workbench.errors import InvalidArgument
from workbench.space.requests.submission import check_guarantee, written

_IN_THE_PLAN = (
    "optimizer",
    "learning_rate",
    "momentum",
    "weight_decay",
    "max_grad_norm",
    "clipping",
    "target_quantile",
    "schedule",
    "warmup_steps",
    "evaluations",
    "patience",
)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How a function trains; `training_function` explains each setting.

    `batch_size` is an expected number of records.
    """

    learning_rate: float
    steps: int | None = None
    epochs: float | None = None
    sample_rate: float | None = None
    batch_size: int | None = None
    optimizer: str = "sgd"
    momentum: float = 0.0
    weight_decay: float = 0.0
    max_grad_norm: float = 1.0
    clipping: str = "flat"
    target_quantile: float = 0.5
    schedule: str = "constant"
    warmup_steps: int = 0
    evaluations: int = 1
    patience: int | None = None
    public_learning_rate: float | None = None
    public_draws: int = 64

    def __post_init__(self) -> None:
        for one, other in (("steps", "epochs"), ("sample_rate", "batch_size")):
            if (getattr(self, one) is None) == (getattr(self, other) is None):
                raise InvalidArgument(f"training_function: give {one} or {other}, one of them")
        evaluations = self.evaluations
        if not isinstance(evaluations, int) or not 1 <= evaluations <= MAX_EVALUATIONS:
            raise InvalidArgument(
                f"training_function: evaluations is {evaluations}; expected 1 to {MAX_EVALUATIONS}"
            )
        for name in ("steps", "epochs", "sample_rate", "batch_size"):
            value = getattr(self, name)
            most = 1.0 if name == "sample_rate" else math.inf
            if value is not None and not (0 < value <= most and math.isfinite(value)):
                raise InvalidArgument(
                    f"training_function: {name} is {value}; expected above 0"
                    + (" and at most 1" if most == 1.0 else "")
                )
        for name in ("optimizer", "clipping", "schedule"):
            word, allowed = getattr(self, name), get_args(get_type_hints(Plan)[name])
            if word not in allowed:
                raise InvalidArgument(
                    f"training_function: {name} is '{word}'; expected {' or '.join(allowed)}"
                )

    def sampling(self, card: DatasetCard) -> tuple[float, int]:
        """Return sampling rate and number of steps from the card's published record count."""
        rate = self.sample_rate or min(1.0, (self.batch_size or 0) / expected_records(card))
        steps = self.steps or max(1, math.ceil((self.epochs or 1) / rate))
        return rate, steps

    def plan(self, card: DatasetCard, epsilon: float, delta: float, metrics: int) -> Plan:
        """Return the plan with the noise that `epsilon` and `delta` ask for.

        Parameters
        ----------
        card
            Of the dataset to train on.
        epsilon, delta
            What the run may cost.
        metrics
            How many metrics the function returns.

        Raises
        ------
        TermsRefused
            If no noise is enough.
        InvalidArgument
            If a setting is out of range.
        """
        check_guarantee(epsilon, delta)
        rate, steps = self.sampling(card)
        training, measuring = calibrate(
            epsilon=epsilon,
            delta=delta,
            sample_rate=rate,
            steps=steps,
            metrics=metrics,
            evaluations=self.evaluations,
        )
        plan = {name: getattr(self, name) for name in _IN_THE_PLAN} | {
            "steps": steps,
            "sample_rate": rate,
            "noise_multiplier": training,
            "metrics_noise_multiplier": measuring,
        }
        if self.public_learning_rate is not None:
            plan["public_loss"] = {
                "learning_rate": self.public_learning_rate,
                "draws": self.public_draws,
            }
        if self.clipping == "adaptive":
            # Andrew et al. 2021, section 3.1: a twentieth of the batch. In small batches the count
            # would take too much of the budget; so it gets at most a sixteenth.
            batch = rate * expected_records(card)
            plan["count_noise_multiplier"] = max(batch / 20, 2 * training)
        return written(Plan, plan)


def expected_records(card: DatasetCard) -> float:
    """Return how many records the training part has by the published count."""
    return card.record_count * (1 - card.holdout_fraction)
