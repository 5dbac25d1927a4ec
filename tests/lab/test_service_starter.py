"""The starter: a training function for any schema, which is run here as a person would run it."""

from __future__ import annotations

import io
from contextlib import redirect_stdout

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import workbench as wb
from tests.lab.cards import CLASS, card_of, column, tensor
from tests.support import META
from workbench.catalog import files
from workbench.catalog.snippets import encode, schema_snippet
from workbench.documents import DatasetCard
from workbench.space.datasets import Dataset
from workbench.space.starter.cells import starter

VALUE = column("value", role="target")
SCHEMAS = {
    "numbers and a class": [column("x"), column("n", "integer"), CLASS],
    "numbers and a value": [column("x"), VALUE],
    "categories": [column("s", "category", categories=["it's", '"', 3]), CLASS],
    "two targets": [column("x"), CLASS, VALUE, column("more", "integer", role="target")],
    "image": [tensor("image", 1, 28, 28), CLASS],
    "image without channel": [tensor("image", 16, 16), VALUE],
    "colour image": [tensor("photo", 3, 64, 48), CLASS],
    "image and numbers": [tensor("scan", 1, 20, 20), column("age"), CLASS],
    "two images": [tensor("left", 1, 12, 12), tensor("right", 1, 12, 12), CLASS],
    "series": [tensor("pulse", 300), CLASS],
    "several channels": [tensor("leads", 12, 500), VALUE],
    "a volume": [tensor("scan", 1, 8, 12, 12), CLASS],
    "words": [tensor("tokens", 20, upper=99.0), CLASS],
    "graph": [tensor("nodes", 9, 4), tensor("adjacency", 9, 9, upper=1.0), CLASS],
    "edges alone": [tensor("adjacency", 9, 9, upper=1.0), CLASS],
    "small tensors": [tensor("point", 3), tensor("line", 2, 2), CLASS],
    "an image to predict": [tensor("before", 8, 8), tensor("after", 8, 8, role="target")],
    "no target": [column("x"), column("s", "category", categories=[0, 1])],
    "no target, images": [tensor("image", 1, 8, 8)],
    "no feature": [CLASS],
    "a person is the unit": [
        {"name": "person", "kind": "integer", "role": "unit"},
        column("x"),
        CLASS,
    ],
}


class Snippets:
    """All that a starter asks of a domain."""

    def snippet(self, card: DatasetCard) -> bytes:
        schema = card.data_schema
        return encode(schema_snippet(schema, 12), schema)

    def info(self) -> dict:
        return {}


class OneSpace:
    def __init__(self, card: DatasetCard) -> None:
        self.card = card

    def dataset(self, path: str) -> Dataset:
        assert path == self.card.path
        return Dataset(self.card, Snippets())


def run(card: DatasetCard, monkeypatch) -> dict:
    """Run every code cell in order, as a notebook would; the names afterwards."""
    monkeypatch.setattr(wb, "connect", lambda *given: OneSpace(card))
    names: dict = {}
    for cell in starter(card)["cells"]:
        if cell["kind"] == "code":
            lines = cell["source"].rstrip().split("\n")
            if lines[-1].startswith(("learn_", "mean_", "data.")):
                lines[-1] = f"shown = {lines[-1]}"
            with redirect_stdout(io.StringIO()):
                exec(compile("\n".join(lines), "cell", "exec"), names)
    return names


@pytest.mark.parametrize("what", SCHEMAS)
def test_a_starter_for_this_schema_runs_as_it_is(what, monkeypatch):
    columns = SCHEMAS[what]
    person = any(c.get("role") == "unit" for c in columns)
    unit = {"privacy_unit": "person"} if person else {}
    names = run(card_of({"columns": columns} | unit), monkeypatch)
    rehearsal = names["shown"]
    assert rehearsal.metrics
    assert all(0 <= value <= 1 for value in rehearsal.metrics.values())
    expected = min(8, sum(c.get("role") == "target" for c in columns)) or 1
    assert len(rehearsal.metrics) == expected


@pytest.mark.parametrize("name", sorted(p.name for p in META.iterdir() if p.is_dir()))
def test_a_starter_for_each_dataset_of_the_demo_runs_as_it_is(name, monkeypatch):
    dataset = files.read_dataset(META / name)
    card = card_of(dataset.data_schema.model_dump(mode="json"), dataset.record_count)
    card = card.model_copy(update={"terms": dataset.terms})
    assert run(card, monkeypatch)["shown"].metrics


def test_where_only_sums_may_leave_the_starter_is_a_statistic(monkeypatch):
    for columns in (SCHEMAS["numbers and a class"], SCHEMAS["categories"], SCHEMAS["image"]):
        names = run(card_of({"columns": columns}, outputs=["statistics"]), monkeypatch)
        assert np.isfinite(names["shown"].value).all()


def test_submitting_is_left_to_the_person_and_says_what_it_costs():
    card = card_of({"columns": SCHEMAS["image"]})
    found = starter(card)
    assert "\n# request = " in found["code"]
    assert "\nrequest = " not in found["code"]
    submit = next(c["source"] for c in found["cells"] if "submit(" in c["source"])
    uncommented = [line.removeprefix("# ") for line in submit.split("\n")[1:]]
    compile("\n".join(uncommented), "cell", "exec")
    assert "epsilon=4.0" in submit
    words = "".join(c["source"] for c in found["cells"] if c["kind"] == "markdown")
    assert "general research use" in words


def test_words_of_a_domain_stay_words():
    hostile = '"""\n#](javascript:x) <img src=x onerror=alert(1)> `$x$` **'
    card = card_of({"columns": SCHEMAS["image"]}, text=hostile)
    for cell in starter(card)["cells"]:
        if cell["kind"] == "code":
            assert "javascript" not in cell["source"]
            compile(cell["source"], "cell", "exec")
        else:
            assert "<img" not in cell["source"].replace("\\<img", "")


names_of_columns = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,15}", fullmatch=True)
bounds = st.tuples(
    st.floats(-1e4, 1e4, allow_nan=False), st.floats(0.01, 1e4, allow_nan=False)
).map(lambda pair: {"lower": pair[0], "upper": pair[0] + pair[1]})
# What nobody sees is taken out of a label, and two labels must differ afterwards.
words = st.text(st.characters(exclude_categories=("C",)), max_size=8)
labels = st.lists(st.one_of(st.integers(-9, 99), words), min_size=2, max_size=6, unique=True)
values = st.one_of(
    bounds.map(lambda b: {"kind": "number"} | b),
    st.integers(-5, 5).map(lambda n: {"kind": "integer", "lower": n, "upper": n + 7}),
    labels.map(lambda found: {"kind": "category", "categories": found}),
    st.tuples(bounds, st.lists(st.integers(1, 12), min_size=1, max_size=4)).map(
        lambda pair: {"kind": "tensor", "shape": pair[1]} | pair[0]
    ),
)


@st.composite
def schemas(draw):
    names = draw(st.lists(names_of_columns, min_size=1, max_size=5, unique=True))
    columns = [
        {"name": name, "role": draw(st.sampled_from(["feature", "target"]))} | draw(values)
        for name in names
    ]
    return {"columns": columns}


@pytest.mark.slow
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(schema=schemas(), count=st.integers(100, 10**6))
def test_a_starter_for_whatever_schema_runs_as_it_is(schema, count, monkeypatch):
    card = card_of(schema, count)
    names = run(card, monkeypatch)
    assert names["shown"].metrics
