"""Show the facts of one request to a steward, as lines of text."""

from __future__ import annotations

import textwrap
from typing import Any

from workbench.documents.base import hex_of, short
from workbench.views.words import time_words

_NAME, _LINE = 12, 100


def review_lines(facts: dict[str, Any]) -> list[str]:
    """Return what a steward should know before a decision.

    Parameters
    ----------
    facts
        What a domain answers to ``GET /v1/requests/{digest}/review``.
    """
    status, card, graph = facts["status"], facts["card"], facts["facts"]
    request, budget = status["request"], facts["budget"]
    plan = request["plan"]
    operators = sorted(
        name.removeprefix("aten.").removesuffix(".default") for name in graph["operators"]
    )
    pairs = [
        ("request", f"{hex_of(status['request_digest'])}, {status['state']}"),
        ("who", f"{status['researcher']}, {time_words(status['submitted'])} UTC"),
        ("function", request["function"]),
        ("purpose", f"{request['purpose']} {request.get('purpose_text', '')}".strip()),
        ("dataset", f"{request['dataset']}, version {short(card['dataset_version'])}"),
        ("graph", f"{graph['trainable']} trained of {graph['parameters']} numbers"),
        ("operators", f"{len(operators)}: {', '.join(operators)}"),
        ("plan", ", ".join(f"{k} {v}" for k, v in sorted(plan.items()) if _plain(v))),
        (
            "privacy",
            f"asks epsilon {facts['epsilon_asked']:g}, computed here {facts['epsilon_run']:.4g} at "
            f"delta {facts['delta']:g}",
        ),
        ("budget", _budget(budget)),
        *(("leaves", line) for line in facts["leaves"]),
        *(("terms", line) for line in facts["policy"]),
        ("rehearsal", _rehearsal(facts["rehearsal"])),
        *_previous(facts["previous"]),
        ("data", _counted(facts["counts"])),
        ("approvals", _approvals(status)),
    ]
    lines, before = [], ""
    for name, text in pairs:
        found = textwrap.wrap(text, _LINE - _NAME, break_long_words=False, break_on_hyphens=False)
        for part in found or [""]:
            lines.append(f"{'' if name == before else name:<{_NAME}}{part}".rstrip())
            before = name
    return lines


def _budget(found: dict[str, Any]) -> str:
    runs, shared = found["runs"], ", ".join(found.get("shared", ()))
    return (
        f"{found['epsilon_left']:.4g} of {found['epsilon_total']:g} left, "
        f"{found['epsilon_spent']:.4g} spent or set aside, {runs} run{'s' * (runs != 1)} so far"
        + (f", shared with {shared}" if shared else "")
    )


def _approvals(status: dict[str, Any]) -> str:
    given = ", ".join(status["approvals"])
    missing = status["approvals_needed"] - len(status["approvals"])
    needed = f"{missing} needed" if status["state"] == "pending" else ""
    return "; ".join(part for part in (given, needed) if part) or "none"


def _plain(value: Any) -> bool:
    return isinstance(value, str | int | float) and value != ""


def _rehearsal(found: dict[str, Any]) -> str:
    metrics = ", ".join(f"{one['name']} {one['value']:.3g}" for one in found["metrics"])
    return " ".join(part for part in (found["state"], metrics, found["note"]) if part)


def _previous(found: dict[str, Any] | None) -> list[tuple[str, str]]:
    if found is None:
        return [("before", "this function was not approved before")]
    changes = [f"{one['field']}: {one['before']} became {one['after']}" for one in found["changes"]]
    told = changes or ["nothing changed"]
    return [("before", f"since {short(found['request_digest'])}: {line}") for line in told]


def _counted(found: dict[str, Any]) -> str:
    words = [
        f"{what}: {', '.join(f'{column} {count}' for column, count in sorted(columns.items()))}"
        for what, columns in found.items()
        if columns
    ]
    return "; ".join(words) or "no value was clamped or filled"
