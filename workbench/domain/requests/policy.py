"""Show a dataset's policy, try another one on past requests, and change it.

A change publishes a new card with the same data and the new approval. It may not go beyond the
terms. Where the terms ask for two stewards one of them alone may only make the policy narrower:
otherwise that one could do without the other.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Connection, insert, select

from workbench.documents import (
    Approval,
    ApprovalSettings,
    DatasetCard,
    DryRun,
    Envelope,
    Person,
    PolicyChange,
    PolicyStatus,
    PrivateKey,
    PublicKey,
    WouldBe,
    now,
)
from workbench.documents.envelope import unverified
from workbench.domain.access import log, people
from workbench.domain.datasets import cards
from workbench.domain.requests import stored
from workbench.domain.requests.stored import StoredRequest
from workbench.domain.requests.terms import Facts, approves
from workbench.domain.store.tables import people as people_table
from workbench.domain.store.tables import policy_changes
from workbench.errors import Conflict, InvalidDocument, TermsRefused

MAX_AGE = timedelta(minutes=5)
MAX_CONSIDERED = 500


def status(connection: Connection, name: str) -> PolicyStatus:
    """Return a dataset's policy now, and what it may be at most."""
    card = unverified(cards.latest(connection, name), DatasetCard)
    file = cards.file_approval(connection, name)
    return PolicyStatus(
        approval=_shown(card.terms.approval),
        purposes_allowed=card.terms.purposes,
        epsilon_per_run=card.terms.epsilon_per_run,
        card=card.digest,
        file=None if file in (None, card.terms.approval) else _shown(file),
    )


def _shown(approval: Approval) -> ApprovalSettings:
    return ApprovalSettings(**{name: value for name, value in approval})


def check(card: DatasetCard, approval: Approval) -> None:
    """Check that the terms of `card` allow `approval`.

    Raises
    ------
    TermsRefused
        If it covers a purpose or an epsilon that the terms do not.
    """
    if approval.mode == "steward":
        return
    extra = sorted(set(approval.purposes) - set(card.terms.purposes))
    if extra:
        raise TermsRefused(
            f"the policy covers purpose {extra[0]}; the terms allow "
            f"{', '.join(card.terms.purposes)}"
        )
    cap = card.terms.epsilon_per_run
    if approval.epsilon is not None and approval.epsilon > cap:
        raise TermsRefused(
            f"the policy covers epsilon {approval.epsilon:g}; the terms allow {cap:g} on one run"
        )


def change(
    connection: Connection, person: Person, name: str, envelope: Envelope, key: PrivateKey
) -> None:
    """Publish a dataset's card again, with the approval that `person`, a steward, has signed.

    Raises
    ------
    InvalidSignature
        If the document is not by this steward.
    Conflict
        If it is for another dataset, card or time, or needs a second steward.
    TermsRefused
        If the approval is outside the terms.
    """
    wish = envelope.open(PolicyChange, PublicKey.from_text(person.public_key))
    present = unverified(cards.latest(connection, name), DatasetCard)
    if (wish.domain, wish.dataset, wish.key) != (present.domain, name, person.key_id):
        raise Conflict("the policy is for another dataset, or names another steward")
    if abs(_time(wish.changed) - datetime.now(UTC)) > MAX_AGE:
        raise Conflict(
            f"the policy was signed at {wish.changed[:19]}, not now",
            "Sign it anew; check that this machine's clock is right.",
        )
    if wish.card != present.digest:
        raise Conflict(
            f"dataset '{present.path}' was published anew since the policy was written",
            "Look at its policy as it is now, and sign once more.",
        )
    check(present, wish.approval)
    if wish.approval == present.terms.approval:
        return
    _refuse_alone(connection, present.terms.approval, wish.approval)
    terms = present.terms.model_copy(update={"approval": wish.approval})
    card = present.model_copy(update={"terms": terms, "published": now()})
    cards.add(connection, card, key, cards.file_approval(connection, name))
    connection.execute(
        insert(policy_changes).values(
            dataset=name, card=card.digest, envelope=envelope.canonical().decode()
        )
    )
    log.append(connection, "policy", person, name, _words(wish.approval))


def _time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise InvalidDocument(f"PolicyChange.changed: '{text}' is not a time") from None


def _refuse_alone(connection: Connection, before: Approval, after: Approval) -> None:
    stewards = select(people_table.c.key_id).where(
        people_table.c.role == "steward", people_table.c.revoked.is_(None)
    )
    if after.approvals > before.approvals:
        if len(list(connection.execute(stewards))) < after.approvals:
            raise Conflict(
                f"{after.approvals} stewards shall approve, but fewer are admitted",
                "Admit a second steward first.",
            )
    elif before.approvals > 1 and not _narrower(before, after):
        raise Conflict(
            "this dataset needs two stewards, so one alone may only make its policy narrower",
            "Let the domain's operator put the new approval into terms.yaml and publish it.",
        )


def _narrower(before: Approval, after: Approval) -> bool:
    if after.approvals < before.approvals:
        return False
    if after.mode == "steward":
        return True
    return (
        before.mode == "policy"
        and (after.epsilon or 0.0) <= (before.epsilon or 0.0)
        and set(after.purposes) <= set(before.purposes)
    )


def _words(approval: Approval) -> str:
    who = f"{approval.approvals} steward{'s' if approval.approvals > 1 else ''}"
    if approval.mode == "steward":
        return f"{who} decide everything" if approval.approvals > 1 else f"{who} decides everything"
    purposes = ", ".join(approval.purposes)
    return f"policy up to epsilon {approval.epsilon:g} for {purposes}; else {who}"[:500]


def dry_run(connection: Connection, name: str, approval: Approval) -> DryRun:
    """Return what `approval` would have done with the newest past requests of a dataset.

    Each is asked with its own card and the date of its submission: what has expired since had not
    then. So the answer is about the policy alone, and the rest of the terms held for all of them.

    Raises
    ------
    TermsRefused
        If the terms do not allow the approval.
    """
    check(unverified(cards.latest(connection, name), DatasetCard), approval)
    past = stored.listed(connection, dataset=name, limit=MAX_CONSIDERED)
    names = {person.key_id: person.name for person in people.everyone(connection)}
    found = tuple(_would(one, approval, names.get(one.researcher, "")) for one in past)
    approved = sum(one.would == "approve" for one in found)
    return DryRun(requests=found, would_approve=approved, considered=len(found))


def _would(past: StoredRequest, approval: Approval, researcher: str) -> WouldBe:
    request, card = past.request, past.card
    terms = card.terms.model_copy(update={"approval": approval})
    submitted = date.fromisoformat(past.submitted[:10])
    # The asked epsilon covers the plan's cost, or the request would not have been taken.
    facts = Facts(request, card.model_copy(update={"terms": terms}), request.epsilon, submitted)
    yes, why = approves(facts)
    return WouldBe(
        request_digest=past.digest,
        function=request.function,
        researcher=researcher,
        purpose=request.purpose,
        epsilon=request.epsilon,
        submitted=past.submitted,
        state=past.state,
        decided_by=past.decided_by,
        would="approve" if yes else "ask",
        why=why,
    )
