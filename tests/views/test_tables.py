"""Check that one table is shown alike on a terminal, as text, HTML and Markdown."""

from __future__ import annotations

import sys

import pytest

from workbench.views.tables import Table


@pytest.fixture
def terminal(monkeypatch, capsys):
    """What a table prints on a terminal of some width, as lines."""

    def shown(table, width):
        monkeypatch.setenv("COLUMNS", str(width))
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
        table.show()
        return capsys.readouterr().out.splitlines()

    return shown


def test_a_narrow_terminal_shows_all_of_each_name(terminal):
    names = ["patients-of-the-north", "2026-01", "winter-and-spring"]
    _, row = terminal(Table(["population", "block", "datasets"], [names]), 40)
    assert row.split() == names


def test_free_text_gets_the_room_that_names_leave(terminal):
    names = ["7291010bfe12", "2026-11-27 12:41:22", "hospital-a/breast-cancer"]
    reason = "say more\nabout the purpose, please, and then ask again with less epsilon"
    table = Table(["request", "time", "dataset", "reason"], [[*names, reason]])
    wide, narrow, tiny = (terminal(table, width)[1] for width in (200, 80, 20))
    assert wide.split(None, 4)[4] == " ".join(reason.split())
    assert len(narrow) == 80
    assert narrow.endswith("…")
    for line in (wide, narrow, tiny):
        assert line.startswith("  ".join(names) + "  say more about")


def test_a_short_title_is_left_as_it_is_beside_long_purposes(terminal):
    table = Table(["dataset", "title", "purposes"], [["a/b", "A short title here", "DUO " * 60]])
    row = terminal(table, 80)[1]
    assert len(row) == 80
    assert "A short title here  DUO" in row


def test_facts_are_a_line_each_on_a_terminal(terminal):
    assert terminal(Table((), [("reason", "x" * 90)]), 40) == [f"reason: {'x' * 90}"]


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
