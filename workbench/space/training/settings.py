"""The settings of a training function, and the plan that they make for a domain."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import get_args, get_type_hints

from workbench.documents import DatasetCard, Plan
from workbench.documents.base import plain
from workbench.documents.plans import MAX_EVALUATIONS, check_optimizer
from workbench.errors import InvalidArgument
from workbench.space.requests.calls import public_call
from workbench.space.requests.submission import written
from workbench.space.training.guarantee import Guarantee

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


_ONE_OF = (("steps", "epochs"), ("sample_rate", "batch_size", "expected_batch_size"))
_WORDS = ("optimizer", "clipping", "schedule")
_DRAWS = 64


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How a function trains; `training_function` explains each setting.

    `batch_size` is an expected number of records; Opacus calls it `expected_batch_size`.
    """

    learning_rate: float
    steps: int | None = None
    epochs: float | None = None
    sample_rate: float | None = None
    batch_size: int | None = None
    expected_batch_size: int | None = None
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
    public_draws: int = _DRAWS

    @public_call
    def __post_init__(self) -> None:
        for field in fields(self):
            object.__setattr__(self, field.name, plain(getattr(self, field.name)))
            if field.name not in _WORDS:
                self._check_number(field.name, str(field.type))
        for names in _ONE_OF:
            given = [name for name in names if getattr(self, name) is not None]
            if len(given) != 1:
                got = " and ".join(given) if given else "none of them"
                raise InvalidArgument(
                    f"training_function: give {' or '.join(names)}, one of them; got {got}",
                    "They say the same in different words: leave all but one out."
                    if given
                    else "For example steps=200, batch_size=64.",
                )
        if not 1 <= self.evaluations <= MAX_EVALUATIONS:
            raise InvalidArgument(
                f"training_function: evaluations is {self.evaluations}; "
                f"expected 1 to {MAX_EVALUATIONS}"
            )
        for name in ("steps", "epochs", *_ONE_OF[1]):
            value = getattr(self, name)
            most = 1.0 if name == "sample_rate" else math.inf
            if value is not None and not (0 < value <= most and math.isfinite(value)):
                raise InvalidArgument(
                    f"training_function: {name} is {value}; expected above 0"
                    + (" and at most 1" if most == 1.0 else "")
                )
        for name in _WORDS:
            word, allowed = getattr(self, name), get_args(get_type_hints(Plan)[name])
            if word not in allowed:
                raise InvalidArgument(
                    f"training_function: {name} is '{word}'; expected {' or '.join(allowed)}"
                )
        check_optimizer(self)
        if self.public_draws != _DRAWS and self.public_learning_rate is None:
            raise InvalidArgument(
                f"training_function: public_draws is {self.public_draws}, but there is no "
                "public_learning_rate",
                "Give both for a function that returns a public loss, else none.",
            )

    def _check_number(self, name: str, kind: str) -> None:
        value = getattr(self, name)
        if value is None and "None" in kind:
            return
        # An expected number of records need not be whole.
        whole = kind.startswith("int") and name not in _ONE_OF[1]
        if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
            words = "whole number" if whole else "number"
            raise InvalidArgument(f"training_function: {name} is {value!r}; expected a {words}")

    def doubts(self, card: DatasetCard) -> list[str]:
        """Return what is perhaps not meant at a dataset, in words."""
        batch, records = self.batch_size or self.expected_batch_size or 0, expected_records(card)
        if batch > records:
            return [
                f"the batch size is {batch}, and about {records:.0f} records train: each step "
                "takes all of them\nGive a smaller one, or sample_rate=1.0."
            ]
        if self.optimizer == "momentum" and not self.momentum:
            return ["optimizer 'momentum' has momentum 0: it is 'sgd'\nGive momentum=0.9."]
        return []

    def sampling(self, card: DatasetCard) -> tuple[float, int]:
        """Return sampling rate and number of steps from the card's published record count."""
        batch = self.batch_size or self.expected_batch_size or 0
        rate = self.sample_rate or min(1.0, batch / expected_records(card))
        steps = self.steps or max(1, math.ceil((self.epochs or 1) / rate))
        return rate, steps

    def plan(self, card: DatasetCard, asked: Guarantee, metrics: int) -> Plan:
        """Return the plan with the noise that is asked for.

        Parameters
        ----------
        card
            Of the dataset to train on.
        asked
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
        asked.check()
        rate, steps = self.sampling(card)
        training, measuring = asked.noise(
            sample_rate=rate, steps=steps, metrics=metrics, evaluations=self.evaluations
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
