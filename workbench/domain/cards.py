"""The dataset cards of a domain: published by the steward, signed, and kept in every version."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sqlalchemy import Connection, func, insert, select

from workbench.budget.ledger import charge_snippet
from workbench.catalog.files import DatasetSource, read_dataset
from workbench.catalog.snippets import counts_snippet, encode, schema_snippet
from workbench.documents import DatasetCard, Document, Envelope, PrivateKey, digest_bytes, now
from workbench.documents.card import Snippet
from workbench.documents.envelope import payload_of
from workbench.documents.errors import Conflict, InvalidSchema, NotFound
from workbench.domain.config import DomainFolder
from workbench.domain.data import dataset_version, load, split
from workbench.domain.jobs import save_records, write_private
from workbench.domain.seal import Seal
from workbench.domain.tables import cards
from workbench.engine.records import Records

_SNIPPET_SEED = 0


class Counts(Document):
    """What loading the data changed, by column; for the steward only."""

    clamped: dict[str, int]
    filled: dict[str, int]


@dataclass(frozen=True)
class Prepared:
    """Where the files of one dataset version lie.

    `training` and `holdout` are private records, `counts` is for the steward, `snippet` is public.
    """

    root: Path

    @property
    def training(self) -> Path:
        """Records that train."""
        return self.root / "training.npz"

    @property
    def holdout(self) -> Path:
        """Records that measure."""
        return self.root / "holdout.npz"

    @property
    def counts(self) -> Path:
        """How many values were clamped or filled."""
        return self.root / "counts.json"


def prepared(folder: DomainFolder, version: str) -> Prepared:
    """Return the place of a dataset version's files."""
    return Prepared(folder.folder("prepared") / version.removeprefix("sha256:"))


def snippet_path(folder: DomainFolder, digest: str) -> Path:
    """Return the place of a snippet."""
    return folder.folder("snippets") / digest.removeprefix("sha256:")


def latest(connection: Connection, name: str) -> Envelope:
    """Return the signed card of a dataset as it is now.

    Raises
    ------
    NotFound
        If no such dataset was published.
    """
    query = select(cards.c.envelope).where(cards.c.dataset == name)
    row = connection.execute(query.order_by(cards.c.sequence.desc()).limit(1)).first()
    if row is None:
        raise NotFound(f"there is no dataset '{name[:64]}' here")
    return Envelope.parse(row.envelope)


@dataclass(frozen=True)
class CardPage:
    """Present cards by name: the envelopes' canonical JSON, and where the next page goes on."""

    envelopes: tuple[str, ...]
    next: str | None


def page(connection: Connection, after: str | None, limit: int) -> CardPage:
    """Return the present cards of at most `limit` datasets whose names come after `after`."""
    newest = select(cards.c.dataset, func.max(cards.c.sequence).label("sequence"))
    newest = newest.group_by(cards.c.dataset).order_by(cards.c.dataset).limit(limit)
    if after is not None:
        newest = newest.where(cards.c.dataset > after)
    chosen = newest.subquery()
    query = select(cards.c.dataset, cards.c.envelope)
    query = query.join(chosen, cards.c.sequence == chosen.c.sequence).order_by(cards.c.dataset)
    rows = list(connection.execute(query))
    cursor = rows[-1].dataset if len(rows) == limit else None
    return CardPage(tuple(row.envelope for row in rows), cursor)


@dataclass(frozen=True)
class Headline:
    """What a budget's status needs of a card."""

    name: str
    dataset_version: str
    epsilon_total: float
    delta: float
    uses: int | None


def headline(envelope: str) -> Headline:
    """Return a stored card's headline, without reading its schema: there may be thousands."""
    card = json.loads(base64.b64decode(json.loads(envelope)["payload"]))
    terms = card["terms"]
    return Headline(
        card["name"],
        card["dataset_version"],
        float(terms["epsilon_total"]),
        terms["delta"],
        terms["uses"],
    )


def version(connection: Connection) -> str:
    """Return a text that changes whenever any card is published."""
    # Cards are only ever added, so the newest one stands for all.
    query = select(cards.c.sequence, cards.c.digest).order_by(cards.c.sequence.desc()).limit(1)
    row = connection.execute(query).first()
    return "none" if row is None else f"{row.sequence}-{row.digest.removeprefix('sha256:')[:32]}"


