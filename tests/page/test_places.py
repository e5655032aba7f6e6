"""A word that is clicked in the page sounds where the server's times place it, in files with odd clocks."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import browsing
import pytest
from reader import Reader, wait
from recording import MARK, marked, onsets, write_timed

import aai_async as aai
from aai_async.server.sound.decoding import decode

if TYPE_CHECKING:
    from playwright.sync_api import Browser

browser = browsing.browser

LISTEN = """async () => {
  const audio = document.getElementById('audio');
  audio.preservesPitch = false;
  audio.playbackRate = 0.125;
  const context = new AudioContext();
  const analyser = new AnalyserNode(context, {fftSize: 256});
  context.createMediaElementSource(audio).connect(analyser).connect(context.destination);
  const samples = new Float32Array(analyser.fftSize);
  window.played = [];
  setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    if (!audio.paused) window.played.push([audio.currentTime, Math.max(...samples.map(Math.abs))]);
  }, 5);
}"""
"""
Note what the recording sounds like while it plays: times and amplitudes. It plays slowly, so that it is
not far ahead if the machine is late to note it.
"""

SOUNDING = "window.played.filter(([, amplitude]) => amplitude > 0.1)"
"""What was audible of it."""

WORD = """(wanted) => {
  const text = [...document.querySelectorAll('.said')].map((said) => said.firstChild)
    .find((one) => one.data.includes(wanted));
  const range = new Range();
  range.setStart(text, text.data.indexOf(wanted));
  range.setEnd(text, text.data.indexOf(wanted) + wanted.length);
  const box = range.getBoundingClientRect();
  return [box.x + box.width / 2, box.y + box.height / 2];
}"""
"""Where a word stands on the screen."""


def transcript_of(path: Path) -> tuple[aai.Transcript, list[float]]:
    """A transcript with the word "silence" and then "tone", where the server finds the second tone."""
    starts = onsets(decode(path).channels[0])
    places = [("silence", starts[1] - 1.0), ("tone", starts[1])]
    words = [
        {"text": text, "start": round(1000 * start), "end": round(1000 * (start + MARK)), "confidence": 1.0}
        for text, start in places
    ]
    document = {"id": "made", "status": "completed", "text": "silence tone", "words": words}
    return aai.Transcript.from_json(json.dumps(document)), starts


@pytest.mark.parametrize(
    ("name", "media_type", "codec", "settings"),
    [
        ("late.mp4", "video/mp4", "aac", {"late": 2.0, "film": "libx264", "film_seconds": 9.0}),
        ("late.webm", "audio/webm", "libopus", {"late": 2.0}),
        # Chromium 156 misplaces a seek that starts at a cluster before the gap, so the clusters are short.
        ("paused.webm", "audio/webm", "libopus", {"gap": (1.6, 2.9), "cluster_time_limit": "300"}),
        ("late.ogg", "audio/ogg", "libopus", {"late": 2.0}),
        ("plain.mp3", "audio/mpeg", "libmp3lame", {}),
    ],
    ids=lambda value: value if isinstance(value, str) and "." in value else "",
)
def test_the_tone_is_where_its_word_is(
    browser: Browser, tmp_path: Path, name: str, media_type: str, codec: str, settings: dict[str, Any]
) -> None:
    """A click on the word plays it at once; a click on the word a second before plays silence first."""
    samples = marked(6.0, [1.0, 4.5], 48_000)
    path = write_timed(tmp_path / name, samples, codec=codec, rate=48_000, **settings)
    transcript, starts = transcript_of(path)
    audio = f"data:{media_type};base64,{base64.b64encode(path.read_bytes()).decode()}"
    reader = Reader(browser, tmp_path)
    page = reader.open(transcript, audio=audio)
    page.evaluate(LISTEN)
    for word in ("silence", "tone"):
        page.evaluate("() => { window.played = []; }")
        page.mouse.click(*page.evaluate(WORD, word))
        wait(page, f"{SOUNDING}.length > 0")
        page.evaluate("() => { document.getElementById('audio').pause(); }")
        assert page.evaluate(f"{SOUNDING}[0][0]") == pytest.approx(starts[1], abs=0.15)
    reader.close()
    assert reader.complaints == []
