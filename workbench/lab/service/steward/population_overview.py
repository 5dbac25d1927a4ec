"""Keep what a steward's panel shows of populations: bounded, and seldom asked for."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from workbench.errors import WorkbenchError
from workbench.lab.service.service import Service
from workbench.lab.service.steward.populations import Populations

SECONDS = 60.0
MOST_POPULATIONS = 100
MOST_BLOCKS = 24
MOST_DATASETS = 20
MOST_HISTORIES = 20
MOST_POINTS = 200


@dataclass(frozen=True)
class _Known:
    """What a domain said when its requests and this panel were at `mark`."""

    mark: object
    time: float
    section: dict[str, Any]


class PopulationOverview:
    """What a panel knows about populations.

    Nothing is asked before `open`. Then a domain is asked again when a request moved, when this
    person changed something, and after a minute.

    Parameters
    ----------
    service
        Connected with the steward's key.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._populations = Populations(service)
        self._opened = 0
        self._changes = 0
        self._known: dict[str, _Known] = {}
        self._followed: tuple[tuple[str, str], ...] = ()
        self._histories: dict[tuple[str, str], tuple[float, dict[str, Any]]] = {}

    def open(self) -> None:
        """Show the populations from now on, and ask for them again if they are shown already."""
        self._opened += 1

    def follow(self, domain: str, name: str) -> None:
        """Show what was spent over time in one population; the last ones that were opened stay."""
        key = (self._service.domain(domain).client.name, name)
        others = [other for other in self._followed if other != key]
        self._followed = (*others, key)[-MOST_HISTORIES:]

    def changed(self) -> None:
        """Note that this person sent a change: what is known may be old."""
        self._changes += 1

    def renew(self, domain: str, moves: object) -> None:
        """Ask a domain if something may have changed; `moves` differs after a request moved."""
        if not self._opened:
            return
        mark = (self._opened, self._changes, moves)
        known = self._known.get(domain)
        if known is None or known.mark != mark or time.monotonic() - known.time > SECONDS:
            before = None if known is None else known.section
            known = _Known(mark, time.monotonic(), self._section(domain, before))
            self._known = {**self._known, domain: known}
        followed = self._followed
        histories = {key: value for key, value in self._histories.items() if key in followed}
        for other, name in followed:
            found = histories.get((other, name))
            if other == domain and (found is None or found[0] != known.time):
                histories[other, name] = (known.time, self._history(domain, name))
        self._histories = histories

    def content(self) -> dict[str, Any]:
        """Return what is known as JSON; without populations before `open`."""
        known = self._known
        names = [domain.client.name for domain in self._service.watched()]
        sections = [known[name].section if name in known else _nothing(name) for name in names]
        return {
            "populations": sections if self._opened else None,
            "histories": {f"{d}/{n}": found for (d, n), (_, found) in self._histories.items()},
        }

    def _section(self, domain: str, before: dict[str, Any] | None) -> dict[str, Any]:
        try:
            found = self._populations.all(domain)
        except WorkbenchError as error:
            words = f"{error.message} {error.hint}".strip()
            # What is being typed stays on the screen while a domain is away for a moment.
            return (before or _nothing(domain)) | {"error": words}
        populations = found["populations"]
        # Used ones first where there are more than anybody looks through.
        most = sorted(populations, key=lambda status: -_most_spent(status))[:MOST_POPULATIONS]
        shown = sorted(most, key=lambda status: str(status["population"]["name"]))
        return {
            "domain": domain,
            "error": "",
            "populations": [_shortened(status) for status in shown],
            "in_all": len(populations),
            "changes": found["changes"],
        }

    def _history(self, domain: str, name: str) -> dict[str, Any]:
        try:
            found = self._populations.history(domain, name)
        except WorkbenchError as error:
            return {"error": f"{error.message} {error.hint}".strip(), "blocks": []}
        blocks = []
        for line in found["blocks"]:
            step = max(1, -(-len(line["points"]) // MOST_POINTS))
            # From the end, so that the newest is always there.
            blocks.append({**line, "points": line["points"][::-1][::step][::-1]})
        return {"error": "", "blocks": blocks}


def _nothing(domain: str) -> dict[str, Any]:
    return {"domain": domain, "error": "", "populations": [], "in_all": 0, "changes": []}


def _most_spent(status: dict[str, Any]) -> float:
    return max((float(block["epsilon_spent"]) for block in status["blocks"]), default=0.0)


def _shortened(status: dict[str, Any]) -> dict[str, Any]:
    return {
        "population": status["population"],
        "datasets": status["datasets"][:MOST_DATASETS],
        "datasets_in_all": len(status["datasets"]),
        "blocks": status["blocks"][:MOST_BLOCKS],
        "blocks_in_all": len(status["blocks"]),
    }