def publish(
    connection: Connection, folder: DomainFolder, name: str, key: PrivateKey, seal: Seal
) -> DatasetCard:
    """Read a dataset's files and data, prepare them, and publish its card.

    Publishing again without a change gives the same card. The salt and the split depend on the
    domain's sealing key and the dataset's name only, so equal data keep their version.

    Raises
    ------
    InvalidSchema, InvalidData
        If the YAML files or the data are wrong; nothing is published.
    """
    source = read_dataset(folder.datasets / name)
    if source.name != name:
        raise InvalidSchema(f"dataset.yaml names '{source.name}', but its folder is '{name}'")
    loaded = load(folder.data / source.data, source.data_schema)
    version = dataset_version(loaded.records, source.data_schema, seal.derive(f"salt/{name}"))
    key_for_split = seal.derive(f"split/{name}")
    training, holdout = split(
        loaded.records, source.data_schema, source.holdout_fraction, key_for_split
    )
    content, snippet = _kept_snippet(connection, folder, source, version) or _snippet(
        source, _joined(training, holdout)
    )
    card = DatasetCard(
        domain=folder.config.name,
        name=name,
        title=source.title,
        description=source.description,
        citation=source.citation,
        licence=source.licence,
        data_schema=source.data_schema,
        terms=source.terms,
        record_count=source.record_count,
        holdout_fraction=source.holdout_fraction,
        dataset_version=version,
        snippet=snippet,
        published=now(),
    )
    same = _unchanged(connection, card)
    if same is not None:
        return same
    if snippet.epsilon > 0:
        charge_snippet(
            connection, dataset_version=version, epsilon=snippet.epsilon, terms=source.terms
        )
    place = prepared(folder, version)
    place.root.mkdir(parents=True, exist_ok=True, mode=0o700)
    save_records(place.training, training)
    save_records(place.holdout, holdout)
    counts = Counts(clamped=dict(loaded.clamped), filled=dict(loaded.filled))
    write_private(place.counts, counts.canonical())
    write_private(snippet_path(folder, snippet.content), content)
    envelope = Envelope.sign(card, key)
    values = {"digest": card.digest, "dataset": name, "envelope": envelope.canonical().decode()}
    connection.execute(insert(cards).values(values))
    return card


def _kept_snippet(
    connection: Connection, folder: DomainFolder, source: DatasetSource, version: str
) -> tuple[bytes, Snippet] | None:
    """Return the snippet that was made from this version's counts, if one was.

    Counts noised a second time would be a second release; the first one is charged, so it stays.
    """
    if source.snippet.level == 0:
        return None
    rows = connection.execute(select(cards.c.envelope).where(cards.c.dataset == source.name))
    known = [payload_of(Envelope.parse(row.envelope), DatasetCard) for row in rows]
    made = [c.snippet for c in known if c.dataset_version == version and c.snippet.level == 1]
    if not made:
        return None
    wish = source.snippet
    if (made[0].rows, made[0].epsilon) != (wish.rows, wish.epsilon):
        raise Conflict(
            f"this version's snippet was made with {made[0].rows} rows and epsilon "
            f"{made[0].epsilon:g}; another one would be another release",
            "Put these figures into dataset.yaml, or use level 0.",
        )
    return snippet_path(folder, made[0].content).read_bytes(), made[0]


def _joined(training: Records, holdout: Records) -> Records:
    """Return both parts together: at most the published number of records of each unit."""
    names = training.columns
    columns = {n: np.concatenate([training.columns[n], holdout.columns[n]]) for n in names}
    return Records(columns, np.concatenate([training.units, holdout.units]))


def _snippet(source: DatasetSource, records: Records) -> tuple[bytes, Snippet]:
    schema, rows = source.data_schema, source.snippet.rows
    epsilon = 0.0
    if source.snippet.level == 0:
        columns = schema_snippet(schema, rows, _SNIPPET_SEED)
    else:
        epsilon = source.snippet.epsilon
        columns = counts_snippet(schema, records, rows, epsilon)
    content = encode(columns, schema)
    has_tensors = any(column.kind == "tensor" for column in schema.usable)
    return content, Snippet(
        content=digest_bytes(content),
        level=source.snippet.level,
        rows=rows,
        epsilon=epsilon,
        format="safetensors" if has_tensors else "csv",
    )


def _unchanged(connection: Connection, card: DatasetCard) -> DatasetCard | None:
    try:
        known = payload_of(latest(connection, card.name), DatasetCard)
    except NotFound:
        return None
    return known if known == card.model_copy(update={"published": known.published}) else None
