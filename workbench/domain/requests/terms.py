"""Check a request against the terms of use; each term is one class with one check.

`check_terms` refuses what is outside the terms. `approves` says whether a policy may decide what
is inside them, or the steward has to; it always says why.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Protocol

from workbench.documents import DatasetCard, Request
from workbench.errors import TermsRefused


@dataclass(frozen=True)
class Facts:
    """What is known about a request when its terms are checked.

    Attributes
    ----------
    request, card
        What is asked for, and the card with the terms.
    epsilon
        What the plan really costs by the domain's own accounting; None where only the other terms
        are asked, because the cost was checked before and is set aside.
    today
        The date, in UTC.
    """

    request: Request
    card: DatasetCard
    epsilon: float | None
    today: date


class Term(Protocol):
    """One term: a label for people and a check."""

    label: str

    def verify(self, facts: Facts) -> None:
        """Check that the facts are within this term.

        Raises
        ------
        TermsRefused
            If not; says what was got and what was expected.
        """


class Who:
    """The researcher is one whom the terms name."""

    label = "the researcher is named in the terms"

    def verify(self, facts: Facts) -> None:
        """Check this term; see `Term.verify`."""
        allowed = facts.card.terms.researchers
        if "*" not in allowed and facts.request.researcher not in allowed:
            raise TermsRefused(
                f"the terms of '{facts.card.path}' do not name key {facts.request.researcher[:12]}",
                "Ask the steward to add your key to the dataset's terms.",
            )


class Purpose:
    """The purpose is one that the terms allow."""

    label = "the purpose is allowed"

    def verify(self, facts: Facts) -> None:
        """Check this term; see `Term.verify`."""
        allowed = facts.card.terms.purposes
        if facts.request.purpose not in allowed:
            raise TermsRefused(
                f"purpose {facts.request.purpose} is not allowed; the terms allow "
                f"{', '.join(allowed)}"
            )


class Expiry:
    """The terms have not expired."""

    label = "the terms have not expired"

    def verify(self, facts: Facts) -> None:
        """Check this term; see `Term.verify`."""
        expires = facts.card.terms.expires
        if expires is not None and facts.today > date.fromisoformat(expires):
            raise TermsRefused(f"the terms expired on {expires}", "Ask the steward to renew them.")


class Outputs:
    """Only what the terms let out is asked for."""

    label = "the outputs are allowed"

    def verify(self, facts: Facts) -> None:
        """Check this term; see `Term.verify`."""
        extra = set(facts.request.outputs) - set(facts.card.terms.outputs)
        if extra:
            raise TermsRefused(
                f"output '{sorted(extra)[0]}' may not leave; allowed: "
                f"{', '.join(facts.card.terms.outputs)}"
            )


class MinimumRecords:
    """The dataset is large enough for any release."""

    label = "the dataset has enough records"

    def verify(self, facts: Facts) -> None:
        """Check this term; see `Term.verify`."""
        count, least = facts.card.record_count, facts.card.terms.minimum_records
        if count < least:
            raise TermsRefused(f"the dataset has {count} records; the terms ask for {least}")


class Epsilon:
    """The asked epsilon covers the plan's real cost and is within the cap on one run."""

    label = "epsilon covers the plan and is within the cap"

    def verify(self, facts: Facts) -> None:
        """Check this term; see `Term.verify`."""
        asked, cap = facts.request.epsilon, facts.card.terms.epsilon_per_run
        if asked > cap:
            raise TermsRefused(f"epsilon {asked:g} is above the cap of {cap:g} on one run")
        if facts.epsilon is not None and not facts.epsilon <= asked:
            raise TermsRefused(
                f"the plan costs epsilon {facts.epsilon:.4g}, but {asked:g} was asked",
                "Use a larger noise_multiplier; submit() does it for you.",
            )


class Delta:
    """Delta is at most that of the terms."""

    label = "delta is within the terms"

    def verify(self, facts: Facts) -> None:
        """Check this term; see `Term.verify`."""
        if facts.request.delta > facts.card.terms.delta:
            raise TermsRefused(f"delta {facts.request.delta:g} is above {facts.card.terms.delta:g}")


TERMS: tuple[Term, ...] = (
    Who(),
    Purpose(),
    Expiry(),
    Outputs(),
    MinimumRecords(),
    Epsilon(),
    Delta(),
)


def today() -> date:
    """Return the date in UTC."""
    return datetime.now(UTC).date()


def check_terms(facts: Facts) -> None:
    """Check that every term holds.

    Raises
    ------
    TermsRefused
        By the first term that does not.
    """
    for term in TERMS:
        term.verify(facts)


def explain_terms(facts: Facts) -> list[str]:
    """Return one line for each term: that it holds, or why it does not."""
    lines = []
    for term in TERMS:
        try:
            term.verify(facts)
            lines.append(f"passed: {term.label}")
        except TermsRefused as error:
            lines.append(f"refused: {error.message}")
    return lines


def approves(facts: Facts) -> tuple[bool, str]:
    """Return whether the policy approves without a steward, and why."""
    approval = facts.card.terms.approval
    if approval.mode == "steward":
        return False, "the terms send every request to the steward"
    if approval.epsilon is None or facts.request.epsilon > approval.epsilon:
        return False, (
            f"epsilon {facts.request.epsilon:g} is above the policy's {approval.epsilon or 0:g}"
        )
    if facts.request.purpose not in approval.purposes:
        return False, f"the policy does not cover purpose {facts.request.purpose}"
    return True, (
        f"policy: epsilon {facts.request.epsilon:g} is at most {approval.epsilon:g} and purpose "
        f"{facts.request.purpose} is covered"
    )
