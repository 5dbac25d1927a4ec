"""Check that a wait is shown: as a figure in a notebook, as a bar elsewhere, at little cost."""

from __future__ import annotations

import pytest
import torch

from tests.studies import dataset, diagnose, linear
from workbench.engine import rehearsal
from workbench.views import live


def test_elsewhere_a_wait_is_a_plain_bar(capsys):
    with live.view("hospital-a/x", 10) as shown:
        shown.tell("running", 4)
        shown.tell("released", 10)
    said = capsys.readouterr().err
    assert "hospital-a/x" in said
    assert "10/10" in said
    assert "released" in said


def test_nothing_is_shown_if_nobody_looks(capsys):
    with live.view("hospital-a/x", 10, shown=False) as shown:
        shown.tell("running", 4)
    assert capsys.readouterr() == ("", "")


@pytest.fixture
def figure(monkeypatch):
    """Return a figure whose output cell only counts updates."""
    import IPython.display

    class Handle:
        updates = 0

        def update(self, shown):
            Handle.updates += 1

    monkeypatch.setattr(IPython.display, "display", lambda shown, display_id: Handle())
    made = live.Figure("<b>hospital</b>", 200, "the note")
    made.handle = Handle
    return made


def test_a_figure_shows_the_bar_the_curve_and_no_markup_of_others(figure):
    figure.tell("running <i>", 50)
    figure.curve("accuracy", [(10, 0.5, 0.1), (20, 0.7, 0.1)])
    html = figure._repr_html_()
    assert 'aria-valuenow="50"' in html
    assert "<polyline" in html
    assert "<b>hospital" not in html
    assert "running &lt;i&gt;" in html
    assert "accuracy 0.700" in repr(figure)


def test_a_figure_is_not_drawn_for_each_of_ten_thousand_steps(figure):
    for step in range(10_000):
        figure.tell("running", step)
    assert figure.handle.updates < 50


def test_watching_a_rehearsal_changes_nothing_and_takes_a_small_share(site):
    ds = dataset(site.client())
    graph = diagnose.export(linear(), ds)
    plan = diagnose.plan(ds.card, 2.0, 1e-5, len(graph.metrics))
    seen = []
    same = {"seed": b"s" * 32, "record_count": 213.0}
    watched = rehearsal.rehearse(
        graph, plan, ds.snippet_records, watch=lambda *news: seen.append(news), **same
    )
    plain = rehearsal.rehearse(graph, plan, ds.snippet_records, **same)
    for name, value in plain.parameters.items():
        assert torch.equal(value, watched.parameters[name])
    assert watched.metrics == plain.metrics
    assert seen[-1][:2] == (plan.steps, plan.steps)
    assert seen[-1][2][0].value == pytest.approx(plain.metrics[0].value)


def test_measuring_keeps_to_its_share_of_the_time(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(rehearsal.time, "monotonic", lambda: clock[0])
    share, spent = rehearsal._Share(), 0.0
    for _ in range(1000):
        clock[0] += 0.01
        if share.due():
            with share.measured():
                clock[0] += 0.05
                spent += 0.05
    assert 0.1 < spent < 0.06 * clock[0]
