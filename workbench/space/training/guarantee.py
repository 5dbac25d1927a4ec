"""What a training run may cost: epsilon, or the noise from which epsilon follows."""

from __future__ import annotations

import math
from dataclasses import dataclass

from workbench.budget.accountant import calibrate, measuring_noise, run_epsilon
from workbench.documents import Plan
from workbench.documents.card import MOST_EPSILON
from workbench.errors import InvalidArgument
from workbench.space.requests.submission import check_guarantee

_DIGITS = 1e4


@dataclass(frozen=True)
class Guarantee:
    """What a run may cost: `epsilon`, or the noise that it follows from; one of them is None."""

    epsilon: float | None
    noise_multiplier: float | None
    delta: float

    def check(self) -> None:
        """Check that it can be asked for.

        Raises
        ------
        InvalidArgument
            If not exactly one is given, or a number is out of range.
        """
        if (self.epsilon is None) == (self.noise_multiplier is None):
            given = "neither" if self.epsilon is None else "both"
            raise InvalidArgument(
                f"epsilon and noise_multiplier: {given} given; each follows from the other",
                "Give one of them.",
            )
        check_guarantee(1.0 if self.epsilon is None else self.epsilon, self.delta)
        noise = self.noise_multiplier
        if noise is not None and not (isinstance(noise, int | float) and 0 < noise <= 1e6):
            raise InvalidArgument(
                f"noise_multiplier is {noise}; expected a number above 0, at most 1000000"
            )

    def noise(
        self, *, sample_rate: float, steps: int, metrics: int, evaluations: int
    ) -> tuple[float, float]:
        """Return the noise multipliers for training and for metrics.

        Parameters are those of `calibrate`. Of a given noise multiplier the metrics get as much
        noise as makes them cost what training costs.

        Raises
        ------
        TermsRefused
            If no noise is enough.
        """
        if self.noise_multiplier is None:
            assert self.epsilon is not None
            return calibrate(
                epsilon=self.epsilon,
                delta=self.delta,
                sample_rate=sample_rate,
                steps=steps,
                metrics=metrics,
                evaluations=evaluations,
            )
        measuring = measuring_noise(
            noise_multiplier=self.noise_multiplier,
            delta=self.delta,
            sample_rate=sample_rate,
            steps=steps,
            evaluations=evaluations,
        )
        return self.noise_multiplier, measuring

    def epsilon_of(self, plan: Plan, metrics: int) -> float:
        """Return epsilon: the given one, or what the plan costs, rounded up to four digits.

        Raises
        ------
        InvalidArgument
            If there is too little noise for any guarantee.
        """
        if self.epsilon is not None:
            return self.epsilon
        found = run_epsilon(plan, metrics, self.delta)
        if not found <= MOST_EPSILON:
            raise InvalidArgument(
                f"noise_multiplier {self.noise_multiplier:g} costs epsilon {found:.4g}: so little "
                "noise gives no privacy",
                "Give a larger one; 1.0 is usual.",
            )
        return math.ceil(found * _DIGITS) / _DIGITS
