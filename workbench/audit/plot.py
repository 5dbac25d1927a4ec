"""The picture of an audit: for each run the claimed epsilon and the one that is proven."""

from __future__ import annotations

import math
from html import escape

from workbench.audit.study import Finding

_WIDTH, _LEFT, _RIGHT, _ROW, _TOP = 860, 400, 20, 34, 58
_CLAIM, _SOUND, _BROKEN, _INK = "#24292f", "#1f6feb", "#cf222e", "#24292f"


def svg(findings: list[Finding]) -> str:
    """Return an SVG with one row per finding: a bar for what is proven, a line for the claim."""
    most = math.ceil(max(max(f.claimed, f.measured) for f in findings))
    height = _TOP + _ROW * len(findings) + 40
    bottom = height - 36

    def across(epsilon: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * epsilon / most

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'font-family="sans-serif" font-size="13" fill="{_INK}">',
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
        *_legend(),
    ]
    for epsilon in range(most + 1):
        x = across(epsilon)
        parts.append(
            f'<line x1="{x:.1f}" y1="{_TOP - 8}" x2="{x:.1f}" y2="{bottom}" stroke="#d0d7de"/>'
            f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{epsilon}</text>'
        )
    for row, finding in enumerate(findings):
        y = _TOP + _ROW * row
        colour = _SOUND if finding.scenario.holds else _BROKEN
        length = max(across(finding.measured) - _LEFT, 1.0)
        claim = across(finding.claimed)
        parts.append(
            f'<text x="{_LEFT - 10}" y="{y + 16}" text-anchor="end">'
            f"{escape(finding.scenario.name)}</text>"
            f'<rect x="{_LEFT}" y="{y + 3}" width="{length:.1f}" height="18" fill="{colour}"/>'
            f'<line x1="{claim:.1f}" y1="{y}" x2="{claim:.1f}" y2="{y + 24}" '
            f'stroke="{_CLAIM}" stroke-width="4"/>'
        )
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{height - 4}" text-anchor="middle">epsilon</text></svg>')
    return "\n".join(parts) + "\n"


def _legend() -> list[str]:
    entries = (
        (0, _CLAIM, "claimed"),
        (95, _SOUND, "proven, sound engine"),
        (265, _BROKEN, "proven, broken engine"),
    )
    parts = []
    for offset, colour, label in entries:
        x = _LEFT + offset
        parts.append(
            f'<rect x="{x}" y="16" width="12" height="12" fill="{colour}"/>'
            f'<text x="{x + 18}" y="27">{label}</text>'
        )
    return parts
