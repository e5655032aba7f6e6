"""Files from the page, and listening: what is saved can be read, and what is not wanted is skipped."""

from __future__ import annotations

import html
import itertools
import re
import shutil
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import browsing
import pytest
import srt as subrip
import webvtt
from reader import DATA, Reader, changed, of_words, wait

import aai_async as aai
from aai_async import formats

if TYPE_CHECKING:
    from playwright.sync_api import Page

browser, read, spoken = browsing.browser, browsing.read, browsing.spoken

Read = Callable[..., Reader]

AUDIO = "document.getElementById('audio')"

TIME = f"{AUDIO}.currentTime"


def saved(page: Page, name: str) -> Path:
    """The file that the page saves in a format."""
    page.click("#save-button")
    with page.expect_download() as download:
        page.click(f"#save [data-format={name}]")
    page.keyboard.press("Escape")
    assert download.value.suggested_filename.endswith(f".{name}")
    return Path(download.value.path())


def rename(page: Page) -> None:
    """Call Speaker A Anna."""
    page.click(".speaker >> nth=0")
    page.fill("#speaker-name", "Anna")
    page.keyboard.press("Enter")


@pytest.fixture
def recording(tmp_path: Path) -> str:
    """The recording, beside the page."""
    shutil.copy(DATA / "two_speakers.mp3", tmp_path / "call.mp3")
    return "call.mp3"


def test_the_text_is_saved_as_the_library_writes_it(read: Read, spoken: aai.Transcript) -> None:
    """With the names of the speakers; the copy is of the text alone."""
    page = read().open(spoken, title="call.mp3")
    assert saved(page, "txt").read_text(encoding="utf-8") == formats.txt(spoken)
    rename(page)
    assert saved(page, "txt").read_text(encoding="utf-8") == formats.txt(spoken, names={"A": "Anna"})
    page.click("#save-button")
    page.click("#copy-all")
    wait(page, "document.getElementById('copy-all').textContent === 'Copied'")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == "\n\n".join(one.text for one in spoken.utterances or ())


@pytest.mark.parametrize(("language", "texts"), [("ar", ["أهلا", "وسهلا."]), ("he", ["שלום", "עליכם."])])
def test_text_from_right_to_left_is_saved_as_the_library_writes_it(
    read: Read, language: str, texts: list[str]
) -> None:
    """A name in Latin characters does not turn the line; the Word document runs from right to left."""
    said = of_words(texts * 4, every=2, language_code=language)
    page = read().open(said)
    assert saved(page, "txt").read_text(encoding="utf-8") == formats.txt(said, speakers=True)
    assert saved(page, "srt").read_text(encoding="utf-8").count("\N{FIRST STRONG ISOLATE}Speaker") == 4
    with zipfile.ZipFile(saved(page, "docx")) as archive:
        assert archive.read("word/document.xml").count(b"<w:bidi/>") == 5


def test_subtitles_are_saved_with_the_times_of_their_words(read: Read, spoken: aai.Transcript) -> None:
    """In lines of 42 columns, with all words, as SubRip and as WebVTT."""
    page = read().open(spoken)
    rename(page)
    cues = list(subrip.parse(saved(page, "srt").read_text(encoding="utf-8")))
    starts = {round(word.start / 1000, 3) for word in spoken.words or ()}
    assert {round(cue.start.total_seconds(), 3) for cue in cues} <= starts
    assert cues[0].content.startswith("Anna: And Mr. John")
    assert max(len(line) for cue in cues for line in cue.content.splitlines()) <= 42 + len("Speaker B: ")
    assert all(len(cue.content.splitlines()) <= 2 for cue in cues)
    assert all(cue.end <= later.start for cue, later in itertools.pairwise(cues))
    text = " ".join(cue.content for cue in cues).replace("\n", " ")
    assert re.sub(r"(Anna|Speaker B): ", "", text) == spoken.text
    captions = webvtt.from_string(saved(page, "vtt").read_text(encoding="utf-8")).captions
    assert [caption.start for caption in captions] == [
        f"{subrip.timedelta_to_srt_timestamp(cue.start)}".replace(",", ".") for cue in cues
    ]
    assert captions[0].voice == "Anna"


def test_markup_in_the_text_stays_text_in_each_format(read: Read) -> None:
    """Whatever was said."""
    said = of_words(["<b>{x}</b>", "*a*", "&lt;", "-->", "1."])
    page = read().open(said, title="<i>")
    assert saved(page, "srt").read_text(encoding="utf-8").count("<") == 0
    (caption,) = webvtt.from_string(saved(page, "vtt").read_text(encoding="utf-8")).captions
    assert html.unescape(caption.text) == "<b>{x}</b> *a* &lt; --> 1."
    assert r"\<b\>" in saved(page, "md").read_text(encoding="utf-8")
    assert "<b>{x}</b> *a* &lt; --> 1." in text_of(saved(page, "docx"))[1]


def test_a_name_in_webvtt_is_saved_as_the_library_writes_it(read: Read) -> None:
    """With references by number for what would be markup in a tag."""
    said = of_words(["Hello."])
    names = {"A": "R&D <{x}>"}
    page = read().open(said, names=names)
    made = saved(page, "vtt").read_text(encoding="utf-8")
    assert made == formats.vtt(said, speakers=True, names=names)
    assert "<v R&#38;D &#60;&#123;x&#125;&#62;>Hello." in made


