"""Terms of use in words, the same in a notebook, the sidebar and starter code."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.documents import Approval, Terms
from workbench.documents.plans import Output
from workbench.views.purposes import purpose

OUTPUT_WORDS: dict[Output, str] = {
    "model": "the trained model",
    "metrics": "noisy metrics",
    "statistics": "noisy sums",
}
_MOST_PURPOSES = 20


def terms_rows(terms: Terms) -> list[tuple[str, str]]:
    """Return the terms as rows of a name and plain words; `Terms.text` is shown beside them."""
    rows = [
        ("purposes", _purposes(terms.purposes)),
        ("who", _who(terms)),
        ("epsilon in all", f"{terms.epsilon_total:g} at delta {terms.delta:g}"),
        ("epsilon per run", f"at most {terms.epsilon_per_run:g}"),
    ]
    if terms.epsilon_per_researcher is not None:
        rows.append(("epsilon per researcher", f"at most {terms.epsilon_per_researcher:g}"))
    return [
        *rows,
        ("what may leave", ", ".join(OUTPUT_WORDS[output] for output in terms.outputs)),
        ("records needed", f"at least {terms.minimum_records} in the dataset"),
        ("uses", "no limit" if terms.uses is None else f"{terms.uses} in all"),
        ("expires", terms.expires or "never"),
        ("approval", approval_words(terms.approval)),
    ]


def approval_words(approval: Approval) -> str:
    """Return who decides on requests: a policy, and how many stewards on what it does not."""
    needed = approval.approvals
    stewards = "a steward decides" if needed == 1 else f"{needed} stewards decide"
    if approval.mode == "steward":
        return f"{stewards} each request"
    allowed = _purposes(approval.purposes)
    return (
        f"a policy approves up to epsilon {approval.epsilon:g} for {allowed}; {stewards} the rest"
    )


def _who(terms: Terms) -> str:
    if "*" in terms.researchers:
        return "every researcher whom the steward admitted"
    count = len(terms.researchers)
    return "nobody" if not count else f"{count} researcher{'s' if count > 1 else ''} by name"


def _purposes(codes: Sequence[str]) -> str:
    shown = ", ".join(purpose(code) for code in codes[:_MOST_PURPOSES])
    more = len(codes) - _MOST_PURPOSES
    return shown + (f" and {more} more" if more > 0 else "")
