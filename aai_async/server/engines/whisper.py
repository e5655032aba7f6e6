"""
Whisper on this machine, in child processes, so that neither its memory nor its crashes are the server's.

This is the light side: it starts children, hands them one recording at a time and ends them. The models
are loaded in `recognizer`, which only a child imports. The children are plain subprocesses, for
multiprocessing would run the user's unguarded `__main__` again in each.
"""

import logging
import os
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import cached_property
from pathlib import Path
from typing import Self

import anyio
import anyio.to_thread
from anyio.abc import ByteReceiveStream, ByteSendStream, Process
from anyio.streams.buffered import BufferedByteReceiveStream

from aai_async.server import weights as weight_files
from aai_async.server.engine import EngineError, Recognition, SpeechRequest
from aai_async.server.engines.wire import (
    LENGTH_BYTES,
    Reply,
    WorkerSettings,
    decode,
    encode,
    frame,
)
from aai_async.server.refusal import SERVER_FAILURE

WORKER = "aai_async.server.engines.worker"
"""The module that a child process runs."""

_log = logging.getLogger(__name__)

PATIENCE = 5.0
"""How long a child may take to end by itself once it is asked to, in seconds."""


class WhisperEngine:
    """
    Recognise speech with Whisper, and tell speakers apart with WeSpeaker.

    Making one looks for the weights (names and sizes; their hashes are verified by the child that loads
    them), so make it before the event loop runs, or in a thread. Children start with the first recordings
    and stay, models loaded, until `aclose`.

    Args:
        model: ``"base"`` (99 languages) or ``"tiny.en"`` (English, half the memory), which the `models` extra
            installs; or a directory with a model for CTranslate2, used as it is, unverified; or, if downloads
            are allowed, the name of any model that faster-whisper knows.
        workers: How many recordings are transcribed at once, each by its own child; the others wait.
        threads: How many cores each child uses; by default its share of those there are.
        weights: A directory to search for weights first; by default what AAI_ASYNC_WEIGHTS names.
        allow_download: Whether the Hugging Face hub may be asked for a model that is not installed.
        speakers: Whether `speaker_labels` is served; without it the speaker encoder need not be installed.

    Raises:
        WeightsError: The weights are not here; the text says what to install.
    """

    reads_recordings = True

    def __init__(
        self,
        model: str = "base",
        *,
        workers: int = 1,
        threads: int | None = None,
        weights: Path | None = None,
        allow_download: bool = False,
        speakers: bool = True,
    ) -> None:
        if workers < 1:
            raise ValueError(f"workers must be at least 1, not {workers}")
        found = weight_files.find_model(model, directory=weights, allow_download=allow_download)
        if speakers:
            weight_files.find_speaker_encoder(weights)
        self._speakers = speakers
        self._english_only = found.english_only
        self._settings = WorkerSettings(
            name=_name(found.name),
            model=model,
            weights=weights,
            allow_download=allow_download,
            threads=threads or max(_cores() // workers, 1),
        )
        self._workers = workers
        self._idle: list[_Worker] = []
        self._busy: set[_Worker] = set()
        self._closed = False

    @cached_property
    def _slots(self) -> anyio.Semaphore:
        # Made where it is first used: an engine may be made on trio and work on the server's asyncio.
        return anyio.Semaphore(self._workers)

    @property
    def name(self) -> str:
        """Which model this is, such as ``"whisper-base"``."""
        return self._settings.name

    @property
    def languages(self) -> frozenset[str] | None:
        """``{"en"}`` for an English-only model; else `None`, for all."""
        return frozenset({"en"}) if self._english_only else None

    @property
    def detects_language(self) -> bool:
        """Whether it can tell which language is spoken: all but English-only models can."""
        return not self._english_only

    async def recognize(self, request: SpeechRequest) -> Recognition:
        """
        Transcribe one recording in a child, waiting for a free one.

        Cancelling it kills that child, since nothing else stops a model at work.

        Raises:
            EngineError: The recording cannot be transcribed, or the child died of it.
        """
        if request.speaker_labels and not self._speakers:
            raise EngineError("speaker_labels is not served: the engine was started without speakers.")
        async with self._slots, self._worker() as worker:
            reply = await worker.ask(request)
        if reply.recognition is None:
            raise EngineError(reply.error or SERVER_FAILURE)
        return reply.recognition

    async def aclose(self) -> None:
        """End all children; recordings in the middle of it fail, later ones are refused."""
        self._closed = True
        while self._busy:
            await self._busy.pop().kill()
        while self._idle:
            await self._idle.pop().stop()

    @asynccontextmanager
    async def _worker(self) -> "AsyncGenerator[_Worker, None]":
        worker = await self._lease()
        self._busy.add(worker)
        try:
            if self._closed:  # while it was started
                raise anyio.ClosedResourceError
            yield worker
        finally:
            self._busy.discard(worker)
            if worker.usable and not self._closed:
                self._idle.append(worker)
            else:
                await worker.kill()

    async def _lease(self) -> "_Worker":
        while self._idle:
            worker = self._idle.pop()
            if worker.usable:
                return worker
            await worker.kill()
        if self._closed:
            raise anyio.ClosedResourceError
        return await _Worker.start(self._settings)


class _Worker:
    """One child process, which answers one request at a time."""

    def __init__(self, process: Process, requests: ByteSendStream, replies: ByteReceiveStream) -> None:
        self._process = process
        self._requests = requests
        self._replies = BufferedByteReceiveStream(replies)
        self._in_step = True
        self._is_killed = False

    @classmethod
    async def start(cls, settings: WorkerSettings) -> Self:
        # -P and the parent's own path: the child finds the same modules, and none in the working directory
        # that the parent does not find there.
        path = os.pathsep.join(sys.path)
        process = await anyio.open_process(
            [sys.executable, "-P", "-m", WORKER, encode(settings).decode()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None,
            env={**os.environ, "PYTHONPATH": path},
        )
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("a child process was started without pipes")
        return cls(process, process.stdin, process.stdout)

    @property
    def usable(self) -> bool:
        """Whether it lives, and owes no answer to anyone who no longer waits."""
        return self._in_step and self._process.returncode is None

    async def ask(self, request: SpeechRequest) -> Reply:
        self._in_step = False
        try:
            await self._requests.send(frame(request))
            length = int.from_bytes(await self._replies.receive_exactly(LENGTH_BYTES), "big")
            content = await self._replies.receive_exactly(length)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.IncompleteRead):
            await self._tell_of_its_death()
            raise EngineError(SERVER_FAILURE) from None
        # Hours of speech make megabytes of JSON.
        reply = await anyio.to_thread.run_sync(decode, content, Reply)
        self._in_step = not reply.last
        return reply

    async def _tell_of_its_death(self) -> None:
        if self._is_killed:
            return
        with anyio.move_on_after(PATIENCE):
            await self._process.wait()
        _log.error(
            "The speech engine's process ended with status %s while it worked: it crashed, or memory ran out "
            "(the model tiny.en needs half as much).",
            self._process.returncode,
        )

    async def stop(self) -> None:
        """Let it end by itself, which it does when its input ends."""
        with anyio.move_on_after(PATIENCE):
            await self._requests.aclose()
            await self._process.wait()
        await self.kill()

    async def kill(self) -> None:
        self._is_killed = True
        with anyio.CancelScope(shield=True):
            if self._process.returncode is None:
                self._process.kill()
            await self._process.aclose()


def _name(model: str) -> str:
    """Name the engine after the model, of which it may have the path or the hub's full name."""
    return "whisper-" + Path(model).name.removeprefix("faster-").removeprefix("whisper-")


def _cores() -> int:
    # What this process may use, which in a container or under taskset is less than the machine has.
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
