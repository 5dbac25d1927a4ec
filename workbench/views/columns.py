"""Say in words what values a column may have: bounds, dates, categories, tokens, and its fill."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from workbench.documents import Column


def values_in_words(column: Column, most: int = 12) -> str:
    """Return the public bounds or categories of a column, and how missing values were filled.

    Parameters
    ----------
    column
        The column.
    most
        How many categories are told.
    """
    found = _values(column, most)
    never = column.kind == "category" and column.fill is None
    if not found or never or not (column.missing or column.missing_share):
        return found
    share = "" if column.missing_share is None else f" (about {100 * column.missing_share:.3g} %)"
    return f"{found}; missing{share} filled with {_fill(column)}"


def _values(column: Column, most: int) -> str:
    if column.labelled and column.categories:
        between = ", " if column.kind == "category" else " < "
        shown = between.join(str(value) for value in column.categories[:most])
        more = len(column.categories) - most
        return shown + (f" and {more} more" if more > 0 else "")
    if column.tokenizer is not None:
        return f"{column.tokenizer.vocabulary} tokens ({column.tokenizer.name})"
    if column.lower is None or column.upper is None:
        return ""
    if column.since is not None:
        ends = " to ".join(_day(column.since, bound) for bound in (column.lower, column.upper))
        return f"{ends}, as days since {column.since}"
    unit = f" {column.unit}" if column.unit else ""
    return f"{column.lower:g} to {column.upper:g}{unit}"


def _fill(column: Column) -> str:
    if column.tokenizer is not None:
        return "no text"
    if isinstance(column.fill, str) or column.kind == "category":
        return str(column.fill)
    middle = (float(column.lower or 0) + float(column.upper or 0)) / 2
    number = middle if column.fill is None else float(column.fill)
    return str(meaning(column, number) or f"{number:g}")


def meaning(column: Column, value: float) -> str | int | None:
    """Return what a number of a column stands for: a category or a date; None if it is a number."""
    if column.labelled and column.categories:
        return column.categories[min(max(round(value), 0), len(column.categories) - 1)]
    return _day(column.since, value) if column.since is not None else None


def _day(since: str, days: float) -> str:
    try:
        found = datetime.combine(date.fromisoformat(since), datetime.min.time())
        return (found + timedelta(days=days)).isoformat(sep=" ").removesuffix(" 00:00:00")
    except (ValueError, OverflowError):
        return f"{days:g}"
