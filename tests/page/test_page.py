"""The transcript page in a browser: it is heard, searched and steered, and runs only its own script."""

from __future__ import annotations

import functools
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import browsing
import numpy as np
import pytest
from reader import DATA, Reader, changed, long, of_words, wait, with_everything, with_topics

import aai_async as aai
from aai_async import formats
from aai_async._io.media import media_type

if TYPE_CHECKING:
    from playwright.sync_api import Page

browser, read, spoken = browsing.browser, browsing.read, browsing.spoken

Read = Callable[..., Reader]

AUDIO = "document.getElementById('audio')"

TIME = f"{AUDIO}.currentTime"

POINT = """(wanted) => {
  const texts = [...document.querySelectorAll('.said')].map((said) => said.firstChild);
  const text = texts.find((one) => one.data.includes(wanted));
  const range = new Range();
  range.setStart(text, text.data.indexOf(wanted));
  range.setEnd(text, text.data.indexOf(wanted) + wanted.length);
  text.parentElement.scrollIntoView({block: 'center'});
  const box = range.getBoundingClientRect();
  return [box.x + box.width / 2, box.y + box.height / 2];
}"""
"""Where a text stands on the screen."""

MARKED = "(name) => [...(CSS.highlights.get(name) || [])].map(String)"
"""What is marked by a name."""

IN_VIEW = """(name) => { const [range] = CSS.highlights.get(name); const box = range.getBoundingClientRect();
  const top = document.getElementById('deck').getBoundingClientRect().bottom;
  return box.top >= top && box.bottom <= innerHeight; }"""
"""Whether what is marked can be read."""

SELECT = """([first, from, last, to]) => {
  const texts = [...document.querySelectorAll('.said')].map((said) => said.firstChild);
  getSelection().setBaseAndExtent(texts[first], from, texts[last], to); }"""
"""Select from a letter of a paragraph to one of another."""


@pytest.fixture
def recording(tmp_path: Path) -> str:
    """The recording, beside the page."""
    shutil.copy(DATA / "two_speakers.mp3", tmp_path / "call.mp3")
    return "call.mp3"


def search(page: Page, wanted: str) -> list[str]:
    """What is marked when something is looked for."""
    page.fill("#search", "")
    wait(page, "document.getElementById('count').textContent === ''")
    page.fill("#search", wanted)
    wait(page, "document.getElementById('count').textContent !== ''")
    marked: list[str] = page.evaluate(MARKED, "found")
    return marked


def copied(page: Page, beginning: str) -> str:
    """What was copied, once it begins so."""
    wait(page, f"navigator.clipboard.readText().then((text) => text.startsWith('{beginning}'))")
    return str(page.evaluate("navigator.clipboard.readText()"))


# Hearing


def test_a_word_that_is_clicked_is_heard_and_marked(
    read: Read, spoken: aai.Transcript, recording: str
) -> None:
    """And while the recording plays, the mark goes on with it."""
    page = read().open(spoken, audio=recording)
    page.mouse.click(*page.evaluate(POINT, "fellow"))
    wait(page, f"!{AUDIO}.paused")
    wait(page, f"{TIME} > 10")
    time, marked = page.evaluate(f"[{TIME}, ({MARKED})('now')[0]]")
    at = {word.text: word.start / 1000 for word in spoken.words or () if 7790 <= word.start <= 15070}
    assert at["fellow"] < time < 15
    assert marked in at
    assert abs(at[marked] - time) < 1.5
    page.keyboard.press(" ")
    assert page.evaluate(f"{AUDIO}.paused")


