"""The transcript page in a browser: it is heard, searched and steered, and runs only its own script."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from reader import DATA, Reader, wait

import aai_async as aai
from aai_async import formats

if TYPE_CHECKING:
    from playwright.sync_api import Browser

Read = Callable[..., Reader]

POINT = """(wanted) => {
  const texts = [...document.querySelectorAll('.turn p')].map((p) => p.firstChild);
  const text = texts.find((one) => one.data.includes(wanted));
  const range = new Range();
  range.setStart(text, text.data.indexOf(wanted));
  range.setEnd(text, text.data.indexOf(wanted) + wanted.length);
  range.startContainer.parentElement.scrollIntoView({block: 'center'});
  const box = range.getBoundingClientRect();
  return [box.x + box.width / 2, box.y + box.height / 2];
}"""
"""Where a text stands on the screen."""

MARKED = "(name) => [...(CSS.highlights.get(name) || [])].map(String)"
"""What is marked by a name."""


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, as the system has it."""
    api = pytest.importorskip("playwright.sync_api", reason="no Playwright")
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no Chromium")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
        )
        yield browser
        browser.close()


@pytest.fixture
def read(browser: Browser, tmp_path: Path) -> Iterator[Any]:
    """Make a reader: of another size, with another taste."""
    readers: list[Reader] = []

    def reader(**settings: Any) -> Reader:
        readers.append(Reader(browser, tmp_path, **settings))
        return readers[-1]

    yield reader
    for one in readers:
        one.close()
        assert one.complaints == []


@pytest.fixture(scope="session")
def spoken() -> aai.Transcript:
    """The transcript of the recording of two speakers."""
    return aai.Transcript.from_json((DATA / "two_speakers.transcript.json").read_bytes())


@pytest.fixture
def recording(tmp_path: Path) -> str:
    """The recording, beside the page."""
    shutil.copy(DATA / "two_speakers.mp3", tmp_path / "call.mp3")
    return "call.mp3"


def with_everything(transcript: aai.Transcript) -> aai.Transcript:
    """A transcript for which everything was asked."""
    document = json.loads(transcript.body)
    document |= {
        "summary": "A novel and a speech.",
        "chapters": [
            {"headline": "A speech", "gist": "", "summary": "Of 1961.", "start": 7790, "end": 15070}
        ],
        "entities": [{"entity_type": "nationality", "text": "Americans", "start": 9400, "end": 10000}],
        "sentiment_analysis_results": [
            {"text": "", "start": 7790, "end": 15070, "sentiment": "POSITIVE", "confidence": 0.9}
        ],
        "auto_highlights_result": {
            "status": "success",
            "results": [{"text": "your country", "count": 2, "timestamps": [{"start": 26000, "end": 27000}]}],
        },
    }
    return aai.Transcript.from_json(json.dumps(document))


