"""Redacted audio, from its order to the end of its day, with a real child process and real sound."""

from __future__ import annotations

import os
import sqlite3
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import av
import httpx
import numpy as np
import pytest
from completion import ended
from receiver import receiving
from recording import tone, write

from aai_async.server import EngineError, LocalServer, ScriptedEngine
from aai_async.server.app import Limits, open_app
from aai_async.server.redacted_audio import worker
from aai_async.server.sound.decoding import RATE, decode
from aai_async.server.webhooks.sender import Pace

SPOKEN = "Please call +12025550147 today."  # the number is said from 800 to 1100 ms
ASKED: dict[str, Any] = {
    "redact_pii": True,
    "redact_pii_policies": ["phone_number"],
    "redact_pii_audio": True,
}


@asynccontextmanager
async def service(
    directory: Path, engine: ScriptedEngine | None = None, limits: Limits | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a server in this event loop."""
    async with (
        open_app(engine or ScriptedEngine(SPOKEN), key="k", directory=directory, limits=limits) as app,
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://127.0.0.1", headers={"authorization": "k"}
        ) as http,
    ):
        yield http


@pytest.fixture
def recording(tmp_path: Path) -> bytes:
    return write(tmp_path / "recording.wav", tone(2.0), codec="pcm_s16le").read_bytes()


async def submit(http: httpx.AsyncClient, content: bytes, **asked: Any) -> str:
    url = (await http.post("/v2/upload", content=content)).json()["upload_url"]
    reply = await http.post("/v2/transcript", json={"audio_url": url, **ASKED, **asked})
    assert reply.status_code == 200, reply.text
    return str(reply.json()["id"])


async def redacted(http: httpx.AsyncClient, transcript_id: str) -> httpx.Response:
    """Ask until it is no longer pending."""
    with anyio.fail_after(60):
        while (reply := await http.get(f"/v2/transcript/{transcript_id}/redacted-audio")).status_code == 202:
            assert reply.json() == {"status": "processing"}
            await anyio.sleep(0.02)
    return reply


async def fetched(reply: httpx.Response, http: httpx.AsyncClient) -> httpx.Response:
    """Read the file as anybody may, without the key."""
    assert (reply.status_code, reply.json()["status"]) == (200, "redacted_audio_ready")
    request = http.build_request("GET", reply.json()["redacted_audio_url"])
    del request.headers["authorization"]
    return await http.send(request)


def refused(reply: httpx.Response) -> str:
    assert reply.status_code == 400
    return str(reply.json()["error"])


def loudness(path: Path, start: int, stop: int) -> float:
    sound = decode(path).channels[0][start * RATE // 1000 : stop * RATE // 1000].astype(float)
    return float(np.sqrt(np.square(sound).mean()))


async def test_what_is_redacted_in_the_text_is_covered_in_the_audio(tmp_path: Path, recording: bytes) -> None:
    """By default in an MP3, with a beep; its address cannot be guessed, and needs no key."""
    async with service(tmp_path) as http:
        transcript_id = await submit(http, recording)
        assert (await ended(http, transcript_id))["text"] == "Please call +########### today."
        reply = await redacted(http, transcript_id)
        assert transcript_id not in reply.json()["redacted_audio_url"]
        file = await fetched(reply, http)
    assert (file.status_code, file.headers["content-type"]) == (200, "audio/mpeg")
    assert int(file.headers["content-length"]) == len(file.content)
    copy = tmp_path / "copy"
    copy.write_bytes(file.content)
    sound = decode(copy).channels[0].astype(float)
    spectrum = np.abs(np.fft.rfft(sound[850 * RATE // 1000 : 1050 * RATE // 1000]))
    assert int(np.argmax(spectrum)) * 5 == pytest.approx(1000, abs=10)
    assert loudness(copy, 100, 750) == pytest.approx(8000 / 2**0.5, rel=0.1)
    assert loudness(copy, 1150, 1900) == pytest.approx(8000 / 2**0.5, rel=0.1)


async def test_silence_in_a_wav(tmp_path: Path, recording: bytes) -> None:
    """Where it is asked for: digital silence in the span and a little around it, and no sample else."""
    options = {"override_audio_redaction_method": "silence"}
    async with service(tmp_path) as http:
        asked = {"redact_pii_audio_quality": "wav", "redact_pii_audio_options": options}
        transcript_id = await submit(http, recording, **asked)
        transcript = await ended(http, transcript_id)
        file = await fetched(await redacted(http, transcript_id), http)
    assert (transcript["redact_pii_audio_quality"], transcript["redact_pii_audio_options"]) == (
        "wav",
        options,
    )
    assert file.headers["content-type"] in ("audio/wav", "audio/x-wav", "audio/vnd.wave")
    copy = tmp_path / "copy"
    copy.write_bytes(file.content)
    samples, original = decode(copy).channels[0], tone(2.0)
    span = slice(700 * RATE // 1000, 1200 * RATE // 1000)
    assert not samples[span].any()
    assert np.array_equal(np.delete(samples, span), np.delete(original, span))


async def test_what_was_not_transcribed_is_covered_too(tmp_path: Path, recording: bytes) -> None:
    """Nobody knows what is said there."""
    options = {"override_audio_redaction_method": "silence"}
    async with service(tmp_path, ScriptedEngine("Hello.")) as http:
        window = {"audio_start_from": 500, "audio_end_at": 900, "redact_pii_audio_quality": "wav"}
        transcript_id = await submit(http, recording, redact_pii_audio_options=options, **window)
        file = await fetched(await redacted(http, transcript_id), http)
    copy = tmp_path / "copy"
    copy.write_bytes(file.content)
    assert (loudness(copy, 0, 500), loudness(copy, 900, 1000)) == (0, 0)
    assert loudness(copy, 500, 900) == pytest.approx(8000 / 2**0.5, rel=0.05)


async def test_it_is_pending_until_it_is_there(tmp_path: Path, recording: bytes) -> None:
    """While the job waits and while it is worked on too: a status of its own, and 202."""
    gate = anyio.Event()

    async def answer(_request: object) -> str:
        await gate.wait()
        return SPOKEN

    async with service(tmp_path, ScriptedEngine(answer)) as http:
        ids = [await submit(http, recording) for _ in range(2)]
        for transcript_id in ids:
            reply = await http.get(f"/v2/transcript/{transcript_id}/redacted-audio")
            assert (reply.status_code, reply.json()) == (202, {"status": "processing"})
        gate.set()
        for transcript_id in ids:
            assert (await redacted(http, transcript_id)).status_code == 200


async def test_without_speech_there_is_none_unless_it_is_asked_for(tmp_path: Path, recording: bytes) -> None:
    """As at the service."""
    async with service(tmp_path, ScriptedEngine("")) as http:
        assert "no speech was detected" in refused(await redacted(http, await submit(http, recording)))
        options = {"return_redacted_no_speech_audio": True}
        transcript_id = await submit(http, recording, redact_pii_audio_options=options)
        assert (await fetched(await redacted(http, transcript_id), http)).status_code == 200


async def test_it_is_refused_where_there_is_none(tmp_path: Path, recording: bytes) -> None:
    """Not asked for, of a failed transcript, or of none."""
    engine = ScriptedEngine(lambda request: EngineError("no") if request.speaker_labels else SPOKEN)
    async with service(tmp_path, engine) as http:
        plain = await submit(http, recording, redact_pii_audio=False)
        await ended(http, plain)
        assert "was not requested" in refused(await redacted(http, plain))
        failed = await submit(http, recording, speaker_labels=True)
        await ended(http, failed)
        assert refused(await redacted(http, failed)) == "This transcript is not completed"
        assert "id not found" in refused(await redacted(http, "unknown"))
        assert (await http.get("/redacted-audio/unknown.mp3")).status_code == 403


async def test_a_recording_that_cannot_be_masked_is_told(
    tmp_path: Path, recording: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """It is an answer for good, and the next one is made."""
    async with receiving() as receiver, service(tmp_path) as http:
        broken = await submit(http, b"not a recording", webhook_url=receiver.url)
        assert "could not be made" in refused(await redacted(http, broken))
        assert (await redacted(http, await submit(http, recording))).status_code == 200
        assert [call.body["status"] for call in await receiver.told(1)] == ["completed"]
    assert f"The redacted audio of transcript {broken} could not be created" in caplog.text
    assert [path.suffix for path in (tmp_path / "redacted").iterdir()] == [".mp3"]


async def test_its_day_ends(tmp_path: Path, recording: bytes) -> None:
    """Then neither the file nor its address is there any more, after a restart neither."""
    limits = Limits(redacted_audio_seconds=2.0)
    async with service(tmp_path, limits=limits) as http:
        transcript_id = await submit(http, recording)
        reply = await redacted(http, transcript_id)
        assert (await fetched(reply, http)).status_code == 200
        with anyio.fail_after(60):
            while list((tmp_path / "redacted").iterdir()):
                await anyio.sleep(0.02)
        assert "no longer available" in refused(await redacted(http, transcript_id))
        gone = await fetched(reply, http)
        assert (gone.status_code, "AccessDenied" in gone.text) == (403, True)
    async with service(tmp_path, limits=limits) as http:
        assert "no longer available" in refused(await redacted(http, transcript_id))
    assert Limits().redacted_audio_seconds == 24 * 3600


async def test_deleting_takes_it_along(tmp_path: Path, recording: bytes) -> None:
    """File and address, also while it is still being made."""
    async with service(tmp_path) as http:
        transcript_id = await submit(http, recording)
        reply = await redacted(http, transcript_id)
        await http.delete(f"/v2/transcript/{transcript_id}")
        assert (await fetched(reply, http)).status_code == 403
        assert "id not found" in refused(await redacted(http, transcript_id))
        pending = await submit(http, recording)
        await ended(http, pending)
        assert (await http.delete(f"/v2/transcript/{pending}")).status_code == 200
        assert (await redacted(http, await submit(http, recording))).status_code == 200
    assert len(list((tmp_path / "redacted").iterdir())) == 1


async def test_an_upload_stays_while_its_copy_is_made(tmp_path: Path, recording: bytes) -> None:
    """Deleting another transcript of the same recording does not take it away."""
    async with service(tmp_path) as http:
        url = (await http.post("/v2/upload", content=recording)).json()["upload_url"]
        asked = {"audio_url": url, **ASKED}
        first = (await http.post("/v2/transcript", json={"audio_url": url})).json()["id"]
        await ended(http, first)
        second = (await http.post("/v2/transcript", json=asked)).json()["id"]
        await ended(http, second)
        assert (await http.delete(f"/v2/transcript/{first}")).status_code == 200
        assert (await redacted(http, second)).status_code == 200


async def test_the_webhook_is_told_twice(tmp_path: Path, recording: bytes) -> None:
    """First of the transcript, then of the audio, with an address that can be read."""
    limits = Limits()
    async with receiving() as receiver, service(tmp_path, limits=limits) as http:
        transcript_id = await submit(http, recording, webhook_url=f"{receiver.url}?call=7")
        first, second = await receiver.told(2)
        assert first.body == {"transcript_id": transcript_id, "status": "completed"}
        reply = await redacted(http, transcript_id)
        assert second.body == reply.json()
        assert second.target == first.target == "/told?call=7"


async def test_what_is_gone_is_not_told_of(tmp_path: Path, recording: bytes) -> None:
    """A webhook that could be reached only after the copy's day does not get an address of nothing."""
    limits = Limits(redacted_audio_seconds=0.0, webhooks=Pace(pause_seconds=0.01))
    async with receiving() as receiver:
        async with service(tmp_path, limits=limits) as http:
            transcript_id = await submit(http, recording, webhook_url=receiver.url)
            assert "no longer available" in refused(await redacted(http, transcript_id))
            await anyio.sleep(0.1)
        async with service(tmp_path):
            await anyio.sleep(0.1)
    assert [call.body["status"] for call in receiver.calls] == ["completed"]


async def test_the_end_does_not_wait_for_it_and_a_restart_makes_it(
    tmp_path: Path, recording: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The child is killed, and what it had written is thrown away."""
    (tmp_path / "slow.py").write_text("import time\ntime.sleep(3600)\n")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    async with receiving() as receiver:
        with monkeypatch.context() as patch:
            patch.setattr(worker, "CHILD", "slow")
            async with service(tmp_path) as http:
                transcript_id = await submit(http, recording, webhook_url=receiver.url)
                await receiver.told(1)
                next_one = await submit(http, recording)
                assert (await ended(http, next_one))["status"] == "completed"
                begun = time.perf_counter()
            assert time.perf_counter() - begun < 60
        left, foreign = (f"{transcript_id}.wav.part", "interview.mp3")
        (tmp_path / "redacted" / left).touch()
        (tmp_path / "redacted" / foreign).touch()
        async with service(tmp_path) as http:
            assert (await redacted(http, transcript_id)).status_code == 200
            assert (await receiver.told(2))[1].body["status"] == "redacted_audio_ready"
        assert not (tmp_path / "redacted" / left).exists()
        # Whoever names a directory may have something of their own in it.
        assert (tmp_path / "redacted" / foreign).exists()


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_it_can_be_read_over_a_real_port(tmp_path: Path, recording: bytes) -> None:
    """The webhook's address has the server's own host and port; what is kept is its owner's alone."""
    async with (
        receiving() as receiver,
        LocalServer(engine=ScriptedEngine(SPOKEN), directory=tmp_path / "kept") as server,
        httpx.AsyncClient(
            base_url=server.base_url, headers={"authorization": server.key}, trust_env=False
        ) as http,
        httpx.AsyncClient(trust_env=False) as anybody,
    ):
        await submit(http, recording, webhook_url=receiver.url)
        url = (await receiver.told(2))[1].body["redacted_audio_url"]
        assert url.startswith(f"{server.base_url}/redacted-audio/")
        reply = await anybody.get(url)
        assert (reply.status_code, int(reply.headers["content-length"])) == (200, len(reply.content))
        with av.open(str(next((tmp_path / "kept" / "redacted").iterdir()))) as copy:
            assert copy.format.name == "mp3"
        if os.name == "posix":
            assert (tmp_path / "kept" / "redacted").stat().st_mode & 0o077 == 0


async def test_a_shelf_that_fails_costs_its_copy_only(
    tmp_path: Path, recording: bytes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged, and the next one is made."""

    async def full(*_arguments: object, **_options: object) -> bool:
        raise sqlite3.OperationalError("database or disk is full")

    async with service(tmp_path) as http:
        with monkeypatch.context() as patch:
            patch.setattr("aai_async.server.redacted_audio.store.RedactedAudioStore.finish", full)
            lost = await submit(http, recording)
            with anyio.fail_after(60):
                while "is given up" not in caplog.text:
                    await anyio.sleep(0.02)
        assert (await redacted(http, await submit(http, recording))).status_code == 200
    assert f"The redacted audio of transcript {lost} is given up" in caplog.text
