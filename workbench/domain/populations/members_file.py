"""The persons of a population as a file beside the database, and taken up again from it.

A database that was lost forgets its members; the file that the newest ledger head names does not.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from workbench.documents import now
from workbench.domain.populations import opting_out, persons
from workbench.domain.populations.persons import Known


def written(connection: Connection, population: str) -> bytes | None:
    """Return who was ever in which dataset and block of a population, as JSON; None if unknown.

    It is no longer than the population is large, however many versions there were.
    """
    by_dataset: dict[str, list[Known]] = {}
    for version in persons.versions(connection, population=population):
        by_dataset.setdefault(version.dataset, []).append(version)
    if not by_dataset:
        return None
    content = []
    for dataset, known in sorted(by_dataset.items()):
        labels = sorted({label for version in known for label in version.labels})
        people = np.concatenate([version.persons for version in known])
        blocks = np.concatenate(
            [
                np.array([labels.index(label) for label in version.labels], np.uint16)[
                    version.blocks
                ]
                for version in known
            ]
        )
        # A person's block never changes, so any version tells it; the first one is asked.
        distinct, first = np.unique(people, return_index=True)
        texts = {"persons": _text(distinct, ">u8"), "blocks": _text(blocks[first], ">u2")}
        content.append({"dataset": dataset, "labels": labels, **texts})
    return json.dumps({"population": population, "datasets": content}, sort_keys=True).encode()


def _text(values: NDArray[Any], kind: str) -> str:
    return base64.b64encode(values.astype(kind).tobytes()).decode()


def take_up(connection: Connection, content: bytes) -> list[str]:
    """Keep the persons of whom a file of `written` tells; return the datasets that hold them."""
    found = json.loads(content)
    for one in found["datasets"]:
        who, where = (base64.b64decode(one[name]) for name in ("persons", "blocks"))
        _keep(connection, found["population"], one["dataset"], who, where, one["labels"])
    return [one["dataset"] for one in found["datasets"]]


def merge(connection: Connection, population: str, other: str) -> None:
    """Let the persons of `other` be of `population` too, and who opted out of either be out."""
    content = written(connection, other)
    if content is not None:
        take_up(connection, json.dumps(json.loads(content) | {"population": population}).encode())
    for one, two in ((population, other), (other, population)):
        for person in opting_out.gone(connection, one):
            opting_out.opt_out(connection, two, int(person))


def belong(connection: Connection, population: str, datasets: Sequence[str]) -> None:
    """Note the population of lost datasets whose persons are not known."""
    for dataset in datasets:
        _keep(connection, population, dataset, b"", b"", [""])


def _keep(
    connection: Connection,
    population: str,
    dataset: str,
    who: bytes,
    where: bytes,
    labels: Sequence[str],
) -> None:
    persons.keep_unpublished(
        connection,
        Known(
            population=population,
            dataset=dataset,
            version="",
            persons=np.frombuffer(who, dtype=">u8").astype(np.uint64),
            blocks=np.frombuffer(where, dtype=">u2").astype(np.uint16),
            labels=tuple(labels),
            read=(),
            time=now(),
        ),
    )
