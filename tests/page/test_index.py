"""The index of a folder searches all transcripts, and nothing that was said can run in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import browsing
import pytest
from reader import Reader, wait

import aai_async as aai
from aai_async import formats

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

browser, read, spoken = browsing.browser, browsing.read, browsing.spoken

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"


def said(text: str, **fields: Any) -> aai.Transcript:
    return aai.Transcript.from_json(json.dumps({"id": "1", "status": "completed", "text": text} | fields))


def opened(reader: Reader, spoken: aai.Transcript) -> Page:
    folder = reader._folder
    (folder / "two.html").write_text(formats.html(spoken, title="two.mp3"), encoding="utf-8")
    entries = [
        formats.IndexEntry(title="two.mp3", href="two.html", transcript=spoken),
        formats.IndexEntry(
            title=f"{HOSTILE}.mp3", href="b.txt", transcript=said(f"Café for the country. {HOSTILE}")
        ),
    ]
    path = folder / "index.html"
    path.write_text(formats.index(entries, title="Calls"), encoding="utf-8")
    reader.page.goto(path.as_uri())
    return reader.page


def test_a_search_finds_in_all_transcripts_and_leads_to_the_moment(
    read: Callable[..., Reader], spoken: aai.Transcript
) -> None:
    """A match is shown with its speaker and its time, without regard to case and accents."""
    page = opened(read(), spoken)
    assert page.locator("#list tbody tr").count() == 2
    page.keyboard.press("/")
    page.keyboard.type("COUNTRY")
    page.wait_for_selector("#matches li")
    assert page.inner_text("#found") == "3 found in 2 of 2"
    assert page.locator("mark").all_inner_texts() == ["country", "country", "country"]
    assert "Speaker B: " in page.inner_text("#matches li >> nth=0")
    page.fill("#search", "cafe")
    wait(page, "document.querySelectorAll('#matches mark').length === 1")
    assert page.inner_text("mark") == "Café"
    page.fill("#search", "nowhere")
    wait(page, "document.getElementById('found').textContent === '0 found in 0 of 2'")
    page.fill("#search", "")
    wait(page, "!document.getElementById('list').hidden")
    page.fill("#search", "Ask what you")
    page.click("#matches li a")
    page.wait_for_selector("html[data-ready]", state="attached")
    assert page.url.endswith("two.html#t=24.98")


def test_what_was_said_is_text(read: Callable[..., Reader], spoken: aai.Transcript) -> None:
    """In the list and among the matches; the page makes no request."""
    page = opened(read(), spoken)
    page.fill("#search", "onerror")
    page.wait_for_selector("#matches mark")
    assert HOSTILE in page.inner_text("#matches")
    assert page.locator("img").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_the_index(
    read: Callable[..., Reader], spoken: aai.Transcript, scheme: str
) -> None:
    """As far as axe can tell, with and without matches."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe")
    page = opened(read(color_scheme=scheme), spoken)
    for wanted in ("", "country"):
        page.fill("#search", wanted)
        wait(page, f"document.getElementById('list').hidden === {json.dumps(bool(wanted))}")
        results = axe.Axe().run(page)
        assert results.violations_count == 0, results.generate_report()


def test_it_is_read_without_its_script(spoken: aai.Transcript, tmp_path: Path) -> None:
    """The list is in the page; a link that is no address of a file is refused."""
    entry = formats.IndexEntry(title="a & b.mp3", href="a%20b.html", transcript=spoken)
    page = formats.index([entry])
    assert '<a href="a%20b.html" dir="auto">a &amp; b.mp3</a>' in page
    assert "1 transcript, 0:00:39 of audio" in page
    with pytest.raises(aai.OptionsError, match="href must be"):
        formats.IndexEntry(title="x", href="javascript:alert(1)", transcript=spoken)