def test_what_is_said_is_kept_in_view_unless_the_reader_scrolls_away(
    read: Read, spoken: aai.Transcript, recording: str
) -> None:
    """A button leads back."""
    page = read(viewport={"width": 400, "height": 420}).open(spoken, audio=recording, at="#t=23")
    page.click("#play")
    wait(page, f"{TIME} > 25.3")
    wait(page, f"({IN_VIEW})('now')")
    page.mouse.move(200, 300)
    page.mouse.wheel(0, -3000)
    page.wait_for_selector("#follow")
    page.wait_for_timeout(600)
    assert page.evaluate("scrollY") == 0
    page.click("#follow")
    wait(page, f"({IN_VIEW})('now')")
    assert not page.is_visible("#follow")


def test_the_keys_steer_the_player(read: Read, spoken: aai.Transcript, recording: str) -> None:
    """From paragraph to paragraph, five seconds at a time, slower and faster."""
    page = read().open(spoken, audio=recording)
    wait(page, f"{AUDIO}.readyState > 0")
    starts = [turn.words[0].start / 1000 for turn in spoken.utterances or ()]
    page.keyboard.press("j")
    page.keyboard.press("j")
    assert page.evaluate(TIME) == pytest.approx(starts[1], abs=0.05)
    page.keyboard.press("k")
    page.keyboard.press("ArrowRight")
    assert page.evaluate(TIME) == pytest.approx(starts[0] + 5, abs=0.05)
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert page.evaluate(TIME) == 0
    page.keyboard.press(">")
    assert page.evaluate(f"[{AUDIO}.playbackRate, document.getElementById('speed').value]") == [1.25, "1.25"]


def test_the_keys_are_shown_and_can_be_turned_off(read: Read, spoken: aai.Transcript, recording: str) -> None:
    """For whoever speaks to their machine."""
    page = read().open(spoken, audio=recording)
    page.keyboard.press("?")
    assert "five seconds" in page.inner_text("#help")
    page.uncheck("#shortcuts")
    page.keyboard.press("Escape")
    assert not page.is_visible("#help")
    page.keyboard.press("j")
    assert page.evaluate(MARKED, "now") == []
    page.keyboard.press("ArrowRight")
    wait(page, f"({MARKED})('now').length > 0")


def test_the_lanes_lead_to_where_they_are_clicked(read: Read, spoken: aai.Transcript) -> None:
    """They show who speaks when, in a lane for each; and are told to whoever does not see them."""
    page = read().open(spoken)
    box = page.locator("#lanes").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 10.2 / 39, box["y"] + 3)
    assert page.inner_text("#tip") == "0:10 · Speaker B"
    page.mouse.click(box["x"] + box["width"] * 25.2 / 39, box["y"] + 3)
    assert page.evaluate(MARKED, "now") == ["Ask"]
    assert page.get_attribute("#lanes", "aria-valuetext") == "0:25 of 0:39, Speaker B"
    page.focus("#lanes")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    assert page.get_attribute("#lanes", "aria-valuenow") == "5"
    page.keyboard.press("End")
    assert page.evaluate(MARKED, "now") == [(spoken.words or ())[-1].text]


def test_a_time_in_the_address_leads_there(read: Read, spoken: aai.Transcript, recording: str) -> None:
    """So that a passage can be sent to somebody; a time that is clicked is heard as well."""
    page = read().open(spoken, audio=recording, at="#t=32.51")
    wait(page, f"Math.abs({TIME} - 32.51) < 0.01 && {AUDIO}.readyState > 1 && !{AUDIO}.seeking")
    page.wait_for_timeout(50)
    assert page.evaluate(MARKED, "now") == ["respectable"]
    assert page.evaluate(f"{AUDIO}.paused")
    page.click(".turn .when >> nth=1")
    wait(page, f"!{AUDIO}.paused && {TIME} >= 7.79 && {TIME} < 12")
    assert page.evaluate("location.hash") == "#t=7.79"


def test_without_a_recording_the_reader_may_open_one(read: Read, spoken: aai.Transcript) -> None:
    """It stays on their machine."""
    page = read().open(spoken)
    assert not page.is_visible("#play")
    page.set_input_files("#file", str(DATA / "two_speakers.mp3"))
    wait(page, f"{AUDIO}.readyState > 0")
    assert page.is_visible("#play")
    assert not page.is_visible("#open")


