"""What people see of cards, terms, snippets and requests: plain words and bounded sizes."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.lab.cards import CLASS, card_of, column, tensor
from workbench.catalog.snippets import schema_snippet
from workbench.documents import BudgetStatus, Schema
from workbench.lab.service.datasets.details import budget_view, card_view
from workbench.lab.service.datasets.entries import entry
from workbench.lab.service.datasets.snippets import MOST_COLUMNS, MOST_ROWS, snippet_view
from workbench.views.kinds import kind_of
from workbench.views.purposes import purpose


def view(columns, **terms):
    card = card_of({"columns": columns}, **terms)
    return snippet_view(card, schema_snippet(card.data_schema, 50))


@pytest.mark.parametrize(
    ("columns", "kind"),
    [
        ([column("x"), CLASS], "table"),
        ([tensor("image", 1, 28, 28), column("age"), CLASS], "image"),
        ([tensor("image", 32, 32), CLASS], "image"),
        ([tensor("scan", 3, 64, 48), CLASS], "image"),
        ([tensor("scan", 1, 16, 64, 64), CLASS], "image"),
        ([tensor("ecg", 2, 1000), CLASS], "series"),
        ([tensor("pulse", 1000), CLASS], "series"),
        ([tensor("leads", 12, 1000), CLASS], "series"),
        ([tensor("tokens", 40), CLASS], "text"),
        ([tensor("note", 40, description="word pieces as token numbers"), CLASS], "text"),
        ([tensor("nodes", 9, 4), tensor("adjacency", 9, 9), CLASS], "graph"),
    ],
)
def test_a_dataset_is_called_by_what_it_holds(columns, kind):
    assert kind_of(Schema.read({"columns": columns})) == kind


def test_an_entry_has_what_a_list_can_be_searched_and_sorted_by():
    card = card_of({"columns": [column("x"), CLASS]}, expires="2030-01-31")
    spent = BudgetStatus(
        # The terms leave less of the population's total than it has left itself.
        dataset_version=card.dataset_version,
        epsilon_total=30.0,
        epsilon_spent=5.0,
        epsilon_left=15.0,
        delta=1e-5,
        runs=3,
    )
    found = entry(card, spent)
    assert found == {
        "path": "hospital-a/made-up-1",
        "domain": "hospital-a",
        "name": "made-up-1",
        "title": card.title,
        "purposes": ["DUO:0000042"],
        "fields": ["x", "kind"],
        "records": 400,
        "unit": "record",
        "kind": "table",
        "epsilon_total": 30.0,
        "epsilon_spent": 5.0,
        "epsilon_left": 15.0,
        "epsilon_per_run": 8.0,
        "delta": 1e-5,
        "approval": "steward",
        "approvals": 1,
        "expires": "2030-01-31",
    }
    unknown = entry(card)
    assert (unknown["epsilon_total"], unknown["epsilon_left"]) == (20.0, None)


def test_terms_are_said_in_words():
    approval = {"mode": "policy", "epsilon": 1.0, "purposes": ["DUO:0000007"]}
    card = card_of(
        {"columns": [column("x"), CLASS]},
        purposes=["DUO:0000007", "DUO:9999999"],
        approval=approval,
        uses=5,
        outputs=["metrics"],
        epsilon_per_researcher=4.0,
    )
    rows = dict(card_view(card)["terms"]["rows"])
    assert rows["purposes"] == "DUO:0000007 (disease specific research), DUO:9999999"
    assert rows["what may leave"] == "noisy metrics"
    assert rows["uses"] == "5 in all"
    assert rows["expires"] == "never"
    assert rows["epsilon per researcher"] == "at most 4"
    assert rows["approval"].startswith("a policy approves up to epsilon 1 for DUO:0000007 (dis")
    assert rows["approval"].endswith("a steward decides the rest")


def test_a_dataset_says_whose_budget_it_has_and_who_shares_it():
    card = card_of({"columns": [column("x"), CLASS]}).model_copy(
        update={"population": "patients", "blocks": ("jan", "feb")}
    )
    budget = BudgetStatus(
        dataset_version=card.dataset_version,
        population="patients",
        shared=("drugs", "stays"),
        epsilon_total=8.0,
        epsilon_spent=1.0,
        epsilon_left=7.0,
        delta=1e-5,
        runs=1,
    )
    rows = dict(card_view(card, budget)["terms"]["rows"])
    assert rows["population"] == "patients; its budget counts over all its datasets"
    assert rows["shared with"] == "drugs, stays"
    assert rows["blocks"] == "jan, feb"


def test_the_codes_are_those_of_the_ontology():
    assert purpose("DUO:0000042") == "DUO:0000042 (general research use)"
    assert purpose("DUO:0000046") == "DUO:0000046 (non-commercial use only)"


def test_a_schema_says_kinds_shapes_and_public_values():
    columns = [
        column("x", unit="mm"),
        tensor("image", 1, 8, 8),
        CLASS,
        column("many", "category", categories=list(range(30))),
    ]
    found = {c["name"]: c for c in card_view(card_of({"columns": columns}))["schema"]}
    assert found["x"]["values"] == "0 to 10 mm"
    assert found["image"]["shape"] == [1, 8, 8]
    assert found["x"]["shape"] is None
    assert found["kind"]["values"] == "a, b, c"
    assert found["many"]["values"].endswith("and 18 more")


def test_a_budget_that_is_not_known_now_is_null_and_not_zero():
    terms = card_of({"columns": [CLASS]}).terms
    found = budget_view(None, terms)
    assert (found["epsilon_total"], found["epsilon_left"]) == (20.0, None)


def test_a_table_is_shown_by_labels_and_plain_numbers():
    found = view([column("x"), column("n", "integer"), CLASS])
    assert found["words"] == "synthetic, level 0: made from the schema alone"
    assert found["columns"] == ["x", "n", "kind"]
    assert len(found["rows"]) == MOST_ROWS
    for x, n, kind in found["rows"]:
        assert 0 <= x <= 10
        assert isinstance(n, int)
        assert kind in ("a", "b", "c")


def test_dates_and_ranks_are_shown_as_what_they_mean_and_tokens_as_no_series():
    bytes_ = {"name": "bytes", "content": None, "vocabulary": 257, "padding": 0}
    found = view(
        [
            column("came", "integer", since="2000-01-01", unit="d"),
            column("stage", "integer", upper=2.0, categories=["none", "mild", "severe"]),
            tensor("note", 8, upper=256.0, tokenizer=bytes_),
            CLASS,
        ]
    )
    for came, stage, note, _ in found["rows"]:
        assert "2000-01-01" <= came <= "2000-01-11"
        assert stage in ("none", "mild", "severe")
        assert note == "8"
    plots = {plot["column"]: plot for plot in found["plots"]}
    assert plots["stage"]["labels"] == ["none", "mild", "severe"]
    assert found["arrays"] == []


def test_plots_have_public_bounds_and_count_every_synthetic_record():
    found = {plot["column"]: plot for plot in view([column("x"), CLASS])["plots"]}
    assert (found["x"]["edges"][0], found["x"]["edges"][-1]) == (0.0, 10.0)
    assert len(found["x"]["edges"]) == len(found["x"]["counts"]) + 1
    assert sum(found["x"]["counts"]) == 50
    assert found["kind"]["labels"] == ["a", "b", "c"]
    assert sum(found["kind"]["counts"]) == 50


def test_images_are_grey_values_from_0_to_1_with_their_label():
    [found] = view([tensor("image", 3, 10, 8), CLASS])["arrays"]
    assert (found["kind"], found["shape"]) == ("image", [10, 8])
    values = np.array(found["items"])
    assert values.shape == (20, 80)
    assert 0 <= values.min() < values.max() <= 1
    assert set(found["labels"]) <= {"kind: a", "kind: b", "kind: c"}
    assert len(found["labels"]) == 20


def test_of_volumes_the_middle_slice_is_shown():
    card = card_of({"columns": [tensor("scan", 1, 5, 8, 10), CLASS]})
    columns = schema_snippet(card.data_schema, 50)
    columns["scan"][:, :, 2] = 7.5
    [found] = snippet_view(card, columns)["arrays"]
    assert (found["kind"], found["shape"]) == ("image", [8, 10])
    assert set(np.ravel(found["items"])) == {0.75}


def test_series_keep_their_channels_and_values():
    [found] = view([tensor("leads", 2, 30), CLASS])["arrays"]
    assert (found["kind"], found["shape"]) == ("series", [2, 30])
    assert np.array(found["items"]).shape == (20, 60)
    assert np.array(found["items"]).max() > 1


def test_what_is_large_is_shown_small():
    wide = [column(f"x{n}") for n in range(300)]
    found = view([*wide, tensor("image", 3, 400, 300), tensor("pulse", 9000), CLASS])
    assert len(found["columns"]) == len(found["rows"][0]) == MOST_COLUMNS
    assert {tuple(a["shape"]) for a in found["arrays"]} == {(58, 43), (1, 250)}
    assert len(json.dumps(found)) < 2_000_000