def long(words: int) -> aai.Transcript:
    """As many words, by three speakers in turn."""
    said = [
        {
            "text": f"word{word}{'.' if word % 13 == 12 else ''}",
            "start": word * 300,
            "end": word * 300 + 250,
            "confidence": 0.5 if word % 31 == 0 else 0.9,
            "speaker": "ABC"[word // 300 % 3],
        }
        for word in range(words)
    ]
    return aai.Transcript.from_json(
        json.dumps({"id": "long", "status": "completed", "text": "", "words": said})
    )


def test_a_word_that_is_clicked_is_heard_and_marked(
    read: Read, spoken: aai.Transcript, recording: str
) -> None:
    """And while the recording plays, the mark goes on with it."""
    page = read().open(spoken, audio=recording)
    page.mouse.click(*page.evaluate(POINT, "fellow"))
    wait(page, "!document.getElementById('audio').paused")
    wait(page, "document.getElementById('audio').currentTime > 10")
    heard = page.evaluate(f"[document.getElementById('audio').currentTime, ({MARKED})('now')[0]]")
    at = {word.text: word.start / 1000 for word in spoken.words or () if 7790 <= word.start <= 15070}
    assert at["fellow"] < heard[0] < 15
    assert heard[1] in at
    assert abs(at[heard[1]] - heard[0]) < 1.5
    page.keyboard.press(" ")
    assert page.evaluate("document.getElementById('audio').paused")


def test_the_keys_steer_the_player(read: Read, spoken: aai.Transcript, recording: str) -> None:
    """From paragraph to paragraph, and five seconds at a time."""
    page = read().open(spoken, audio=recording)
    wait(page, "document.getElementById('audio').readyState > 0")
    starts = [turn.words[0].start / 1000 for turn in spoken.utterances or ()]
    time = "document.getElementById('audio').currentTime"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert page.evaluate(time) == pytest.approx(starts[1], abs=0.05)
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowRight")
    assert page.evaluate(time) == pytest.approx(starts[0] + 5, abs=0.05)
    page.keyboard.press("?")
    assert "five seconds" in page.inner_text("#help")
    page.keyboard.press("Escape")
    assert not page.is_visible("#help")


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
    page.fill("#search", "nowhere said")
    wait(page, "document.getElementById('count').textContent === 'none'")
    assert page.evaluate(MARKED, "found") == []


def test_words_that_are_not_sure_are_marked_when_asked_for(read: Read, spoken: aai.Transcript) -> None:
    """With how sure they are, for whoever points at one."""
    page = read().open(spoken)
    page.keyboard.press("c")
    unsure = [word for word in spoken.words or () if (word.confidence or 0) < 0.595]
    assert unsure
    assert page.evaluate(MARKED, "unsure") == [word.text for word in unsure]
    page.mouse.move(*page.evaluate(POINT, unsure[0].text))
    assert f"{unsure[0].confidence:.0%}".rstrip("%") in page.inner_text("#tip")
    page.keyboard.press("c")
    assert page.evaluate(MARKED, "unsure") == []


def test_what_was_found_in_the_text_is_shown_and_leads_there(
    read: Read, spoken: aai.Transcript, recording: str
) -> None:
    """Chapters, key phrases, entities, and the tone of a sentence."""
    page = read().open(with_everything(spoken), audio=recording)
    wait(page, "document.getElementById('audio').readyState > 0")
    assert "A novel and a speech." in page.inner_text("main")
    page.click("text=0:00:07 >> nth=0")
    assert page.evaluate("document.getElementById('audio').currentTime") == pytest.approx(7.79, abs=0.05)
    page.click("#entities")
    page.click("#sentiment")
    assert page.evaluate(MARKED, "entity") == ["Americans"]
    (tone,) = page.evaluate(MARKED, "positive")
    assert tone.startswith("And so my fellow Americans")


def test_a_time_in_the_address_leads_there(read: Read, spoken: aai.Transcript) -> None:
    """So that a passage can be sent to somebody."""
    page = read().open(spoken)
    page.goto(f"{page.url}#t=24.98")
    wait(page, f"({MARKED})('now').length === 1")
    assert page.evaluate(MARKED, "now") == ["Ask"]


def test_the_bar_leads_to_where_it_is_clicked(read: Read, spoken: aai.Transcript) -> None:
    """It shows who speaks when, in a row for each."""
    page = read().open(spoken)
    box = page.locator("#bar").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] * 25.2 / 39, box["y"] + 3)
    assert page.evaluate(MARKED, "now") == ["Ask"]
    assert page.get_attribute("#bar", "aria-label") == "Who spoke when: Speaker A, Speaker B"


def test_a_quote_is_copied_with_who_said_it_and_when(read: Read, spoken: aai.Transcript) -> None:
    reader = read()
    page = reader.open(spoken)
    page.evaluate(
        """() => { const text = document.querySelectorAll('.turn p')[3].firstChild;
        getSelection().setBaseAndExtent(text, 0, text, 8); }"""
    )
    page.keyboard.press("q")
    wait(page, "document.getElementById('said').textContent === 'Copied'")
    assert page.evaluate("navigator.clipboard.readText()") == "“Ask what” (Speaker B, 0:00:24)"


def test_without_a_recording_the_reader_may_open_one(read: Read, spoken: aai.Transcript) -> None:
    """It stays on their machine."""
    page = read().open(spoken)
    assert not page.is_visible("#audio")
    page.set_input_files("#file", str(DATA / "two_speakers.mp3"))
    wait(page, "document.getElementById('audio').readyState > 0")
    assert page.is_visible("#audio")


def test_a_page_may_hold_its_recording(read: Read, spoken: aai.Transcript) -> None:
    """For whoever sends it on."""
    whole = formats.embedded((DATA / "two_speakers.mp3").read_bytes(), "audio/mpeg")
    page = read().open(spoken, audio=whole)
    wait(page, "document.getElementById('audio').duration > 38")


HOSTILE = "</script></p><img src=x onerror=alert(1)><script>alert(2)</script>--><b>&amp;\u2028'\"{{x}}"


