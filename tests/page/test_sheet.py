"""What a transcript page is made of: its policy, its size, its pieces; no browser is needed to see them."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reader import DATA, changed, long, of_words, with_everything

import aai_async as aai
from aai_async import formats
from aai_async.formats._spacing import visible

SPOKEN = aai.Transcript.from_json((DATA / "two_speakers.transcript.json").read_bytes())


class Parsed(HTMLParser):
    """What HTML makes of a page: elements, what was said, and the data."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self._where = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        names = dict(attrs)
        self._where = names.get("class") or names.get("id") or tag
        self.texts.setdefault(self._where, []).append("")

    def handle_data(self, data: str) -> None:
        if self._where:
            self.texts[self._where][-1] += data

    def handle_endtag(self, tag: str) -> None:
        self._where = ""


@given(st.lists(st.text(max_size=8) | st.sampled_from(["</script>", "<b>", "&lt;", "😀", "é", "\u2028"])))
def test_words_are_where_the_script_will_look_for_them(texts: list[str]) -> None:
    """Whatever was said: the lengths, in the units of JavaScript, cut the paragraphs into the words."""
    page = Parsed(formats.html(of_words(texts, every=7)))
    data = json.loads(page.texts["data"][0])
    found = []
    for said, first, last in zip(
        page.texts.get("said", []), data["first"], [*data["first"][1:], len(data["lengths"])], strict=False
    ):
        units = said.encode("utf-16-le")
        for word in range(first, last):
            gaps, length = data["gaps"], data["lengths"][word]
            gap = 0 if word == first else gaps if isinstance(gaps, int) else gaps[word]
            units = units[2 * gap :]
            found.append(units[: 2 * length].decode("utf-16-le"))
            units = units[2 * length :]
        assert units == b""
    assert len(found) == len(data["starts"]) == len(data["confidence"])
    assert found == [word for word in map(visible, texts) if word]


@given(st.text(max_size=30))
def test_no_text_makes_an_element(text: str) -> None:
    """Whichever field it stands in, the page has the elements that it has with any other text."""

    def filled(value: str) -> list[str]:
        document = with_everything(SPOKEN)
        chapters = [{"headline": value, "summary": value, "start": 0, "end": 1}]
        entities = [{"text": value, "entity_type": value, "start": 0, "end": 1}]
        # Lines of a summary are paragraphs, and signs before them make a list.
        line = f"Of {' '.join(value.split())}"
        whole = changed(document, summary=line, chapters=chapters, entities=entities, language_code=value)
        return Parsed(formats.html(whole, title=value)).tags

    assert filled(f"{text}x") == filled("x")


def test_a_page_fetches_nothing_and_says_so_to_the_browser() -> None:
    """Its policy names the script and the style by their hashes, and what may be played."""
    page = formats.html(SPOKEN, audio="https://media.example/call.mp3?token=x")
    policy = page.partition('Content-Security-Policy" content="')[2].partition('"')[0]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "media-src blob: https://media.example;" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize(
    ("audio", "source"),
    [
        (None, "media-src blob:;"),
        ("../calls/a%20b.mp3", "media-src blob: 'self' file:;"),
        ("file:///calls/a.mp3", "media-src blob: 'self' file:;"),
        ("data:audio/mpeg;base64,AAAA", "media-src blob: data:;"),
        ("http://127.0.0.1:8000/a.mp3", "media-src blob: http://127.0.0.1:8000;"),
    ],
)
def test_only_the_recording_may_be_played(audio: str | None, source: str) -> None:
    """Or what the reader opens themselves, which is a blob."""
    assert source in formats.html(SPOKEN, audio=audio)


@pytest.mark.parametrize(
    "audio",
    [
        "javascript:alert(1)",
        " javascript:alert(1)",
        "java\nscript:alert(1)",
        "data:text/html,<script>",
        "//host/x.mp3",
        "\\\\host\\x.mp3",
        "/\\host/x.mp3",
        "https://a b/",
        "https://a;script-src */",
        "ftp://h/x",
        "C:\\calls\\x.mp3",
        "blob:x",
    ],
)
def test_an_address_that_a_page_must_not_play_is_refused(audio: str) -> None:
    """Also what a browser would take for another than it looks like."""
    with pytest.raises(aai.OptionsError, match="audio must be"):
        formats.html(SPOKEN, audio=audio)


def test_the_type_of_what_is_embedded_is_checked() -> None:
    """So that no page stands where a recording is meant."""
    with pytest.raises(aai.OptionsError, match="audio/mpeg"):
        formats.data_url(b"", "text/html")


def test_the_page_is_small_without_its_words() -> None:
    """In bytes."""
    shell = len(formats.html(SPOKEN).encode()) - len(SPOKEN.text or "")
    assert shell < 125_000
    assert len(formats.html(long(100_000)).encode()) < 50 * 100_000


def test_a_paragraph_begins_where_a_chapter_does() -> None:
    """Under its name; it may begin in the middle of what somebody says."""
    page = Parsed(formats.html(with_everything(SPOKEN)))
    assert page.texts["chapter"] == ["A novel", "A speech"]
    said = page.texts["said"]
    assert said[1] == "And so my fellow"
    assert said[2].startswith("Americans asked")
    assert "".join(said) == "".join(Parsed(formats.html(SPOKEN)).texts["said"]).replace(
        "fellow Americans", "fellowAmericans"
    )


def test_the_speakers_are_named_with_their_share_of_the_time() -> None:
    """In the order in which they are heard."""
    page = formats.html(SPOKEN)
    listed = page.partition('aria-label="Speakers">')[2].partition("</ul>")[0]
    assert [part in listed for part in ("Speaker A", "71%", "Speaker B", "29%")] == [True] * 4


def test_warnings_and_what_is_missing_stand_above_the_text() -> None:
    """As text, and no list where there is nothing to say."""
    warned = changed(SPOKEN, metadata={"warning": "no <b>\ndomain"}, entity_detection=True)
    page = formats.html(warned)
    listed = page.partition('<ul class="notices" aria-label="Warnings">')[2].partition("</ul>")[0]
    assert "Warning: no &lt;b&gt; domain</li>" in listed
    assert "Requested, but missing: entity_detection (entities is null)</li>" in listed
    assert 'class="notices"' not in formats.html(SPOKEN)


def test_times_have_hours_only_where_the_recording_has() -> None:
    """0:07, and 0:00:07 in one of hours."""
    assert ">0:07</a>" in formats.html(SPOKEN)
    assert ">0:00:07</a>" in formats.html(changed(SPOKEN, audio_duration=7200))


def test_a_language_that_is_none_is_not_told_to_the_browser() -> None:
    """One that is written from right to left is."""
    assert '<div class="turns" lang="ar-eg" dir="rtl">' in formats.html(
        changed(SPOKEN, language_code="ar_eg")
    )
    assert '<div class="turns">' in formats.html(changed(SPOKEN, language_code='"><b>'))


def test_a_job_that_has_failed_makes_no_page() -> None:
    """But an error that says why."""
    failed = aai.Transcript.from_json('{"id": "a", "status": "error", "error": "Too short."}')
    with pytest.raises(aai.TranscriptError, match="Too short"):
        formats.html(failed)
