"""Keep where a domain's privacy ledger stood at each release, and notice if it goes back.

A ledger only grows. So of two releases of one domain the later one has at least as many rows, and
two with equally many have the same newest row. If not, the domain went back to an older database,
or has two, and some of what it has spent is counted nowhere.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from workbench.documents import Document, Release
from workbench.documents.base import Digest, Name, Timestamp, short
from workbench.documents.ledger_head import LedgerPoint
from workbench.evidence.bundle import KeyText


class Receipt(Document):
    """Where the ledger of a domain with this key stood when it released."""

    domain: Name
    domain_key: KeyText
    request: Digest
    released: Timestamp
    ledger: LedgerPoint


def receipt(release: Release, domain_key: str) -> Receipt | None:
    """Return the receipt of a verified release; None if the release does not name its ledger."""
    if release.ledger is None:
        return None
    return Receipt(
        domain=release.domain,
        domain_key=domain_key,
        request=release.request,
        released=release.released,
        ledger=release.ledger,
    )


def went_back(receipts: Sequence[Receipt]) -> list[str]:
    """Return one sentence for each place at which a domain's ledger went back.

    Parameters
    ----------
    receipts
        In any order, of any number of domains.
    """
    found: dict[str, None] = {}
    by_domain: dict[tuple[str, str], list[Receipt]] = {}
    for one in sorted(receipts, key=lambda one: (one.released, one.ledger.rows)):
        by_domain.setdefault((one.domain, one.domain_key), []).append(one)
    for (domain, _), known in sorted(by_domain.items()):
        for before, after in itertools.pairwise(known):
            if after.ledger.rows < before.ledger.rows:
                found[_backwards(domain, before, after)] = None
        first: dict[int, Receipt] = {}
        for one in known:
            before = first.setdefault(one.ledger.rows, one)
            if before.ledger != one.ledger:
                found[_forked(domain, before, one)] = None
    return list(found)


def _backwards(domain: str, before: Receipt, after: Receipt) -> str:
    return (
        f"the privacy ledger of domain '{domain}' went back: it had {before.ledger.rows} rows at "
        f"the release of {before.released[:19]} and {after.ledger.rows} at that of "
        f"{after.released[:19]}"
    )


def _forked(domain: str, before: Receipt, after: Receipt) -> str:
    return (
        f"the privacy ledger of domain '{domain}' went back: row {after.ledger.rows} was "
        f"{short(before.ledger.hash)} at the release of {before.released[:19]} and "
        f"{short(after.ledger.hash)} at that of {after.released[:19]}"
    )
