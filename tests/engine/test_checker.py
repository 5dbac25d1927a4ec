"""The checker is read by people: it stays short, and each rule's operators are what it says."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

from tests.engine.checker.mutants import modules
from workbench.engine.program.checker.rules.table import RULES, TABLE

MOST_LINES = 250
"""Of one module."""
MOST_LINES_TOGETHER = 1170
"""Of all, without blank ones and imports."""


def lines_to_read(source):
    imports = (n for n in ast.parse(source).body if isinstance(n, ast.Import | ast.ImportFrom))
    left_out = {line for n in imports for line in range(n.lineno, n.end_lineno + 1)}
    lines = enumerate(source.splitlines(), 1)
    return sum(line.strip() != "" and number not in left_out for number, line in lines)


def test_the_checker_can_be_read_in_one_sitting():
    sources = [inspect.getsource(module) for module in modules()]
    assert all(source.count("\n") <= MOST_LINES for source in sources)
    assert sum(map(lines_to_read, sources)) <= MOST_LINES_TOGETHER


def test_the_checker_knows_nothing_of_what_makes_programs():
    """It imports nothing of the project but itself, and neither vmap nor autograd."""
    for source in map(inspect.getsource, modules()):
        rest = source.replace("from workbench.engine.program.checker.", "")
        assert "workbench." not in rest.replace("`workbench.", "")
        assert not any(word in source for word in ("torch.func", "autograd.grad", "make_fx("))


@pytest.mark.parametrize("operator", sorted(RULES, key=str), ids=str)
def test_no_operator_with_a_rule_writes_into_its_arguments_or_draws(operator):
    assert not operator._schema.is_mutable
    tags = {str(tag) for tag in operator.tags}
    assert not any("nondeterministic" in tag or "data_dependent" in tag for tag in tags)


@pytest.mark.parametrize(
    "page", ["docs/privacy.md", "docs/adr/0001-one-noisy-sum-one-checked-program.md"]
)
def test_what_pages_say_of_the_table_is_so(page):
    text = " ".join((Path(__file__).parents[2] / page).read_text().split())
    assert f"{len(TABLE)} rules for {len(RULES)} operators" in text


def test_each_rule_says_in_words_what_it_proves():
    assert all(rule.__doc__ for rule, _ in TABLE)