def test_nothing_that_was_said_runs_or_becomes_markup(read: Read, spoken: aai.Transcript) -> None:
    """In whichever field it stands; the reader notes each dialog, request and violation of the policy."""

    def poisoned(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: poisoned(one) if name != "status" else one for name, one in value.items()}
        if isinstance(value, list):
            return [poisoned(one) for one in value]
        return HOSTILE if isinstance(value, str) else value

    transcript = aai.Transcript.from_json(json.dumps(poisoned(with_everything(spoken).raw)))
    page = read().open(transcript, title=HOSTILE)
    page.wait_for_timeout(200)
    assert page.locator("img, b, script:not([type])").count() == 1
    assert page.title().startswith("</script></p><img src=x")
    assert HOSTILE[:30] in page.inner_text("main")


def test_a_page_fetches_nothing_and_says_so_to_the_browser(spoken: aai.Transcript) -> None:
    """Its policy names the script and the style by their hashes, and what may be played."""
    page = formats.html(spoken, audio="https://media.example/call.mp3?token=x")
    assert "default-src 'none'" in page
    assert "media-src blob: https://media.example;" in page
    assert "unsafe" not in page.partition("<title>")[0]


@pytest.mark.parametrize(
    "audio", ["javascript:alert(1)", "data:text/html,<script>", "//host/x.mp3", "https://a b/", "ftp://h/x"]
)
def test_an_address_that_a_page_must_not_play_is_refused(spoken: aai.Transcript, audio: str) -> None:
    with pytest.raises(aai.OptionsError, match="audio must be"):
        formats.html(spoken, audio=audio)


def test_the_type_of_what_is_embedded_is_checked() -> None:
    with pytest.raises(aai.OptionsError, match="audio/mpeg"):
        formats.embedded(b"", "text/html")


def test_the_page_is_small_without_its_words(spoken: aai.Transcript) -> None:
    """In bytes."""
    assert len(formats.html(spoken).encode()) < 60_000


def test_a_hundred_thousand_words_are_shown_marked_and_searched(
    read: Read, capsys: pytest.CaptureFixture[str]
) -> None:
    """The figures are printed; a click far down hits the right word yet."""
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
    page.fill("#search", "word77777")
    wait(page, "document.getElementById('count').textContent === '1 of 1'")
    page.mouse.click(*page.evaluate(POINT, "word77777"))
    assert page.evaluate(MARKED, "now") == ["word77777"]
    with capsys.disabled():
        print(f"\n100,000 words: ready after {ready:.0f} ms, longest frame {max(frames):.0f} ms")


def test_a_phone_shows_it_without_scrolling_sideways(read: Read, spoken: aai.Transcript) -> None:
    page = read(viewport={"width": 360, "height": 640}).open(with_everything(spoken))
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_light_and_dark_follow_the_reader(read: Read, spoken: aai.Transcript) -> None:
    """Their system first, then the button."""
    page = read(color_scheme="dark").open(spoken)
    paper = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(paper)
    page.click("#theme")
    assert page.evaluate(paper) != dark
    page.click("#theme")
    assert page.evaluate(paper) == dark


def test_a_printed_page_is_its_text_alone(read: Read, spoken: aai.Transcript) -> None:
    page = read().open(spoken)
    page.emulate_media(media="print")
    assert not page.is_visible(".tools")
    assert page.is_visible("text=Ask what you can do for your country.")
    assert page.pdf().startswith(b"%PDF")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_it(read: Read, spoken: aai.Transcript, scheme: str) -> None:
    """As far as axe can tell: names, contrast, landmarks, order."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe")
    page = read(color_scheme=scheme).open(with_everything(spoken))
    results = axe.Axe().run(page)
    assert results.violations_count == 0, results.generate_report()


def test_without_its_script_it_can_be_read(read: Read, spoken: aai.Transcript, tmp_path: Path) -> None:
    """With who speaks and when."""
    reader = read(java_script_enabled=False)
    (tmp_path / "page.html").write_text(formats.html(spoken))
    reader.page.goto((tmp_path / "page.html").as_uri())
    text = reader.page.inner_text("main")
    assert "Speaker B" in text
    assert "Ask what you can do for your country." in text


def test_languages_without_spaces_are_marked_word_by_word(read: Read) -> None:
    """Where nothing stands between two words."""
    words = [
        {"text": text, "start": at * 500, "end": at * 500 + 400}
        for at, text in enumerate(["今日は", "晴れ", "です", "。"])
    ]
    document = {
        "id": "ja",
        "status": "completed",
        "language_code": "ja",
        "text": "今日は晴れです。",
        "words": words,
    }
    page = read().open(aai.Transcript.from_json(json.dumps(document)))
    page.mouse.click(*page.evaluate(POINT, "晴れ"))
    assert page.evaluate(MARKED, "now") == ["晴れ"]
