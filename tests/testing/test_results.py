"""The results that a test sets for its recordings."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import aai_async as aai
from aai_async.server import Recognition, ScriptedEngine, SpeechRequest
from aai_async.testing import ScriptedServer

URL = "https://example.com/calls/monday.mp3"
SAMPLES = Path(__file__).parents[1] / "samples"
DIALOGUE = "A: Hi.\nB: Hello there.\nA: How are you?"
SPEAKERS = aai.Options(speaker_labels=True)


async def texts(client: aai.Client, number: int) -> list[str | None]:
    return [(await client.transcribe(URL)).text for _ in range(number)]


@pytest.mark.parametrize("at_once", [True, False])
async def test_results_are_used_in_order_and_the_last_one_repeats(at_once: bool) -> None:
    async with ScriptedServer().in_process() as server, server.client() as client:
        if at_once:
            server.hears("One", "Two")
        else:
            server.hears("One")
            server.hears("Two")
        assert await texts(client, 3) == ["One", "Two", "Two"]


async def test_a_result_that_is_repeated_ends_when_another_is_set() -> None:
    async with ScriptedServer().in_process() as server, server.client() as client:
        assert await texts(client, 1) == ["Hello there."]
        server.hears("One")
        assert await texts(client, 2) == ["One", "One"]
        server.hears("Two", "Three")
        assert await texts(client, 2) == ["Two", "Three"]


async def test_a_failure_takes_its_turn() -> None:
    async with ScriptedServer().in_process() as server, server.client() as client:
        server.fails("Audio duration is too short.")
        server.hears("Two")
        with pytest.raises(aai.TranscriptError, match="too short"):
            await client.transcribe(URL)
        assert await texts(client, 1) == ["Two"]


async def test_a_function_distinguishes_recordings_of_a_batch() -> None:
    """By their content, whatever the order of their jobs."""
    async with ScriptedServer().in_process() as server, server.client() as client:
        server.hears(lambda request: request.audio.read_text())
        days = [b"monday", b"tuesday", b"friday"]
        async with aai.transcribe_all(client, days) as batch:
            outcomes = [outcome async for outcome in batch]
    found = {outcome.index: outcome.transcript and outcome.transcript.text for outcome in outcomes}
    assert found == {0: "monday", 1: "tuesday", 2: "friday"}


async def test_lines_of_a_text_can_have_speakers() -> None:
    async with ScriptedServer().in_process() as server, server.client() as client:
        server.hears(DIALOGUE)
        labelled = await client.transcribe(URL, SPEAKERS)
        plain = await client.transcribe(URL)
    turns = [(one.speaker, one.text) for one in labelled.utterances or ()]
    assert turns == [("A", "Hi."), ("B", "Hello there."), ("A", "How are you?")]
    assert plain.text == labelled.text == "Hi. Hello there. How are you?"
    assert plain.utterances is None


async def test_lines_of_a_text_can_have_channels_and_speakers() -> None:
    """With `multichannel` the service names a speaker by channel and letter, such as `2A`."""
    async with ScriptedServer().in_process() as server, server.client() as client:
        server.hears("1A: Hi.\n1B: Hey.\n2: Hello.")
        both = await client.transcribe(URL, aai.Options(multichannel=True, speaker_labels=True))
        channels = await client.transcribe(URL, aai.Options(multichannel=True))
    assert both.speakers == ("1A", "1B", "2A")
    assert channels.speakers == ("1", "2")
    assert channels.audio_channels == 2


async def test_a_text_of_which_one_line_has_no_speaker_is_spoken_as_it_is() -> None:
    async with ScriptedServer().in_process() as server, server.client() as client:
        server.hears("A: Hi.\nNote: nothing.\nHello.")
        assert await texts(client, 1) == ["A: Hi. Note: nothing. Hello."]


async def test_a_recorded_transcript_is_answered_with_all_its_fields() -> None:
    """The sample of the API reference: all but what belongs to the job is equal."""
    recorded = aai.Transcript.from_json((SAMPLES / "get-transcript.completed.json").read_bytes())
    async with ScriptedServer().in_process() as server, server.client() as client:
        server.answers(recorded)
        transcript = await client.transcribe(URL)
        sentences = await client.sentences(transcript.id)
    own = {"id", "audio_url", "error", "status", "throttled", "is_deleted"}
    own |= {"webhook_url", "webhook_auth", "webhook_auth_header_name", "webhook_status_code"}
    assert {k: v for k, v in transcript.raw.items() if k not in own and k in recorded.raw} == {
        k: v for k, v in recorded.raw.items() if k not in own
    }
    assert transcript.id != recorded.id
    assert transcript.audio_url == URL
    assert transcript.auto_highlights_result == recorded.auto_highlights_result is not None
    assert [word.text for one in sentences.sentences for word in one.words] == [
        word.text for word in recorded.words or ()
    ]


async def test_an_answer_needs_only_the_fields_that_a_test_is_about() -> None:
    async with ScriptedServer().in_process() as server, server.client() as client:
        server.answers(
            {"text": "Good morning.", "summary": "A greeting."}, {"status": "error", "error": "No."}
        )
        transcript = await client.transcribe(URL)
        with pytest.raises(aai.TranscriptError, match=r"No\."):
            await client.transcribe(URL)
    assert (transcript.text, transcript.summary) == ("Good morning.", "A greeting.")
    assert [word.text for word in transcript.words or ()] == ["Good", "morning."]


async def test_an_understanding_is_answered() -> None:
    answer = {"speech_understanding": {"response": {}}, "translated_texts": {"de": "Guten Morgen."}}
    task = aai.SpeechUnderstanding(translation=aai.Translation(target_languages=["de"]))
    async with ScriptedServer().in_process() as server, server.client() as client:
        server.answers(aai.Understanding.from_json(json.dumps(answer)))
        transcript = await client.transcribe(URL)
        understanding = await client.understand(transcript.id, task)
    assert understanding.translated_texts == {"de": "Guten Morgen."}


@pytest.mark.parametrize("script", [{"text": "Hi."}, 42, None, b"Hi."])
def test_a_script_of_another_type_is_refused_at_once(script: Any) -> None:
    """With its type, and for JSON the method that takes it."""
    named = f"not {type(script).__name__}"
    with pytest.raises(TypeError, match=rf"{named}.*answers"):
        ScriptedServer().hears(script)
    with pytest.raises(TypeError, match=named):
        ScriptedEngine(script)


def test_no_script_is_refused() -> None:
    with pytest.raises(TypeError, match="at least one"):
        ScriptedServer().hears()


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("Hi.", "not str"),
        ({"status": "queued"}, "completed or failed, not 'queued'"),
        ({"words": [{"text": 1}]}, "words of the transcript"),
    ],
)
def test_an_answer_that_is_no_transcript_is_refused_at_once(answer: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        ScriptedServer().answers(answer)


async def test_a_function_that_returns_another_type_is_named_in_the_failed_job() -> None:
    def wrong(_: SpeechRequest) -> Recognition:
        return {"text": "Hi."}  # type: ignore[return-value]  # what a user writes by mistake

    async with ScriptedServer().in_process() as server, server.client() as client:
        server.hears(wrong)
        with pytest.raises(aai.TranscriptError, match=re.escape("returned dict, not a text, a Recognition")):
            await client.transcribe(URL)
