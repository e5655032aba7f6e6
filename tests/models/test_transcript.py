"""Answers are read whole, and nothing that the service adds or leaves out makes one unreadable."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from typing import Any

import attrs
import pytest

import aai_async as aai

Sample = Callable[[str], bytes]


def test_raw_is_everything_that_was_sent(sample: Sample) -> None:
    """Also what this version has no field for."""
    body = sample("get-transcript.completed.json")
    assert aai.Transcript.from_json(body).raw == json.loads(body)


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
    odd = b'"confidence": "high", "words": [{"text": "Hi", "start": 0.6, "end": null, "speaker": 1}, 7]'
    body = b'{"id": "a", "status": "completed", "text": "Hi", %b}' % odd
    transcript = aai.Transcript.from_json(body)
    word = aai.Word(text="Hi", start=1, end=0, speaker="1")
    assert transcript == aai.Transcript(id="a", status="completed", text="Hi", words=(word,))
    assert transcript.raw["confidence"] == "high"
    assert transcript.raw["words"][0]["start"] == 0.6


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
        (b'{"status": "queued"}', "no usable id"),
        (b'{"id": {}, "status": "queued"}', "no usable id"),
        (b'{"id": "a", "status": null}', "no usable status"),
        (b"[" * 100_000, "not a transcript"),
        (b'{"id": "a", "status": "completed", "text": "It was cut', "begins with: .*It was cut"),
    ],
    ids=["html", "empty", "array", "without id", "wrong type", "without status", "deep", "cut off"],
)
def test_what_is_no_transcript_is_a_protocol_error(body: bytes, said: str) -> None:
    """The message says why, and shows at most 300 characters of what came."""
    with pytest.raises(aai.ProtocolError, match=said):
        aai.Transcript.from_json(body)


def test_a_transcript_can_be_pickled(sample: Sample) -> None:
    """A worker process may hand it back."""
    transcript = aai.Transcript.from_json(sample("get-transcript.completed.json"))
    twin = pickle.loads(pickle.dumps(transcript))
    assert twin == transcript
    assert twin.raw == transcript.raw


def test_the_repr_is_short(sample: Sample) -> None:
    """Nobody wants ten thousand words in a prompt."""
    assert len(repr(aai.Transcript.from_json(sample("get-transcript.completed.json")))) < 300


def long_reply(sample: Sample, minutes: int = 30) -> bytes:
    """A reply with so many words that they are not read at once."""
    document = json.loads(sample("get-transcript.completed.json"))
    document["words"] *= minutes * 10
    return json.dumps(document).encode()


def test_what_is_large_is_read_when_it_is_asked_for(sample: Sample) -> None:
    """A wait that wants the status pays for no words."""
    transcript = aai.Transcript.from_json(long_reply(sample))
    assert transcript._unread is not None
    assert "words" in transcript._unread
    assert transcript.words is not None
    assert transcript.words is transcript.words
    assert len(transcript.words) == 30 * 10 * 15
    assert transcript == attrs.evolve(transcript)


@pytest.mark.parametrize("minutes", [1, 500])
def test_what_is_read_in_pieces_is_what_is_read_at_once(sample: Sample, minutes: int) -> None:
    """Ten hours are, so that the event loop has its turn in between."""
    body = long_reply(sample, minutes)
    words = aai.Transcript.from_json(body).load().words
    assert words is not None
    assert [word.text for word in words] == [word["text"] for word in json.loads(body)["words"]]


def test_a_misspelt_field_is_an_attribute_error(sample: Sample) -> None:
    """And not something that is read for ever."""
    transcript = aai.Transcript.from_json(long_reply(sample))
    with pytest.raises(AttributeError, match="'Transcript' object has no attribute 'utterence'"):
        _ = transcript.utterence  # type: ignore[attr-defined]
    assert not hasattr(transcript, "_nothing")


def test_a_transcript_that_was_varied_is_pickled_as_it_is(sample: Sample) -> None:
    """And not as it came."""
    transcript = attrs.evolve(aai.Transcript.from_json(long_reply(sample)), text="Redacted by me.")
    twin = pickle.loads(pickle.dumps(transcript))
    assert twin == transcript
    assert twin.text == "Redacted by me."


def test_the_body_is_what_came_and_can_be_read_again(sample: Sample) -> None:
    """That is what to keep."""
    body = long_reply(sample)
    assert aai.Transcript.from_json(aai.Transcript.from_json(body).body).raw == json.loads(body)


def turn(speaker: str | None, text: str) -> aai.Utterance:
    return aai.Utterance(speaker=speaker, text=text, start=100, end=350)


def test_speakers_are_named_in_the_order_in_which_they_speak() -> None:
    """What people write again and again is written once."""
    utterances = (turn("B", "Hello."), turn("A", "Hi."), turn("B", "Bye."), turn(None, "…"))
    transcript = aai.Transcript(id="a", status="completed", utterances=utterances)
    assert transcript.speakers == ("B", "A")
    assert transcript.text_by_speaker() == {"B": "Hello.\nBye.", "A": "Hi."}
    assert utterances[0].duration == 250


def test_without_speakers_there_are_none() -> None:
    """Whatever stands at a word."""
    words = (aai.Word(text="Hi", speaker="A"),)
    transcript = aai.Transcript(id="a", status="completed", words=words)
    assert (transcript.speakers, transcript.text_by_speaker()) == ((), {})


def test_a_redacted_recording_without_an_address_is_not_ready() -> None:
    """Whatever its status says."""
    assert not aai.RedactedAudio.from_json(b'{"status": "redacted_audio_ready"}').is_ready


@pytest.mark.parametrize(
    ("metadata", "warnings"),
    [
        (
            {"warnings": [{"message": "domain was ignored"}, {"code": 1}, "odd"], "warning": "old"},
            ("old", "domain was ignored", '{"code":1}', "odd"),
        ),
        ({"warnings": 7, "warning": {}}, ()),
        ({"warnings": "one"}, ("one",)),
        ({"warnings": {"message": "one"}, "warning": ["one", {"message": "two"}, ""]}, ("one", "two")),
        ({"warning": "twice", "warnings": [{"message": "twice"}]}, ("twice",)),
        ({}, ()),
        (None, ()),
    ],
)
def test_the_remarks_of_the_service_are_texts(metadata: Any, warnings: tuple[str, ...]) -> None:
    """Whatever shape they come in."""
    assert aai.Transcript(id="a", status="completed", metadata=metadata).warnings == warnings


def test_an_answer_is_read_from_text_too_and_from_nothing_else() -> None:
    """Whoever kept it as text has it back."""
    assert aai.Transcript.from_json('{"id": "a", "status": "queued", "text": "café"}').text == "café"
    odd: list[Any] = [None, {}, 7]
    for body in odd:
        with pytest.raises(aai.ProtocolError, match="as bytes or str, not"):
            aai.Transcript.from_json(body)


def test_the_repr_of_a_piece_says_what_is_known() -> None:
    """And nothing of what is not."""
    word = aai.Word(text="Smoke", start=250, end=650, confidence=0.97465)
    assert repr(word) == "Word(text='Smoke', start=250, end=650, confidence=0.9747)"
    assert repr(aai.Utterance(text="Hi", words=(word,), speaker="A")).endswith("words=<1>, speaker='A')")


def test_a_transcript_becomes_a_dict_as_it_was_sent(sample: Callable[[str], bytes]) -> None:
    """With what this version has no field for; of one that was varied, its fields."""
    body = sample("get-transcript.completed.json")
    transcript = aai.Transcript.from_json(body.replace(b"{", b'{"a_field_of_next_year": [1], ', 1))
    assert transcript.to_dict() == dict(transcript) == transcript.raw
    assert transcript.to_dict()["a_field_of_next_year"] == [1]
    varied = attrs.evolve(transcript, text="Another text.").to_dict()
    assert varied["text"] == "Another text."
    assert [word["text"] for word in varied["words"]] == [word["text"] for word in transcript.raw["words"]]
    assert json.loads(json.dumps(varied)) == varied


def test_a_word_and_an_utterance_become_dicts(sample: Callable[[str], bytes]) -> None:
    """What a table wants for a row: fields by name, and values that JSON has."""
    transcript = aai.Transcript.from_json(sample("get-transcript.completed.json"))
    word = (transcript.words or ())[0]
    assert word.to_dict() == {
        "text": word.text,
        "start": word.start,
        "end": word.end,
        "confidence": word.confidence,
        "speaker": word.speaker,
        "channel": word.channel,
    }
    utterance = (transcript.utterances or ())[0]
    assert utterance.to_dict()["words"] == [one.to_dict() for one in utterance.words or ()]
