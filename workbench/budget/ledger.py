"""The privacy ledger: append-only, and the only place that says whether a run fits.

*Reserve* before launch, *charge* when the run starts, *void* a reservation that never started.
What touched data stays charged. What a run costs counts for the whole population of its dataset,
whatever the dataset's version: in each block that it reads. Admission is a Renyi filter at one
order that is fixed before the first run (`accountant.filter_budget`): a run is admitted if the
curves' sum at that order stays within the budget there. So the total holds although runs and their
costs are chosen in reaction to earlier releases (Feldman and Zrnic 2021, arXiv:2008.11193), and it
holds in each block, since a person is in one block alone (Lecuyer et al. 2019, arXiv:1909.01502).
Choosing the best order afterwards would show a little more left and is not covered by that theorem;
`status` shows it for planning.

Each row names, by its hash, all rows before it. So the newest hash stands for the whole ledger.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import rfc8785
from sqlalchemy import Connection, func, insert, select

from workbench.budget.accountant import (
    ORDERS,
    Curve,
    checked,
    epsilon_of,
    filter_budget,
    pure_curve,
)
from workbench.budget.tables import ledger
from workbench.documents import BlockStatus, BudgetStatus, now
from workbench.errors import (
    BudgetExhausted,
    Conflict,
    TermsRefused,
    VerificationFailed,
)

SNIPPET = "snippet"
RECONCILED = "reconciled"
"""Who spent what a lost database knew of."""
START = "0" * 64
"""What the first row follows."""
EVERYWHERE = ""
"""The population of rows whose dataset nobody knows any more: they count in every population."""


@dataclass(frozen=True)
class Caps:
    """A total and the caps inside it: of a population, or of one dataset's terms.

    `order` is the position in `ORDERS` at which runs are admitted; None lets it follow from
    `epsilon_total` and `delta`, which then must never change.
    """

    epsilon_total: float
    delta: float
    epsilon_per_researcher: float | None = None
    uses: int | None = None
    order: int | None = None

    @property
    def filter(self) -> tuple[int, float]:
        """The position of the order, and how much RDP there is at it."""
        return filter_budget(self.epsilon_total, self.delta, self.order)


@dataclass(frozen=True)
class Account:
    """What a run of a dataset counts against.

    `blocks` are those of the population that the dataset holds; none named are all of them, those
    that are still to come included. `whole` are the population's caps, `own` the dataset's.
    """

    population: str
    dataset: str
    version: str
    blocks: tuple[str, ...]
    whole: Caps
    own: Caps


@dataclass(frozen=True)
class LedgerEntry:
    """One row."""

    sequence: int
    population: str
    blocks: tuple[str, ...]
    dataset: str
    dataset_version: str
    request: str
    researcher: str
    event: Literal["reserve", "charge", "void"]
    curve: Curve
    time: str
    hash: str

    def hashed(self, previous: str) -> str:
        """Return the hash of this row after the one whose hash is `previous`."""
        content = {
            "population": self.population,
            "blocks": list(self.blocks),
            "dataset": self.dataset,
            "dataset_version": self.dataset_version,
            "request": self.request,
            "researcher": self.researcher,
            "event": self.event,
            "time": self.time,
            # As text, since a curve may be infinite.
            "curve": json.dumps([float(value) for value in self.curve]),
            "previous": previous,
        }
        return hashlib.sha256(rfc8785.dumps(content)).hexdigest()

    def reads(self, block: str) -> bool:
        """Whether the run reads this block."""
        return not self.blocks or block in self.blocks


def entries(connection: Connection, *, population: str) -> list[LedgerEntry]:
    """Return all rows that count in a population, oldest first."""
    return _entries(connection, [population])


def _entries(connection: Connection, populations: Sequence[str]) -> list[LedgerEntry]:
    names = [*populations, EVERYWHERE]
    rows = connection.execute(
        select(ledger).where(ledger.c.population.in_(names)).order_by(ledger.c.sequence)
    )
    return [_entry(row._mapping) for row in rows]


def _counting(
    connection: Connection, populations: Sequence[str] | None = None
) -> list[LedgerEntry]:
    """Return the reservations that count, of some populations or of all, oldest first.

    What was given back is left out by the database: of that there may be any number.
    """
    void = select(ledger.c.request).where(ledger.c.event == "void")
    query = select(ledger).where(ledger.c.event == "reserve", ledger.c.request.not_in(void))
    if populations is not None:
        query = query.where(ledger.c.population.in_([*populations, EVERYWHERE]))
    rows = connection.execute(query.order_by(ledger.c.sequence))
    return [_entry(row._mapping) for row in rows]


def _entry(row: Mapping[Any, Any]) -> LedgerEntry:
    values = dict(row)
    values["blocks"] = tuple(json.loads(values["blocks"]))
    values["curve"] = _curve(values["curve"])
    return LedgerEntry(**values)


@lru_cache(maxsize=10_000)
def _curve(text: str) -> Curve:
    """Return a curve that is stored; equal plans have equal ones."""
    curve = np.asarray(json.loads(text), dtype=np.float64)
    curve.flags.writeable = False
    return curve


def head(connection: Connection) -> tuple[int, str]:
    """Return how many rows the ledger has, and the hash of the newest."""
    return count(connection), _newest(connection)


def _newest(connection: Connection) -> str:
    newest = select(ledger.c.hash).order_by(ledger.c.sequence.desc()).limit(1)
    found = connection.execute(newest).scalar()
    return START if found is None else str(found)


def holds(connection: Connection, hash_: str) -> bool:
    """Whether a row has this hash, and so whether the ledger holds all rows up to it."""
    if hash_ == START:
        return True
    found = select(ledger.c.sequence).where(ledger.c.hash == hash_)
    return connection.execute(found).first() is not None


def check(connection: Connection) -> int:
    """Return how many rows the ledger has, after checking that each follows the one before it.

    Raises
    ------
    VerificationFailed
        If one was changed or left out.
    """
    previous = START
    number = 0
    for row in connection.execute(select(ledger).order_by(ledger.c.sequence)):
        entry = _entry(row._mapping)
        number += 1
        if entry.hash != entry.hashed(previous):
            raise VerificationFailed(f"the ledger does not hold together at row {number}")
        previous = entry.hash
    return number


def _sum(rows: Sequence[LedgerEntry]) -> Curve:
    total = np.zeros(len(ORDERS))
    for row in rows:
        total = total + row.curve
    return total


def read_together(rows: Sequence[LedgerEntry], blocks: tuple[str, ...]) -> list[str]:
    """Return the blocks of which a run that reads `blocks` has to fit in each.

    A block that no row names has the rows that read everything, and so has the one called "".
    """
    if blocks:
        return list(blocks)
    return sorted({"", *(block for row in rows for block in row.blocks)})


def _append(
    connection: Connection,
    like: LedgerEntry | Account,
    request: str,
    researcher: str,
    event: Literal["reserve", "charge", "void"],
    curve: Curve,
) -> None:
    version = like.version if isinstance(like, Account) else like.dataset_version
    entry = LedgerEntry(
        0,
        like.population,
        like.blocks,
        like.dataset,
        version,
        request,
        researcher,
        event,
        curve,
        now(),
        "",
    )
    connection.execute(
        insert(ledger).values(
            population=entry.population,
            blocks=json.dumps(list(entry.blocks)),
            dataset=entry.dataset,
            dataset_version=version,
            request=request,
            researcher=researcher,
            event=event,
            curve=json.dumps([float(value) for value in curve]),
            time=entry.time,
            hash=entry.hashed(_newest(connection)),
        )
    )


def _reserved(connection: Connection, request: str) -> set[str]:
    return set(
        connection.execute(select(ledger.c.event).where(ledger.c.request == request)).scalars()
    )


def reserve(
    connection: Connection, *, account: Account, request: str, researcher: str, curve: Curve
) -> None:
    """Set aside the cost of a run, or refuse it; a request that is reserved stays so, once.

    Parameters
    ----------
    connection
        In a transaction that no other writer can enter.
    account
        Whose budget it counts against.
    request, researcher
        Digest, key id.
    curve
        What the run costs a member of the population, as `accountant.run_curve` gives it.

    Raises
    ------
    BudgetExhausted
        If the run does not fit; nothing is written.
    TermsRefused
        If the curve is malformed.
    Conflict
        If the reservation was voided before.
    """
    events = _reserved(connection, request)
    if "void" in events:
        raise Conflict("the request's reservation was given back; it cannot run any more")
    if "reserve" in events:
        return
    if not np.isfinite(checked(curve)).any() or not curve.any():
        raise TermsRefused("the cost of the plan cannot be computed")
    everything = _counting(connection, [account.population])
    own = [row for row in everything if row.dataset in (account.dataset, EVERYWHERE)]
    for rows, caps, whose in (
        (everything, account.whole, f"population '{account.population}'"),
        (own, account.own, "the dataset (its terms.yaml)"),
    ):
        for block in read_together(rows, account.blocks):
            read = [row for row in rows if row.reads(block)]
            _refuse_above(read, researcher, curve, caps, whose, block)
    _append(connection, account, request, researcher, "reserve", curve)


def _refuse_above(
    rows: Sequence[LedgerEntry], researcher: str, curve: Curve, caps: Caps, whose: str, block: str
) -> None:
    of = f"{whose}, block '{block}'," if block else whose
    _refuse_over(rows, curve, caps, caps.epsilon_total, f"of the budget of {of}")
    if caps.epsilon_per_researcher is not None:
        mine = [row for row in rows if row.researcher == researcher]
        share = caps.epsilon_per_researcher
        _refuse_over(mine, curve, caps, share, f"of your share of the budget of {of}")
    used = sum(row.researcher != SNIPPET for row in rows)
    if caps.uses is not None and used >= caps.uses and researcher != SNIPPET:
        raise BudgetExhausted(f"all {caps.uses} uses of {of} are taken")


def _refuse_over(
    rows: Sequence[LedgerEntry], curve: Curve, caps: Caps, total: float, what: str
) -> None:
    before = _sum(rows)
    order, budget = replace(caps, epsilon_total=total).filter
    after = epsilon_of(before + curve, caps.delta)
    # The very first run reacts to no release, so it may take its own best order. If it is over the
    # budget at the fixed order, nothing is ever admitted after it.
    first_alone = not rows and after <= total
    if not (first_alone or float(before[order] + curve[order]) <= budget):
        left = max(0.0, total - epsilon_of(before, caps.delta))
        if after <= total:
            rest = max(0.0, budget - float(before[order]))
            raise BudgetExhausted(
                f"the run costs {float(curve[order]):.3g} at Renyi order {ORDERS[order]:g}, at "
                f"which runs are admitted, and {rest:.3g} of {budget:.3g} {what} is left there",
                "Ask for a smaller epsilon. That order was fixed before the first run, so that "
                "the total holds whatever is asked in reaction to releases.",
            )
        raise BudgetExhausted(
            f"the run would bring the total to epsilon {after:.3g}; {left:.3g} of {total:g} "
            f"{what} is left",
            "Ask for a smaller epsilon, or ask the steward to raise the total.",
        )


def require_room(
    connection: Connection,
    *,
    request: str,
    merges: Callable[[str], Sequence[str]],
    caps: Caps,
) -> None:
    """Refuse a reserved run that does not fit any more beside what was charged.

    After populations were merged, more may be reserved than there is room for.

    Parameters
    ----------
    connection
        In a transaction that no other writer can enter.
    request
        Reserved, and not charged.
    merges
        Returns the populations into which one was merged since, one after the other.
    caps
        Those of the last of them.

    Raises
    ------
    BudgetExhausted
        If it does not fit.
    Conflict
        If there is no reservation.
    """
    query = select(ledger).where(ledger.c.request == request, ledger.c.event == "reserve")
    found = connection.execute(query).first()
    if found is None:
        raise Conflict("the request has no reservation")
    name, population = request, _entry(found._mapping).population
    for into in merges(population):
        name, population = _merged(into, name), into
    counting = _counting(connection, [population])
    events = select(ledger.c.request).where(ledger.c.event == "charge")
    charged = set(connection.execute(events).scalars()) - {name}
    own = [row for row in counting if row.request == name]
    if not own:
        raise Conflict("the request's reservation was given back; it cannot run any more")
    taken = [row for row in counting if row.request in charged]
    for block in read_together([*taken, *own], own[0].blocks):
        of = f"population '{population}', block '{block}'," if block else f"'{population}'"
        before = [row for row in taken if row.reads(block)]
        _refuse_over(before, own[0].curve, caps, caps.epsilon_total, f"of the budget of {of}")


def charge(connection: Connection, *, request: str) -> None:
    """Turn a reservation into a charge, for good; charging again changes nothing.

    Raises
    ------
    Conflict
        If there is no reservation, or it was voided.
    """
    events = _reserved(connection, request)
    if "charge" in events:
        return
    if "reserve" not in events or "void" in events:
        raise Conflict("the request has no reservation to charge")
    _follow(connection, request, "charge")


def release_reservation(connection: Connection, *, request: str) -> None:
    """Give a reservation back; only before it was charged.

    Raises
    ------
    Conflict
        If the run was charged: what touched data stays charged.
    """
    events = _reserved(connection, request)
    if "charge" in events:
        raise Conflict("the request was charged; a charge is never given back")
    if "reserve" in events and "void" not in events:
        _follow(connection, request, "void")


def _follow(connection: Connection, request: str, event: Literal["charge", "void"]) -> None:
    row = connection.execute(
        select(ledger).where(ledger.c.request == request, ledger.c.event == "reserve")
    ).one()
    entry = _entry(row._mapping)
    _append(connection, entry, request, entry.researcher, event, entry.curve)


def charge_snippet(connection: Connection, *, account: Account, epsilon: float) -> None:
    """Charge a snippet made from DP counts, once per dataset version.

    Raises
    ------
    BudgetExhausted
        If it does not fit.
    """
    request = f"{SNIPPET}:{account.version}"
    reserve(
        connection,
        account=account,
        request=request,
        researcher=SNIPPET,
        curve=pure_curve(epsilon),
    )
    charge(connection, request=request)


def status(connection: Connection, *, account: Account) -> BudgetStatus:
    """Return what is spent and left; reading changes nothing."""
    return statuses(connection, [account])[0]


def statuses(connection: Connection, accounts: Sequence[Account]) -> list[BudgetStatus]:
    """Return what is spent and left of many accounts, with one query."""
    rows = _by_population(connection, [account.population for account in accounts])
    return [_status(account, rows[account.population]) for account in accounts]


def _by_population(connection: Connection, names: Sequence[str]) -> dict[str, list[LedgerEntry]]:
    """Return what counts in populations, with one query."""
    rows: dict[str, list[LedgerEntry]] = {name: [] for name in names}
    everywhere: list[LedgerEntry] = []
    for entry in _counting(connection, list(rows)):
        (everywhere if entry.population == EVERYWHERE else rows[entry.population]).append(entry)
    return {name: [*found, *everywhere] for name, found in rows.items()}


def _status(account: Account, counting: list[LedgerEntry]) -> BudgetStatus:
    own = [row for row in counting if row.dataset in (account.dataset, EVERYWHERE)]
    runs = sum(row.researcher not in (SNIPPET, RECONCILED) for row in own)
    whole, uses = account.whole, []
    most, block = _most(counting, account.blocks, whole)
    mine, _ = _most(own, account.blocks, account.own)
    for caps, used in ((whole, counting), (account.own, own)):
        taken = sum(row.researcher != SNIPPET for row in used)
        uses += [] if caps.uses is None else [max(0, caps.uses - taken)]
    return BudgetStatus(
        dataset_version=account.version,
        population=account.population,
        epsilon_total=whole.epsilon_total,
        epsilon_spent=most,
        epsilon_left=max(0.0, min(whole.epsilon_total - most, account.own.epsilon_total - mine)),
        delta=whole.delta,
        runs=runs,
        uses_left=min(uses, default=None),
        block=block,
        cap=None if account.own.epsilon_total == whole.epsilon_total else account.own.epsilon_total,
    )


def _most(rows: Sequence[LedgerEntry], blocks: tuple[str, ...], caps: Caps) -> tuple[float, str]:
    """Return the epsilon of the block that spent most, and the block."""
    found = {
        block: epsilon_of(_sum([row for row in rows if row.reads(block)]), caps.delta)
        for block in read_together(rows, blocks)
    }
    block = max(found, key=lambda name: found[name])
    return (found[block] if math.isfinite(found[block]) else caps.epsilon_total), block


def blocks(connection: Connection, of: Mapping[str, Caps]) -> dict[str, list[BlockStatus]]:
    """Return what is spent and left in each block of populations that a run has named.

    The one called "" are those that no run has named.

    Parameters
    ----------
    connection
        The domain's database.
    of
        The caps of populations, by name.
    """
    rows = _by_population(connection, list(of))
    return {name: _blocks(rows[name], caps) for name, caps in of.items()}


def _blocks(counting: Sequence[LedgerEntry], caps: Caps) -> list[BlockStatus]:
    found = []
    for block in read_together(counting, ()):
        rows = [row for row in counting if row.reads(block)]
        spent = epsilon_of(_sum(rows), caps.delta)
        spent = spent if math.isfinite(spent) else caps.epsilon_total
        left = max(0.0, caps.epsilon_total - spent)
        runs = sum(row.researcher not in (SNIPPET, RECONCILED) for row in rows)
        found.append(BlockStatus(block=block, epsilon_spent=spent, epsilon_left=left, runs=runs))
    return found


def everything(connection: Connection) -> dict[tuple[str, str], Curve]:
    """Return the sum of what counts, by population and block that a row has named.

    The block called "" is what each block of the population has, one that no row has named too.
    """
    rows: dict[str, list[LedgerEntry]] = {}
    for entry in _counting(connection):
        rows.setdefault(entry.population, []).append(entry)
    found = {}
    for population, counting in rows.items():
        for block in read_together(counting, ()):
            found[population, block] = _sum([row for row in counting if row.reads(block)])
    return found


def charge_missing(
    connection: Connection, *, population: str, blocks: tuple[str, ...], head: str, curve: Curve
) -> None:
    """Charge what a ledger head says was spent and this ledger does not know; it always fits.

    Parameters
    ----------
    connection
        In a transaction that no other writer can enter.
    population, blocks
        Where it was spent.
    head
        The hash of that head's newest row: each is charged once.
    curve
        What is missing.
    """
    request = f"reconciled:{head[:32]}:{population}:{''.join(blocks)}"
    request = f"reconciled:{hashlib.sha256(request.encode()).hexdigest()}"
    if _reserved(connection, request):
        return
    none = Caps(math.inf, 0.5)
    account = Account(population, EVERYWHERE, "", blocks, none, none)
    for event in ("reserve", "charge"):
        _append(connection, account, request, RECONCILED, event, curve)


def merge(connection: Connection, *, population: str, other: str) -> int:
    """Let what counts in `other` count in every block of `population` too; returns how many runs.

    It stays with its datasets and researchers, whose caps hold as before.

    Parameters
    ----------
    connection
        In a transaction that no other writer can enter.
    population, other
        Names. `other` has no blocks: which of its blocks are whose in `population` nobody knows.
    """
    none = Caps(math.inf, 0.5)
    counting = [row for row in _counting(connection, [other]) if row.population == other]
    for row in counting:
        account = Account(population, row.dataset, row.dataset_version, (), none, none)
        for event in ("reserve", "charge"):
            name = _merged(population, row.request)
            _append(connection, account, name, row.researcher, event, row.curve)
    return len(counting)


def _merged(population: str, request: str) -> str:
    """Return what stands in a population for a run of one that was merged into it."""
    return f"merged:{hashlib.sha256(f'{population}:{request}'.encode()).hexdigest()}"


def count(connection: Connection) -> int:
    """Return how many rows the ledger has."""
    return int(connection.execute(select(func.count()).select_from(ledger)).scalar_one())
