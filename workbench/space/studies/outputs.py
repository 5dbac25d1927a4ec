"""Write a notebook's cells as HTML that runs nothing and loads nothing."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from workbench.views.pictures import svg

MAX_OUTPUT = 2 << 20
MAX_TEXT = 20_000
MAX_CELLS = 20 << 20
_PLOTLY = "application/vnd.plotly.v1+json"
_WIDGET = "application/vnd.jupyter.widget-view+json"
_PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_TAGS = {
    "table",
    "thead",
    "tbody",
    "tfoot",
    "tr",
    "th",
    "td",
    "caption",
    "p",
    "div",
    "span",
    "b",
    "i",
    "em",
    "strong",
    "code",
    "pre",
    "ul",
    "ol",
    "li",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "br",
    "hr",
    "sub",
    "sup",
    "blockquote",
    "details",
    "summary",
    "a",
    "svg",
    "rect",
    "line",
    "polyline",
    "circle",
    "text",
    "title",
}
_PLACES = {
    "x",
    "y",
    "x1",
    "x2",
    "y1",
    "y2",
    "cx",
    "cy",
    "r",
    "width",
    "height",
    "points",
    "fill",
    "stroke",
    "stroke-width",
    "stroke-dasharray",
    "text-anchor",
    "transform",
    "class",
}


def cells_html(notebook: Any) -> str:
    """Return all cells; beyond 20 MB the rest is named and left out."""
    parts: list[str] = []
    size = 0
    for number, cell in enumerate(notebook.cells):
        part = _cell(cell)
        size += len(part)
        if size > MAX_CELLS:
            left = len(notebook.cells) - number
            parts.append(
                f'<p class="left-out">{left} more cells are left out here: the report would be '
                "too large. They are in the notebook beside this file.</p>"
            )
            break
        parts.append(part)
    return "".join(parts)


def _cell(cell: Any) -> str:
    tags = cell.metadata.get("tags", [])
    # papermill's own marks: the report says itself which cell failed.
    if "papermill-error-cell-tag" in tags or not cell.source.strip():
        return ""
    if cell.cell_type == "markdown":
        return f'<section class="words">{_markdown(cell.source[:MAX_TEXT])}</section>'
    if cell.cell_type != "code":
        return ""
    source = escape(cell.source[:MAX_TEXT])
    outputs = "".join(_output(one) for one in cell.get("outputs", []))
    summary = escape(cell.source.strip().splitlines()[0][:90])
    return (
        f'<section class="code"><details><summary><code>{summary}</code></summary>'
        f"<pre>{source}</pre></details>{outputs}</section>"
    )


def _markdown(text: str) -> str:
    from markdown_it import MarkdownIt

    return _clean(MarkdownIt("commonmark", {"html": False}).enable("table").render(text))


def _clean(html: str) -> str:
    import nh3

    return nh3.clean(
        html,
        tags=_TAGS,
        clean_content_tags={"script", "style", "template", "noscript"},
        attributes={
            "a": {"href"},
            "td": {"colspan", "rowspan"},
            "th": {"colspan", "rowspan", "scope"},
            "svg": {"viewBox", "role", "aria-label", *_PLACES},
            **{tag: _PLACES for tag in ("rect", "line", "polyline", "circle", "text")},
        },
        url_schemes={"http", "https", "mailto"},
    )


def _output(output: Mapping[str, Any]) -> str:
    kind = output["output_type"]
    if kind == "stream":
        text = _settled(_text(output["text"]))
        return f'<pre class="{escape(output["name"])}">{_bounded(text)}</pre>' if text else ""
    if kind == "error":
        lines = "\n".join(output.get("traceback", [])) or f"{output['ename']}: {output['evalue']}"
        return f'<pre class="error">{_bounded(_settled(lines))}</pre>'
    return next(filter(None, _renderings(output.get("data", {}))), "")


def _renderings(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield the forms in which an output can be shown, the best first."""
    if _PLOTLY in data:
        drawn = svg(data[_PLOTLY])
        words = "An interactive figure: open the notebook to see it."
        yield f"<figure>{drawn}</figure>" if drawn else f'<p class="left-out">{words}</p>'
    for mime in _PICTURES:
        if mime in data:
            yield _picture(mime, _text(data[mime]))
    if "image/svg+xml" in data:
        content = base64.b64encode(_text(data["image/svg+xml"]).encode()).decode()
        yield _picture("image/svg+xml", content)
    if _WIDGET in data and "text/html" not in data:
        # A progress bar that has ended says nothing any more.
        if re.search(r"\d%\|", _text(data.get("text/plain", ""))):
            return
        yield '<p class="left-out">A widget: open the notebook in JupyterLab to see it.</p>'
    if "text/html" in data:
        html = _text(data["text/html"])
        yield _too_large(html) or _wide(_clean(html).strip())
    if "text/markdown" in data:
        yield _markdown(_text(data["text/markdown"])[:MAX_TEXT])
    if "text/plain" in data:
        yield f"<pre>{_bounded(_settled(_text(data['text/plain'])))}</pre>"


def _wide(html: str) -> str:
    return f'<div class="wide">{html}</div>' if html else ""


def _picture(mime: str, content: str) -> str:
    content = re.sub(r"\s", "", content)
    if not re.fullmatch(r"[A-Za-z0-9+/=]*", content):
        return ""
    # As a data address inside of img, an SVG's own scripts do not run.
    return _too_large(content) or f'<img alt="" src="data:{mime};base64,{content}">'


def _too_large(content: str) -> str:
    if len(content) <= MAX_OUTPUT:
        return ""
    size = len(content) / (1 << 20)
    return f'<p class="left-out">An output of {size:.1f} MB is left out; the notebook has it.</p>'


def _text(value: Any) -> str:
    return "".join(value) if isinstance(value, list) else str(value)


def _settled(text: str) -> str:
    """Return what a terminal would show at the end, where a bar overwrites its earlier states."""
    plain = _COLOURS.sub("", text)
    lines = (line.rstrip("\r").rsplit("\r", 1)[-1].rstrip() for line in plain.split("\n"))
    return "\n".join(lines).strip("\n")


def _bounded(text: str) -> str:
    if len(text) <= MAX_TEXT:
        return escape(text)
    return escape(text[:MAX_TEXT]) + "\n… (the notebook has the rest)"
