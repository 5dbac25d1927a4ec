"""The checker is read by people: it stays short, and each rule's operators are what it says."""

from __future__ import annotations

import inspect

import pytest

from workbench.engine.program import checker

MOST_LINES = 1400


def test_the_checker_is_one_module_that_can_be_read_in_one_sitting():
    assert len(inspect.getsource(checker).splitlines()) <= MOST_LINES


def test_the_checker_knows_nothing_of_what_makes_programs():
    """It imports nothing of the project, and neither vmap nor autograd."""
    source = inspect.getsource(checker)
    assert "workbench." not in source.replace("`workbench.", "")
    assert not any(word in source for word in ("torch.func", "autograd.grad", "make_fx("))


@pytest.mark.parametrize("operator", sorted(checker.RULES, key=str), ids=str)
def test_no_operator_with_a_rule_writes_into_its_arguments_or_draws(operator):
    assert not operator._schema.is_mutable
    tags = {str(tag) for tag in operator.tags}
    assert not any("nondeterministic" in tag or "data_dependent" in tag for tag in tags)


def test_each_rule_says_in_words_what_it_proves():
    assert all(rule.__doc__ for rule, _ in checker._TABLE)
