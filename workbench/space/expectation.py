"""What to expect at several epsilons: rehearsals side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from workbench.budget.accountant import planning_epsilon
from workbench.space.html import page, rows_table

if TYPE_CHECKING:
    from workbench.space.functions import Rehearsal


class Expectation:
    """Rehearsals of one function at several epsilons, on synthetic records.

    Attributes
    ----------
    rehearsals
        Epsilon to its `Rehearsal`, smallest first.
    tighter
        Epsilon to a tighter figure for the same run, for planning only: the ledger charges the
        Renyi curve, under which later runs may be chosen in reaction to earlier ones.
    """

    def __init__(self, rehearsals: Mapping[float, Rehearsal], delta: float) -> None:
        self.rehearsals = dict(sorted(rehearsals.items()))
        self.tighter = {
            epsilon: planning_epsilon(found.plan, len(found.metrics), delta)
            for epsilon, found in self.rehearsals.items()
        }

    def _header(self) -> list[str]:
        first = next(iter(self.rehearsals.values()))
        return ["epsilon", "by a tighter reckoning", *first.metrics]

    def _rows(self) -> list[list[str]]:
        first = next(iter(self.rehearsals.values()))
        rows = [
            [f"{epsilon:g}", f"{self.tighter[epsilon]:.2f}",
             *(f"{found.metrics[n]:.3f} ± {found.noise[n]:.3f}" for n in found.metrics)]
            for epsilon, found in self.rehearsals.items()
        ]  # fmt: skip
        without = [f"{value:.3f}" for value in first.without_privacy.values()]
        return [*rows, ["without privacy", "", *without]]

    def __repr__(self) -> str:
        lines = ["  ".join(f"{cell:22}" for cell in row).rstrip()
                 for row in (self._header(), *self._rows())]  # fmt: skip
        return "\n".join(["Rehearsals on synthetic records:", *lines])

    def _repr_html_(self) -> str:
        text = (
            "The same engine ran on the synthetic snippet, at no privacy cost; ± is the noise of "
            "the metric at the domain. Synthetic records show what privacy costs, not how well the "
            "function will do. The tighter reckoning is for planning: the ledger charges epsilon."
        )
        return page("What to expect", text, rows_table(self._header(), self._rows()))

    def figure(self) -> Any:
        """Return a Plotly figure of each metric by epsilon, with two standard deviations."""
        from workbench.space.plots import expectation_figure

        first = next(iter(self.rehearsals.values()))
        values = {
            name: [(e, r.metrics[name], r.noise[name]) for e, r in self.rehearsals.items()]
            for name in first.metrics
        }
        return expectation_figure(values, first.without_privacy)
