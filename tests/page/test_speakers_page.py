"""Speakers in the page: they are renamed, hidden and followed; a search lists its matches."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from importlib import resources
from typing import TYPE_CHECKING

import browsing
import pytest
from reader import Reader, of_words, wait

import aai_async as aai
from aai_async._language.scripts import is_blank

if TYPE_CHECKING:
    from playwright.sync_api import Page

browser, read, spoken = browsing.browser, browsing.read, browsing.spoken

Read = Callable[..., Reader]

SPEAKERS = resources.files("aai_async.formats") / "page" / "speakers.js"

WHO = "[...document.querySelectorAll('.who')].map((who) => who.innerText)"

SHOWN = "[...document.querySelectorAll('.turn:not([hidden]) .said')].map((said) => said.textContent)"


def rename(page: Page, speaker: str, name: str) -> None:
    """Give a speaker of the list above the text another name."""
    page.click(f".speaker >> text={speaker}")
    page.fill("#speaker-name", name)
    page.keyboard.press("Enter")


def test_a_speaker_is_renamed_everywhere_and_stays_so(read: Read, spoken: aai.Transcript) -> None:
    """In the list, in the text, on the timeline; also after a reload; and it can be undone."""
    reader = read()
    page = reader.open(spoken)
    page.click(".who bdi >> nth=0")
    page.fill("#speaker-name", " Anna <b> ")
    page.keyboard.press("Enter")
    assert not page.is_visible("#speaker")
    assert page.evaluate(WHO) == ["Anna <b>", "Speaker B"] * 2 + ["Anna <b>"] * (len(page.evaluate(WHO)) == 5)
    assert page.inner_text(".voices").startswith("Anna <b>")
    page.hover("#lanes", position={"x": 10, "y": 5})
    assert page.inner_text("#tip").endswith("Anna <b>")
    page = reader.open(spoken)
    assert page.evaluate(WHO)[0] == "Anna <b>"
    rename(page, "Anna", "")
    assert page.evaluate(WHO)[0] == "Speaker A"
    page.keyboard.press("Control+z")
    assert page.evaluate(WHO)[0] == "Anna <b>"


def test_a_name_is_only_a_name(read: Read) -> None:
    """Also one that means something to a script; Escape leaves it as it was."""
    page = read().open(of_words(["one", "two"], every=1))
    rename(page, "Speaker A", "__proto__")
    rename(page, "Speaker B", "constructor")
    assert page.evaluate(WHO) == ["__proto__", "constructor"]
    page.click(".speaker >> text=constructor")
    page.fill("#speaker-name", "Anna")
    page.keyboard.press("Escape")
    assert page.evaluate(WHO) == ["__proto__", "constructor"]


@pytest.mark.parametrize("unseen", ["\u200b", "\u2060\u00ad", "\u3164", "\u0301", " \u2800 \ufeff"])
def test_a_name_that_cannot_be_seen_is_none(read: Read, unseen: str) -> None:
    """As in Python: such a name leaves the speaker with the label, as an empty one does."""
    assert is_blank(unseen)
    page = read().open(of_words(["one", "two"], every=1))
    rename(page, "Speaker A", "Anna")
    rename(page, "Anna", unseen)
    rename(page, "Speaker B", unseen)
    assert page.evaluate(WHO) == ["Speaker A", "Speaker B"]
    rename(page, "Speaker B", f"Zo\u0308e{unseen}")
    assert page.evaluate(WHO)[1].startswith("Zo\u0308e")


def test_the_page_and_python_know_the_same_unseen_characters(read: Read) -> None:
    (pattern,) = re.findall(r"const UNSEEN = (/.*/u);", SPEAKERS.read_text(encoding="utf-8"))
    codes = f"[...Array(0x11000).keys()].filter((code) => {pattern}.test(String.fromCodePoint(code)))"
    found = read().open(of_words(["one"])).evaluate(codes)
    expected = {code for code in range(0x11000) if is_blank(chr(code))}
    # The browser may know characters of a later version of Unicode.
    assert {code for code in {*found} ^ expected if unicodedata.category(chr(code)) != "Cn"} == set()


def test_a_speaker_is_shown_alone_or_hidden(read: Read, spoken: aai.Transcript) -> None:
    """The search leaves out what is hidden; a button shows everybody again."""
    page = read().open(spoken)
    everything = page.evaluate(SHOWN)
    page.click(".speaker >> text=Speaker B")
    page.click("#speaker-only")
    alone = page.evaluate(SHOWN)
    assert alone == [text for text in everything if "country" in text or "fellow" in text]
    assert page.inner_text("#filtered") == "Only Speaker B."
    page.fill("#search", "Dashwood")
    wait(page, "document.getElementById('count').textContent === 'none'")
    page.click("#all")
    wait(page, "document.getElementById('count').textContent === '1 of 1'")
    assert page.evaluate(SHOWN) == everything


def test_a_speaker_is_followed_from_turn_to_turn(read: Read) -> None:
    """By keys, and from the menu."""
    page = read().open(of_words([f"word{at}" for at in range(24)], every=4))
    now = "[...CSS.highlights.get('now')].map(String)[0]"
    page.click(".speaker >> text=Speaker B")
    page.click("#speaker-next")
    assert page.evaluate(now) == "word4"
    page.keyboard.press("Escape")
    page.keyboard.press("]")
    assert page.evaluate(now) == "word16"
    page.keyboard.press("[")
    assert page.evaluate(now) == "word4"
    page.click("#turn-after")
    assert page.evaluate(now) == "word8"
    page.click("#turn-before")
    assert page.evaluate(now) == "word4"


def test_a_search_lists_its_matches(read: Read, spoken: aai.Transcript) -> None:
    """Each with its time, its speaker and the text around it; one that is clicked is shown."""
    page = read().open(spoken)
    page.fill("#search", "country")
    wait(page, "document.getElementById('count').textContent === '1 of 2'")
    page.click("#matches-button")
    items = page.locator("#matches-list li").all_inner_texts()
    assert [item.split()[0] for item in items] == ["0:13", "0:26"]
    assert "Speaker B" in items[0]
    assert "what your country can do" in items[0]
    page.click("#matches-list button >> nth=1")
    assert page.inner_text("#count") == "2 of 2"
    assert page.get_attribute("#matches-list button >> nth=1", "aria-current") == "true"
