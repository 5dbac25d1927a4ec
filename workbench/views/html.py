"""Small HTML tables for notebooks, in the colours of JupyterLab's theme; everything is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

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


def rows_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return an HTML table; without a header the first cell of each row is one."""
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in header)
    body = ""
    for row in rows:
        cells = [f"<td>{escape(str(cell))}</td>" for cell in row]
        if not header:
            cells[0] = f'<th scope="row">{escape(str(row[0]))}</th>'
        body += f"<tr>{''.join(cells)}</tr>"
    top = f"<thead><tr>{head}</tr></thead>" if header else ""
    return f"<table>{top}<tbody>{body}</tbody></table>"


def page(title: str, text: str, content: str, notes: Sequence[str] = ()) -> str:
    """Return a titled block of HTML; `content` is HTML, all else is text."""
    parts = [_STYLE, f'<div class="wb"><h4>{escape(title)}</h4>']
    if text:
        parts.append(f"<p>{escape(text)}</p>")
    parts.append(content)
    parts += [f'<p class="note" role="alert">{escape(note)}</p>' for note in notes]
    return "".join([*parts, "</div>"])
