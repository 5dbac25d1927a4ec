"""Say whether a run fits: the privacy ledger's only place that admits, charges and gives back.

*Reserve* before launch, *charge* when the run starts, *void* a reservation that never started.
What touched data stays charged. What a run costs counts for the whole population of its dataset,
whatever the dataset's version: in each block that it reads. Admission is a Renyi filter at one
order that is fixed before the first run (`accountant.filter_budget`): a run is admitted if the
curves' sum at that order stays within the budget there. So the total holds although runs and their
costs are chosen in reaction to earlier releases (Feldman and Zrnic 2021, arXiv:2008.11193), and it
holds in each block, since a person is in one block alone (Lecuyer et al. 2019, arXiv:1909.01502).
Choosing the best order afterwards would show a little more left and is not covered by that theorem;
`balance` shows it for planning.

Nothing but this module adds rows to the ledger (`chain`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from sqlalchemy import Connection

from workbench.budget import chain
from workbench.budget.accountant import ORDERS, Curve, checked, epsilon_of, pure_curve
from workbench.budget.caps import Account, Caps
from workbench.budget.chain import EVERYWHERE, RECONCILED, SNIPPET, LedgerEntry, read_together
from workbench.errors import BudgetExhausted, Conflict, TermsRefused


def reserve(
    connection: Connection, *, account: Account, request: str, researcher: str, curve: Curve
) -> None:
    """Set aside the cost of a run, or refuse the run; a second time changes nothing.

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
    events = chain.events(connection, request)
    if "void" in events:
        raise Conflict("the request's reservation was given back; it cannot run any more")
    if "reserve" in events:
        return
    if not np.isfinite(checked(curve)).any() or not curve.any():
        raise TermsRefused("the cost of the plan cannot be computed")
    everything = chain.counting(connection, [account.population])
    own = [row for row in everything if row.dataset in (account.dataset, EVERYWHERE)]
    for rows, caps, whose in (
        (everything, account.whole, f"population '{account.population}'"),
        (own, account.own, "the dataset (its terms.yaml)"),
    ):
        for block in read_together(rows, account.blocks):
            read = [row for row in rows if row.reads(block)]
            _refuse_above(read, researcher, curve, caps, whose, block)
    chain.append(
        connection,
        LedgerEntry(
            population=account.population,
            blocks=account.blocks,
            dataset=account.dataset,
            dataset_version=account.version,
            request=request,
            researcher=researcher,
            event="reserve",
            curve=curve,
        ),
    )


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
    before = chain.total(rows)
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
    found = chain.reservation(connection, request)
    if found is None:
        raise Conflict("the request has no reservation")
    name, population = request, found.population
    for into in merges(population):
        name, population = _merged(into, name), into
    counting = chain.counting(connection, [population])
    charged = chain.charged(connection) - {name}
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
    events = chain.events(connection, request)
    if "charge" in events:
        return
    if "reserve" not in events or "void" in events:
        raise Conflict("the request has no reservation to charge")
    _follow(connection, request, "charge")


def release_reservation(connection: Connection, *, request: str) -> None:
    """Give a reservation back that was not charged.

    Raises
    ------
    Conflict
        If the run was charged: what touched data stays charged.
    """
    events = chain.events(connection, request)
    if "charge" in events:
        raise Conflict("the request was charged; a charge is never given back")
    if "reserve" in events and "void" not in events:
        _follow(connection, request, "void")


def _follow(connection: Connection, request: str, event: Literal["charge", "void"]) -> None:
    reserved = chain.reservation(connection, request)
    assert reserved is not None
    chain.append(connection, replace(reserved, event=event))


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


def charge_missing(
    connection: Connection, *, population: str, blocks: tuple[str, ...], head: str, curve: Curve
) -> None:
    """Charge what a ledger head says was spent and this ledger lacks, whatever is left.

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
    if chain.events(connection, request):
        return
    reserved = LedgerEntry(
        population, blocks, EVERYWHERE, "", request, RECONCILED, "reserve", curve
    )
    _reserved_and_charged(connection, reserved)


def _reserved_and_charged(connection: Connection, reserved: LedgerEntry) -> None:
    chain.append(connection, reserved)
    chain.append(connection, replace(reserved, event="charge"))


def merge(connection: Connection, *, population: str, other: str) -> int:
    """Count the runs of `other` in every block of `population` too; return how many there are.

    It stays with its datasets and researchers, whose caps hold as before.

    Parameters
    ----------
    connection
        In a transaction that no other writer can enter.
    population, other
        Names. `other` has no blocks: which of its blocks are whose in `population` nobody knows.
    """
    counting = [row for row in chain.counting(connection, [other]) if row.population == other]
    for row in counting:
        name = _merged(population, row.request)
        moved = replace(row, population=population, blocks=(), request=name)
        _reserved_and_charged(connection, moved)
    return len(counting)


def _merged(population: str, request: str) -> str:
    """Return the name, in a population, of a run of one that was merged into it."""
    return f"merged:{hashlib.sha256(f'{population}:{request}'.encode()).hexdigest()}"
