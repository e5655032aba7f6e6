"""The page of a comparison shows both texts side by side, and plays each difference at a click."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import browsing
import pytest
from reader import DATA, Reader, changed, wait

import aai_async as aai
from aai_async import comparison, formats

pytest.importorskip("whisper_normalizer", reason="no extra `compare`")

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

browser, read, spoken = browsing.browser, browsing.read, browsing.spoken

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"


def other(spoken: aai.Transcript) -> aai.Transcript:
    """The transcript with a word replaced, one left out, and one added."""
    words: list[dict[str, Any]] = json.loads(json.dumps(spoken.to_dict()["words"]))
    words[3]["text"] = "Dashwoods"
    del words[10]
    words.insert(20, words[20] | {"text": "really"})
    text = " ".join(word["text"] for word in words)
    return changed(spoken, words=words, text=text, utterances=None)


def opened(reader: Reader, spoken: aai.Transcript, *, audio: str | None = "two.mp3") -> Page:
    shutil.copy(DATA / "two_speakers.mp3", reader._folder / "two.mp3")
    found = comparison.compare(spoken, other(spoken))
    path = reader._folder / "page.html"
    path.write_text(comparison.page(found, title="Two", labels=("old", "new"), audio=audio), encoding="utf-8")
    reader.page.goto(path.as_uri())
    reader.page.wait_for_selector("html[data-ready]", state="attached")
    return reader.page


def test_each_difference_is_shown_on_both_sides(read: Callable[..., Reader], spoken: aai.Transcript) -> None:
    """What is missing on a side has a sign there, and the numbers are above."""
    page = opened(read(), spoken)
    assert page.locator("td [data-n='0']").all_inner_texts() == ["Dashwood", "Dashwoods"]
    assert page.locator("thead th").all_inner_texts()[-2:] == ["old", "new"]
    shown = page.inner_text("header")
    assert "1 substitution" in shown
    assert "1 deletion" in shown
    assert "1 insertion" in shown
    assert "By speaker" in shown
    assert page.locator(".nothing").count() == 2


def test_a_click_plays_a_difference_and_stops_after_it(
    read: Callable[..., Reader], spoken: aai.Transcript
) -> None:
    """From a little before the word; then the page goes on to the next one."""
    page = opened(read(), spoken)
    wait(page, "document.getElementById('audio').readyState > 0")
    start = (spoken.words or ())[3].start / 1000
    page.evaluate("audio.addEventListener('seeking', () => { window.began ??= audio.currentTime })")
    page.click("td [data-n='0'] >> nth=1")
    wait(page, "window.began !== undefined")
    assert page.evaluate("window.began") == pytest.approx(max(start - 0.7, 0), abs=0.05)
    assert page.inner_text("#count") == "1 of 3"
    assert page.locator(".is-current").count() == 2
    wait(page, "audio.paused")
    page.click("#next")
    assert page.inner_text("#count") == "2 of 3"
    page.keyboard.press("j")
    assert page.inner_text("#count") == "3 of 3"
    assert page.is_disabled("#next")
    page.keyboard.press("k")
    assert page.inner_text("#count") == "2 of 3"


def test_only_the_rows_with_differences_are_shown_on_request(
    read: Callable[..., Reader], spoken: aai.Transcript
) -> None:
    """The recording has more sentences than that."""
    page = opened(read(), spoken)
    rows = page.locator("main tbody tr:visible")
    before = rows.count()
    page.check("#only")
    assert 1 <= rows.count() <= 3 < before


def test_a_recording_of_the_reader_is_played(read: Callable[..., Reader], spoken: aai.Transcript) -> None:
    """It is opened in the browser, and sent nowhere."""
    page = opened(read(), spoken, audio=None)
    assert page.is_visible("#open")
    page.set_input_files("#file", DATA / "two_speakers.mp3")
    wait(page, "document.getElementById('audio').readyState > 0")
    assert page.is_hidden("#open")


def test_what_was_said_is_text(read: Callable[..., Reader]) -> None:
    """In the texts, the names of speakers, the title and the headings."""
    words = [{"text": HOSTILE, "start": 0, "end": 100, "speaker": HOSTILE}]
    document = {"id": "1", "status": "completed", "text": HOSTILE, "words": words}
    hostile = aai.Transcript.from_json(json.dumps(document))
    reader = read()
    path = reader._folder / "page.html"
    found = comparison.compare(changed(hostile, text="x y", words=[words[0] | {"text": "x"}]), hostile)
    path.write_text(comparison.page(found, title=HOSTILE, labels=(HOSTILE, HOSTILE)), encoding="utf-8")
    reader.page.goto(path.as_uri())
    reader.page.wait_for_selector("html[data-ready]", state="attached")
    assert HOSTILE in reader.page.inner_text("main")
    assert reader.page.locator("img").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_the_comparison(
    read: Callable[..., Reader], spoken: aai.Transcript, scheme: str
) -> None:
    """As far as axe can tell, before and after a difference is chosen."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe")
    page = opened(read(color_scheme=scheme), spoken)
    for _ in range(2):
        results = axe.Axe().run(page)
        assert results.violations_count == 0, results.generate_report()
        page.click("#next")


def test_it_is_read_without_its_script(spoken: aai.Transcript) -> None:
    """The texts are in the page, and the recording can be; an address that no page can play is refused."""
    found = comparison.compare(spoken, other(spoken))
    with pytest.raises(aai.OptionsError, match="audio must be"):
        comparison.page(found, audio="javascript:alert(1)")
    audio = formats.data_url((DATA / "two_speakers.mp3").read_bytes(), "audio/mpeg")
    page = comparison.page(found, audio=audio)
    assert "Dashwoods</a>" in page
    assert audio in page


def test_a_text_without_times_is_shown_without_links() -> None:
    """There is nothing to play."""
    found = comparison.compare("hello there", aai.Transcript(id="1", status="completed", text="Hello here."))
    assert '<mark class="difference substitution" data-n="0">here.</mark>' in comparison.page(found)
