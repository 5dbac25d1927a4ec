"""What a notebook shows of one thing, in the colors of JupyterLab's theme, or as plain text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from workbench.views.tables import Table

_STYLE = """<style>
.wb{font-family:var(--jp-ui-font-family,system-ui,sans-serif);font-size:13px;
color:var(--jp-ui-font-color1,inherit);max-width:1000px}
.wb h4{margin:4px 0 2px;font-size:14px}
.wb p{margin:2px 0 6px;color:var(--jp-ui-font-color2,inherit)}
.wb table{border-collapse:collapse;margin:4px 0}
.wb th,.wb td{padding:3px 12px 3px 0;text-align:left!important;vertical-align:top;
border-bottom:1px solid var(--jp-border-color2,#8884);white-space:normal}
.wb th{font-weight:600;color:var(--jp-ui-font-color2,inherit)}
.wb .note{color:var(--jp-error-color1,#b00)}
</style>"""

_NOTHING = Table((), ())


@dataclass(frozen=True)
class Page:
    """What is shown of one thing: a title, some words, a table, and what is wrong.

    Attributes
    ----------
    title, text
        The words above the table.
    table
        The facts.
    notes
        What a reader must not overlook, below the table.
    """

    title: str
    text: str = ""
    table: Table = _NOTHING
    notes: Sequence[str] = ()

    def html(self) -> str:
        """Return the page as HTML, with everything escaped."""
        parts = [_STYLE, f'<div class="wb"><h4>{escape(self.title)}</h4>']
        if self.text:
            parts.append(f"<p>{escape(self.text)}</p>")
        parts.append(self.table.html())
        parts += [f'<p class="note" role="alert">{escape(note)}</p>' for note in self.notes]
        return "".join([*parts, "</div>"])

    def plain(self) -> str:
        """Return the page as lines of text."""
        parts = [self.title, self.text.strip(), self.table.plain(), *self.notes]
        return "\n".join(part for part in parts if part)


class Shown:
    """Something that prints as the page of `_page`: as HTML in a notebook, as text elsewhere."""

    def _page(self) -> Page:
        raise NotImplementedError

    def __repr__(self) -> str:
        return self._page().plain()

    def _repr_html_(self) -> str:
        return self._page().html()
