"""Draw a plotly figure as SVG that needs no script: bars, lines, dots, error bars.

A report must open from a disk, years later, in a browser that runs nothing. plotly's own static
export starts a browser, and its script is 4 MB; the figures of a study are bars and curves.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np

from workbench.views.scales import Scale, category_scale, number_scale

_COLOURS = ("#1f6feb", "#d4741c", "#1a7f37", "#8250df", "#cf222e", "#6e7781")
_WIDTH = 760
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 14, 46
_MAX_POINTS = 5000
_LINE = 22


@dataclass
class _Trace:
    kind: str
    name: str
    x: list[Any]
    y: list[Any]
    colour: str
    mode: str = "lines+markers"
    dash: bool = False
    sideways: bool = False
    legend: bool = True
    errors: list[float] = field(default_factory=list)


def svg(figure: Mapping[str, Any]) -> str | None:
    """Return the picture of a plotly figure's JSON, or None if it has other kinds of traces."""
    try:
        traces = [_trace(i, one) for i, one in enumerate(figure["data"])]
        layout = figure.get("layout", {})
        if not traces or sum(len(t.x) for t in traces) > _MAX_POINTS:
            return None
        return _Picture(traces, layout).draw()
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError):
        return None


def _trace(position: int, one: Mapping[str, Any]) -> _Trace:
    kind = one.get("type", "scatter")
    if kind not in ("bar", "scatter"):
        raise ValueError(kind)
    marker, line = one.get("marker") or {}, one.get("line") or {}
    colour = marker.get("color") or line.get("color")
    y = _values(one["y"])
    x = _values(one["x"]) if "x" in one else list(range(len(y)))
    if len(x) != len(y):
        raise ValueError("lengths")
    sideways = kind == "bar" and one.get("orientation") == "h"
    if kind == "bar":
        # A bar has the room of a category, also where numbers name the bars.
        x, y = (x, _names(y)) if sideways else (_names(x), y)
    errors = one.get("error_x" if sideways else "error_y") or {}
    return _Trace(
        kind,
        str(one.get("name") or ""),
        x,
        y,
        str(colour) if _plain(colour) else _COLOURS[position % len(_COLOURS)],
        str(one.get("mode") or "lines+markers"),
        line.get("dash") not in (None, "solid"),
        sideways,
        one.get("showlegend", True) is not False,
        [float(e) for e in _values(errors.get("array") or [])],
    )


def _names(keys: list[Any]) -> list[Any]:
    return [f"{key:.6g}" if isinstance(key, int | float) else key for key in keys]


def _plain(colour: Any) -> bool:
    return (
        isinstance(colour, str) and len(colour) == 7 and colour[0] == "#" and colour[1:].isalnum()
    )


def _values(given: Any) -> list[Any]:
    """Return a list of numbers and texts; plotly packs arrays as base64."""
    if isinstance(given, Mapping):
        found = np.frombuffer(base64.b64decode(given["bdata"]), dtype=np.dtype(given["dtype"]))
        return list(found.tolist())
    return [v if isinstance(v, int | float) or v is None else str(v)[:80] for v in given]


