"""What users write, checked by both type checkers and never run."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, assert_type

import anyio
import attrs
import httpx
from fastapi import FastAPI, Request, UploadFile

import aai_async as aai
from aai_async import fastapi as web
from aai_async import formats, tables
from aai_async.testing import ScriptedServer
from aai_async.webhook import Notification, WebhookSecret


async def transcribe_whatever_holds_a_recording(client: aai.Client, chunks: AsyncIterator[bytes]) -> None:
    assert_type(await client.transcribe("call.mp3"), aai.Transcript)
    await client.transcribe(Path("call.mp3"))
    await client.transcribe("https://example.com/call.mp3", aai.Options(speaker_labels=True))
    await client.transcribe(b"bytes")
    await client.transcribe(bytearray(b"bytes"))
    await client.transcribe(memoryview(b"bytes"))
    await client.transcribe(io.BytesIO(b"bytes"))
    with open("call.mp3", "rb") as file:  # noqa: ASYNC230, PTH123 - the kind of file is the point
        await client.transcribe(file)
    async with await anyio.open_file("call.mp3", "rb") as async_file:
        await client.transcribe(async_file)
    await client.transcribe(chunks)
    await client.transcribe(
        aai.ObjectSource("s3://bucket/call.mp3", presign=True, expires_in=dt.timedelta(hours=1))
    )
    await client.transcribe(42)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def use_every_verb(client: aai.Client) -> None:
    assert_type(await client.upload("call.mp3"), str)
    job = await client.submit("call.mp3", aai.Options(speech_models=["assemblyai-stt-3-7", "a-newer-one"]))
    assert_type(await client.wait(job.id, raise_on_error=False), aai.Transcript)
    assert_type(await client.get(job.id), aai.Transcript)
    assert_type(await client.delete(job.id), aai.Transcript)
    assert_type((await client.sentences(job.id)).sentences, tuple[aai.Sentence, ...])
    assert_type((await client.paragraphs(job.id)).paragraphs, tuple[aai.Paragraph, ...])
    assert_type(await client.subtitles(job.id, "vtt", chars_per_caption=32), str)
    await client.subtitles(job.id, "ass")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert_type((await client.word_search(job.id, "a", "b c")).matches, tuple[aai.WordSearchMatch, ...])
    assert_type(await client.redacted_audio(job.id), aai.RedactedAudio)
    await client.save_redacted_audio(job.id, Path("masked.mp3"))
    task = aai.SpeechUnderstanding(translation=aai.Translation(target_languages=["es"]))
    assert_type(await client.understand(job.id, task), aai.Understanding)


async def walk_the_list(client: aai.Client) -> None:
    async for item in client.list(status="completed", created_on=dt.date(2026, 11, 24), limit=5):
        assert_type(item.created, dt.datetime | None)
    async for page in client.list(before_id="a").pages():
        assert_type(page, aai.TranscriptPage)


def read_an_answer(transcript: aai.Transcript) -> None:
    assert_type(transcript.text, str | None)
    assert_type(transcript.raw, dict[str, Any])
    assert_type(transcript.speakers, tuple[str, ...])
    assert_type(transcript.warnings, tuple[str, ...])
    assert_type(transcript.missing, tuple[aai.MissingResult, ...])
    assert_type(transcript.missing_for(aai.Options(speaker_labels=True)), tuple[aai.MissingResult, ...])
    assert_type(transcript.text_by_speaker(), dict[str, str])
    assert_type(transcript.load(), aai.Transcript)
    assert_type(transcript.entities, tuple[aai.Entity, ...] | None)
    _ = transcript.entitties  # type: ignore[attr-defined]  # pyright: ignore[reportUnknownMemberType, reportAttributeAccessIssue, reportUnknownVariableType]
    for utterance in transcript.utterances or ():
        assert_type(utterance.duration, int)
        assert_type(utterance.speaker, str | None)
        assert_type(utterance.words, tuple[aai.Word, ...])
        assert_type(utterance.words[0].start, int)


def set_up_a_client() -> None:
    aai.Client()
    aai.Client("key", region="eu", retry=aai.Retry(attempts=2), polling=aai.Polling(initial_delay=0.5))
    aai.Client(timeouts=aai.Timeouts(stall=30), http_client=httpx.AsyncClient())
    aai.Client(region="mars")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    attrs.evolve(aai.Options(speaker_labels=True), speakers_expected=2)
    aai.Options(speaker_label=True)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    assert_type(aai.Options.from_dict({"speaker_labels": True}), aai.Options)
    aai.Options(speaker_options=aai.SpeakerOptions(max_speakers_expected=3), language_code="a-new-one")


async def handle_errors(client: aai.Client) -> None:
    try:
        await client.transcribe("call.mp3")
    except aai.TranscriptError as error:
        assert_type(error.transcript, aai.Transcript)
    except aai.RateLimitError as error:
        assert_type(error.retry_after, float | None)
    except aai.AAIError as error:
        assert_type(error.transcript_id, str | None)


def make_an_application(app: FastAPI, secret: WebhookSecret) -> None:
    inbox = aai.Inbox()
    web.add_error_handlers(app)
    app.include_router(web.webhook_router(secret=secret, on_event=inbox.put))
    app.include_router(web.webhook_router(secret=secret, on_event=look_for_it, path="/other"))
    web.webhook_router(secret="text", on_event=print)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    FastAPI(lifespan=web.lifespan())
    FastAPI(lifespan=web.lifespan(lambda: aai.Client(region="eu")))
    assert_type(web.client_of(app), aai.Client)
    assert_type(secret.options("https://example.com/webhook"), aai.Options)


async def look_for_it(notification: Notification) -> None:
    assert_type(notification.query["call"], str)


async def pass_recordings_on(request: Request, file: UploadFile, client: web.ClientDependency) -> None:
    await client.transcribe(web.from_upload_file(file))
    url = await client.upload(web.from_request(request, max_bytes=1_000_000, stall=5))
    async with web.cancel_on_disconnect(request):
        await client.transcribe(url, notifications=aai.Inbox())


class OwnInbox:
    """Whatever tells that a notification has come."""

    async def wait_for(self, transcript_id: str) -> None:
        """Return when it has."""


async def wait_for_notifications(client: aai.Client) -> None:
    await client.wait("3f1c", notifications=OwnInbox())
    aai.transcribe_all(client, ["call.mp3"], notifications=OwnInbox())
    aai.transcribe_all(client, ["call.mp3", aai.Item(b"RIFF", key="a"), (b"RIFF", aai.Options())])
    aai.Item("call.mp3", key=1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await client.wait("3f1c", notifications=42)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def show_and_tabulate(batch: aai.Batch) -> None:
    async for outcome in aai.progress(batch, total=3, display="tqdm"):
        assert_type(outcome, aai.Outcome)
        table = tables.words(outcome.unwrap())
        assert_type(table, tables.Table)
        assert_type(formats.docx(outcome.unwrap(), title="Call"), bytes)
        assert_type(formats.render("srt", outcome.unwrap()), str)
    aai.progress(batch, display="bar")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def test_with_the_kit(aai_server: ScriptedServer) -> None:
    aai_server.hears(lambda request: request.audio.name)
    aai_server.answers({"text": "Hi."}, await aai_server.client().get("3f1c"))
    aai_server.hears({"text": "Hi."})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    aai_server.fault("POST *", cut="upload")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert_type(aai_server.count("POST *"), int)
    assert_type(aai_server.client(), aai.Client)
    async with ScriptedServer().in_process() as server:
        assert_type(server, ScriptedServer)
