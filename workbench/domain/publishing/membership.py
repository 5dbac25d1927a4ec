"""Who is in a dataset's file: told apart, put into blocks, and left out if they opted out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from workbench.catalog.files import DatasetSource
from workbench.documents import Population, Schema
from workbench.domain.datasets.load import LoadedData
from workbench.domain.populations import joining, opting_out, persons, registry
from workbench.errors import InvalidSchema


@dataclass(frozen=True)
class Members:
    """Who may be in the data, in which blocks, and which records stay.

    `persons` and `blocks` have one entry for each record of a person who takes part, records of
    blocks that are not published included; `kept` has one for each record of the file.
    """

    persons: NDArray[np.uint64]
    labels: tuple[str, ...]
    blocks: NDArray[np.int64]
    kept: NDArray[np.bool_]


def members_of(
    connection: Connection, source: DatasetSource, name: str, loaded: LoadedData, key: bytes
) -> Members:
    """Return who is in a file; who opted out, or is in a block not published, is not kept.

    Parameters
    ----------
    connection
        The domain's database.
    source, name
        What the YAML files say, and the population that the dataset belongs to.
    loaded
        The file's records.
    key
        The domain's key for persons.

    Raises
    ------
    InvalidSchema
        If the dataset does not fit the population's unit or blocks.
    Conflict
        If somebody is in another population.
    """
    population = registry.find(connection, name)
    schema = source.data_schema
    kept = np.ones(len(loaded.records), dtype=bool)
    nowhere = np.zeros(len(loaded.records), dtype=np.int64)
    if population is not None and population.unit != schema.privacy_unit:
        _check_records_of_persons(population, schema)
        return Members(np.zeros(0, np.uint64), ("",), nowhere[:0], kept)
    found = persons.keyed(key, loaded.persons)
    persons.refuse_overlap(connection, registry.group(connection, name), found, schema.unit is None)
    labels: tuple[str, ...] = ("",)
    blocks = nowhere
    if population is not None and population.blocks:
        labels, blocks = _blocks_of(connection, source, population.blocks, name, loaded, found)
        if source.blocks:
            kept = np.isin(blocks, [labels.index(block) for block in source.blocks])
    elif source.blocks:
        raise InvalidSchema(
            f"dataset.yaml: blocks: population '{name}' has no blocks",
            "Make one with 'workbench domain population create … --blocks COLUMN'.",
        )
    here = ~np.isin(found, opting_out.gone(connection, name))
    return Members(found[here], labels, blocks[here], kept & here)


def _check_records_of_persons(population: Population, schema: Schema) -> None:
    """Check that single records may be in a population of persons: whose they are is not known."""
    if schema.unit is not None:
        raise InvalidSchema(
            f"dataset.yaml: schema.privacy_unit: '{schema.privacy_unit}'; the unit of "
            f"population '{population.name}' is '{population.unit}'",
            "Call it the same, if it is the same: a population's unit stays as it is.",
        )
    if population.blocks:
        raise InvalidSchema(
            f"dataset.yaml: population '{population.name}' has blocks, and of single records "
            f"nobody can tell the {population.unit} and so the block"
        )


def _blocks_of(
    connection: Connection,
    source: DatasetSource,
    column: str,
    name: str,
    loaded: LoadedData,
    found: NDArray[np.uint64],
) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Return the names of the blocks, and for each record the position of its person's block."""
    of = next(
        (c for c in source.data_schema.usable if c.name == column and c.kind == "category"), None
    )
    if of is None and not joining.merged_from(connection, source.name, name):
        raise InvalidSchema(
            f"dataset.yaml: schema: the blocks of population '{name}' are those of the column "
            f"'{column}'; it has to be a category here, and its role 'feature' or 'target'"
        )
    # Persons of a merged population are in no block, unless they have one already.
    own = ("",) if of is None else tuple(str(value) for value in of.categories)
    nowhere = np.zeros(len(found), dtype=np.int64)
    codes = nowhere if of is None else loaded.records.columns[column].astype(np.int64)
    before = persons.versions(connection, population=name)
    labels, blocks = persons.first_blocks(before, found, own, codes)
    unknown = sorted(set(source.blocks) - set(labels))
    if unknown:
        raise InvalidSchema(
            f"dataset.yaml: blocks: '{unknown[0]}' is not a block of '{name}'; there are "
            f"{', '.join(labels[:20])}",
            f"Blocks are the categories of '{column}' in the schema: add new ones there.",
        )
    return labels, blocks
