"""Check that a report shows what was found, runs and loads nothing, and stays small."""

from __future__ import annotations

import re

import nbformat
import plotly.graph_objects as go
import pytest
from playwright.sync_api import sync_playwright

from workbench.space.studies.outputs import cells_html
from workbench.space.studies.record import StudyRecord, read
from workbench.space.studies.report import write_report
from workbench.views.pictures import svg

HOSTILE = '<img src="http://evil.example/x.png" onerror="alert(1)"><script>alert(2)</script>'
SVG = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(3)</script></svg>'


def shown(*outputs, source="x"):
    cell = nbformat.v4.new_code_cell(source, outputs=list(outputs))
    return cells_html(nbformat.v4.new_notebook(cells=[cell]))


def display(**data):
    return nbformat.v4.new_output("display_data", {k.replace("_", "/"): v for k, v in data.items()})


@pytest.mark.slow
def test_it_shows_parameters_numbers_marks_and_the_way_to_run_again(done):
    page = (done / "report.html").read_text()
    (request,) = read(done).requests
    assert "✓ verified" in page
    assert request.request[7:19] in page
    assert re.search(r"accuracy \d\.\d{3} ± \d\.\d{3}", page)
    assert "-p epsilon=0.9" in page
    assert "torch==" in page
    assert '<svg class="figure"' in page
    assert len(page) < 200_000


@pytest.mark.slow
def test_hostile_outputs_neither_run_nor_load_anything(tmp_path):
    cells = [
        nbformat.v4.new_markdown_cell(f"# Title {HOSTILE}\n\n[x](javascript:alert(4)) {HOSTILE}"),
        nbformat.v4.new_code_cell(
            HOSTILE,
            outputs=[
                display(text_html=HOSTILE),
                nbformat.v4.new_output("display_data", {"image/svg+xml": SVG}),
                nbformat.v4.new_output("stream", text=HOSTILE),
                nbformat.v4.new_output("error", ename=HOSTILE, evalue=HOSTILE),
                display(
                    text_html="<style>body{background:url(http://evil.example/)}</style><b>kept</b>"
                ),
            ],
        ),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "x.ipynb")
    (tmp_path / "parameters.json").write_text('{"name": "<script>alert(5)</script>"}')
    (tmp_path / "environment.txt").write_text("# Python <script>alert(6)</script>\n#\n")
    time = "2026-01-01T00:00:00Z"
    study = StudyRecord(
        title=HOSTILE,
        notebook="x.ipynb",
        source="sha256:" + "0" * 64,
        state="failed",
        message=HOSTILE,
        cell=1,
        cells=1,
        started=time,
        ended=time,
    )
    path = write_report(tmp_path, study)
    asked, dialogs = [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
        page.goto(path.as_uri())
        assert page.get_by_text("kept").is_visible()
        assert page.evaluate("document.scripts.length") == 0
        browser.close()
    assert dialogs == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


def test_what_is_too_large_is_named_and_left_out():
    page = shown(nbformat.v4.new_output("display_data", {"image/png": "A" * (3 << 20)}))
    assert "An output of 3.0 MB is left out" in page
    text = shown(nbformat.v4.new_output("stream", text="x" * 100_000))
    assert len(text) < 30_000
    assert "the notebook has the rest" in text


def test_a_progress_bar_is_shown_as_it_was_in_the_end():
    page = shown(nbformat.v4.new_output("stream", text="  0%|\r 50%|\r\x1b[32m100%\x1b[0m|\ndone"))
    assert "100%|\ndone" in page
    assert "50%" not in page


def test_a_bar_figure_is_drawn_with_its_errors_and_values():
    figure = go.Figure()
    figure.add_bar(name="a", x=["x", "<y>"], y=[1.0, 3.0], error_y={"array": [0.5, 0.0]})
    drawn = svg(figure.to_plotly_json())
    assert drawn.count("<rect") == 2
    assert drawn.count('class="error"') == 3
    assert "&lt;y&gt;: 3" in drawn
    heights = [float(h) for h in re.findall(r'height="([\d.]+)" fill', drawn)]
    assert heights[1] == pytest.approx(3 * heights[0], abs=0.2)


def test_curves_of_numpy_arrays_are_drawn():
    import json

    import numpy as np

    figure = go.Figure()
    figure.add_scatter(x=np.arange(4.0), y=np.array([0.0, 1.0, np.nan, 2.0]), line={"dash": "dash"})
    drawn = svg(json.loads(figure.to_json()))
    assert drawn.count("<circle") == 3
    assert "stroke-dasharray" in drawn


@pytest.mark.parametrize(
    "figure",
    [
        {"data": [{"type": "heatmap", "z": [[1]]}]},
        {"data": []},
        {"data": [{"type": "bar", "x": ["a"], "y": [1, 2]}]},
        {"data": [{"type": "scatter", "x": [1] * 6000, "y": [1] * 6000}]},
        {"data": [{"type": "bar", "x": ["a"], "y": [float("nan")]}]},
        {"data": "x"},
        {},
    ],
)
def test_other_figures_are_named_and_break_nothing(figure):
    page = shown(nbformat.v4.new_output("display_data", {"application/vnd.plotly.v1+json": figure}))
    assert "open the notebook" in page or "<svg" in page


def test_a_colour_cannot_carry_markup():
    figure = {"data": [{"type": "bar", "x": ["a"], "y": [1], "marker": {"color": '"><script>'}}]}
    assert "<script" not in svg(figure)