def test_a_recording_that_is_not_there_is_told(read: Read, spoken: aai.Transcript) -> None:
    """And may be opened from elsewhere."""
    reader = read()
    page = reader.open(spoken, audio="gone.mp3")
    page.wait_for_selector("text=The recording of this page cannot be played")
    assert page.is_visible("#open")
    assert not page.is_visible("#play")
    reader.overlook("ERR_FILE_NOT_FOUND")


def encoded(folder: Path, suffix: str, codec: str) -> Path:
    """Make a second of a tone in a container; its name decides which."""
    path = folder / f"tone.{suffix}"
    container = {"mts": "mpegts", "m4b": "ipod"}.get(suffix)
    with av.open(str(path), "w", format=container) as output:
        stream: Any = output.add_stream(codec, rate=48000)
        tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(48000) / 48000)
        frame = av.AudioFrame.from_ndarray(tone.astype(np.float32)[np.newaxis, :], "fltp", "mono")
        frame.sample_rate = 48000
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


PLAYED = {
    "wav": "pcm_s16le",
    "flac": "flac",
    "mp3": "libmp3lame",
    "ogg": "libopus",
    "opus": "libopus",
    "webm": "libopus",
    "mka": "libopus",
    "mkv": "aac",
    "mp4": "aac",
    "m4a": "aac",
    "m4b": "aac",
    "mov": "aac",
    "aac": "aac",
}
"""Containers that Chromium plays."""

UNPLAYED = {
    "aiff": "pcm_s16be",
    "avi": "libmp3lame",
    "mts": "aac",
    "wv": "wavpack",
    "tta": "tta",
}
"""Containers that no browser plays."""


@pytest.mark.parametrize("is_embedded", [True, False])
@pytest.mark.parametrize("suffix", PLAYED)
def test_what_a_browser_plays_is_played(read: Read, tmp_path: Path, suffix: str, is_embedded: bool) -> None:
    """Linked, and as data of the type that the command gives it."""
    path = encoded(tmp_path, suffix, PLAYED[suffix])
    audio = formats.data_url(path.read_bytes(), media_type(path.name)) if is_embedded else path.name
    page = read().open(of_words(["Yes."]), audio=audio)
    wait(page, f"{AUDIO}.duration > 0.9")
    assert page.is_visible("#play")


@pytest.mark.parametrize("suffix", UNPLAYED)
def test_a_format_that_the_browser_does_not_play_is_named_as_the_reason(
    read: Read, tmp_path: Path, suffix: str
) -> None:
    """With what to do; a linked file can also be gone."""
    path = encoded(tmp_path, suffix, UNPLAYED[suffix])
    embedded = formats.data_url(path.read_bytes(), media_type(path.name))
    page = read().open(of_words(["Yes."]), audio=embedded)
    page.wait_for_selector("text=This browser does not play the format of the recording")
    assert page.is_visible("#open")
    page.set_input_files("#file", str(encoded(tmp_path, "mp3", "libmp3lame")))
    wait(page, f"{AUDIO}.duration > 0.9")
    assert page.is_visible("#play")


def test_topics_and_sensitive_content_are_listed_with_their_times(read: Read, spoken: aai.Transcript) -> None:
    """The most relevant topic first, each time a link."""
    page = read().open(with_topics(spoken))
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    topics = page.locator("details", has_text="Topics").locator("li").all_inner_texts()
    assert topics == ["Law › Politics 98% 0:09", "Books 40%"]
    safety = page.locator("details", has_text="Content safety").locator("li").all_inner_texts()
    assert safety == ["hate speech 71% 0:09", "a<b 10%"]


def test_a_page_may_hold_its_recording(read: Read, spoken: aai.Transcript) -> None:
    """For whoever sends it on."""
    whole = formats.data_url((DATA / "two_speakers.mp3").read_bytes(), "audio/mpeg")
    page = read().open(spoken, audio=whole)
    wait(page, f"{AUDIO}.duration > 38")


