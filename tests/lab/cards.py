"""Make up the cards of datasets, as a domain would publish them."""

from __future__ import annotations

from workbench.catalog.snippets import encode, schema_snippet
from workbench.documents import DatasetCard, Schema, Snippet, Terms, digest_bytes, now

TERMS = {
    "text": "For `tests`.",
    "purposes": ["DUO:0000042"],
    "epsilon_total": 20.0,
    "delta": 1e-5,
    "epsilon_per_run": 8.0,
}


def card_of(schema: dict, count: int = 400, **terms) -> DatasetCard:
    """A card as a domain would publish it for this schema."""
    document = Schema.read(schema)
    content = encode(schema_snippet(document, 12), document)
    form = "safetensors" if any(c.kind == "tensor" for c in document.usable) else "csv"
    return DatasetCard(
        domain="hospital-a",
        name="made-up-1",
        title='A "title" with `marks`\\',
        record_count=count,
        data_schema=document,
        terms=Terms.read(TERMS | terms),
        dataset_version=digest_bytes(b"version"),
        published=now(),
        snippet=Snippet(content=digest_bytes(content), level=0, rows=12, format=form),
    )


def column(name, kind="number", **more):
    bounds = {} if kind == "category" else {"lower": 0.0, "upper": 10.0}
    return {"name": name, "kind": kind} | bounds | more


def tensor(name, *shape, **more):
    return column(name, "tensor", shape=list(shape)) | more


CLASS = column("kind", "category", role="target", categories=["a", "b", "c"])
