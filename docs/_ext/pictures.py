"""
Pictures from text: a `{picture}` block holds a graph in the DOT language and becomes SVG in the build.

The SVG is part of the page and takes its colours from the theme by the style sheet. It needs no script and
no network, and it follows dark mode. Graphviz itself is in the wheel of pygraphviz.
"""

from __future__ import annotations

import re
from html import escape
from typing import Any, ClassVar

import pygraphviz
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

_DEFAULTS = """
  graph [bgcolor="transparent", fontname="Arial", fontsize=12, nodesep=0.3, ranksep=0.45, pad=0.1]
  node [shape=box, style="rounded", fontname="Arial", fontsize=12, height=0.4, margin="0.16,0.08"]
  edge [fontname="Arial", fontsize=11, arrowsize=0.7]
"""
"""Attributes of every picture. A picture may override them."""

_SIZE = re.compile(r'<svg width="([\d.]+)pt" height="[\d.]+pt"')


class Picture(SphinxDirective):
    """A graph in the DOT language, drawn when the page is built."""

    has_content = True
    option_spec: ClassVar[dict[str, Any]] = {"alt": directives.unchanged_required}

    def run(self) -> list[nodes.Node]:
        """
        Draw the graph.

        Raises:
            DirectiveError: The picture has no text alternative, or Graphviz rejects it.
        """
        alt = self.options.get("alt")
        if not alt:
            raise self.error("A picture needs :alt:, a sentence that says what it shows.")
        source = "\n".join(self.content).replace("{", "{" + _DEFAULTS, 1)
        try:
            drawn = pygraphviz.AGraph(string=source).draw(format="svg", prog="dot").decode()
        except (OSError, ValueError, pygraphviz.DotError) as error:
            raise self.error(f"Graphviz rejects this picture: {error}") from error
        html = f'<figure class="picture" role="group" aria-label="Picture" tabindex="0">{_inline(drawn, alt)}'
        return [nodes.raw("", f"{html}</figure>", format="html")]


def _inline(drawn: str, alt: str) -> str:
    """Prepare SVG for use inside a page: drop the file header, tooltips, ids and fixed colours."""
    svg = drawn[drawn.index("<svg") :]
    svg = re.sub(r"<!--.*?-->|<title>.*?</title>| id=\"[^\"]*\"", "", svg, flags=re.DOTALL)
    svg = re.sub(r' (?:fill|stroke)="black"| font-family="[^"]*"', "", svg)
    found = _SIZE.match(svg)
    width = found[1] if found else "0"
    start = f'<svg role="img" aria-label="{escape(alt)}" style="width: {width}pt"'
    return _SIZE.sub(start, svg, count=1)


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the directive."""
    app.add_directive("picture", Picture)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
