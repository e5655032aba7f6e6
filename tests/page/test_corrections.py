"""Corrections in the page: what is typed there can be saved, and Python reads it with the right times."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import browsing
import pytest
from docx import Document
from reader import Reader, changed, long, of_words, wait

import aai_async as aai
from aai_async import formats

if TYPE_CHECKING:
    from playwright.sync_api import Page

browser, read, spoken = browsing.browser, browsing.read, browsing.spoken

Read = Callable[..., Reader]

SAID = "[...document.querySelectorAll('.said')].map((said) => said.textContent)"

WHO = "[...document.querySelectorAll('.turn')].map((turn) => turn.querySelector('.who')?.innerText ?? '')"

CARET = """([number, at]) => {
  const said = document.querySelectorAll('.said')[number];
  said.scrollIntoView({block: 'center'});
  said.focus();
  getSelection().collapse(said.firstChild ?? said, at);
}"""
"""Put the cursor into a paragraph."""

REPLACE = """([number, wanted]) => {
  const said = document.querySelectorAll('.said')[number];
  const at = said.textContent.indexOf(wanted);
  said.focus();
  getSelection().setBaseAndExtent(said.firstChild, at, said.firstChild, at + wanted.length);
}"""
"""Select a text in a paragraph."""


def correcting(reader: Reader, transcript: aai.Transcript, **keywords: Any) -> Page:
    """Open a page to correct it."""
    page = reader.open(transcript, **keywords)
    page.keyboard.press("e")
    page.wait_for_selector(".said[contenteditable]")
    return page


def kept(page: Page) -> str:
    """What the browser has kept of all transcripts."""
    return str(page.evaluate("JSON.stringify(localStorage)"))


def retype(page: Page, paragraph: int, wanted: str, text: str) -> None:
    """Select a text of a paragraph, and type another one."""
    page.evaluate(REPLACE, [paragraph, wanted])
    if text:
        page.keyboard.type(text)
    else:
        page.keyboard.press("Delete")


def saved(page: Page, name: str) -> str:
    """What the page saves in a format."""
    page.click("#save-button")
    with page.expect_download() as download:
        page.click(f"#save [data-format={name}]")
    path = download.value.path()
    page.keyboard.press("Escape")
    return Path(path).read_text(encoding="utf-8")


def times(transcript: aai.Transcript) -> dict[str, tuple[int, int]]:
    """The times of the words."""
    return {word.text: (word.start, word.end) for word in transcript.words or ()}


def test_what_is_typed_is_saved_and_read_with_the_right_times(read: Read, spoken: aai.Transcript) -> None:
    """Words that stay keep their times; a word that is split shares its own; the original is kept."""
    page = correcting(read(), spoken)
    retype(page, 0, "Dashwood", "Dash Wood")
    retype(page, 0, "consider", "think")
    retype(page, 1, "fellow ", "")
    text = saved(page, "json")
    transcript = aai.Transcript.from_json(text)
    before, after = times(spoken), times(transcript)
    assert after["think"] == before["consider"]
    start, end = before["Dashwood"]
    assert after["Dash"][0] == start
    assert after["Dash"][1] == after["Wood"][0]
    assert after["Wood"][1] == end
    assert "fellow" not in after
    kept = before.keys() & after.keys()
    assert {word: after[word] for word in kept} == {word: before[word] for word in kept}
    assert transcript.text == (spoken.text or "").replace("Dashwood", "Dash Wood").replace(
        "consider", "think"
    ).replace("fellow ", "")
    assert transcript.raw["original"]["text"] == spoken.text
    assert transcript.raw["original"]["words"] == spoken.raw["words"]
    subtitles = formats.srt(transcript)
    assert "John Dash Wood" in subtitles.replace("\n", " ")
    assert subtitles.partition("\n")[2].startswith("00:00:00,110 --> ")
    assert times(spoken).keys() - kept == {"Dashwood", "consider", "fellow"}


def test_a_page_that_is_saved_unchanged_is_the_transcript(read: Read, spoken: aai.Transcript) -> None:
    """With each word and utterance as the service sent it, but without addresses."""
    transcript = aai.Transcript.from_json(saved(read().open(spoken), "json"))
    assert transcript.words == spoken.words
    assert transcript.text == spoken.text
    assert [one.text for one in transcript.utterances or ()] == [one.text for one in spoken.utterances or ()]
    assert transcript.audio_url is None


def test_a_saved_correction_is_corrected_further(read: Read, spoken: aai.Transcript, tmp_path: Path) -> None:
    """The first original stays beside it, and a corrected word is not doubtful any more."""
    doubtful = next(word for word in spoken.words or () if (word.confidence or 1) < 0.595)
    page = correcting(read(), spoken)
    number = next(at for at, text in enumerate(page.evaluate(SAID)) if doubtful.text in text)
    retype(page, number, doubtful.text, "demanded")
    first = aai.Transcript.from_json(saved(page, "json"))
    assert {word.confidence for word in first.words or () if word.text == "demanded"} == {1}
    page = correcting(read(), first)
    retype(page, 0, "leisure", "time")
    second = aai.Transcript.from_json(saved(page, "json"))
    assert second.raw["original"] == first.raw["original"]
    assert {"demanded", "time"} <= times(second).keys()


def test_the_command_writes_a_correction_in_other_formats(
    read: Read, spoken: aai.Transcript, tmp_path: Path
) -> None:
    """With its names: as subtitles, and as a document."""
    page = correcting(read(), spoken)
    retype(page, 0, "Dashwood", "Ashwood")
    page.keyboard.press("Escape")
    page.click(".speaker >> nth=0")
    page.fill("#speaker-name", "Anna")
    page.keyboard.press("Enter")
    (tmp_path / "call.corrected.json").write_text(saved(page, "json"), encoding="utf-8")
    # In a process of its own, because Playwright runs an event loop in this thread.
    command = [sys.executable, "-m", "aai_async", "convert", "call.corrected.json", "-f", "srt,docx"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    subtitles = (tmp_path / "call.corrected.srt").read_text(encoding="utf-8")
    assert subtitles.startswith("1\n00:00:00,110 --> ")
    assert "Anna: And Mr. John Ashwood" in subtitles.replace("\n", " ")
    document = Document(str(tmp_path / "call.corrected.docx"))
    assert any("Ashwood" in one.text and "Anna" in one.text for one in document.paragraphs)


def test_turns_are_split_joined_and_given_to_another_speaker(read: Read) -> None:
    """By the keyboard; all of it is in the saved transcript."""
    page = correcting(read(), of_words(["one", "two", "three", "four", "five", "six"], every=3))
    page.evaluate(CARET, [0, 4])
    page.keyboard.press("Enter")
    assert page.evaluate(SAID) == ["one", "two three", "four five six"]
    assert page.evaluate(WHO) == ["Speaker A", "", "Speaker B"]
    links = "[...document.querySelectorAll('.turn .when')].map((one) => one.getAttribute('href'))"
    assert page.evaluate(links) == ["#t=0", "#t=0.3", "#t=0.9"]
    page.click("#turn-button")
    page.select_option("#turn-voice", label="Another speaker")
    assert page.evaluate(WHO) == ["Speaker A", "Speaker C", "Speaker B"]
    page.evaluate(CARET, [2, 0])
    page.keyboard.press("Backspace")
    assert page.evaluate(SAID) == ["one", "two three four five six"]
    said = aai.Transcript.from_json(saved(page, "json"))
    assert [(one.speaker, one.text, one.start) for one in said.utterances or ()] == [
        ("A", "one", 0),
        ("C", "two three four five six", 300),
    ]
    assert [word.speaker for word in said.words or ()] == ["A", *"CCCCC"]
    for _ in range(3):
        page.click("#undo")
    assert page.evaluate(SAID) == ["one two three", "four five six"]
    assert page.is_disabled("#undo")
    for _ in range(3):
        page.click("#redo")
    assert page.evaluate(SAID) == ["one", "two three four five six"]


def test_speakers_are_added_to_a_text_without_any(read: Read) -> None:
    """By the menu of a turn; a turn without one stays without."""
    words = [{"text": text, "start": at * 4000, "end": at * 4000 + 300} for at, text in enumerate("ab")]
    document = {"id": "x", "status": "completed", "text": "a b", "words": words}
    reader = read()
    page = correcting(reader, aai.Transcript.from_json(json.dumps(document)))
    page.evaluate(CARET, [1, 0])
    page.click("#turn-button")
    page.select_option("#turn-voice", label="Another speaker")
    page.click(".speaker")
    page.fill("#speaker-name", "Bo")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.className") == "speaker"
    assert page.evaluate(WHO) == ["", "Bo"]
    said = aai.Transcript.from_json(saved(page, "json"))
    assert [word.speaker for word in said.words or ()] == [None, "Bo"]
    page = reader.open(aai.Transcript.from_json(json.dumps(document)))
    assert page.evaluate(WHO) == ["", "Bo"]


def test_corrections_are_kept_in_the_browser(read: Read, spoken: aai.Transcript) -> None:
    """Through a reload, until they are discarded."""
    reader = read()
    page = correcting(reader, spoken)
    page.evaluate(CARET, [0, 4])
    page.keyboard.press("Enter")
    retype(page, 1, "Dashwood", "Ashwood")
    page.keyboard.press("Escape")
    corrected = page.evaluate(SAID)
    page = correcting(reader, spoken)
    assert page.evaluate(SAID) == corrected
    assert corrected[:2] == [
        "And",
        (spoken.utterances or ())[0].text.replace("And ", "", 1).replace("Dash", "Ash"),
    ]
    # As one input, which is undone at once.
    page.evaluate(REPLACE, [1, "Ashwood"])
    page.keyboard.insert_text("Dashwood")
    page.keyboard.press("Control+z")
    assert page.evaluate(SAID) == corrected
    assert reader.complaints == []
    page.click("#discard")
    page.wait_for_selector("html[data-ready]", state="attached")
    reader.overlook("Discard all corrections")


def test_doubtful_words_are_confirmed_one_by_one(read: Read) -> None:
    """With a count of those that are left, and a slider for what is doubtful."""
    reader = read()
    page = correcting(reader, of_words([f"word{at}" for at in range(100)]))
    assert page.inner_text("#progress") == "3 of 3 to go"
    page.click("#next-doubtful")
    page.click("#confirm")
    assert page.inner_text("#progress") == "2 of 3 to go"
    page.keyboard.press("x")
    assert page.inner_text("#progress") == "1 of 3 to go"
    page.keyboard.press("Control+z")
    assert page.inner_text("#progress") == "2 of 3 to go"
    page.fill("#threshold", "95")
    assert page.inner_text("#progress") == "99 of 100 to go"
    retype(page, 0, "word0", "Word")
    assert page.inner_text("#progress") == "98 of 100 to go"
    page.keyboard.press("Escape")
    said = aai.Transcript.from_json(saved(page, "json"))
    assert [word.text for word in said.words or () if word.confidence == 1] == ["Word", "word30"]
    page = correcting(reader, of_words([f"word{at}" for at in range(100)]))
    assert page.inner_text("#progress") == "98 of 100 to go"


def test_languages_without_spaces_are_corrected(read: Read) -> None:
    """The words around a correction keep their times."""
    texts = ["今日は", "晴れ", "です", "。", "明日", "も", "晴れ", "です", "。"]
    made = of_words(texts, language_code="ja")
    page = correcting(read(), made)
    retype(page, 0, "明日", "昨日")
    said = aai.Transcript.from_json(saved(page, "json"))
    assert [word.text for word in said.words or ()] == [text.replace("明", "昨") for text in texts]
    assert [word.start for word in said.words or ()] == [word.start for word in made.words or ()]
    assert said.text == "".join(texts).replace("明日", "昨日")


def test_a_word_that_is_added_finds_a_time(read: Read) -> None:
    """In the pause before the next word, or in a part of the time of the word before it."""
    page = correcting(read(), of_words(["one", "two", "three", "four."]))
    page.evaluate(CARET, [0, 3])
    page.keyboard.type(" and")
    page.evaluate(CARET, [0, len("one and two three four.")])
    page.keyboard.type(" Five six.")
    said = aai.Transcript.from_json(saved(page, "json"))
    words = said.words or ()
    assert said.text == "one and two three four. Five six."
    assert [(word.start, word.end) for word in words[:3]] == [(0, 250), (250, 300), (300, 550)]
    assert all(word.start < word.end for word in words)
    assert all(word.end <= later.start for word, later in itertools.pairwise(words))


def test_a_turn_that_is_emptied_is_removed(read: Read) -> None:
    """And comes back when that is undone."""
    page = correcting(read(), of_words(["one", "two", "three"], every=1))
    retype(page, 1, "two", "")
    page.keyboard.press("Escape")
    assert page.evaluate(SAID) == ["one", "three"]
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    assert page.evaluate(SAID) == ["one", "two", "three"]


def test_channels_that_overlap_stay_in_their_turns(read: Read) -> None:
    """The words are saved in the order of their times, the utterances with their own words."""
    words = [
        {"text": text, "start": start, "end": start + 100, "speaker": None, "channel": channel}
        for text, start, channel in [("one", 0, "1"), ("two", 1000, "2"), ("three", 2000, "1")]
    ]
    turns = [
        {"text": "one three", "start": 0, "end": 2100, "channel": "1", "words": [words[0], words[2]]},
        {"text": "two", "start": 1000, "end": 1100, "channel": "2", "words": [words[1]]},
    ]
    document = {"id": "x", "status": "completed", "text": "one two three", "words": words}
    made = aai.Transcript.from_json(json.dumps(document | {"utterances": turns, "multichannel": True}))
    page = correcting(read(), made)
    retype(page, 0, "three", "THREE")
    said = aai.Transcript.from_json(saved(page, "json"))
    assert [(word.text, word.channel) for word in said.words or ()] == [
        ("one", "1"),
        ("two", "2"),
        ("THREE", "1"),
    ]
    assert formats.txt(said) == "Speaker 1: one THREE\nSpeaker 2: two\n"
    assert said.text == "one two THREE"


def test_unredacted_text_and_addresses_are_not_in_the_page(read: Read, spoken: aai.Transcript) -> None:
    """Although the response to save is."""
    secret = changed(spoken, unredacted_text="TOP SECRET", audio_url="https://a.example/x?token=TOP")
    assert "TOP" not in saved(read().open(secret), "json")


def test_two_tabs_of_one_transcript_do_not_overwrite_each_other(read: Read, spoken: aai.Transcript) -> None:
    """The second one that writes asks which changes stay; what is chosen is what a new tab shows."""
    reader = read()
    first = correcting(reader, spoken)
    second = first.context.new_page()
    second.goto(first.url)
    second.wait_for_selector("html[data-ready]", state="attached")
    second.keyboard.press("e")
    second.wait_for_selector(".said[contenteditable]")
    assert not second.is_visible("#outdated")
    retype(first, 0, "leisure", "time")
    wait(second, "!document.getElementById('outdated').hidden")
    assert not second.is_visible("#keep-these")
    retype(second, 0, "John", "Jack")
    wait(second, "!document.getElementById('keep-these').hidden")
    assert "time" in kept(first)
    assert "Jack" not in kept(first)
    second.click("#keep-these")
    assert not second.is_visible("#outdated")
    assert "Jack" in kept(first)
    assert "leisure" in second.evaluate(SAID)[0]
    # The other tab still has its own, and can have these.
    wait(first, "!document.getElementById('outdated').hidden")
    assert first.is_visible("#keep-these")
    first.click("#show-others")
    first.wait_for_selector("html[data-ready]", state="attached")
    assert "Jack" in first.evaluate(SAID)[0]
    assert not first.is_visible("#outdated")


def test_a_tab_whose_changes_are_not_kept_asks_before_it_closes(read: Read, spoken: aai.Transcript) -> None:
    """Otherwise they would be lost in silence."""
    reader = read()
    first = correcting(reader, spoken)
    second = first.context.new_page()
    second.goto(first.url)
    second.wait_for_selector("html[data-ready]", state="attached")
    retype(first, 0, "leisure", "time")
    wait(second, "!document.getElementById('outdated').hidden")
    second.keyboard.press("e")
    second.wait_for_selector(".said[contenteditable]")
    retype(second, 0, "John", "Jack")
    with second.expect_event("dialog") as dialog:
        second.close(run_before_unload=True)
    assert dialog.value.type == "beforeunload"
    dialog.value.accept()


def test_a_saved_correction_names_the_model_that_ran(read: Read, spoken: aai.Transcript) -> None:
    """The embedded server runs another one than it is asked for; other details of the job are not saved."""
    local = changed(spoken, metadata={"local_engine": "whisper-base", "secret": "4711"})
    transcript = aai.Transcript.from_json(saved(read().open(local), "json"))
    assert "Model: whisper-base" in formats.md(transcript)
    assert transcript.metadata == {"local_engine": "whisper-base"}


FRAMES = """() => { window.lengths = []; let last = performance.now();
  const beat = () => { const now = performance.now(); window.lengths.push(now - last); last = now;
    requestAnimationFrame(beat); };
  requestAnimationFrame(beat); }"""
"""Collect the lengths of the frames from now on."""

ROUNDED = """window.rounded = 0; const round = Math.round;
  Math.round = (number) => { window.rounded++; return round(number); };"""
"""Count the confidences that are rounded: a pass over the words that looks for doubtful ones rounds all."""


def test_a_hundred_thousand_words_are_corrected_fluently(
    read: Read, capsys: pytest.CaptureFixture[str]
) -> None:
    """The start and each key look for doubtful words once. Times are printed; their bound excludes a hang."""
    reader = read()
    reader.page.add_init_script(ROUNDED)
    page = correcting(reader, long(100_000))
    assert page.evaluate("window.rounded") < 110_000
    page.evaluate(CARET, [150, 5])
    wait(page, "document.querySelectorAll('.said')[150].isContentEditable")
    page.evaluate(CARET, [150, 5])
    page.evaluate(FRAMES)
    page.keyboard.type("a correction of text ", delay=30)
    longest = page.evaluate("Math.max(...window.lengths)")
    wait(page, "document.getElementById('undo').disabled === false")
    page.evaluate("window.rounded = 0")
    page.keyboard.type("more")
    assert page.evaluate("window.rounded") < 4 * 110_000
    assert "a correction" in page.evaluate(SAID)[150]
    assert longest < 2000
    with capsys.disabled():
        print(f"\n100,000 words: longest frame while typing {longest:.0f} ms")
