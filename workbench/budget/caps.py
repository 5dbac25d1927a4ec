"""What a run counts against: a population, and the caps that hold there."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.budget.accountant import filter_budget


@dataclass(frozen=True)
class Caps:
    """The limits of a population, or of one dataset's terms: a total, and caps inside it.

    `order` is the position in `accountant.ORDERS` at which runs are admitted; None lets it follow
    from `epsilon_total` and `delta`, which then must never change.
    """

    epsilon_total: float
    delta: float
    epsilon_per_researcher: float | None = None
    uses: int | None = None
    order: int | None = None

    @property
    def filter(self) -> tuple[int, float]:
        """The position of the order, and how much RDP there is at it."""
        return filter_budget(self.epsilon_total, self.delta, self.order)


@dataclass(frozen=True)
class Account:
    """What a run of a dataset counts against.

    `blocks` are those of the population that the dataset holds; none named are all of them, those
    that are still to come included. `whole` are the population's caps, `own` the dataset's.
    """

    population: str
    dataset: str
    version: str
    blocks: tuple[str, ...]
    whole: Caps
    own: Caps
