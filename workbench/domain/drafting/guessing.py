"""Guess what a column is from its heading, a code book and what it holds.

What is guessed is public by its making: kinds, codes of public lists, bounds from a code book or
from the table of common quantities. No value of the file is in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from workbench.catalog.reading import KindInFile
from workbench.documents.base import visible
from workbench.documents.schema import ColumnRole
from workbench.domain.drafting import headings
from workbench.domain.drafting.codebook import Known
from workbench.domain.drafting.tally import Tally
from workbench.errors import InvalidArgument

OTHER = "other"
_FEW = 10
_SOME = 20
_MUCH = 0.05


@dataclass(frozen=True)
class Seen:
    """What stands in a column: for the steward's eyes, and never written.

    Attributes
    ----------
    present, missing
        In how many rows something stands, and in how many nothing or a code for it.
    distinct
        How many different labels there are, of a column that tells persons or records apart.
    levels
        The labels of a category, and how often each is there.
    doubts
        What a steward should look at, in words.
    """

    present: int
    missing: int
    distinct: int = 0
    levels: Mapping[str, int] = field(default_factory=dict)
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True)
class ColumnDraft:
    """A first word on one column.

    Attributes
    ----------
    heading, name
        What the file calls it, and its name.
    kind, role, unit, description
        As in ``dataset.yaml``.
    lower, upper
        Public bounds; None is still to fill in.
    source
        Where the bounds come from.
    hint
        What may help with what is to fill in.
    categories
        The labels that somebody has confirmed as publicly known; None is still to fill in.
    labels
        What codes of the file are called.
    other
        Whether all other labels become one category.
    missing
        Codes for missing values that are in a public list.
    format
        How dates are written; None is still to fill in, and empty is ISO 8601.
    shape
        Of a tensor; empty of one in files that the column names.
    left_out
        Why it is not written, if it is not.
    seen
        What stands in it.
    """

    heading: str
    name: str
    kind: KindInFile
    role: ColumnRole = "feature"
    unit: str = ""
    description: str = ""
    lower: float | None = None
    upper: float | None = None
    source: str = ""
    hint: str = ""
    categories: tuple[str, ...] | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    other: bool = False
    missing: tuple[str | int, ...] = ()
    format: str | None = ""
    shape: tuple[int, ...] = ()
    left_out: str = ""
    seen: Seen = field(default_factory=lambda: Seen(0, 0), repr=False)

    @property
    def asks_for_levels(self) -> bool:
        """Whether it has labels of which nobody has said that they are publicly known."""
        return self.kind == "category" and self.role != "unit" and self.categories is None

    def with_levels(self, levels: tuple[str, ...], every: bool = False) -> ColumnDraft:
        """Return it with labels that the steward has confirmed as publicly known.

        Parameters
        ----------
        levels
            The labels; whether they stand in the file does not matter.
        every
            Whether the steward has confirmed each label of the file; else all others become one
            category, whether there are some or not: that would tell something of the data.

        Raises
        ------
        InvalidArgument
            If it is no category.
        """
        if not self.kind == "category" or self.left_out:
            raise InvalidArgument(f"column '{self.name}' is no category, so it has no levels")
        if not levels:
            return self
        return replace(self, categories=tuple(dict.fromkeys(levels)), other=not every)


def guess(heading: str, name: str, known: Known, tally: Tally) -> ColumnDraft:
    """Return a first word on a column.

    Parameters
    ----------
    heading, name
        What the file calls it, and its name.
    known
        What a code book says of it.
    tally
        What it holds.
    """
    seen = Seen(tally.present, tally.rows - tally.present)
    draft = ColumnDraft(heading, name, "category", description=known.label, seen=seen)
    if reason := unusable(heading):
        return replace(draft, left_out=reason)
    if headings.may_name_a_person(heading):
        return replace(draft, left_out="it may name a person")
    repeated = headings.may_number_records(heading) and tally.distinct < tally.present
    if repeated or headings.may_label_a_person(heading):
        return replace(draft, role="unit", seen=replace(seen, distinct=tally.distinct))
    if headings.may_number_records(heading):
        return replace(draft, left_out="it numbers records, and says nothing of them")
    if tally.typed == "nested":
        return replace(draft, left_out="it holds lists or structures: .npz holds tensors")
    if not tally.present:
        return replace(draft, left_out="nothing stands in it")
    draft = replace(draft, missing=_missing(known, tally))
    if tally.shape:
        return replace(draft, kind="tensor", shape=tally.shape)
    if tally.names_files and not tally.typed and not tally.numeric:
        return replace(draft, kind="tensor")
    kind = _kind(heading, known, tally)
    draft = replace(draft, kind=kind)
    if kind in ("date", "datetime"):
        return _dated(draft, tally)
    if kind == "category":
        return _labelled(draft, known, tally)
    if kind == "text":
        doubts = ("the file divides thousands: write its numbers without",) * tally.thousands
        return replace(draft, seen=replace(seen, doubts=doubts))
    return _bounded(draft, known, tally)


def unusable(heading: str) -> str:
    """Return why ``dataset.yaml`` cannot name a column by this heading; empty if it can."""
    if not heading:
        return "it has no heading"
    one_line = all(character >= " " for character in heading) and len(heading) <= 500
    if not one_line or visible(heading) != heading:
        return "its heading is too long or has characters that nobody sees"
    return ""


def _missing(known: Known, tally: Tally) -> tuple[str | int, ...]:
    found: list[str | int] = [*known.missing, *sorted(tally.codes), *tally.number_codes]
    return tuple({str(code): code for code in found}.values())


def _kind(heading: str, known: Known, tally: Tally) -> KindInFile:
    if known.categories:
        return "category"
    if tally.typed == "date":
        return "date"
    if tally.typed == "datetime":
        return "datetime"
    if tally.formats and tally.typed != "category":
        return "datetime" if "%H" in tally.formats[0] else "date"
    count = None if tally.levels is None else len(tally.levels)
    has_bounds = known.lower is not None or headings.quantity_of(heading) is not None
    if tally.numeric and tally.typed != "category":
        codes = tally.whole and not has_bounds and count is not None and count <= _FEW
        if codes and count is not None and tally.present >= 3 * count:
            return "category"
        return "integer" if tally.whole else "number"
    if count is None or tally.typed == "category":
        return "text" if count is None else "category"
    repeated = tally.present >= (2 if count <= _SOME else _SOME) * count
    return "category" if repeated else "text"


def _dated(draft: ColumnDraft, tally: Tally) -> ColumnDraft:
    if tally.typed:
        return draft
    one = len(tally.formats) == 1
    told = " or ".join(f'"{form}"' for form in tally.formats[:3])
    hint = "" if one else f"perhaps {told}"
    form = tally.formats[0] if one else None
    iso = form is not None and form.startswith("%Y-%m-%d")
    return replace(draft, format="" if iso else form, hint=hint)


def _labelled(draft: ColumnDraft, known: Known, tally: Tally) -> ColumnDraft:
    codes = {str(code) for code in draft.missing}
    levels = {one: count for one, count in (tally.levels or {}).items() if one not in codes}
    for code, label in known.labels.items():
        if code in levels:
            levels[label] = levels.get(label, 0) + levels.pop(code)
    levels = dict(sorted(levels.items(), key=lambda one: (-one[1], one[0])))
    doubts: tuple[str, ...] = ()
    strange = [one for one in levels if one not in known.categories]
    if known.categories and strange:
        doubts = (f"{len(strange)} of its labels are not in the code book",)
    return replace(
        draft,
        categories=known.categories or None,
        labels=known.labels,
        source="the code book" if known.categories else "",
        seen=replace(draft.seen, levels=levels, doubts=doubts),
    )


def _bounded(draft: ColumnDraft, known: Known, tally: Tally) -> ColumnDraft:
    unit = known.unit or headings.in_parts(draft.heading)[1]
    if known.lower is not None or known.upper is not None:
        draft = replace(draft, lower=known.lower, upper=known.upper, source="the code book")
    elif quantity := headings.quantity_of(draft.heading):
        bounds = headings.bounds_in(quantity, unit)
        if bounds is not None:
            unit = unit or next(iter(quantity.units))
            source = f"{quantity.name}: {quantity.source}"
            draft = replace(draft, lower=bounds[0], upper=bounds[1], source=source)
        else:
            draft = replace(draft, hint=headings.in_words(quantity))
    elif quantity := headings.quantity_within(draft.heading):
        draft = replace(draft, hint=f"perhaps {headings.in_words(quantity)}")
    doubts = []
    codes = sum(tally.number_codes.values())
    if tally.outside > _MUCH * tally.present:
        doubts.append(f"{tally.outside} values are outside {draft.lower:g} to {draft.upper:g}")
    present, missing = tally.present - codes, draft.seen.missing + codes
    seen = replace(draft.seen, present=present, missing=missing, doubts=tuple(doubts))
    return replace(draft, unit=unit, seen=seen)


def bounds_known(heading: str, known: Known) -> tuple[float, float] | None:
    """Return the public bounds of a column's numbers, if they are known before it is read."""
    if known.lower is not None and known.upper is not None:
        return known.lower, known.upper
    quantity = headings.quantity_of(heading)
    unit = known.unit or headings.in_parts(heading)[1]
    return None if quantity is None else headings.bounds_in(quantity, unit)
