"""Figures of a study: private runs beside their references, and budgets as gauges.

The figures have no background of their own and grey text, so they are readable on JupyterLab's
light and dark theme alike.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from workbench.documents import BudgetStatus, Metric

_GREY = "#818b98"
_RUN, _MEDIAN = "#4493f8", "#1f6feb"
_REFERENCES = ("#d1242f", "#bf8700", "#2da44e", "#8250df")


def pooled(metrics: Sequence[Metric]) -> Metric:
    """Return one metric over several domains: the ratio of their summed noisy sums.

    This only post-processes what was released, so it costs no privacy.

    Parameters
    ----------
    metrics
        The same metric from domains whose records are disjoint.

    Returns
    -------
    Metric
        `value` is ``T / (T + U)`` for the summed totals ``T`` and complements ``U``, clipped to
        [0, 1]; `standard_error` adds up the domains' noise (delta method).

    Raises
    ------
    ValueError
        If `metrics` is empty, or holds different metrics.
    """
    if len({metric.name for metric in metrics}) != 1:
        raise ValueError("pooled: expected the same metric from each domain")
    total = math.fsum(m.total for m in metrics)
    complement = math.fsum(m.complement for m in metrics)
    size = total + complement
    value = min(1.0, max(0.0, total / size)) if size > 0 else 0.5
    # Each domain's standard error is its own noise divided by its own noisy size.
    noise = math.sqrt(
        math.fsum((m.standard_error * (m.total + m.complement)) ** 2 for m in metrics)
    )
    return Metric(
        name=metrics[0].name,
        value=value,
        total=total,
        complement=complement,
        standard_error=noise / size if size > 0 else 1.0,
    )


def runs_figure(
    runs: Sequence[Metric],
    references: Mapping[str, float],
    *,
    title: str,
    labels: Sequence[str] | None = None,
) -> Any:
    """Return a plotly figure of repeated private runs with reference lines.

    Parameters
    ----------
    runs
        One metric per run; the error bars are two standard deviations of the noise.
    references
        Label to a value that is drawn as a dashed line: a non-private model, a rehearsal.
    title
        What was measured on what.
    labels
        The runs' names; by default ``run 1`` and so on.

    Raises
    ------
    ValueError
        If there is no run.
    """
    import plotly.graph_objects as go

    if not runs:
        raise ValueError("runs_figure: expected at least one run")
    names = list(labels) if labels is not None else [f"run {i + 1}" for i in range(len(runs))]
    values = [run.value for run in runs]
    figure = go.Figure()
    figure.add_scatter(
        name="private run, ± 2 σ of its noise",
        x=names,
        y=values,
        mode="markers",
        marker={"size": 10, "color": _RUN},
        error_y={
            "type": "data", "array": [2 * run.standard_error for run in runs], "color": _RUN,
        },
    )  # fmt: skip
    middle = statistics.median(values)
    lines = {f"median of private runs, {middle:.3f}": middle}
    lines |= {f"{label}, {value:.3f}": value for label, value in references.items()}
    for (label, value), colour in zip(lines.items(), (_MEDIAN, *_REFERENCES * 9), strict=False):
        figure.add_scatter(
            name=label, x=names, y=[value] * len(names),
            mode="lines" if len(names) > 1 else "markers",
            line={"color": colour, "dash": "solid" if colour == _MEDIAN else "dash"},
            marker={"color": colour, "symbol": "line-ew-open", "size": 40},
        )  # fmt: skip
    lowest = min(*lines.values(), *(run.value - 2 * run.standard_error for run in runs))
    figure.update_layout(
        **_layout(title),
        height=420,
        yaxis={
            "title": {"text": runs[0].name},
            "range": [max(0.0, lowest - 0.05), 1.02],
            "gridcolor": "rgba(129,139,152,0.25)",
        },
        xaxis={"gridcolor": "rgba(0,0,0,0)"},
        legend={"orientation": "h", "y": -0.15},
    )
    return figure


def budget_gauge(budgets: Mapping[str, BudgetStatus]) -> Any:
    """Return a plotly figure with one gauge per dataset: spent epsilon against the total.

    Parameters
    ----------
    budgets
        Dataset to its budget.

    Raises
    ------
    ValueError
        If `budgets` is empty.
    """
    import plotly.graph_objects as go

    if not budgets:
        raise ValueError("budget_gauge: expected at least one budget")
    figure = go.Figure()
    for column, (name, budget) in enumerate(budgets.items()):
        runs = f"{budget.runs} run{'' if budget.runs == 1 else 's'}"
        figure.add_trace(
            go.Indicator(
                mode="gauge+number",
                value=budget.epsilon_spent,
                number={"prefix": "ε ", "valueformat": ".3~g", "font": {"size": 28}},
                title={
                    "text": f"{name}<br>spent of {budget.epsilon_total:g}, {runs}",
                    "font": {"size": 13},
                },
                gauge={
                    "axis": {"range": [0, budget.epsilon_total], "tickcolor": _GREY},
                    "bar": {"color": _MEDIAN},
                    "bordercolor": _GREY,
                    "bgcolor": "rgba(129,139,152,0.15)",
                },
                domain={"row": 0, "column": column},
            )
        )
    figure.update_layout(
        **_layout(""),
        height=240,
        grid={"rows": 1, "columns": len(budgets), "pattern": "independent"},
    )
    return figure


def _layout(title: str) -> dict[str, Any]:
    return {
        "title": {"text": title, "font": {"size": 15}},
        "font": {"color": _GREY, "family": "system-ui, sans-serif"},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 60, "r": 30, "t": 60, "b": 40},
    }
