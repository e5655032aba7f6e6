"""
Pictures of the transcript page in each of its states, for the documentation.

The machine needs a Japanese and an Arabic font.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from aai_async import Transcript, comparison, formats
from aai_async.server import LocalServer, ScriptedEngine

if TYPE_CHECKING:
    from playwright.sync_api import Browser, FilePayload, Page

DATA = Path(__file__).parents[1] / "data"

RECORDING = "two_speakers.mp3"


@attrs.frozen(kw_only=True)
class State:
    """What is photographed: a page, and what its reader has done."""

    page: str
    width: int = 860
    height: int = 560
    scheme: str = "light"
    media: str = "screen"
    keys: tuple[str, ...] = ()
    clicks: tuple[str, ...] = ()
    search: str = ""
    at: str = "#t=9.6"
    ready: str = "html[data-ready]"


def recorded() -> Transcript:
    """The transcript of the recording of two speakers."""
    return Transcript.from_json((DATA / "two_speakers.transcript.json").read_bytes())


def spoken() -> str:
    """Its page."""
    return formats.html(recorded(), title=RECORDING, audio=RECORDING)


def said(language: str, lines: list[str]) -> Transcript:
    """A transcript of two speakers who say a line each in turn, with a word each 300 ms."""
    gap = "" if language == "ja" else " "
    words: list[dict[str, str | float]] = []
    utterances: list[dict[str, object]] = []
    for number, line in enumerate(lines):
        speaker, first = "AB"[number % 2], len(words)
        for text in line.split("|" if language == "ja" else " "):
            start = 300 * len(words)
            words.append({"text": text, "start": start, "end": start + 280, "speaker": speaker})
        time = {"start": 300 * first, "end": 300 * len(words) - 20}
        text = line.replace("|", "")
        utterances.append({"speaker": speaker, "text": text, "words": words[first:], **time})
    words[4]["confidence"] = 0.4
    document = {
        "id": "x",
        "status": "completed",
        "language_code": language,
        "audio_duration": 0.3 * len(words),
        "text": gap.join(line.replace("|", "") for line in lines),
        "words": words,
        "utterances": utterances,
    }
    return Transcript.from_json(json.dumps(document))


def folder_index() -> str:
    """The index of a folder of three recordings."""
    transcripts = {
        "calls/monday/0412.mp3": said("en", ENGLISH),
        RECORDING: recorded(),
        "صباح.mp3": said("ar", ARABIC),
    }
    entries = [
        formats.IndexEntry(title=name, href="page.html", transcript=one) for name, one in transcripts.items()
    ]
    return formats.index(entries, title="transcripts")


ENGLISH = [
    "Which country do we deliver to first?",
    "Let us begin with this country, and add the others in spring.",
]

JAPANESE = [
    "おはよう|ございます。|今日|は|いい|天気|です|ね。",
    "ええ、|散歩|に|行き|ましょう。",
    "公園|まで|歩いて|三十|分|です。",
]

ARABIC = [
    "صباح الخير. كيف حالك اليوم؟",
    "أنا بخير، شكرا. وأنت؟",
    "بخير. هل نذهب إلى السوق؟",
]


def compared() -> str:
    """The page of two transcripts of the recording, of which the second has five errors."""
    one = Transcript.from_json((DATA / "two_speakers.transcript.json").read_bytes())
    document = json.loads((DATA / "two_speakers.transcript.json").read_bytes())
    words = document["words"]
    for at, text in ((3, "Ashwood"), (11, "much,"), (33, "can't"), (44, "old-sposed")):
        words[at]["text"] = text
    words.insert(27, words[27] | {"text": "now"})
    del words[24]
    document |= {"words": words, "text": " ".join(word["text"] for word in words), "utterances": None}
    other = Transcript.from_json(json.dumps(document))
    labels = ("base", "tiny.en")
    found = comparison.compare(one, other)
    return comparison.page(found, title=RECORDING, labels=labels, audio=RECORDING)


PAPER = (
    '<html data-ready><body style="margin: 75px 68px"><iframe src="page.html" width="100%" height="500" '
    'frameborder="0"></iframe></body></html>'
)
"""The margins, which only paper has."""

STATES = {
    "page": State(page=spoken(), search="country"),
    "page-editing": State(page=spoken(), keys=("e",), clicks=("#next-doubtful",)),
    "page-phone": State(page=spoken(), width=390, height=720),
    "page-dark": State(page=spoken(), scheme="dark", clicks=("#save-button",)),
    "page-print": State(page=spoken(), height=620, media="print", at=""),
    "page-japanese": State(page=formats.html(said("ja", JAPANESE), title="朝.mp3"), height=480, at=""),
    "page-arabic": State(page=formats.html(said("ar", ARABIC), title="صباح.mp3"), height=480, at=""),
    "index": State(page=folder_index(), height=480, at="", ready="#list"),
    "index-search": State(page=folder_index(), height=480, at="", ready="#list", search="country"),
}
"""The pictures by their names."""


def take_server_page(path: Path) -> None:
    """Photograph the page of the local server with two recordings."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    engine = ScriptedEngine("A: Good morning.\nB: Good morning, how are you?")
    with LocalServer(engine=engine, page=True) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 860, "height": 620}, color_scheme="light")
        page.goto(server.page_url)
        page.wait_for_selector("#work")
        page.check("#speakers")
        for name in ("call.mp3", "interview.mp3"):
            content = (DATA / RECORDING).read_bytes()
            file: FilePayload = {"name": name, "mimeType": "audio/mpeg", "buffer": content}
            page.set_input_files("#files", file)
        page.wait_for_selector("a.read >> nth=1")
        page.screenshot(path=path)
        browser.close()


def take_comparison(path: Path) -> None:
    """Photograph the page of a comparison, with a difference that is chosen."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as playwright:
        place = Path(temporary)
        shutil.copy(DATA / RECORDING, place)
        (place / "page.html").write_text(compared(), encoding="utf-8")
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        state = State(page="", width=960, height=680, clicks=("#next", "#next"), at="")
        _shown(browser, state, (place / "page.html").as_uri()).screenshot(path=path)
        browser.close()


def take(folder: Path) -> None:
    """Photograph each state in a browser, while a word is heard."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as playwright:
        place = Path(temporary)
        shutil.copy(DATA / RECORDING, place)
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, state in STATES.items():
            (place / "page.html").write_text(state.page, encoding="utf-8")
            (place / "paper.html").write_text(PAPER, encoding="utf-8")
            shown = place / ("paper.html" if state.media == "print" else "page.html")
            _shown(browser, state, shown.as_uri()).screenshot(path=folder / f"{name}.png")
        browser.close()


def _shown(browser: Browser, state: State, address: str) -> Page:
    size = {"width": state.width, "height": state.height}
    context = browser.new_context(viewport=size, color_scheme=state.scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(f"{address}{state.at}")
    page.wait_for_selector(state.ready, state="attached")
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_timeout(300)
    if state.search:
        page.fill("#search", state.search)
    for key in state.keys:
        page.keyboard.press(key)
    for click in state.clicks:
        page.click(click)
    page.emulate_media(media=state.media)  # type: ignore[arg-type]
    page.wait_for_timeout(500)
    return page
