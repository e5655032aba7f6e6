"""
A picture of subtitles over a film in a browser, for the documentation: calls of two in four languages.

The machine needs a Japanese and an Arabic font.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from fractions import Fraction
from html import escape
from pathlib import Path

import attrs
import av
import numpy as np

from aai_async import Transcript, formats

SECONDS = 8

MOMENTS = (2.6, 4.8)
"""Seconds at which the films are shown: one speaker, and both at once."""


@attrs.frozen
class Call:
    """A call of two: what each says in words, which a stroke parts where the language has no spaces."""

    language: str
    caller: str
    answer: str
    callers_name: str
    answers_name: str

    @property
    def transcript(self) -> Transcript:
        """The caller speaks from 0.5 s on, and the other answers at 4.2 s, before the caller has ended."""
        caller = self._words(self.caller, self.callers_name, 500, 5_500)
        answer = self._words(self.answer, self.answers_name, 4_200, 1_500)
        turns = [
            {
                "speaker": said[0]["speaker"],
                "start": said[0]["start"],
                "end": said[-1]["end"],
                "text": text,
                "words": said,
            }
            for said, text in ((caller, self._text(self.caller)), (answer, self._text(self.answer)))
        ]
        document = {
            "id": self.language,
            "status": "completed",
            "language_code": self.language,
            "text": self._text(f"{self.caller} {self.answer}"),
            "words": sorted([*caller, *answer], key=lambda word: int(word["start"])),
            "utterances": turns,
        }
        return Transcript.from_json(json.dumps(document))

    def _text(self, said: str) -> str:
        return said.replace("|", "").replace(" ", "" if self.language == "ja" else " ")

    def _words(self, said: str, speaker: str, start: int, length: int) -> list[dict[str, str | int]]:
        texts = said.replace("|", " ").split()
        each = length // len(texts)
        return [
            {
                "text": text,
                "start": start + at * each,
                "end": start + (at + 1) * each - 20,
                "speaker": speaker,
            }
            for at, text in enumerate(texts)
        ]


CALLS = (
    Call(
        "en",
        "Your bicycle is ready, but the brakes were worn, so we put new ones on.",
        "Very good, thank you!",
        "Anna",
        "Ben",
    ),
    Call(
        "de",
        "Ihr Fahrrad ist fertig, aber die Bremsen waren am 3. Oktober schon verschlissen.",
        "Das habe ich mir gedacht.",
        "Anna",
        "Jörg",
    ),
    Call(
        "ja",
        "自転車|の|修理|が|終わりました|が、|ブレーキ|が|古かった|ので|新しい|もの|に|交換|しました。",
        "はい、|ありがとう|ございます。",
        "田中",
        "鈴木",
    ),
    Call(
        "ar",
        "دراجتك جاهزة الآن، لكن المكابح كانت قديمة، فركبنا لك مكابح جديدة.",
        "حسنا، شكرا جزيلا لك!",
        "سلمى",
        "كريم",
    ),
)

STYLE = """
body { margin: 0; background: #fff; display: grid; grid-template-columns: 1fr 1fr; gap: 8px; padding: 8px; }
video { width: 100%; display: block; } video::cue { font-size: 15px; }
"""


def tracks() -> list[str]:
    """The subtitles as WebVTT."""
    return [formats.vtt(call.transcript, speakers=True, style="netflix") for call in CALLS]


def write_film(path: Path) -> None:
    """Encode a film of a few seconds: a gradient that becomes lighter."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libvpx", rate=5)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 416, 144, "yuv420p"
        for number in range(SECONDS * 5):
            gradient = np.linspace(40 + number, 90 + number, 416).astype(np.uint8)
            picture = np.stack([np.tile(gradient, (144, 1))] * 3, axis=2)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 5)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def page() -> str:
    """A page with a film for each call and moment. A colour for each voice shows who speaks."""
    films = [
        f'<video src="film.webm" data-at="{at}" muted><track default src="{call.language}.vtt" '
        f'srclang="{call.language}"></video>'
        for call in CALLS
        for at in MOMENTS
    ]
    colours = "".join(
        f'video::cue(v[voice="{escape(call.answers_name)}"]) {{ color: #ff0; }}' for call in CALLS
    )
    return f'<!doctype html><meta charset="utf-8"><style>{STYLE}{colours}</style>{"".join(films)}'


SHOW = """async () => {
  for (const film of document.querySelectorAll('video')) {
    film.textTracks[0].mode = 'showing';
    const seeked = new Promise((resolve) => { film.onseeked = resolve; });
    film.currentTime = Number(film.dataset.at);
    await seeked;
  }
}"""


def take(path: Path) -> None:
    """Photograph the films in a browser."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as playwright:
        place = Path(temporary)
        write_film(place / "film.webm")
        for call, track in zip(CALLS, tracks(), strict=True):
            (place / f"{call.language}.vtt").write_text(track, encoding="utf-8")
        (place / "page.html").write_text(page(), encoding="utf-8")
        # Chromium loads tracks of the same origin only, and each file is one of its own.
        arguments = ["--no-sandbox", "--allow-file-access-from-files"]
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=arguments)
        shown = browser.new_page(viewport={"width": 860, "height": 624})
        shown.goto((place / "page.html").as_uri())
        shown.wait_for_load_state("networkidle")
        shown.evaluate(SHOW)
        shown.wait_for_timeout(500)
        shown.screenshot(path=path, full_page=True)
        browser.close()
