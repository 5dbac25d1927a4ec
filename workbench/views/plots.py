"""Plotly figures: metrics with their noise, and how much of a budget is left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workbench.documents import BudgetStatus, Evaluation, Metric

_BLUE, _GREY, _RED = "#1f6feb", "#6e7781", "#cf222e"


def metrics_figure(
    metrics: Mapping[str, Metric], references: Mapping[str, Mapping[str, float]]
) -> Any:
    """Return a figure with one group of bars per metric.

    Parameters
    ----------
    metrics
        Released metrics; the error bars are two standard deviations of the noise.
    references
        Label to metric values drawn beside, without error bars.
    """
    import plotly.graph_objects as go

    names = list(metrics)
    figure = go.Figure()
    figure.add_bar(
        name="released, with privacy",
        x=names,
        y=[metrics[name].value for name in names],
        error_y={"type": "data", "array": [2 * metrics[name].standard_error for name in names]},
        marker_color=_BLUE,
    )
    for label, values in references.items():
        figure.add_bar(
            name=label, x=names, y=[values.get(name) for name in names], marker_color=_GREY
        )
    figure.update_layout(
        barmode="group",
        yaxis={"range": [0, 1.05], "title": "value"},
        height=360,
        margin={"l": 50, "r": 20, "t": 40, "b": 40},
        template="plotly_white",
        legend={"orientation": "h", "y": 1.15},
    )
    return figure


def history_figure(
    history: Sequence[Evaluation], references: Mapping[str, Mapping[str, float]]
) -> Any:
    """Return a figure of the learning curve, one line per metric.

    Parameters
    ----------
    history
        At least one evaluation; the error bars are two standard deviations of the noise.
    references
        Label to metric values, drawn as dashed lines.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    steps = [evaluation.step for evaluation in history]
    for position, metric in enumerate(history[0].metrics):
        course = [evaluation.metrics[position] for evaluation in history]
        figure.add_scatter(
            name=metric.name,
            x=steps,
            y=[m.value for m in course],
            mode="lines+markers",
            error_y={"type": "data", "array": [2 * m.standard_error for m in course]},
        )
        for label, values in references.items():
            if metric.name in values:
                figure.add_scatter(
                    name=f"{metric.name}, {label}",
                    x=[steps[0], steps[-1]],
                    y=[values[metric.name]] * 2,
                    mode="lines",
                    line={"dash": "dash"},
                )
    figure.update_layout(
        xaxis={"title": "steps"},
        yaxis={"range": [0, 1.05], "title": "value"},
        height=360,
        margin={"l": 50, "r": 20, "t": 40, "b": 40},
        template="plotly_white",
        legend={"orientation": "h", "y": 1.15},
        showlegend=True,
    )
    return figure


def repeats_figure(
    values: Mapping[str, list[tuple[float, float]]],
    references: Mapping[str, Mapping[str, float]],
    metric: str = "accuracy",
) -> Any:
    """Return a figure of repeated runs: one column per dataset, one dot per run.

    Parameters
    ----------
    values
        Dataset to the runs' values and standard errors of the noise.
    references
        Label to one value per dataset, drawn as a line across its column.
    metric
        The axis' title.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    names = list(values)
    for position, name in enumerate(names):
        runs = values[name]
        spread = [position + 0.3 * (i / max(len(runs) - 1, 1) - 0.5) for i in range(len(runs))]
        figure.add_scatter(
            name="one private run (± 2 σ of the noise)",
            x=spread,
            y=[v for v, _ in runs],
            error_y={"type": "data", "array": [2 * e for _, e in runs]},
            mode="markers",
            marker={"color": _BLUE, "size": 9},
            showlegend=position == 0,
        )
    for (label, per_dataset), colour in zip(
        references.items(), (_RED, _GREY, "#1a7f37"), strict=False
    ):
        for position, name in enumerate(names):
            if name in per_dataset:
                figure.add_scatter(
                    name=label,
                    x=[position - 0.35, position + 0.35],
                    y=[per_dataset[name]] * 2,
                    mode="lines",
                    line={"color": colour, "dash": "dash"},
                    showlegend=position == 0,
                )
    figure.update_layout(
        xaxis={"tickvals": list(range(len(names))), "ticktext": names},
        yaxis={"title": metric},
        height=420,
        margin={"l": 60, "r": 20, "t": 60, "b": 40},
        template="plotly_white",
        legend={"orientation": "h", "y": 1.15},
    )
    return figure


def budget_figure(budgets: Mapping[str, BudgetStatus]) -> Any:
    """Return a figure of what is spent and left, one bar per dataset."""
    import plotly.graph_objects as go

    names = list(budgets)
    figure = go.Figure()
    for label, colour, values in (
        ("spent", _BLUE, [budgets[n].epsilon_spent for n in names]),
        ("left", "#d0d7de", [budgets[n].epsilon_left for n in names]),
    ):
        figure.add_bar(name=label, y=names, x=values, orientation="h", marker_color=colour)
    figure.update_layout(
        barmode="stack",
        xaxis={"title": "epsilon"},
        height=120 + 50 * len(names),
        margin={"l": 160, "r": 20, "t": 40, "b": 40},
        template="plotly_white",
        legend={"orientation": "h", "y": 1.3},
    )
    return figure


def series_figure(
    title: str, labels: Sequence[str], values: Sequence[float], errors: Sequence[float]
) -> Any:
    """Return a figure of one bar per label, as for a histogram.

    Parameters
    ----------
    title
        The axis' title.
    labels, values, errors
        One each per bar; the error bars are two standard deviations of the noise.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    figure.add_bar(
        x=list(labels),
        y=list(values),
        marker_color=_BLUE,
        error_y={"type": "data", "array": [2 * error for error in errors]},
    )
    figure.update_layout(
        yaxis={"title": title},
        height=360,
        margin={"l": 50, "r": 20, "t": 40, "b": 40},
        template="plotly_white",
    )
    return figure
