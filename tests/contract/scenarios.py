"""
What users do with the client and a server, as a list; each is run through more than one transport.

The engine hears what stands in the upload, where that is text, so each scenario says what is said.
"""

from __future__ import annotations

import contextlib
import io
import json
import wave
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

import anyio
import attrs
import pytest
from anyio.abc import SocketAttribute, SocketStream

import aai_async as aai

UNKNOWN = "00000000-0000-4000-8000-000000000000"
CALL = "My number is 415-555-0132. Um, well, sequel is shit fast. Call Widget today."


@attrs.frozen
class Stage:
    """Where a scenario plays."""

    client: aai.Client
    folder: Path


Scenario: TypeAlias = Callable[[Stage], Awaitable[None]]


async def a_recording_becomes_a_transcript(stage: Stage) -> None:
    transcript = await stage.client.transcribe(b"Hello there.")
    assert (transcript.status, transcript.text) == ("completed", "Hello there.")
    assert transcript.words is not None
    assert [word.text for word in transcript.words] == ["Hello", "there."]
    assert transcript.audio_duration == 1
    assert (await stage.client.get(transcript.id)).text == "Hello there."


async def speakers_are_told_apart(stage: Stage) -> None:
    transcript = await stage.client.transcribe(b"Hello there.", aai.Options(speaker_labels=True))
    assert transcript.speakers == ("A",)
    assert transcript.text_by_speaker() == {"A": "Hello there."}


async def a_transcript_can_be_cut_and_searched(stage: Stage) -> None:
    transcript = await stage.client.transcribe(b"One thing. Another thing.")
    sentences = await stage.client.sentences(transcript.id)
    assert [sentence.text for sentence in sentences.sentences] == ["One thing.", "Another thing."]
    paragraphs = await stage.client.paragraphs(transcript.id)
    assert paragraphs.paragraphs[0].text == "One thing. Another thing."
    srt = await stage.client.subtitles(transcript.id, "srt", chars_per_caption=10)
    assert srt.count("-->") == 3
    assert (await stage.client.subtitles(transcript.id, "vtt")).startswith("WEBVTT")
    found = await stage.client.word_search(transcript.id, "thing", "another thing", "nothing")
    assert {match.text: match.indexes for match in found.matches} == {"thing": (1, 3), "another thing": (2,)}
    assert found.total_count == 3


async def transcripts_are_listed(stage: Stage) -> None:
    ids = [(await stage.client.transcribe(f"Number {number}".encode())).id for number in range(4)][::-1]
    assert [item.id async for item in stage.client.list()] == ids
    assert [item.id async for item in stage.client.list(before_id=ids[0], limit=2)] == ids[1:3]
    assert [item.id async for item in stage.client.list(after_id=ids[2])] == ids[:2]
    assert [item.id async for item in stage.client.list(status="error")] == []
    first = await anext(aiter(stage.client.list(limit=1)))
    assert first.created is not None
    assert [item.id async for item in stage.client.list(created_on=first.created.date())] == ids


async def a_deleted_transcript_is_gone_and_still_listed(stage: Stage) -> None:
    transcript = await stage.client.transcribe(b"Private.")
    left = await stage.client.delete(transcript.id)
    assert (left.id, left.text, left.audio_url) == (
        transcript.id,
        "Deleted by user.",
        "http://deleted_by_user",
    )
    assert (await stage.client.get(transcript.id)).text == "Deleted by user."
    assert [item.audio_url async for item in stage.client.list()] == ["http://deleted_by_user"]


async def an_unknown_transcript_is_not_found(stage: Stage) -> None:
    asked = [
        stage.client.get(UNKNOWN),
        stage.client.delete(UNKNOWN),
        stage.client.wait(UNKNOWN),
        stage.client.sentences(UNKNOWN),
        stage.client.subtitles(UNKNOWN, "srt"),
        stage.client.word_search(UNKNOWN, "word"),
        stage.client.redacted_audio(UNKNOWN),
    ]
    for ask in asked:
        with pytest.raises(aai.NotFoundError) as caught:
            await ask
        assert caught.value.transcript_id == UNKNOWN