def text_of(document: Path) -> list[str]:
    """The paragraphs of a Word document."""
    with zipfile.ZipFile(document) as archive:
        assert archive.testzip() is None
        for name in archive.namelist():
            ET.fromstring(archive.read(name))  # noqa: S314 - the page has written it
        body = ET.fromstring(archive.read("word/document.xml"))  # noqa: S314
    space = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
    return ["".join(text.text or "" for text in one.iter(f"{space}t")) for one in body.iter(f"{space}p")]


def test_a_word_document_has_the_turns(read: Read, spoken: aai.Transcript) -> None:
    """With names and times; the Markdown has the same."""
    page = read().open(spoken, title="call.mp3")
    rename(page)
    paragraphs = text_of(saved(page, "docx"))
    assert paragraphs[:2] == ["call.mp3", f"Anna 0:00 {(spoken.utterances or ())[0].text}"]
    assert len(paragraphs) == 1 + len(spoken.utterances or ())
    markdown = saved(page, "md").read_text(encoding="utf-8")
    assert markdown.startswith("# call.mp3\n\n**Anna** `0:00` And Mr. John")


def test_what_is_hidden_is_not_saved(read: Read, spoken: aai.Transcript) -> None:
    """But the JSON has all."""
    page = read().open(spoken)
    page.click(".speaker >> nth=1")
    page.click("#speaker-only")
    text = saved(page, "txt").read_text(encoding="utf-8")
    assert {line.partition(":")[0] for line in text.splitlines()} == {"Speaker B"}
    assert aai.Transcript.from_json(saved(page, "json").read_bytes()).words == spoken.words


def test_a_text_without_words_is_saved(read: Read, spoken: aai.Transcript) -> None:
    """As one paragraph; it cannot be corrected, for it has no times."""
    page = read().open(changed(spoken, words=None, utterances=None))
    assert saved(page, "txt").read_text(encoding="utf-8") == f"{spoken.text}\n"
    assert aai.Transcript.from_json(saved(page, "json").read_bytes()).text == spoken.text
    assert not page.is_visible("#edit")


def test_buttons_go_ten_seconds_and_turns(read: Read, spoken: aai.Transcript, recording: str) -> None:
    """And the speed goes up to three times."""
    page = read(has_touch=True).open(spoken, audio=recording)
    wait(page, f"{AUDIO}.readyState > 0")
    page.tap("#forward")
    page.tap("#forward")
    assert page.evaluate(TIME) == pytest.approx(20, abs=0.05)
    page.tap("#back")
    assert page.evaluate(TIME) == pytest.approx(10, abs=0.05)
    page.tap("#turn-after")
    assert page.evaluate(TIME) == pytest.approx((spoken.utterances or ())[2].start / 1000, abs=0.05)
    page.select_option("#speed", "3")
    assert page.evaluate(f"{AUDIO}.playbackRate") == 3


def test_silence_and_hidden_speakers_are_skipped(read: Read, spoken: aai.Transcript, recording: str) -> None:
    """The player goes on shortly before the next word that is wanted."""
    page = read().open(spoken, audio=recording)
    wait(page, f"{AUDIO}.readyState > 0")
    page.evaluate("() => { window.jumps = []; }")
    page.evaluate(f"() => {{ {AUDIO}.addEventListener('seeking', () => window.jumps.push({TIME})); }}")
    page.click(".speaker >> nth=1")
    page.click("#speaker-only")
    page.click("#play")
    wait(page, "window.jumps.length > 0")
    second = (spoken.utterances or ())[1].start / 1000
    assert page.evaluate("window.jumps[0]") == pytest.approx(second - 0.25, abs=0.05)
    page.click("#play")


def test_a_pause_goes_back_two_seconds(read: Read, spoken: aai.Transcript, recording: str) -> None:
    """If that is wanted."""
    page = read().open(spoken, audio=recording, at="#t=10")
    wait(page, f"{AUDIO}.readyState > 1 && {TIME} > 9.9")
    page.click("#view-button")
    page.check("#rewind")
    page.keyboard.press("Escape")
    page.click("#play")
    wait(page, f"{TIME} > 10.1")
    page.evaluate(
        f"() => {{ {AUDIO}.addEventListener('pause', () => {{ window.last ??= {TIME}; }}, true); }}"
    )
    page.click("#play")
    wait(page, f"{AUDIO}.paused && {TIME} < window.last - 1.5")


def test_moments_are_bookmarked(read: Read, spoken: aai.Transcript) -> None:
    """They lead there, are kept through a reload, and can be removed."""
    reader = read()
    page = reader.open(spoken, at="#t=9.6")
    page.keyboard.press("b")
    page = reader.open(spoken)
    page.click("#bookmarks-button")
    assert page.inner_text("#bookmarks-list").split()[0] == "0:09"
    page.click("#bookmarks-list a")
    assert page.evaluate("location.hash") == "#t=9.6"
    page.click("#bookmarks-list button")
    assert page.locator("#bookmarks-list li").count() == 0
    assert page.is_visible("#bookmarks-none")
