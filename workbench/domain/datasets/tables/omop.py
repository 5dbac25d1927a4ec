"""Ask a database in the OMOP common data model for a cohort, a row for each person.

Tables and columns are those of version 5.4 (OHDSI, https://ohdsi.github.io/CommonDataModel).
"""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import (
    Date,
    Select,
    bindparam,
    case,
    column,
    exists,
    extract,
    func,
    select,
    table,
)
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import CTE, TableClause

from workbench.catalog.sources import Events, Feature, Omop

_PLACES = {
    "condition": ("condition_occurrence", "condition_concept_id", "condition_start_date"),
    "drug": ("drug_exposure", "drug_concept_id", "drug_exposure_start_date"),
    "procedure": ("procedure_occurrence", "procedure_concept_id", "procedure_date"),
    "measurement": ("measurement", "measurement_concept_id", "measurement_date"),
    "visit": ("visit_occurrence", "visit_concept_id", "visit_start_date"),
}
"""Kind of event to its table, and its columns of the concept and of the day."""


def statement_of(asked: Omop, dialect: str) -> Select[Any]:
    """Return the query of a cohort: its values are bound, never written into it.

    Parameters
    ----------
    asked
        The cohort and its features.
    dialect
        The database's, by the name that SQLAlchemy has for it: days are added in different ways.
    """
    events = _events(asked.cohort, asked.tables)
    first, last = (
        bindparam(name, date.fromisoformat(day), Date)
        for name, day in (("first", asked.cohort.first), ("last", asked.cohort.last))
    )
    cohort = (
        select(events.c.person_id, func.min(events.c.day).label("index_date"))
        .where(events.c.day >= first, events.c.day <= last)
        .group_by(events.c.person_id)
        .cte("cohort")
    )
    person = table(
        "person",
        *map(column, ("person_id", "year_of_birth", "gender_concept_id")),
        schema=asked.tables,
    )
    age = extract("year", cohort.c.index_date) - person.c.year_of_birth
    return (
        select(
            cohort.c.person_id,
            cohort.c.index_date,
            age.label("age"),
            person.c.gender_concept_id,
            *(_feature(one, cohort, asked.tables, dialect) for one in asked.features),
        )
        .join_from(cohort, person, person.c.person_id == cohort.c.person_id)
        .order_by(cohort.c.person_id)
    )


def _feature(feature: Feature, cohort: CTE, tables: str | None, dialect: str) -> ColumnElement[Any]:
    events = _events(feature, tables)
    index: ColumnElement[Any] = cohort.c.index_date
    if feature.days_before is not None:
        within = [events.c.day >= _moved(index, -feature.days_before, dialect)]
        within.append(events.c.day < index)
    else:
        within = [events.c.day <= _moved(index, feature.days_after or 0, dialect)]
        within.append(events.c.day > index)
    within.append(events.c.person_id == cohort.c.person_id)
    if not feature.value:
        found = exists(select(1).select_from(events).where(*within).correlate(cohort))
        return case((found, 1), else_=0).label(feature.name)
    newest = (
        select(events.c.number)
        .where(*within, events.c.number.is_not(None))
        .order_by(events.c.day.desc(), events.c.number)
        .limit(1)
    )
    return newest.correlate(cohort).scalar_subquery().label(feature.name)


def _events(asked: Events, tables: str | None) -> Any:
    """Return persons, days and numbers of the events that are asked for."""
    name, concept, day = _PLACES[asked.kind]
    columns = ["person_id", concept, day]
    if asked.kind == "measurement":
        columns.append("value_as_number")
    place: TableClause = table(name, *map(column, columns), schema=tables)
    wanted: Any = asked.concepts
    if asked.descendants:
        tree = table(
            "concept_ancestor",
            *map(column, ("ancestor_concept_id", "descendant_concept_id")),
            schema=tables,
        )
        wanted = select(tree.c.descendant_concept_id).where(
            tree.c.ancestor_concept_id.in_(asked.concepts)
        )
    number = place.c.get("value_as_number")
    told = [place.c.person_id, place.c[day].label("day")]
    told += [] if number is None else [number.label("number")]
    return select(*told).where(place.c[concept].in_(wanted)).subquery()


def _moved(day: ColumnElement[Any], days: int, dialect: str) -> ColumnElement[Any]:
    if dialect == "sqlite":
        return func.date(day, f"{days:+d} days")
    return day + days