async def what_the_server_cannot_do_it_refuses_by_name(stage: Stage) -> None:
    with pytest.raises(aai.RejectedError, match="not available on this server: sentiment_analysis"):
        await stage.client.transcribe(b"Hello.", aai.Options(sentiment_analysis=True))
    with pytest.raises(aai.RejectedError, match="Invalid endpoint schema"):
        await stage.client.transcribe(b"Hello.", aai.Options(extra={"custom_spelling": ["a"]}))


async def the_parameters_and_models_of_next_year_are_taken(stage: Stage) -> None:
    newest = aai.Options(speech_models=["assemblyai-stt-9"])
    transcript = await stage.client.transcribe(b"Hello.", newest)
    assert (transcript.text, transcript.speech_model_used) == ("Hello.", "assemblyai-stt-9")
    assert (transcript.metadata or {})["local_engine"] == "scripted"
    assert transcript.warnings == (
        "The speech model 'assemblyai-stt-9' is unknown to this server; scripted ran",
    )


async def a_job_that_fails_says_why(stage: Stage) -> None:
    with pytest.raises(aai.TranscriptError, match=r"Audio duration is too short\.") as caught:
        await stage.client.transcribe(b"TOO SHORT")
    assert caught.value.transcript.status == "error"
    assert [item.status async for item in stage.client.list(status="error")] == ["error"]


async def nothing_said_is_an_empty_text(stage: Stage) -> None:
    transcript = await stage.client.transcribe(b" ")
    assert (transcript.status, transcript.text, transcript.words) == ("completed", "", ())
    with pytest.raises(aai.RejectedError, match="Transcript text is empty"):
        await stage.client.subtitles(transcript.id, "srt")


async def words_are_written_as_they_were_asked_for(stage: Stage) -> None:
    spelling = aai.CustomSpelling(from_=["sequel"], to="SQL")
    options = aai.Options(custom_spelling=[spelling], filter_profanity=True, disfluencies=False)
    transcript = await stage.client.transcribe(CALL.encode(), options)
    assert "Um" not in (transcript.text or "")
    assert "Well, SQL is **** fast." in (transcript.text or "")
    plain = aai.Options(disfluencies=True, punctuate=False, format_text=False)
    assert "um well sequel is shit" in ((await stage.client.transcribe(CALL.encode(), plain)).text or "")


async def personal_data_is_redacted_everywhere(stage: Stage) -> None:
    options = aai.Options(
        redact_pii=True,
        redact_pii_policies=["phone_number"],
        redact_static_entities={"PRODUCT": ["widget"]},
        redact_pii_sub="entity_name",
        redact_pii_return_unredacted=True,
        speaker_labels=True,
    )
    transcript = await stage.client.transcribe(CALL.encode(), options)
    texts = [transcript.text or "", *transcript.text_by_speaker().values()]
    texts += [sentence.text for sentence in (await stage.client.sentences(transcript.id)).sentences]
    assert not any("0132" in text or "Widget" in text for text in texts)
    assert "[PHONE_NUMBER]" in texts[0]
    assert "[PRODUCT]" in texts[0]
    assert transcript.unredacted_text is not None
    assert "415-555-0132" in transcript.unredacted_text
    assert transcript.unredacted_utterances is not None