# Reading


def test_a_phrase_is_found_across_words_and_stepped_through(read: Read, spoken: aai.Transcript) -> None:
    """Without regard to the case of letters; a key leads to the field."""
    page = read().open(spoken)
    page.keyboard.press("/")
    page.keyboard.type("YOUR country")
    wait(page, "document.getElementById('count').textContent === '1 of 2'")
    assert page.evaluate(MARKED, "found") == ["your country", "your country"]
    page.keyboard.press("Enter")
    assert page.inner_text("#count") == "2 of 2"
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    assert page.inner_text("#count") == "1 of 2"
    page.keyboard.press("Escape")
    assert page.evaluate(MARKED, "found") == []
    assert search(page, "nowhere said") == []
    assert page.inner_text("#count") == "none"


def test_a_search_overlooks_signs_accents_and_where_paragraphs_end(
    read: Read, spoken: aai.Transcript
) -> None:
    """Whoever means a sign or an accent writes it."""
    page = read().open(of_words(["Café", "“İstanbul”,", "ja?", "Etat.", "Fin.", "(a+b)"], every=4))
    assert search(page, "cafe istanbul ja") == ["Café “İstanbul”, ja"]
    assert search(page, "état") == []
    assert search(page, "?") == ["?"]
    assert search(page, "a+b") == ["a+b"]
    assert search(page, "etat fin") == ["Etat.", "Fin"]
    assert page.inner_text("#count") == "1 of 1"


def test_words_that_are_not_sure_are_marked_until_that_is_turned_off(
    read: Read, spoken: aai.Transcript
) -> None:
    """With how sure they are, for whoever points at one or goes from one to the next."""
    page = read().open(spoken)
    unsure = [word for word in spoken.words or () if (word.confidence or 0) < 0.595]
    assert unsure
    wait(page, f"({MARKED})('unsure').length > 0")
    assert page.evaluate(MARKED, "unsure") == [word.text for word in unsure]
    page.mouse.move(*page.evaluate(POINT, unsure[0].text))
    sure = f"{unsure[0].confidence:.0%}".rstrip("%") + " % sure"
    assert sure in page.inner_text("#tip")
    page.keyboard.press("u")
    assert page.evaluate(MARKED, "now") == [unsure[0].text]
    assert page.inner_text("#announcement").startswith(f"{unsure[0].text}, {sure}")
    page.keyboard.press(".")
    page.keyboard.press(",")
    assert page.evaluate(MARKED, "now") == [unsure[0].text]
    page.keyboard.press("c")
    assert page.evaluate(MARKED, "unsure") == []


def test_what_was_found_in_the_text_is_shown_and_leads_there(
    read: Read, spoken: aai.Transcript, recording: str
) -> None:
    """Chapters, key phrases, entities, and the tone of a sentence."""
    page = read().open(with_everything(spoken), audio=recording)
    wait(page, f"{AUDIO}.readyState > 0")
    assert "A novel and a speech." in page.inner_text("body")
    page.click("nav >> text=0:09 >> nth=0")
    wait(page, f"{TIME} > 9.3")
    page.click("#view-button")
    for name in ("entities", "sentiment", "phrases"):
        page.check(f"#{name}")
    wait(page, f"({MARKED})('entity').length > 0")
    assert page.evaluate(MARKED, "entity") == ["Mr. John Dashwood", "Americans"]
    assert set(page.evaluate(MARKED, "phrase")) == {"your country."}
    assert "".join(page.evaluate(MARKED, "positive")).startswith("And so my fellowAmericans")
    assert page.evaluate(MARKED, "negative")[0].startswith("He was not")


