"""WebVTT as the `<track>` of a browser reads it."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from hostile import hostile
from made import transcript

from aai_async import formats
from aai_async.formats._spacing import visible

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CUES = """async (source) => {
  const video = document.createElement('video');
  const track = document.createElement('track');
  video.append(track);
  document.body.append(video);
  track.track.mode = 'hidden';
  await new Promise((resolve, reject) => {
    track.onload = resolve;
    track.onerror = reject;
    track.src = source;
  });
  return [...track.track.cues].map((cue) => {
    const shown = cue.getCueAsHTML();
    const voices = [...shown.querySelectorAll('span[title]')].map((span) => span.title);
    return [Math.round(cue.startTime * 1000), Math.round(cue.endTime * 1000), shown.textContent, voices];
  });
}"""
"""Load a track, and return the times in ms, the text and the voices of its cues."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, as the system has it; of this module alone, as in the tests of the page."""
    api = pytest.importorskip("playwright.sync_api", reason="no Playwright")
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no Chromium")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


def read(browser: Browser, text: str) -> list[Any]:
    page = browser.new_page()
    try:
        url = f"data:text/vtt;base64,{base64.b64encode(text.encode()).decode()}"
        cues: list[Any] = page.evaluate(CUES, url)
        return cues
    finally:
        page.close()


@pytest.mark.parametrize("hours", [0, 100])
def test_a_track_is_read_back_whole(browser: Browser, hours: int) -> None:
    """Each text as it was spoken, at its time."""
    made = hostile(hours)
    cues = read(browser, formats.vtt(made))
    said = [word for word in made.words or () if visible(word.text)]
    shown = [text.replace("\n", " ").replace("\u2060", "") for _, _, text, _ in cues]
    assert shown == [visible(word.text) for word in said]
    assert [start for start, *_ in cues] == [word.start for word in said]
    assert all(end > start for start, end, *_ in cues)


def test_a_track_has_the_names_of_the_speakers(browser: Browser) -> None:
    """Whatever characters are in them."""
    cues = read(browser, formats.vtt(hostile(named=True), speakers=True))
    voices = [voice for *_, voices in cues for voice in voices]
    assert voices[:5] == ["Speaker A", "<b>Bob</b>", "a > b", "--> x", "& Co"]
    assert {"王芳", "שלום", "Ö x", "</v>"} <= set(voices)
    assert len(voices) == len(cues)


def test_both_cues_of_cross_talk_are_shown_at_once(browser: Browser) -> None:
    """The cues overlap, and a browser shows all cues of a time."""
    words = [
        {"text": text, "start": start, "end": start + 3000, "speaker": speaker}
        for text, start, speaker in (("First.", 0, "A"), ("Second.", 1000, "B"))
    ]
    cues = read(browser, formats.vtt(transcript(words), speakers=True))
    assert [(start, voices) for start, _, _, voices in cues] == [(0, ["Speaker A"]), (1000, ["Speaker B"])]
    assert cues[0][1] > cues[1][0]
