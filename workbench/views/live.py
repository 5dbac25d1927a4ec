"""Show how far a run is: a live figure in a notebook, a plain bar elsewhere.

A notebook's figure is HTML that is shown again a few times a second. So it needs no
widget, stays in the saved notebook as it was last, and is what a report shows.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from html import escape
from typing import Any, Protocol

from workbench.views.pictures import svg

_SECONDS = 0.25
_DRAWN = 300
_STYLE = """<style>
.wb-live{font-family:var(--jp-ui-font-family,system-ui,sans-serif);font-size:13px;max-width:760px;
color:var(--jp-ui-font-color1,inherit)}
.wb-live .head{display:flex;gap:10px;align-items:center;margin:4px 0}
.wb-live .track{flex:0 1 260px;height:8px;border-radius:4px;overflow:hidden;
background:var(--jp-layout-color3,#d0d7de)}
.wb-live .done{height:100%;background:var(--jp-brand-color1,#1f6feb)}
.wb-live .words,.wb-live p{color:var(--jp-ui-font-color2,#57606a);margin:0}
.wb-live svg{max-width:100%;height:auto}
.wb-live svg text{font:12px system-ui,sans-serif;fill:var(--jp-ui-font-color2,#57606a)}
.wb-live svg .grid{stroke:var(--jp-border-color2,#d0d7de)}
.wb-live svg .error{stroke:var(--jp-ui-font-color1,#1f2328)}
</style>"""


class View(Protocol):
    """Something that shows how far a run is."""

    def tell(self, words: str, step: int | None = None) -> None:
        """Show what is being done and, if it is known, how many steps are done."""

    def curve(self, name: str, points: Sequence[tuple[float, float, float]]) -> None:
        """Draw `name` through points of step, value and standard error, in place of before."""


class Figure:
    """A live figure in the output of a cell.

    Parameters
    ----------
    title
        What is followed.
    total
        How many steps there are.
    note
        What the figure shows, in a line.
    unit
        The word for one of them.
    """

    def __init__(self, title: str, total: int, note: str = "", unit: str = "step") -> None:
        from IPython.display import display

        self._title, self._total, self._note, self._unit = title, total, note, unit
        self._words, self._step = "", 0
        self._curves: dict[str, list[tuple[float, float, float]]] = {}
        self._shown = time.monotonic()
        self._handle: Any = display(self, display_id=True)  # type: ignore[no-untyped-call]

    def tell(self, words: str, step: int | None = None) -> None:
        """Show what is being done, and how many steps are done."""
        self._words = words
        if step is not None:
            self._step = max(self._step, min(step, self._total))
        self._show()

    def curve(self, name: str, points: Sequence[tuple[float, float, float]]) -> None:
        """Draw a curve; if it has many points, every n-th and the last of them."""
        every = -(-len(points) // _DRAWN)
        self._curves[name] = [*points[:-1:every], *points[-1:]] if every > 1 else list(points)
        self._show()

    def _show(self) -> None:
        # The run that is followed must not wait for the drawing.
        if time.monotonic() - self._shown >= _SECONDS:
            self.close()

    def close(self) -> None:
        """Show the last state."""
        self._shown = time.monotonic()
        self._handle.update(self)

    def __repr__(self) -> str:
        last = [f"{name} {points[-1][1]:.3f}" for name, points in self._curves.items() if points]
        return ", ".join([f"{self._title}: {self._words}, {self._step} of {self._total}", *last])

    def _repr_html_(self) -> str:
        share = 100 * self._step / max(self._total, 1)
        text = f"{self._step} of {self._total} {self._unit}s"
        text += f", {self._words}" if self._words else ""
        parts = [
            _STYLE,
            f'<div class="wb-live"><div class="head"><strong>{escape(self._title)}</strong>'
            f'<div class="track" role="progressbar" aria-label="{escape(self._title)}" '
            f'aria-valuemin="0" aria-valuemax="{self._total}" aria-valuenow="{self._step}">'
            f'<div class="done" style="width:{share:.1f}%"></div></div>'
            f'<span class="words">{escape(text)}</span></div>',
        ]
        if self._curves:
            parts += [_picture(self._curves, f"{self._unit}s"), f"<p>{escape(self._note)}</p>"]
        return "".join([*parts, "</div>"])


def _picture(curves: dict[str, list[tuple[float, float, float]]], axis: str) -> str:
    traces = [
        {
            "type": "scatter",
            "name": name,
            "mode": "lines+markers" if len(p) < 30 else "lines",
            "x": [step for step, _, _ in p],
            "y": [value for _, value, _ in p],
            "error_y": {"array": [2 * error for _, _, error in p]},
        }
        for name, p in curves.items()
    ]
    layout = {"height": 240, "xaxis": {"title": axis}, "yaxis": {"range": [0, 1.05]}}
    return svg({"data": traces, "layout": layout}) or ""


class _Bar:
    def __init__(self, bar: Any) -> None:
        self._bar = bar

    def tell(self, words: str, step: int | None = None) -> None:
        self._bar.set_postfix_str(words)
        if step is not None:
            self._bar.update(max(0, min(step, self._bar.total) - self._bar.n))

    def curve(self, name: str, points: Sequence[tuple[float, float, float]]) -> None:
        pass


class Nothing:
    """A view that shows nothing."""

    def tell(self, words: str, step: int | None = None) -> None:
        """Show nothing."""

    def curve(self, name: str, points: Sequence[tuple[float, float, float]]) -> None:
        """Show nothing."""


def in_notebook() -> bool:
    """Return whether this runs in a notebook's kernel."""
    shell = sys.modules.get("IPython")
    found = shell.get_ipython() if shell is not None else None
    return found is not None and hasattr(found, "kernel")


@contextmanager
def view(
    title: str, total: int, note: str = "", shown: bool = True, unit: str = "step", done: int = 0
) -> Iterator[View]:
    """Show how far a run is until the block ends.

    Parameters
    ----------
    title, total, note, unit
        As for `Figure`.
    shown
        Whether to show anything.
    done
        How many steps were done before it is shown.
    """
    if not shown:
        yield Nothing()
    elif in_notebook():
        figure = Figure(title, total, note, unit)
        figure.tell("", done)
        try:
            yield figure
        finally:
            figure.close()
    else:
        from tqdm import tqdm

        with tqdm(total=total, desc=title, unit=unit, initial=done) as bar:
            yield _Bar(bar)