def test_a_quote_is_copied_with_who_said_it_and_when(read: Read, spoken: aai.Transcript) -> None:
    """What is selected, of one or of several; without that, the paragraph that is said."""
    page = read().open(spoken)
    page.evaluate(SELECT, [3, 0, 3, 8])
    page.click("#quote")
    wait(page, "document.getElementById('quote').textContent === 'Copied'")
    assert copied(page, "“Ask what") == "“Ask what” (Speaker B, 0:24)"
    page.evaluate(SELECT, [2, 58, 3, 8])
    page.keyboard.press("q")
    assert copied(page, "“cold").splitlines() == [
        "“cold-hearted and rather selfish is to be ill-disposed.” (Speaker A, 0:20)",
        "“Ask what” (Speaker B, 0:24)",
    ]
    page.evaluate("getSelection().removeAllRanges()")
    page.keyboard.press("j")
    page.keyboard.press("q")
    assert copied(page, "“And Mr.").endswith("for them.” (Speaker A, 0:00)")


def test_a_quote_is_copied_where_the_page_was_not_fetched_safely(read: Read, spoken: aai.Transcript) -> None:
    """Where browsers have no clipboard for scripts."""
    page = read().open(spoken)
    page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined, configurable: true})")
    page.evaluate(SELECT, [3, 0, 3, 3])
    page.click("#quote")
    wait(page, "document.getElementById('quote').textContent === 'Copied'")
    page.evaluate("delete navigator.clipboard")
    assert copied(page, "“Ask”") == "“Ask” (Speaker B, 0:24)"


def test_languages_without_spaces_are_marked_word_by_word(read: Read) -> None:
    """Where nothing stands between two words."""
    page = read().open(of_words(["今日は", "晴れ", "です", "。"], language_code="ja"))
    page.mouse.click(*page.evaluate(POINT, "晴れ"))
    assert page.evaluate(MARKED, "now") == ["晴れ"]
    assert search(page, "は晴れ") == ["は晴れ"]


def test_languages_from_right_to_left_are_set_so(read: Read) -> None:
    """The times stand at the right then."""
    page = read().open(of_words(["أهلا", "وسهلا", "بكم"], language_code="ar"))
    said, when = page.locator(".said").bounding_box(), page.locator(".turns .when").bounding_box()
    assert said is not None
    assert when is not None
    assert when["x"] > said["x"] + said["width"]
    page.mouse.click(*page.evaluate(POINT, "وسهلا"))
    assert page.evaluate(MARKED, "now") == ["وسهلا"]


def test_channels_that_overlap_are_followed_by_time(read: Read) -> None:
    """Not by where their words stand."""
    words = [
        {"text": text, "start": start, "end": start + 100, "speaker": speaker}
        for text, start, speaker in [("one", 0, "A"), ("three", 2000, "A"), ("two", 1000, "B")]
    ]
    document = {"id": "x", "status": "completed", "text": "one three two", "words": words}
    page = read().open(aai.Transcript.from_json(json.dumps(document)))
    for time, word in (("0.5", "one"), ("1.5", "two"), ("2.5", "three")):
        page.evaluate(f"location.hash = '#t={time}'")
        wait(page, f"({MARKED})('now')[0] === '{word}'")


@pytest.mark.parametrize("fields", [{"words": None, "utterances": None}, {"words": [], "text": ""}])
def test_a_text_without_words_is_shown(read: Read, spoken: aai.Transcript, fields: dict[str, Any]) -> None:
    """Every key and button does what it can, which is to say nothing wrong."""
    page = read().open(changed(spoken, **{"utterances": None, **fields}))
    assert ("Ask what you can do" in page.inner_text("main")) is ("text" not in fields)
    for key in ["j", "k", ".", ",", "u", "U", "n", "q", "f", "ArrowRight", "End", "c", "d", " "]:
        page.keyboard.press(key)
    page.click("#lanes")
    assert search(page, "country") == ["country", "country"] * ("text" not in fields)


# Safety

HOSTILE = "</script></p><img src=x onerror=alert(1)><script>alert(2)</script>--><b>&amp;\u2028'\"{{x}}$title"


