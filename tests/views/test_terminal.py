"""Tables on a narrow terminal."""

from __future__ import annotations

from workbench.views.terminal import table


def test_a_narrow_table_shows_all_of_each_name(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    names = ["patients-of-the-north", "2026-01", "winter-and-spring"]
    table(["population", "block", "datasets"], [names])
    rows = [line.split("│") for line in capsys.readouterr().out.splitlines() if "│" in line]
    assert ["".join(part).replace(" ", "") for part in zip(*rows, strict=True)][1:-1] == names
