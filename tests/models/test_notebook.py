"""A transcript in a notebook."""

from __future__ import annotations

import json
from pathlib import Path

import aai_async as aai

SPOKEN = Path(__file__).parents[1] / "data" / "two_speakers.transcript.json"


def test_a_transcript_shows_who_said_what_and_when() -> None:
    """As a table, with what is known of it above."""
    shown = aai.Transcript.from_json(SPOKEN.read_bytes())._repr_html_()
    assert shown.count("<tr>") == 5
    assert "Ask what you can do for your country." in shown
    assert "0:00:24" in shown
    assert "completed · 39 s" in shown


def test_nothing_that_was_said_is_markup() -> None:
    """Nor who said it, nor the id."""
    hostile = "<img src=x onerror=alert(1)>"
    document = {
        "id": hostile,
        "status": "completed",
        "utterances": [{"speaker": hostile, "text": hostile, "start": 0, "end": 1}],
    }
    shown = aai.Transcript.from_json(json.dumps(document))._repr_html_()
    assert "<img" not in shown
    assert shown.count("&lt;img") == 3


def test_a_long_one_is_shown_in_part() -> None:
    """With how much more there is."""
    turns = [{"speaker": "A", "text": f"turn {at}", "start": at, "end": at} for at in range(1000)]
    document = json.dumps({"id": "long", "status": "completed", "utterances": turns})
    shown = aai.Transcript.from_json(document)._repr_html_()
    assert "turn 49<" in shown
    assert "turn 50<" not in shown
    assert "and 950 more" in shown


def test_one_that_talks_for_hours_is_shown_in_part() -> None:
    """As where speakers are not told apart, so that all is one turn."""
    document = json.dumps({"id": "long", "status": "completed", "text": "word " * 100_000})
    shown = aai.Transcript.from_json(document)._repr_html_()
    assert len(shown) < 11_000
    assert " …</td>" in shown


def test_a_job_that_has_not_ended_or_failed_is_shown_as_well() -> None:
    queued = aai.Transcript.from_json('{"id": "a", "status": "queued"}')
    failed = aai.Transcript.from_json('{"id": "b", "status": "error", "error": "Too short."}')
    assert "a · queued" in queued._repr_html_()
    assert "b · error · Too short." in failed._repr_html_()


def test_warnings_and_what_is_missing_are_shown() -> None:
    """As text."""
    document = {
        "id": "a",
        "status": "completed",
        "text": "Hi.",
        "metadata": {"warning": "no <b>"},
        "iab_categories": True,
    }
    shown = aai.Transcript.from_json(json.dumps(document))._repr_html_()
    assert ">no &lt;b&gt;</p>" in shown
    assert ">Requested, but missing: iab_categories (iab_categories_result is null)</p>" in shown
