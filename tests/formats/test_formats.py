"""Text, data and Markdown: what was said, for readers and for other programs."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, settings
from made import WORDS, said, transcript

import aai_async as aai
from aai_async import formats

SPOKEN = aai.Transcript.from_json(
    (Path(__file__).parents[1] / "data" / "two_speakers.transcript.json").read_bytes()
)


def test_text_has_a_line_for_each_turn_where_speakers_are_told_apart() -> None:
    lines = formats.txt(SPOKEN).splitlines()
    assert [line[:11] for line in lines] == [f"Speaker {name}: " for name in "ABABA"]
    assert lines[3] == "Speaker B: Ask what you can do for your country."


def test_text_has_paragraphs_otherwise() -> None:
    """With a line between, and with times when asked for."""
    paragraphs = formats.txt(SPOKEN, speakers=False, times=True).split("\n\n")
    assert paragraphs[3] == "[0:00:24] Ask what you can do for your country."


def test_a_name_that_was_found_out_is_a_speaker_s_name() -> None:
    """And a letter is Speaker A."""
    turns = [
        {
            "speaker": "Ann Lee",
            "text": "Yes.",
            "start": 0,
            "end": 1,
            "words": [{"text": "Yes.", "speaker": "A"}],
        }
    ]
    made = transcript([{"text": "Yes.", "speaker": "A"}], utterances=turns)
    assert formats.txt(made) == "Ann Lee: Yes.\n"


def test_a_text_without_words_is_the_text() -> None:
    assert formats.txt(transcript([], text="Something\nwas said.")) == "Something was said.\n"


@pytest.mark.parametrize("words", [[], [{"text": " ", "start": 0, "end": 5}]])
@pytest.mark.parametrize("rows", ["utterances", "words"])
def test_a_text_without_words_is_in_every_format_without_times(
    words: list[dict[str, object]], rows: Literal["utterances", "words"]
) -> None:
    """As one row, of which the times are empty; subtitles are refused."""
    made = transcript(words, text="Something\nwas said.")
    (row,) = csv.DictReader(io.StringIO(formats.csv(made, rows=rows)))
    assert (row["start"], row["end"], row["text"]) == ("", "", "Something was said.")
    (line,) = formats.jsonl(made, rows=rows).splitlines()
    assert json.loads(line)["start"] is None
    assert json.loads(line)["text"] == "Something was said."
    assert "## Transcript\n\nSomething was said.\n" in formats.md(made)
    with pytest.raises(aai.AAIError, match="no words"):
        formats.srt(made)


def test_json_is_what_the_service_sent_and_nothing_is_lost() -> None:
    """Also a field that this version does not know, and a number that Python would round."""
    body = '{"id": "a", "status": "completed", "of_next_year": {"x": 12345678901234567890.1}, "words": null}'
    made = aai.Transcript.from_json(body)
    assert formats.json(made) == body + "\n"
    assert "12345678901234567890.1" in formats.json(made, indent=2)
    assert json.loads(formats.json(made, indent=2)) == json.loads(body)


def test_json_is_given_of_a_job_in_any_state() -> None:
    assert '"queued"' in formats.json(aai.Transcript.from_json('{"id": "a", "status": "queued"}'))


def test_lines_of_json_are_utterances_or_words() -> None:
    """Each with the id, so that those of many transcripts go into one file."""
    rows = [json.loads(line) for line in formats.jsonl(SPOKEN).splitlines()]
    assert [row["speaker"] for row in rows] == list("ABABA")
    assert {row["transcript_id"] for row in rows} == {SPOKEN.id}
    assert len(formats.jsonl(SPOKEN, rows="words").splitlines()) == len(SPOKEN.words or ())


def test_a_table_is_read_back_as_it_was() -> None:
    """By Python's own reader, whatever signs are in it."""
    made = said('He said "no, never", twice; then left.')
    (row,) = csv.DictReader(io.StringIO(formats.csv(made)))
    assert row["text"] == 'He said "no, never", twice; then left.'
    assert (row["start"], row["end"]) == ("0", "2750")
    words = list(csv.DictReader(io.StringIO(formats.csv(made, rows="words"))))
    assert [word["text"] for word in words] == ["He", "said", '"no,', 'never",', "twice;", "then", "left."]


def test_a_table_carries_out_nothing_in_a_spreadsheet() -> None:
    """What would be a formula begins with an apostrophe, unless the table is for a program."""
    made = said("=HYPERLINK(1) x")
    assert next(csv.DictReader(io.StringIO(formats.csv(made))))["text"].startswith("'=")
    assert next(csv.DictReader(io.StringIO(formats.csv(made, safe=False))))["text"].startswith("=")


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "＝", "＋", "－", "＠"])
def test_no_text_or_name_begins_as_a_formula(sign: str) -> None:
    """OWASP's list for CSV injection, also the wide signs that Japanese spreadsheets take for the others."""
    words = [{"text": f"{sign}1+1", "start": 0, "end": 900, "speaker": f"{sign}Ann Lee"}]
    made = transcript(words, utterances=[{**words[0], "words": words}])
    both: tuple[Literal["utterances"], Literal["words"]] = ("utterances", "words")
    for rows in both:
        (row,) = csv.DictReader(io.StringIO(formats.csv(made, rows=rows)))
        assert (row["text"], row["speaker"]) == (f"'{sign}1+1", f"'{sign}Ann Lee")


def test_a_table_begins_with_a_byte_order_mark_if_asked() -> None:
    """As spreadsheets need it to read UTF-8 by their defaults."""
    made = said("今日", language_code="ja")
    assert formats.csv(made, bom=True) == f"\ufeff{formats.csv(made)}"
    assert formats.csv(made, bom=True).encode().startswith(b"\xef\xbb\xbfstart,")
    assert not formats.csv(made).startswith("\ufeff")


