"""Show the facts of one request to a steward, as lines of text."""

from __future__ import annotations

from typing import Any

from workbench.documents.base import short

_WIDTH = 14


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
    operators = sorted(graph["operators"])
    pairs = [
        ("request", f"{short(status['request_digest'])}, {status['state']}"),
        ("who", f"{status['researcher']}: {request['function']}"),
        ("purpose", request["purpose"]),
        ("dataset", f"{request['dataset']}, version {short(card['dataset_version'])}"),
        ("graph", f"{graph['trainable']} trained of {graph['parameters']} numbers"),
        ("operators", f"{len(operators)}: {', '.join(operators)}"),
        ("plan", ", ".join(f"{k} {v}" for k, v in sorted(plan.items()) if _plain(v))),
        (
            "privacy",
            f"asks epsilon {facts['epsilon_asked']:g}, computed here {facts['epsilon_run']:.4g} at "
            f"delta {facts['delta']:g}; {budget['epsilon_left']:.4g} of "
            f"{budget['epsilon_total']:g} are left",
        ),
        *(("leaves", line) for line in facts["leaves"]),
        *(("terms", line) for line in facts["policy"]),
        ("rehearsal", _rehearsal(facts["rehearsal"])),
        *_previous(facts["previous"]),
        *(_counted(facts["counts"])),
    ]
    lines, before = [], ""
    for name, text in pairs:
        lines.append(f"{'' if name == before else name:<{_WIDTH}}{text}")
        before = name
    return lines


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


def _counted(found: dict[str, Any]) -> list[tuple[str, str]]:
    words = [f"{what} {column}: {n}" for what in found for column, n in found[what].items()]
    return [("data", ", ".join(sorted(words)))] if words else []
