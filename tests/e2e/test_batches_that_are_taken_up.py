"""
Batches with a journal over the embedded server, run, cancelled and run again while their files change.

A state machine of hypothesis makes up the story; what must hold is that each recording has at most one job
that is not a failed one, and that each transcript is that of its file.
"""

from __future__ import annotations

import contextlib
import itertools
import tempfile
import wave
from collections import Counter
from pathlib import Path

import anyio
from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

import aai_async as aai
from aai_async.server import LocalServer, ScriptedEngine
from aai_async.server.engine import EngineError, SpeechRequest

_FRAMES = 1600
"""Of a recording, at the least: a tenth of a second."""


def _heard(request: SpeechRequest) -> str | EngineError:
    """Hear the length of a recording, by which each is told from the others; some fail."""
    frames = _frames_of(request.audio)
    return EngineError("Nothing can be made of this.") if frames % 7 == 6 else f"{frames}"


class Batches(RuleBasedStateMachine):
    """A folder of recordings, a journal, and a service."""

    files = Bundle("files")

    def __init__(self) -> None:
        super().__init__()
        self._open = contextlib.ExitStack()
        self._folder = Path(self._open.enter_context(tempfile.TemporaryDirectory()))
        self._portal: BlockingPortal = self._open.enter_context(start_blocking_portal())
        engine = ScriptedEngine(_heard, delay=0.005)
        server = LocalServer(engine=engine, directory=self._folder / "server")
        self._server = self._open.enter_context(self._portal.wrap_async_context_manager(server))
        self._frames = itertools.count(_FRAMES)
        self._recordings = set[int]()
        """What was ever in the folder when a batch was run, by its length in frames."""

    def teardown(self) -> None:
        self._open.close()

    @rule(target=files, name=st.sampled_from("abcdefgh"))
    def record(self, name: str) -> Path:
        """Make a file, or another recording of one that is there."""
        path = self._folder / f"{name}.wav"
        with wave.open(str(path), "wb") as recording:
            recording.setnchannels(1)
            recording.setsampwidth(2)
            recording.setframerate(16000)
            recording.writeframes(bytes(2 * next(self._frames)))
        return path

    @rule(jobs=st.integers(1, 9), uploads=st.integers(1, 3))
    def run(self, jobs: int, uploads: int) -> None:
        """To the end: whatever is in the folder has a transcript, or has failed as it had to."""
        outcomes = self._portal.call(self._transcribe, jobs, uploads, None)
        for path, outcome in zip(self._paths(), outcomes, strict=True):
            frames = _frames_of(path)
            if frames % 7 == 6:
                assert isinstance(outcome.error, aai.TranscriptError)
            else:
                assert outcome.unwrap().text == f"{frames}"

    @rule(after=st.floats(0.0, 0.3), jobs=st.integers(1, 9))
    def cancel(self, after: float, jobs: int) -> None:
        """Amid the batch, after some time."""
        self._portal.call(self._transcribe, jobs, 2, after)

    @rule()
    def read(self) -> None:
        """The journal tells of each job once, also where there is none yet."""
        if (self._folder / "calls.db").exists():
            self._portal.call(self._read)

    @invariant()
    def nothing_is_paid_twice(self) -> None:
        """A failed job costs nothing, and is made anew by each run."""
        self._portal.call(self._count)

    def _paths(self) -> list[Path]:
        return sorted(self._folder.glob("*.wav"))

    def _client(self) -> aai.Client:
        polling = aai.Polling(initial_delay=0.01, min_list_interval=0.02)
        return aai.Client(self._server.key, base_url=self._server.base_url, polling=polling)

    async def _transcribe(self, jobs: int, uploads: int, seconds: float | None) -> list[aai.Outcome]:
        paths = self._paths()
        self._recordings |= {_frames_of(path) for path in paths}
        journal = self._folder / "calls.db"
        with anyio.move_on_after(seconds if seconds is not None else 60):
            async with (
                self._client() as client,
                aai.transcribe_all(
                    client, paths, max_jobs=jobs, max_uploads=uploads, journal=journal
                ) as batch,
            ):
                return await batch.collect()
        assert seconds is not None, "it has taken a minute"
        return []

    async def _read(self) -> None:
        async with aai.Journal.open(self._folder / "calls.db") as journal:
            summary = await journal.summary()
            outcomes = [outcome async for outcome in journal.outcomes()]
        ids = [outcome.transcript_id for outcome in outcomes if outcome.transcript_id]
        assert len(ids) == len(set(ids))
        assert summary.total == len(outcomes)
        assert summary.completed == sum(outcome.transcript is not None for outcome in outcomes)

    async def _count(self) -> None:
        jobs = Counter[str]()
        async with self._client() as client:
            async for item in client.list():
                transcript = await client.wait(item.id, raise_on_error=False)
                jobs[transcript.text or ""] += transcript.status == "completed"
        twice = {text: count for text, count in jobs.items() if count > 1}
        assert not twice
        assert {int(text) for text in jobs if text} <= self._recordings


def _frames_of(path: Path) -> int:
    with wave.open(str(path), "rb") as recording:
        return recording.getnframes()


TestBatches = Batches.TestCase
TestBatches.settings = settings(
    max_examples=12,
    stateful_step_count=12,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
