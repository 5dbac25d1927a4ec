"""What to expect at several epsilons: rehearsals side by side."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from typing import TYPE_CHECKING, Any

from workbench.budget.accountant import planning_epsilon
from workbench.views.page import Page, Shown
from workbench.views.tables import Table

if TYPE_CHECKING:
    from workbench.space.training.rehearsal import Rehearsal

_COLORS = ("#1f6feb", "#cf222e", "#1a7f37")


class Expectation(Shown):
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

    def _page(self) -> Page:
        first = next(iter(self.rehearsals.values()))
        rows = [
            [
                f"{epsilon:g}",
                f"{self.tighter[epsilon]:.2f}",
                *(f"{found.metrics[n]:.3f} ± {found.noise[n]:.3f}" for n in found.metrics),
            ]
            for epsilon, found in self.rehearsals.items()
        ]
        without = [f"{value:.3f}" for value in first.without_privacy.values()]
        text = (
            "The same engine ran on the synthetic snippet, at no privacy cost; ± is the noise of "
            "the metric at the domain. Synthetic records show what privacy costs, not how well the "
            "function will do. The tighter figure is for planning: the ledger charges epsilon."
        )
        columns = ("epsilon", "by a tighter calculation", *first.metrics)
        table = Table(columns, [*rows, ["without privacy", "", *without]])
        return Page("What to expect", text, table)

    def figure(self) -> Any:
        """Return a Plotly figure of each metric by epsilon, with two standard deviations."""
        import plotly.graph_objects as go

        figure = go.Figure()
        epsilons = list(self.rehearsals)
        runs = list(self.rehearsals.values())
        for name, color in zip(runs[0].metrics, cycle(_COLORS), strict=False):
            figure.add_scatter(
                name=f"{name} (± 2 σ of the noise)",
                x=epsilons,
                y=[run.metrics[name] for run in runs],
                mode="lines+markers",
                marker={"color": color},
                error_y={"type": "data", "array": [2 * run.noise[name] for run in runs]},
            )
            figure.add_scatter(
                name=f"{name} without privacy",
                x=[epsilons[0], epsilons[-1]],
                y=[runs[0].without_privacy[name]] * 2,
                mode="lines",
                line={"color": color, "dash": "dash"},
            )
        figure.update_layout(
            xaxis={"title": "epsilon", "type": "log"},
            yaxis={"title": "on synthetic records"},
            height=400,
            margin={"l": 60, "r": 20, "t": 60, "b": 50},
            template="plotly_white",
            legend={"orientation": "h", "y": 1.2},
        )
        return figure
