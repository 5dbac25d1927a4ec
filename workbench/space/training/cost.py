"""What a training run would cost, and the noise that it would get."""

from __future__ import annotations

from workbench.budget.accountant import planning_epsilon, run_epsilon
from workbench.documents import Plan
from workbench.views.page import Page, Shown
from workbench.views.tables import Table


class Cost(Shown):
    """What a run would cost by itself; nothing was asked for yet.

    Attributes
    ----------
    plan
        What would be submitted.
    epsilon, delta
        What would be asked for.
    charged
        The epsilon of the plan by the ledger's own calculation, at most `epsilon`. Runs on one
        dataset are added up by their Renyi curves and cost less than the sum of these.
    tighter
        A tighter figure for planning; the ledger never uses it.
    """

    def __init__(self, plan: Plan, metrics: int, epsilon: float, delta: float) -> None:
        self.plan, self.epsilon, self.delta = plan, epsilon, delta
        self.charged = run_epsilon(plan, metrics, delta)
        self.tighter = planning_epsilon(plan, metrics, delta)
        self._metrics = metrics

    def _page(self) -> Page:
        rows = [
            ("epsilon", f"{self.epsilon:g}, at delta {self.delta:g}"),
            ("charged", f"{self.charged:.4g}"),
            ("by a tighter calculation", f"{self.tighter:.4g}"),
            ("steps", str(self.plan.steps)),
            ("sample rate", f"{self.plan.sample_rate:.4g}"),
            ("noise multiplier", f"{self.plan.noise_multiplier:.4g}"),
        ]
        if self._metrics:
            rows.append(
                ("noise multiplier of metrics", f"{self.plan.metrics_noise_multiplier:.4g}")
            )
        text = "Nothing was sent, and nothing is charged. The tighter figure is for planning only."
        return Page("What a run would cost", text, Table((), rows))