async def a_redacted_recording_can_be_saved(stage: Stage) -> None:
    options = aai.Options(
        redact_pii=True,
        redact_pii_policies=["phone_number"],
        redact_pii_audio=True,
        redact_pii_audio_quality="wav",
        redact_pii_audio_options=aai.RedactPIIAudioOptions(override_audio_redaction_method="silence"),
    )
    transcript = await stage.client.transcribe(_tone(seconds=3), options)
    path = stage.folder / "masked.wav"
    await stage.client.save_redacted_audio(transcript.id, path)
    with wave.open(str(path)) as saved:
        assert saved.getnframes() / saved.getframerate() == pytest.approx(3, abs=0.1)
        frames = saved.readframes(saved.getnframes())
    # "My number is 415-555-0132.": the fourth word stands from 1.2 s to 1.5 s.
    rate = len(frames) // 3 // 2 * 2
    assert any(frames[: rate // 2])
    assert not any(frames[int(rate * 1.3) // 2 * 2 : int(rate * 1.4) // 2 * 2])
    await stage.client.delete(transcript.id)
    with pytest.raises(aai.AAIError):
        await stage.client.redacted_audio(transcript.id)


async def redacted_audio_that_was_not_asked_for_is_an_error(stage: Stage) -> None:
    transcript = await stage.client.transcribe(b"Hello.")
    with pytest.raises(aai.RedactedAudioError, match="Redacted audio needs redact_pii_audio=True"):
        await stage.client.redacted_audio(transcript.id)


async def a_language_is_detected_or_the_job_fails(stage: Stage) -> None:
    transcript = await stage.client.transcribe(b"Hello.", aai.Options(language_detection=True))
    assert (transcript.language_code, transcript.language_confidence) == ("en", 1.0)
    fallback = aai.LanguageDetectionOptions(on_no_speech_detected="fallback", fallback_language="de")
    options = aai.Options(language_detection=True, language_detection_options=fallback)
    silent = await stage.client.transcribe(b" ", options)
    assert (silent.text, silent.language_code) == ("", "de")
    assert silent.warnings == ("language_detection cannot be performed on files with no spoken audio",)
    with pytest.raises(aai.TranscriptError, match="no spoken audio"):
        await stage.client.transcribe(b" ", aai.Options(language_detection=True))


async def jobs_over_the_limit_wait_their_turn(stage: Stage) -> None:
    jobs = [await stage.client.submit(b"SLOW") for _ in range(3)]
    assert [(job.status, job.throttled) for job in jobs] == [
        ("processing", False),
        ("queued", True),
        ("queued", True),
    ]
    assert [item.id async for item in stage.client.list(status="queued")] == [jobs[2].id, jobs[1].id]
    for job in jobs:
        assert (await stage.client.wait(job.id)).throttled is False


async def the_end_of_a_job_is_told(stage: Stage) -> None:
    async with _receiver() as (url, told):
        options = aai.Options(
            webhook_url=f"{url}?call=7",
            webhook_auth_header_name="X-Secret",
            webhook_auth_header_value="s3cret",
        )
        transcript = await stage.client.transcribe(b"Hello.", options)
        with anyio.fail_after(60):
            head, _, body = (await anext(told)).partition(b"\r\n\r\n")
            while (await stage.client.get(transcript.id)).webhook_status_code != 200:
                await anyio.sleep(0.01)
    assert json.loads(body) == {"transcript_id": transcript.id, "status": "completed"}
    assert head.startswith(b"POST /done?call=7 ")
    assert b"\r\nx-secret: s3cret\r\n" in head.lower()
    transcript = await stage.client.get(transcript.id)
    assert (transcript.webhook_auth, transcript.webhook_auth_header_name) == (True, "X-Secret")
    assert "s3cret" not in json.dumps(transcript.raw)


SCENARIOS: list[Scenario] = [
    scenario
    for name, scenario in list(globals().items())
    if getattr(scenario, "__module__", None) == __name__
    and callable(scenario)
    and name[0] != "_"
    and name[0] > "Z"
]


def _tone(*, seconds: int) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as recording:
        recording.setnchannels(1)
        recording.setsampwidth(2)
        recording.setframerate(8000)
        recording.writeframes(b"\x00\x20\x00\xe0" * 4000 * seconds)
    return buffer.getvalue()


@contextlib.asynccontextmanager
async def _receiver() -> AsyncIterator[tuple[str, AsyncIterator[bytes]]]:
    """Listen on loopback, and give each request that comes."""
    send, receive = anyio.create_memory_object_stream[bytes](10)

    async def answer(stream: SocketStream) -> None:
        async with stream:
            request = b""
            while not request.endswith(b"}"):
                request += await stream.receive()
            await stream.send(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            await send.send(request)

    async with (
        send,
        receive,
        await anyio.create_tcp_listener(local_host="127.0.0.1") as listener,
        anyio.create_task_group() as tasks,
    ):
        port = listener.extra(SocketAttribute.local_port)  # noqa: S610 - no database far and wide
        tasks.start_soon(listener.serve, answer)
        yield f"http://127.0.0.1:{port}/done", receive
        tasks.cancel_scope.cancel()
