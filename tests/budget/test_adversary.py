"""Check that nobody gets past the filter who chooses each run by all that was admitted before.

Reservations, charges, voids and crashes in the middle of a transaction are interleaved freely, over
versions, datasets and blocks of one population. What holds throughout is the ledger's own promise,
in each block: the curves of all runs that read it and are not void sum up to at most the budget at
the one order that is fixed, or there is one run alone.
"""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule
from sqlalchemy import create_engine

from workbench.budget import balance, ledger, tables
from workbench.budget.accountant import ORDERS, epsilon_of, filter_budget, pure_curve, run_curve
from workbench.budget.caps import Account, Caps
from workbench.documents import Plan, Terms
from workbench.errors import BudgetExhausted, Conflict

VERSION = "sha256:" + "0" * 64
TERMS = Terms.read(
    {
        "text": "",
        "purposes": ["DUO:0000042"],
        "epsilon_total": 4.0,
        "epsilon_per_run": 4.0,
        "delta": 1e-5,
    }
)
ORDER, BUDGET = filter_budget(TERMS.epsilon_total, TERMS.delta)
CAPS = Caps(TERMS.epsilon_total, TERMS.delta)
BLOCKS = ("x", "y", "z")
EVER = (*BLOCKS, "still to come")
reading = st.one_of(st.just(()), st.sets(st.sampled_from(BLOCKS), min_size=1).map(tuple))


def account(blocks, dataset="visits", version=VERSION):
    return Account("patients", dataset, version, blocks, CAPS, CAPS)


class Crash(Exception):
    """What ends a transaction before it is written."""


def subsampled(noise, steps):
    return run_curve(
        Plan(
            learning_rate=0.1,
            steps=steps,
            sample_rate=0.05,
            max_grad_norm=1.0,
            noise_multiplier=noise,
            metrics_noise_multiplier=1.0,
        ),
        0,
    )


def curve_of(shape, size, left):
    """Return a curve that takes `size` of what is left at the ledger's order, in several shapes."""
    orders = np.asarray(ORDERS)
    base = {
        "gaussian": orders,
        "pure": pure_curve(1.0),
        "subsampled": subsampled(1.0, 100),
        "cheap where it counts": np.where(np.arange(len(orders)) == ORDER, 1.0, 50.0),
        "dear where it counts": np.where(np.arange(len(orders)) == ORDER, 1.0, 1e-3),
    }[shape]
    return base * (size * max(left, 1e-6) / base[ORDER])


class Adversary(RuleBasedStateMachine):
    runs = Bundle("runs")

    def __init__(self):
        super().__init__()
        self.engine = create_engine("sqlite://")
        with self.engine.begin() as connection:
            tables.create(connection)
        self.alive: dict[str, tuple[np.ndarray, tuple[str, ...]]] = {}
        self.charged: set[str] = set()
        self.void: set[str] = set()
        self.number = 0

    def teardown(self):
        self.engine.dispose()

    def curves(self, block):
        """Those of all runs that a person of this block is in."""
        return [c for c, blocks in self.alive.values() if not blocks or block in blocks]

    def spent(self, blocks):
        """What counts at the ledger's order in the block that spent most."""
        return max(float(sum(c[ORDER] for c in self.curves(b))) for b in blocks or EVER)

    def _reserve(self, request, curve, crash, blocks=(), dataset="visits", version=VERSION):
        with self.engine.begin() as connection:
            ledger.reserve(
                connection,
                account=account(blocks, dataset, version),
                request=request,
                researcher="rosa",
                curve=curve,
            )
            if crash:
                raise Crash

    @rule(
        target=runs,
        shape=st.sampled_from(
            ["gaussian", "pure", "subsampled", "cheap where it counts", "dear where it counts"]
        ),
        size=st.sampled_from([1e-3, 0.1, 0.5, 0.9, 1.0, 1.0 + 1e-9, 1.5, 20.0]),
        crash=st.booleans(),
        blocks=reading,
        dataset=st.sampled_from(["visits", "drugs"]),
        version=st.sampled_from([VERSION, "sha256:" + "1" * 64]),
    )
    def reserve(self, shape, size, crash, blocks, dataset, version):
        self.number += 1
        request = f"run-{self.number}"
        curve = curve_of(shape, size, BUDGET - self.spent(blocks))
        try:
            self._reserve(request, curve, crash, blocks, dataset, version)
        except Crash:
            return request
        except BudgetExhausted:
            assert self.alive or epsilon_of(curve, TERMS.delta) > TERMS.epsilon_total
            assert self.spent(blocks) + curve[ORDER] > BUDGET * (1 - 1e-12)
            return request
        self.alive[request] = curve, blocks
        return request

    @rule(request=runs, size=st.floats(0.0, 100.0))
    def reserve_again_at_another_price(self, request, size):
        """A known request stays what it was, whatever curve comes with it."""
        if request in self.alive:
            self._reserve(request, pure_curve(size), False)
        elif request in self.void:
            try:
                self._reserve(request, pure_curve(size), False)
            except Conflict:
                return
            raise AssertionError("a voided request came back")

    @rule(request=runs, crash=st.booleans())
    def charge(self, request, crash):
        try:
            with self.engine.begin() as connection:
                ledger.charge(connection, request=request)
                if crash:
                    raise Crash
        except Crash:
            return
        except Conflict:
            assert request not in self.alive
            return
        assert request in self.alive
        self.charged.add(request)

    @rule(request=consumes(runs), crash=st.booleans())
    def give_back(self, request, crash):
        try:
            with self.engine.begin() as connection:
                ledger.release_reservation(connection, request=request)
                if crash:
                    raise Crash
        except Crash:
            return
        except Conflict:
            assert request in self.charged
            return
        assert request not in self.charged
        if self.alive.pop(request, None) is not None:
            self.void.add(request)

    @invariant()
    def the_budget_holds_at_the_ledgers_order(self):
        for block in EVER:
            curves = self.curves(block)
            assert self.spent((block,)) <= BUDGET or len(curves) <= 1
            total = sum(curves, np.zeros(len(ORDERS)))
            assert epsilon_of(total, TERMS.delta) <= TERMS.epsilon_total + 1e-9
        assert self.charged <= set(self.alive)

    @invariant()
    def the_ledger_says_what_happened(self):
        for block in EVER:
            with self.engine.begin() as connection:
                status = balance.status(connection, account=account((block,)))
            total = sum(self.curves(block), np.zeros(len(ORDERS)))
            assert abs(status.epsilon_spent - epsilon_of(total, TERMS.delta)) <= 1e-9


TestAdversary = Adversary.TestCase
TestAdversary.settings = settings(
    max_examples=60,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
