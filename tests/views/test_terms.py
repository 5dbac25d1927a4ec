"""Check that every term of use is said in words wherever terms are shown."""

from __future__ import annotations

from typing import get_args

import pytest

from tests.lab.cards import card_of, column
from workbench.documents import Approval, Terms
from workbench.documents.plans import Output
from workbench.lab.service.datasets.details import card_view
from workbench.space.cards import TermsView
from workbench.space.starter.cells import starter
from workbench.views.terms import OUTPUT_WORDS, approval_words, terms_rows

TERMS = Terms(
    text="Care only.",
    purposes=("DUO:0000042",),
    epsilon_total=10.0,
    delta=1e-5,
    epsilon_per_run=2.0,
)
OTHER = {
    "purposes": ("DUO:0000007",),
    "researchers": ("0" * 64,),
    "epsilon_total": 11.0,
    "delta": 1e-6,
    "epsilon_per_run": 3.0,
    "epsilon_per_researcher": 5.0,
    "uses": 7,
    "expires": "2030-01-31",
    "outputs": ("model",),
    "minimum_records": 500,
    "approval": Approval(approvals=2),
}
"""Another value of each term. A new term is named here, and has a row in `terms_rows`."""
BESIDE = {"text": "shown as it is, above the rows"}
"""Terms without a row, and why."""
POLICY = Approval(mode="policy", epsilon=1.0, purposes=("DUO:0000042",))
OTHER_POLICY = {
    "mode": "steward",
    "epsilon": 2.0,
    "purposes": ("DUO:0000007",),
    "approvals": 2,
}


def changed(document, field, value):
    return document.model_copy(update={field: value})


def test_every_term_is_known_here():
    assert OTHER.keys() | BESIDE.keys() == Terms.model_fields.keys()
    assert OTHER_POLICY.keys() == Approval.model_fields.keys()


@pytest.mark.parametrize("field", OTHER)
def test_a_term_that_changes_is_said_in_other_words(field):
    assert terms_rows(changed(TERMS, field, OTHER[field])) != terms_rows(TERMS)


@pytest.mark.parametrize("field", OTHER_POLICY)
def test_a_policy_that_changes_is_said_in_other_words(field):
    assert approval_words(changed(POLICY, field, OTHER_POLICY[field])) != approval_words(POLICY)


def test_every_output_has_words():
    assert OUTPUT_WORDS.keys() == set(get_args(Output))


def test_notebook_sidebar_and_starter_say_that_two_stewards_decide():
    card = card_of({"columns": [column("x")]}, approval={"approvals": 2})
    rows = terms_rows(card.terms)
    assert dict(rows)["approval"] == "2 stewards decide each request"
    assert all(text in repr(TermsView(card.terms)) for row in rows for text in row)
    assert card_view(card)["terms"]["rows"][: len(rows)] == [list(row) for row in rows]
    assert "2 stewards decide each request." in starter(card)["cells"][4]["source"]
