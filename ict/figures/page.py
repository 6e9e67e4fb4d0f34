"""HTML pages that need no server and no network, and that run no script but ours.

Names of tasks, backbones and files come from other people's disks: every text goes through Jinja2's
auto-escape, and a Content-Security-Policy allows Plotly and the drawings by the hash of their
scripts and nothing else, so that a handler that slipped through would not fire either.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from plotly.io.json import to_json_plotly
from plotly.offline import get_plotlyjs

from ict.figures.theme import apply, browser_config

_STYLE = """
body{font-family:Arial,Helvetica,sans-serif;color:#1F2933;max-width:1100px;margin:2.5em auto;
padding:0 1em;line-height:1.5} h1{margin-bottom:.2em} h2{margin-top:2em}
table.data{border-collapse:collapse;font-size:.85em;display:block;overflow-x:auto}
table.data th,table.data td{padding:.3em .7em;text-align:right;border-bottom:1px solid #E4E7EB}
table.data th{border-bottom:1.5px solid #1F2933;text-align:right} figcaption{font-size:.9em}
figure{margin:1.5em 0} pre{font-size:.8em;overflow-x:auto;background:#F5F7FA;padding:1em}
.note{color:#52606D}
"""
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{{ policy }}">
<meta name="viewport" content="width=device-width">
<title>{{ title }}</title><style>{{ style }}</style>
{% if library %}<script src="{{ library }}"></script>
{% endif -%}
{% for script in libraries %}<script>{{ script }}</script>
{% endfor -%}
</head><body>
{% if heading %}<h1>{{ heading }}</h1>
{% endif -%}
{% for section, script in sections -%}
{% if section.heading %}<h2>{{ section.heading }}</h2>
{% endif -%}
{% for line in section.notes %}<p class="note">{{ line }}</p>
{% endfor -%}
{% if script %}<figure><div id="figure-{{ loop.index }}"></div><script>{{ script }}</script>
<figcaption>{{ section.caption }}</figcaption></figure>
{% endif -%}
{% if section.table %}<table class="data"><thead><tr>
{%- for cell in section.table[0] %}<th>{{ cell }}</th>{% endfor %}</tr></thead><tbody>
{% for row in section.table[1:] %}<tr>{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}</tbody></table>
{% endif -%}
{% if section.folded %}<details><summary>{{ section.summary }}</summary><pre>{{ section.folded }}</pre></details>
{% endif -%}
{% endfor -%}
</body></html>
"""
_TEMPLATE = Environment(autoescape=True, undefined=StrictUndefined).from_string(_PAGE)


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of a page: a heading, notes, a figure with its caption, a table, a text to unfold."""

    heading: str = ""
    notes: Sequence[str] = ()
    figure: go.Figure | None = None
    name: str = "figure"
    """What the figure's file is called when it is saved from the page."""
    caption: str = ""
    table: Sequence[Sequence[str]] = ()
    """Rows of cells, the header first."""
    summary: str = ""
    folded: str = ""


def page(
    title: str, sections: Sequence[Section], *, heading: str = "", library: str | None = None
) -> str:
    """The page as text, in UTF-8 without lone surrogates; equal inputs give equal text.

    plotly.js is in it, or at `library`, a path from the page, if that is given.
    """
    scripts = [_script(number, one) for number, one in enumerate(sections, start=1)]
    libraries = [get_plotlyjs()] if any(scripts) and library is None else []
    text = _TEMPLATE.render(
        title=title,
        heading=heading,
        style=Markup(_STYLE),
        policy=_policy([*libraries, *filter(None, scripts)], beside=library is not None),
        library=library,
        libraries=[Markup(text) for text in libraries],
        sections=[(one, Markup(script)) for one, script in zip(sections, scripts, strict=True)],
    )
    return text.encode("utf-8", "replace").decode()


def _script(number: int, section: Section) -> str:
    """The call that draws a section's figure. Plotly's JSON is ASCII and escapes `<`, `>` and `/`."""
    if section.figure is None:
        return ""
    shown = apply(section.figure, "print")
    shown.update_layout(title=None)
    drawn = shown.to_plotly_json()
    config = browser_config(section.name) | {"responsive": True}
    data, layout, how = (to_json_plotly(part) for part in (drawn["data"], drawn["layout"], config))
    return f'Plotly.newPlot("figure-{number}", {data}, {layout}, {how})'


def _policy(scripts: Sequence[str], *, beside: bool = False) -> str:
    """Nothing from anywhere, but these scripts; styles that Plotly sets, pictures that it makes.

    `beside` lets in scripts of the page's own folder or site: a browser checks no hash of a file.
    """
    hashes = [hashlib.sha256(text.encode()).digest() for text in scripts]
    sources = [f"'sha256-{base64.b64encode(one).decode()}'" for one in hashes]
    sources += ["'self'", "file:"] if beside else []
    allowed = " ".join(sources) or "'none'"
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