class _Picture:
    def __init__(self, traces: Sequence[_Trace], layout: Mapping[str, Any]) -> None:
        self.traces = traces
        self.stacked = layout.get("barmode") in ("stack", "relative")
        bars = [t for t in traces if t.kind == "bar"]
        self.sideways = bool(bars) and all(t.sideways for t in bars)
        names = [t.name for t in traces if t.legend and t.name]
        self.legend = names if len(names) > 1 else []
        self.top = _TOP + _LINE * len(_rows(self.legend))
        self.height = min(max(int(layout.get("height") or 360), 160), 900)
        keys, sizes = ("y", "x") if self.sideways else ("x", "y")
        self.left = 170 if self.sideways else _LEFT
        across, up = layout.get(f"{keys}axis") or {}, layout.get(f"{sizes}axis") or {}
        self.keys = self._key_scale(across)
        self.sizes = self._size_scale(up, bars)
        self.titles = (_text(layout.get("xaxis")), _text(layout.get("yaxis")))

    def _key_scale(self, axis: Mapping[str, Any]) -> Scale:
        given = [v for t in self.traces for v in (t.y if self.sideways else t.x)]
        span = (self.height - _BOTTOM, self.top) if self.sideways else (self.left, _WIDTH - _RIGHT)
        if any(isinstance(v, str) for v in given):
            return category_scale(list(dict.fromkeys(map(str, given))), span)
        labels = dict(zip(axis.get("tickvals") or (), axis.get("ticktext") or (), strict=False))
        return number_scale(_finite(given), span, labels=labels)

    def _size_scale(self, axis: Mapping[str, Any], bars: Sequence[_Trace]) -> Scale:
        ends: list[float] = [0.0] if bars else []
        totals: dict[Any, float] = {}
        for t in self.traces:
            for i, (key, size) in enumerate(_pairs(t, self.sideways)):
                wide = t.errors[i] if i < len(t.errors) else 0.0
                ends += [size - wide, size + wide]
                if t.kind == "bar" and self.stacked:
                    totals[key] = totals.get(key, 0.0) + size
        ends += totals.values()
        span = (self.left, _WIDTH - _RIGHT) if self.sideways else (self.height - _BOTTOM, self.top)
        fixed = axis.get("range")
        return number_scale(_finite(fixed or ends), span, exact=fixed is not None)

    def draw(self) -> str:
        label = ", ".join(filter(None, (*self.titles, *self.legend))) or "figure"
        parts = [
            f'<svg class="figure" role="img" aria-label="{escape(label[:300])}" '
            f'viewBox="0 0 {_WIDTH} {self.height}" width="{_WIDTH}" height="{self.height}">',
            *self._axes(),
            *self._legend(),
        ]
        bars = [t for t in self.traces if t.kind == "bar"]
        below: dict[Any, float] = {}
        for place, trace in enumerate(bars):
            parts += self._bars(trace, place, len(bars), below)
        for trace in self.traces:
            if trace.kind == "scatter":
                parts += self._course(trace)
        return "".join([*parts, "</svg>"])

    def _at(self, key: float, size: float) -> tuple[float, float]:
        return (size, key) if self.sideways else (key, size)

    def _axes(self) -> Iterator[str]:
        low, high = self.keys.span
        for value, text in self.sizes.ticks():
            x1, y1 = self._at(low, self.sizes(value))
            x2, y2 = self._at(high, self.sizes(value))
            yield _line(x1, y1, x2, y2, "grid")
            if self.sideways:
                yield _label(x1, self.height - _BOTTOM + 18, text, "middle")
            else:
                yield _label(self.left - 8, y1 + 4, text, "end")
        for value, text in self.keys.ticks():
            if self.sideways:
                yield _label(self.left - 8, self.keys(value) + 4, text[:26], "end")
            else:
                yield _label(self.keys(value), self.height - _BOTTOM + 18, text[:22], "middle")
        x_title, y_title = self.titles
        yield _label((self.left + _WIDTH - _RIGHT) / 2, self.height - 6, x_title, "middle", "title")
        if y_title:
            middle = (self.top + self.height - _BOTTOM) / 2
            turn = f' transform="rotate(-90 14 {middle:.0f})"'
            yield _label(14, middle, y_title, "middle", "title", turn)

    def _legend(self) -> Iterator[str]:
        colours = {t.name: t.colour for t in self.traces}
        for row, names in enumerate(_rows(self.legend)):
            x, y = float(self.left), _TOP + row * _LINE
            for name in names:
                spot = f'<rect x="{x:.1f}" y="{y - 6}" width="10" height="10"'
                yield f'{spot} fill="{colours[name]}"/>'
                yield _label(x + 15, y + 4, name[:60], "start")
                x += _wide(name)

    def _bars(self, trace: _Trace, place: int, many: int, below: dict[Any, float]) -> Iterator[str]:
        share = self.keys.step * 0.8 / (1 if self.stacked else many)
        for i, (key, size) in enumerate(_pairs(trace, self.sideways)):
            offset = 0.0 if self.stacked else (place - (many - 1) / 2) * share
            centre = self.keys(key) + offset
            start = below.get(key, 0.0) if self.stacked else 0.0
            below[key] = start + size
            a = self._at(centre - share / 2, self.sizes(start))
            b = self._at(centre + share / 2, self.sizes(start + size))
            yield (
                f'<rect x="{min(a[0], b[0]):.1f}" y="{min(a[1], b[1]):.1f}" '
                f'width="{abs(a[0] - b[0]):.1f}" height="{abs(a[1] - b[1]):.1f}" '
                f'fill="{trace.colour}">{_tip(trace, key, size)}</rect>'
            )
            yield self._error(trace, i, centre, start + size)

    def _course(self, trace: _Trace) -> Iterator[str]:
        points = [
            (self.keys(key), self.sizes(size), key, size, i)
            for i, (key, size) in enumerate(_pairs(trace, self.sideways))
        ]
        if "lines" in trace.mode:
            way = " ".join(f"{x:.1f},{y:.1f}" for x, y, *_ in points)
            dash = ' stroke-dasharray="6 4"' if trace.dash else ""
            yield (
                f'<polyline points="{way}" fill="none" stroke="{trace.colour}" '
                f'stroke-width="2"{dash}/>'
            )
        for x, y, key, size, i in points:
            yield self._error(trace, i, x, size)
            if "markers" in trace.mode:
                yield (
                    f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{trace.colour}">'
                    f"{_tip(trace, key, size)}</circle>"
                )

    def _error(self, trace: _Trace, i: int, key: float, size: float) -> str:
        if i >= len(trace.errors) or not trace.errors[i]:
            return ""
        low, high = (self.sizes(size + sign * trace.errors[i]) for sign in (-1, 1))
        ends = [
            _line(*self._at(key - 4, end), *self._at(key + 4, end), "error") for end in (low, high)
        ]
        return "".join([_line(*self._at(key, low), *self._at(key, high), "error"), *ends])


def _pairs(trace: _Trace, sideways: bool) -> list[tuple[Any, float]]:
    keys, sizes = (trace.y, trace.x) if sideways else (trace.x, trace.y)
    return [
        (key, float(size))
        for key, size in zip(keys, sizes, strict=True)
        if isinstance(size, int | float) and math.isfinite(size) and key is not None
    ]


def _finite(values: Sequence[Any]) -> list[float]:
    return [float(v) for v in values if isinstance(v, int | float) and math.isfinite(v)]


def _text(axis: Any) -> str:
    title = (axis or {}).get("title") or ""
    return str((title.get("text") or "") if isinstance(title, Mapping) else title)[:120]


def _wide(name: str) -> float:
    return 30 + 6.4 * min(len(name), 60)


def _rows(names: Sequence[str]) -> list[list[str]]:
    rows: list[list[str]] = []
    used = math.inf
    for name in names:
        if used + _wide(name) > _WIDTH - 80:
            rows.append([])
            used = 0.0
        rows[-1].append(name)
        used += _wide(name)
    return rows


def _tip(trace: _Trace, key: Any, size: float) -> str:
    name = f"{trace.name}, " if trace.name else ""
    return f"<title>{escape(f'{name}{key}: {size:.6g}')}</title>"


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _label(x: float, y: float, text: str, anchor: str, kind: str = "tick", more: str = "") -> str:
    return (
        f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{more}>'
        f"{escape(text)}</text>"
    )
