"""What to expect at several epsilons: rehearsals side by side."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from typing import TYPE_CHECKING, Any

from workbench.budget.accountant import planning_epsilon
from workbench.views.html import page, rows_table

if TYPE_CHECKING:
    from workbench.space.training.rehearsal import Rehearsal

_COLOURS = ("#1f6feb", "#cf222e", "#1a7f37")


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
            [
                f"{epsilon:g}",
                f"{self.tighter[epsilon]:.2f}",
                *(f"{found.metrics[n]:.3f} ± {found.noise[n]:.3f}" for n in found.metrics),
            ]
            for epsilon, found in self.rehearsals.items()
        ]
        without = [f"{value:.3f}" for value in first.without_privacy.values()]
        return [*rows, ["without privacy", "", *without]]

    def __repr__(self) -> str:
        lines = [
            "  ".join(f"{cell:22}" for cell in row).rstrip()
            for row in (self._header(), *self._rows())
        ]
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
        import plotly.graph_objects as go

        figure = go.Figure()
        epsilons = list(self.rehearsals)
        runs = list(self.rehearsals.values())
        for name, colour in zip(runs[0].metrics, cycle(_COLOURS), strict=False):
            figure.add_scatter(
                name=f"{name} (± 2 σ of the noise)",
                x=epsilons,
                y=[run.metrics[name] for run in runs],
                mode="lines+markers",
                marker={"color": colour},
                error_y={"type": "data", "array": [2 * run.noise[name] for run in runs]},
            )
            figure.add_scatter(
                name=f"{name} without privacy",
                x=[epsilons[0], epsilons[-1]],
                y=[runs[0].without_privacy[name]] * 2,
                mode="lines",
                line={"color": colour, "dash": "dash"},
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
