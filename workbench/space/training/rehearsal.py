"""What a rehearsal on synthetic records showed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.documents import Evaluation, Metric, Plan
from workbench.views.page import Page, Shown
from workbench.views.tables import Table

if TYPE_CHECKING:
    from torch import nn


class Rehearsal(Shown):
    """What a rehearsal showed: metrics on synthetic records, and the noise to expect.

    Attributes
    ----------
    metrics
        Exact metrics on the snippet after training with the domain's noise.
    without_privacy
        The same without clipping and noise.
    noise
        For each metric the standard deviation that the domain's noise would give it.
    model
        The model that was rehearsed, trained on synthetic records only.
    plan
        What would be submitted.
    history
        The exact metrics of every evaluation up to where training stopped.
    """

    def __init__(
        self,
        metrics: tuple[Metric, ...],
        without_privacy: tuple[Metric, ...],
        noise: dict[str, float],
        plan: Plan,
        model: nn.Module,
        history: tuple[Evaluation, ...] = (),
    ) -> None:
        self.history = history
        self.metrics = {metric.name: metric.value for metric in metrics}
        self.without_privacy = {metric.name: metric.value for metric in without_privacy}
        self.noise = noise
        self.plan = plan
        self.model = model

    def _page(self) -> Page:
        columns = ("metric", "on synthetic records", "without privacy", "noise at the domain")
        rows = [
            (
                name,
                f"{self.metrics[name]:.3f}",
                f"{self.without_privacy[name]:.3f}",
                f"± {self.noise[name]:.3f}",
            )
            for name in self.metrics
        ]
        text = (
            "The same engine ran on the synthetic snippet, at no privacy cost. Synthetic records "
            "show that the function works, not how well it will do."
        )
        return Page("Rehearsal on synthetic records", text, Table(columns, rows))