def filled(transcript: aai.Transcript, text: str) -> aai.Transcript:
    """The transcript with the same text in each of its fields."""

    def put(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: put(one) if name != "status" else one for name, one in value.items()}
        if isinstance(value, list):
            return [put(one) for one in value]
        return text if isinstance(value, str) else value

    return aai.Transcript.from_json(json.dumps(put(json.loads(transcript.body))))


def test_nothing_that_was_said_runs_or_becomes_markup(read: Read, spoken: aai.Transcript) -> None:
    """In whichever field it stands; the reader notes each dialog, request and violation of the policy."""
    count = "document.querySelectorAll('*').length"
    reader = read()
    # As many lines, because a summary has a paragraph for each.
    lines = filled(with_everything(spoken), "x\u2028x")
    harmless = reader.open(lines, title="x", audio="x.mp3").evaluate(count)
    page = reader.open(filled(with_everything(spoken), HOSTILE), title=HOSTILE, audio="x'\"><img src=y>.mp3")
    assert page.evaluate(count) == harmless
    for key in ("j", ".", "u", "q"):
        page.keyboard.press(key)
    assert search(page, HOSTILE[:40])
    page.hover("#lanes")
    assert page.title().startswith("</script></p><img src=x")
    assert HOSTILE[:30] in page.inner_text("main")
    wait(page, f"Boolean({AUDIO}.error)")
    reader.overlook("ERR_FILE_NOT_FOUND")


def test_its_script_leaves_no_names_in_the_window(read: Read, spoken: aai.Transcript) -> None:
    """Not even those of its functions."""
    page = read().open(spoken)
    assert page.evaluate("[typeof seek, typeof starts, typeof $]") == ["undefined"] * 3


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, list[str]]]:
    """A web server of the folder, and what was asked of it."""
    asked: list[str] = []

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *args: Any) -> None:
            asked.append(self.path)

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


def test_a_page_on_the_web_fetches_its_recording_and_nothing_else(
    read: Read, spoken: aai.Transcript, recording: str, tmp_path: Path, served: tuple[str, list[str]]
) -> None:
    """Not even an icon."""
    address, asked = served
    reader = read()
    (tmp_path / "page.html").write_text(formats.html(with_everything(spoken), audio=recording))
    reader.page.goto(f"{address}/page.html")
    wait(reader.page, f"{AUDIO}.readyState > 0")
    reader.page.wait_for_timeout(200)
    assert set(asked) == {"/page.html", "/call.mp3"}
    reader.overlook(address)


# Everywhere


def test_a_hundred_thousand_words_are_shown_marked_and_searched(
    read: Read, capsys: pytest.CaptureFixture[str]
) -> None:
    """The figures are printed; a click far down hits the right word yet, and a match is brought into view."""
    page = read().open(long(100_000))
    ready = page.evaluate("performance.now()")
    frames = page.evaluate(
        """async () => { const frames = []; let last = performance.now(); let on = true;
        const beat = () => { const now = performance.now(); frames.push(now - last); last = now;
          if (on) requestAnimationFrame(beat); };
        requestAnimationFrame(beat);
        for (let i = 0; i < 40; i++) { scrollBy(0, 2000); await new Promise((r) => setTimeout(r, 16)); }
        on = false; return frames; }"""
    )
    search(page, "word777")
    assert page.inner_text("#count").endswith("of 111")
    page.evaluate("for (let time = 0; time < 55; time++) document.getElementById('next').click()")
    page.wait_for_timeout(1000)
    assert page.evaluate(IN_VIEW, "found-now")
    assert page.evaluate("CSS.highlights.get('found-now').priority > CSS.highlights.get('found').priority")
    page.mouse.click(*page.evaluate(POINT, "word77777"))
    assert page.evaluate(MARKED, "now") == ["word77777"]
    search(page, "word")
    assert page.inner_text("#count").endswith("of 100,000")
    with capsys.disabled():
        print(f"\n100,000 words: ready after {ready:.0f} ms, longest frame {max(frames):.0f} ms")