def test_rows_are_utterances_or_words_and_nothing_else() -> None:
    with pytest.raises(aai.OptionsError, match="'utterances' or 'words'"):
        formats.csv(SPOKEN, rows="sentences")  # type: ignore[arg-type]


def test_markdown_has_what_is_known_and_what_was_said() -> None:
    """With what was asked for beside the text before it."""
    document = json.loads(SPOKEN.body) | {
        "summary": "Two *voices*.",
        "chapters": [{"headline": "A # novel", "gist": "", "summary": "Old.", "start": 0, "end": 1}],
        "entities": [{"entity_type": "nationality", "text": "Americans", "start": 1, "end": 2}] * 2,
        "auto_highlights_result": {"status": "success", "results": [{"text": "country", "count": 2}]},
    }
    made = formats.md(aai.Transcript.from_json(json.dumps(document)), title="Call [1]")
    assert made.startswith("# Call \\[1\\]\n\n- Length: 0:00:39\n")
    assert "## Summary\n\nTwo \\*voices\\*." in made
    assert "- 0:00:00 **A \\# novel** Old." in made
    assert made.count("Americans (nationality)") == 1
    assert "- country (2)" in made
    assert "**Speaker B** `0:00:24` Ask what you can do for your country." in made


def test_lists_of_a_summary_stay_lists() -> None:
    """In Markdown and in the page; a paragraph between them is one of its own."""
    document = json.loads(SPOKEN.body) | {"summary": "- One *a*\n- Two\n\nThen:\n1. Three\n2) <i>Four"}
    listed = aai.Transcript.from_json(json.dumps(document))
    assert "## Summary\n\n- One \\*a\\*\n- Two\n\nThen:\n\n- Three\n- &lt;i\\>Four\n\n" in formats.md(listed)
    page = formats.html(listed)
    assert '<ul><li dir="auto">One *a*</li><li dir="auto">Two</li></ul><p dir="auto">Then:</p><ul>' in page
    assert '<li dir="auto">&lt;i&gt;Four</li></ul>' in page


def test_the_model_is_the_one_that_ran() -> None:
    """The embedded server records the requested model, and runs its own."""
    assert "- Model: whisper-base\n" in formats.md(SPOKEN)


def test_markdown_has_topics_and_sensitive_content() -> None:
    """With their shares and times; the most relevant topic first."""
    time = {"start": 9400, "end": 15070}
    document = json.loads(SPOKEN.body) | {
        "iab_categories_result": {
            "results": [{"labels": [{"label": "Law>Politics"}], "timestamp": time}],
            "summary": {"Books": 0.4, "Law>Politics": 0.98},
        },
        "content_safety_labels": {
            "results": [{"labels": [{"label": "hate_speech"}], "timestamp": time}],
            "summary": {"hate_speech": 0.71},
        },
    }
    made = formats.md(aai.Transcript.from_json(json.dumps(document)))
    assert "## Topics\n\n- Law › Politics (98%) 0:00:09\n- Books (40%)\n" in made
    assert "## Content safety\n\n- hate speech (71%) 0:00:09\n" in made
    assert "Topics" not in formats.md(SPOKEN)


def test_markdown_has_the_warnings_and_what_is_missing() -> None:
    """Each on a line, as text; without any there is no heading for them."""
    document = json.loads(SPOKEN.body) | {
        "metadata": {"warnings": [{"message": "*domain*\n# was ignored"}]},
        "entity_detection": True,
    }
    made = formats.md(aai.Transcript.from_json(json.dumps(document)))
    assert "\n\n## Warnings\n\n- Warning: \\*domain\\* \\# was ignored\n" in made
    assert "\n- Requested, but missing: entity\\_detection (entities is null)\n\n## Transcript\n" in made
    assert "Warnings" not in formats.md(SPOKEN)


def test_a_job_that_failed_or_goes_on_is_told_with_its_id() -> None:
    """For there is nothing to write."""
    failed = aai.Transcript.from_json('{"id": "f", "status": "error", "error": "Too short."}')
    queued = aai.Transcript.from_json('{"id": "q", "status": "queued"}')
    for name in set(formats.NAMES) - {"json"}:
        with pytest.raises(aai.TranscriptError, match="The transcription failed: Too short"):
            formats.encode(name, failed)
        with pytest.raises(aai.AAIError, match=r"q is 'queued': call Client\.wait\('q'\)"):
            formats.encode(name, queued)


@pytest.mark.parametrize("sign", [{"audio_url": "http://deleted_by_user"}, {"is_deleted": True}])
def test_what_is_left_of_a_deleted_transcript_is_not_written(sign: dict[str, object]) -> None:
    """Its text is the service's remark, so no format passes it off as speech."""
    document = {"id": "d", "status": "completed", "text": "Deleted by user.", "words": None, **sign}
    deleted = aai.Transcript.from_json(json.dumps(document))
    for name in set(formats.NAMES) - {"json"}:
        with pytest.raises(aai.TranscriptDeletedError, match=r"was deleted .* \[transcript_id=d\]"):
            formats.encode(name, deleted)


def test_an_unknown_format_is_told_with_the_one_that_was_meant() -> None:
    with pytest.raises(
        aai.OptionsError, match=r"no format 'strt'. Did you mean 'srt'\? There are csv, docx, html"
    ):
        formats.render("strt", SPOKEN)


@given(WORDS)
@settings(max_examples=40)
def test_whatever_was_said_can_be_written_in_every_format(words: list[dict[str, object]]) -> None:
    """As content that a file can hold."""
    made = transcript(words)
    for name in formats.NAMES:
        formats.encode(name, made)
