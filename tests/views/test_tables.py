"""Check that one table is shown alike on a terminal, as text, HTML and Markdown."""

from __future__ import annotations

import sys

from workbench.views.tables import Table


def test_a_narrow_table_shows_all_of_each_name(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    names = ["patients-of-the-north", "2026-01", "winter-and-spring"]
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    Table(["population", "block", "datasets"], [names]).show()
    rows = [line.split("│") for line in capsys.readouterr().out.splitlines() if "│" in line]
    assert ["".join(part).replace(" ", "") for part in zip(*rows, strict=True)][1:-1] == names


def test_into_a_pipe_go_lines_with_tabs_and_nothing_is_cut(capsys):
    Table(["dataset", "reason"], [["a" * 90, "two\nlines"]]).show("Title")
    assert capsys.readouterr().out == "Title\ndataset\treason\n" + "a" * 90 + "\ttwo lines\n"


TABLE = Table(("dataset", "ε"), [("a/<b>", "1"), ("a/longer", "2")])


def test_text_has_its_columns_one_below_the_other():
    assert TABLE.plain().splitlines() == ["dataset   ε", "a/<b>     1", "a/longer  2"]


def test_html_escapes_and_names_columns_or_rows():
    assert TABLE.html().startswith('<table><thead><tr><th scope="col">dataset</th>')
    assert "<td>a/&lt;b&gt;</td>" in TABLE.html()
    assert '<th scope="row">state</th><td>x</td>' in Table((), [("state", "x")]).html()


def test_facts_are_a_line_or_several_and_markdown_has_a_rule():
    facts = Table((), [("state", "released"), ("ε", "1")])
    assert facts.plain() == "state: released\nε: 1"
    assert facts.line() == "state: released, ε: 1"
    assert TABLE.markdown().splitlines()[:2] == ["| dataset | ε |", "| --- | --- |"]
