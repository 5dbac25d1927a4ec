"""What is audited: the engine at several epsilons, and three broken ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workbench.audit import broken
from workbench.audit.canaries import Observation, observe
from workbench.audit.one_run import Guesses, epsilon_lower_bound, guess
from workbench.budget.accountant import calibrate, run_epsilon
from workbench.documents import Plan

DELTA = 1e-5
CONFIDENCE = 0.95
_EACH_WAY = 0.025

Score = Callable[[Observation, Plan], NDArray[np.float64]]
"""Gives one number for each canary, float64 of shape ``(m,)``, larger if it looks included."""


def last_iterate(observation: Observation, plan: Plan) -> NDArray[np.float64]:
    """Score by the released parameters alone: how far they went down a canary's direction.

    For shape and dtype see `Score`.
    """
    return -observation.change


def known_steps(observation: Observation, plan: Plan) -> NDArray[np.float64]:
    """Score by the noised gradients of the steps that disjoint batches would give a canary.

    For shape and dtype see `Score`.
    """
    steps, count = observation.gradients.shape
    numbers = np.arange(count)
    taken = np.stack([broken.in_step(numbers, turn, plan.sample_rate) for turn in range(steps)])
    scores: NDArray[np.float64] = np.where(taken, observation.gradients, 0.0).sum(0)
    return scores


@dataclass(frozen=True)
class Scenario:
    """One run to audit.

    Attributes
    ----------
    name
        For people.
    plan
        What the accountant is told.
    engine
        Enters the engine, sound or broken.
    score
        How the auditor ranks canaries.
    norm
        The length of a canary's gradient, in units of the plan's bound C.
    holds
        Whether the claim should hold.
    """

    name: str
    plan: Plan
    engine: Callable[[], AbstractContextManager[None]]
    score: Score
    norm: float
    holds: bool


@dataclass(frozen=True)
class Finding:
    """What an audit of `scenario` measured: the run's epsilon is above `measured`."""

    scenario: Scenario
    claimed: float
    measured: float
    guesses: Guesses

    @property
    def refuted(self) -> bool:
        """Return whether the claim is shown to be false."""
        return self.measured > self.claimed


def _plan(noise_multiplier: float, steps: int, sample_rate: float) -> Plan:
    return Plan(
        learning_rate=1.0,
        steps=steps,
        sample_rate=sample_rate,
        max_grad_norm=1.0,
        noise_multiplier=noise_multiplier,
        metrics_noise_multiplier=1.0,
    )


def _calibrated(epsilon: float, steps: int) -> Plan:
    noise, _ = calibrate(epsilon=epsilon, delta=DELTA, sample_rate=1.0, steps=steps, metrics=0)
    return _plan(noise, steps, 1.0)


def scenarios(epsilons: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0)) -> list[Scenario]:
    """Return the sound engine at each of `epsilons`, the broken engines and their sound twin."""
    sound = [
        Scenario(
            f"sound, every unit in every step, epsilon {epsilon:g}",
            _calibrated(epsilon, 5),
            broken.sound,
            last_iterate,
            4.0,
            True,
        )
        for epsilon in epsilons
    ]
    sampled = _plan(1.5, 500, 0.02)
    return [
        *sound,
        Scenario(
            "sound, Poisson-sampled, asked as the last row",
            sampled,
            broken.sound,
            known_steps,
            4.0,
            True,
        ),
        Scenario(
            "broken: no noise", _calibrated(2.0, 5), broken.without_noise, last_iterate, 4.0, False
        ),
        Scenario(
            "broken: no clipping",
            _calibrated(2.0, 5),
            broken.without_clipping,
            last_iterate,
            20.0,
            False,
        ),
        Scenario(
            "broken: disjoint batches in place of Poisson sampling",
            sampled,
            broken.with_disjoint_batches,
            known_steps,
            4.0,
            False,
        ),
    ]


def audit(scenario: Scenario, canaries: int, seed: int) -> Finding:
    """Run `scenario` once with `canaries` canaries and return what the guesses prove."""
    plan = scenario.plan
    with scenario.engine():
        observation = observe(plan, canaries, scenario.norm * plan.max_grad_norm, seed)
    scores = scenario.score(observation, plan)
    guesses = guess(scores, observation.included, round(_EACH_WAY * canaries))
    measured = epsilon_lower_bound(guesses, DELTA, CONFIDENCE)
    return Finding(scenario, run_epsilon(plan, 0, DELTA), measured, guesses)


def audit_all(canaries: int, seed: int, progress: bool = True) -> Iterator[Finding]:
    """Audit every scenario, each from a seed of its own that follows from `seed`."""
    from tqdm import tqdm

    for number, scenario in enumerate(tqdm(scenarios(), "audit", unit="run", disable=not progress)):
        yield audit(scenario, canaries, seed * 1000 + number)
