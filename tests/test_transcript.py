"""Answers are read whole, and nothing that the service adds or leaves out makes one unreadable."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import aai_async as aai

Sample = Callable[[str], bytes]


def test_a_completed_transcript_has_its_text_words_and_utterances(sample: Sample) -> None:
    """The documentation's own example, value by value."""
    transcript = aai.Transcript.from_json(sample("get-transcript.completed.json"))
    assert transcript.id == "9ea68fd3-f953-42c1-9742-976c447fb463"
    assert transcript.is_done
    assert transcript.text is not None
    assert transcript.text.startswith("Smoke from hundreds of wildfires")
    assert transcript.words is not None
    assert transcript.words[0] == aai.Word(text="Smoke", start=250, end=650, confidence=0.97465, speaker=None)
    assert transcript.utterances is not None
    assert transcript.utterances[0].words[0].text == "Smoke"
    assert transcript.confidence == 0.9404651451800253
    assert transcript.audio_duration == 281
    assert transcript.language_confidence == 0.9959


def test_raw_is_everything_that_was_sent(sample: Sample) -> None:
    """Also what this version has no field for."""
    body = sample("get-transcript.completed.json")
    assert aai.Transcript.from_json(body).raw == json.loads(body)


def test_a_deleted_transcript_can_be_read(sample: Sample) -> None:
    """A tombstone has almost nothing in it, and two keys that no schema knows."""
    transcript = aai.Transcript.from_json(sample("delete-transcript.deleted-tombstone.json"))
    assert transcript.text == "Deleted by user."
    assert transcript.words is None


def test_a_new_status_is_not_an_end() -> None:
    """A word that we do not know means: keep looking."""
    assert not aai.Transcript.from_json(b'{"id": "a", "status": "reviewing"}').is_done


def test_the_bare_minimum_can_be_read() -> None:
    """Everything but the id and the status may be missing."""
    assert aai.Transcript.from_json(b'{"id": "a", "status": "queued"}') == aai.Transcript(
        id="a", status="queued"
    )


def test_whole_numbers_may_come_as_floats_and_the_other_way_round() -> None:
    """JSON has one kind of number."""
    word = b'{"text": "Hi", "start": 1.0, "end": 20, "confidence": 1}'
    body = b'{"id": "a", "status": "completed", "audio_duration": 2, "words": [%b]}' % word
    transcript = aai.Transcript.from_json(body)
    assert transcript.words == (aai.Word(text="Hi", start=1, end=20, confidence=1.0),)
    assert transcript.audio_duration == 2.0


def test_one_odd_value_does_not_lose_a_transcript_that_was_paid_for() -> None:
    """Its field is empty, everything else is there, and `raw` has it too."""
    odd = b'"confidence": "high", "words": [{"text": "Hi", "start": 0.5}]'
    body = b'{"id": "a", "status": "completed", "text": "Hi", %b}' % odd
    transcript = aai.Transcript.from_json(body)
    assert transcript == aai.Transcript(id="a", status="completed", text="Hi")
    assert transcript.raw["confidence"] == "high"
    assert transcript.raw["words"][0]["start"] == 0.5


def test_options_and_transcripts_can_be_keys() -> None:
    """They are values."""
    assert (
        len(
            {aai.Options(extra={"a": 1}), aai.Options(), aai.Transcript(id="a", status="queued", metadata={})}
        )
        == 3
    )


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<html>502</html>", "not a transcript"),
        (b"", "not a transcript"),
        (b"[]", "Expected `object`"),
        (b'{"status": "queued"}', "`id`"),
        (b'{"id": 7, "status": "queued"}', r"\$.id"),
        (b"[" * 100_000, "not a transcript"),
        (b'{"id": "\xff", "status": "queued"}', "not a transcript"),
    ],
    ids=["html", "empty", "array", "without id", "wrong type", "deep", "bad UTF-8"],
)
def test_what_is_no_transcript_is_a_protocol_error(body: bytes, said: str) -> None:
    """The message names the field, where there is one."""
    with pytest.raises(aai.ProtocolError, match=said):
        aai.Transcript.from_json(body)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(), values, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text().map("x_{}".format), JSON), st.text(max_size=20))
def test_unknown_fields_and_words_never_matter(unknown: dict[str, Any], status: str) -> None:
    """A transcript that was paid for is not refused because the service grew."""
    body = {
        "id": "a",
        "status": status,
        "words": [{"text": "Hi", "start": 0, "end": 1, **unknown}],
        **unknown,
    }
    transcript = aai.Transcript.from_json(json.dumps(body).encode())
    assert transcript.status == status
    assert transcript.raw == body


def test_a_transcript_can_be_pickled(sample: Sample) -> None:
    """A worker process may hand it back."""
    transcript = aai.Transcript.from_json(sample("get-transcript.completed.json"))
    twin = pickle.loads(pickle.dumps(transcript))
    assert twin == transcript
    assert twin.raw == transcript.raw


def test_the_repr_is_short(sample: Sample) -> None:
    """Nobody wants ten thousand words in a prompt."""
    assert len(repr(aai.Transcript.from_json(sample("get-transcript.completed.json")))) < 300