@pytest.mark.parametrize("width", [320, 360])
def test_a_phone_shows_it_without_scrolling_sideways(
    read: Read, spoken: aai.Transcript, recording: str, width: int
) -> None:
    """The player stays in reach, in less than a third of the screen."""
    page = read(viewport={"width": width, "height": 640}).open(with_everything(spoken), audio=recording)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.evaluate("scrollTo(0, 500)")
    deck = page.locator("#deck").bounding_box()
    assert deck is not None
    assert deck["y"] == 0
    assert deck["height"] < 640 / 3


def test_light_and_dark_follow_the_reader(read: Read, spoken: aai.Transcript) -> None:
    """Their system first, then the button."""
    page = read(color_scheme="dark").open(spoken)
    paper = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(paper)
    page.click("#view-button")
    page.click("#theme")
    assert page.evaluate(paper) != dark
    page.keyboard.press("d")
    assert page.evaluate(paper) == dark


def test_a_printed_page_is_its_text_alone(read: Read, spoken: aai.Transcript) -> None:
    """All of it, on as many sheets as it takes, with what was folded."""
    page = read().open(with_everything(long(5000)))
    assert page.pdf().count(b"/Type /Page\n") > 5
    page.emulate_media(media="print")
    for screen_only in ("#deck", "#lack", "#edit-bar"):
        assert not page.is_visible(screen_only)
    page.keyboard.press("j")
    marked = "getComputedStyle(document.querySelector('.said'), '::highlight(now)').backgroundColor"
    assert page.evaluate(marked) == "rgba(0, 0, 0, 0)"
    folded = "[...document.querySelectorAll('details')].map((one) => one.open)"
    assert page.evaluate(folded) == [True, False, False]
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate(folded) == [True, True, True]
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate(folded) == [True, False, False]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "shown", ["", "#view-button", "?", "e", "#save-button", ".speaker", "#matches-button"]
)
def test_everybody_can_use_it(
    read: Read, spoken: aai.Transcript, recording: str, scheme: str, shown: str
) -> None:
    """As far as axe can tell: names, contrast, landmarks, order."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe")
    page = read(color_scheme=scheme).open(with_everything(spoken), audio=recording)
    if shown == "#matches-button":
        search(page, "country")
    if shown.startswith(("#", ".")):
        page.click(f"{shown} >> nth=0")
    elif shown:
        page.keyboard.press(shown)
    results = axe.Axe().run(page)
    assert results.violations_count == 0, results.generate_report()


def test_the_focus_goes_through_the_page_in_the_order_in_which_it_is_read(
    read: Read, spoken: aai.Transcript, recording: str
) -> None:
    """The text first, for whoever wants nothing else."""
    page = read().open(spoken, audio=recording)
    order = []
    for _ in range(16):
        page.keyboard.press("Tab")
        order.append(page.evaluate("document.activeElement.id || document.activeElement.className"))
    assert order == [
        "skip",
        "speaker",
        "speaker",
        "turn-before",
        "back",
        "play",
        "forward",
        "turn-after",
        "lanes",
        "speed",
        "search",
        "edit",
        "bookmarks-button",
        "save-button",
        "view-button",
        "when",
    ]


def test_without_its_script_it_can_be_read(
    read: Read, spoken: aai.Transcript, recording: str, tmp_path: Path
) -> None:
    """With who speaks and when, the browser's own player, and nothing that would do nothing."""
    reader = read(java_script_enabled=False)
    (tmp_path / "page.html").write_text(formats.html(spoken, audio=recording))
    reader.page.goto((tmp_path / "page.html").as_uri())
    text = reader.page.inner_text("main")
    assert "Speaker B" in text
    assert "Ask what you can do for your country." in text
    assert reader.page.is_visible("#audio")
    assert not reader.page.is_visible("#search")
