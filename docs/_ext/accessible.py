"""Corrections of the finished pages: what a screen reader or a keyboard would miss in the theme's HTML."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

_PLAIN = (
    # A role without the level that it requires; the caption is no heading of the page.
    ('<p class="caption" role="heading">', '<p class="caption">'),
    # Two landmarks of the same kind need names.
    ('<aside class="sidebar-drawer">', '<aside class="sidebar-drawer" aria-label="All pages">'),
    ('<aside class="toc-drawer">', '<aside class="toc-drawer" aria-label="This page">'),
    # What scrolls must be reachable by the keyboard.
    ("<pre><span></span>", '<pre tabindex="0"><span></span>'),
    (
        '<div id="search-results"></div>',
        '<h1>Search</h1>\n<div id="search-results" aria-live="polite"></div>',
    ),
)

_PARAMETERS = re.compile(r"<dl>\n((?:<dd>.*</dd>\n)+)</dl>")
"""A signature on several lines: a list of definitions without terms."""


def _corrected(html: str) -> str:
    for wrong, right in _PLAIN:
        html = html.replace(wrong, right)
    return _PARAMETERS.sub(_lines, html)


def _lines(found: re.Match[str]) -> str:
    return found[1].replace("<dd>", '<span class="sig-line">').replace("</dd>", "</span>")


def _correct(app: Sphinx, failure: Exception | None) -> None:
    if failure is None and app.builder.format == "html":
        for page in Path(app.outdir).rglob("*.html"):
            html = page.read_text(encoding="utf-8")
            corrected = _corrected(html)
            if corrected != html:
                page.write_text(corrected, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Correct the pages when they are built."""
    app.connect("build-finished", _correct)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
