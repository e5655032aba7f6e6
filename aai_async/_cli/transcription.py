"""
`aai-async transcribe`: what was found goes through `transcribe_all`, and what comes of it is written.

The first Ctrl-C lets what is under way end, the second stops at once.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import anyio
import attrs
from anyio.abc import TaskStatus

from aai_async._answers.transcript import Transcript
from aai_async._batch import Batch, transcribe_all
from aai_async._cli import account
from aai_async._cli.board import Board
from aai_async._cli.display import Display, Mode, display
from aai_async._cli.ending import Ending, ending, is_of_setup
from aai_async._cli.narration import Narration
from aai_async._cli.notices import Notices
from aai_async._cli.outputs import Outputs
from aai_async._cli.recordings import STANDARD_INPUT, Recording
from aai_async._cli.rendering import Rendering
from aai_async._cli.results import InFiles, InOrder, Results
from aai_async._cli.streams import Output
from aai_async._cli.wording import count
from aai_async._errors import AAIError
from aai_async._events import Event
from aai_async._options import Options
from aai_async._outcome import BatchAbortedError, Outcome, Summary
from aai_async._source import Audio
from aai_async._threads import in_thread

_BETWEEN_WRITES = 0.1
"""Seconds between two writes of what happens meanwhile."""


@attrs.frozen(kw_only=True)
class Order:
    """What was asked for."""

    recordings: Sequence[Recording]
    options: Options
    rendering: Rendering
    outputs: Outputs | None
    """The files to write; standard output without."""
    journal: Path | None
    jobs: int
    uploads: int
    fail_fast: bool
    by_content: bool
    force: bool
    """Whether files that are there are written anew."""
    region: str | None
    local: bool
    progress: Mode
    jsonl: bool


async def run(order: Order) -> Ending:
    """Transcribe all that is not there yet, and tell how it ended."""
    outputs = order.outputs
    here = [one for one in order.recordings if outputs and not order.force and outputs.are_there(one)]
    wanted = [one for one in order.recordings if one not in set(here)]
    session = Session(order, wanted)
    if outputs is not None:
        session.pass_over(here, outputs)
    async with anyio.create_task_group() as tasks:
        await tasks.start(session.heed_signals)
        with session.everything:
            await session.carry_out()
        tasks.cancel_scope.cancel()
    return await session.end()


class Session:
    """One run of the command: a batch, what is shown of it, and where its results go."""

    def __init__(self, order: Order, wanted: Sequence[Recording]) -> None:
        self.everything = anyio.CancelScope()
        self._order = order
        self._wanted = wanted
        self._display: Display = display(order.progress, Board(len(wanted), time.monotonic()))
        self._output = Output()
        self._narration = Narration(self._output, [one.name for one in wanted]) if order.jsonl else None
        self._results = self._results_of(order)
        self._batch: Batch | None = None
        self._summary = Summary()
        self._skipped = self._good = 0
        self._errors: list[AAIError] = []
        self._notices = Notices()
        self._was_interrupted = self._nobody_reads = False

    def _results_of(self, order: Order) -> Results:
        if order.outputs is not None:
            return InFiles(order.outputs, self._wanted)
        if order.jsonl:
            return Results()
        return InOrder(self._output, order.rendering, self._wanted)

    def pass_over(self, recordings: Sequence[Recording], outputs: Outputs) -> None:
        """Tell of those whose results are there already."""
        self._skipped = len(recordings)
        for recording in recordings:
            paths = list(outputs.paths(recording).values())
            if self._narration:
                self._narration.skipped(recording.name, paths)
            else:
                there = ", ".join(map(str, paths))
                self._display.mention(f"{recording.name}: passed over, for there is {there}")

    async def heed_signals(self, *, task_status: TaskStatus[None]) -> None:
        """Let what is under way end after the first Ctrl-C; stop at once after another, or after SIGTERM."""
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            task_status.started()
            async for number in signals:
                is_first = not self._was_interrupted and self._batch is not None
                self._was_interrupted = True
                if not is_first or number != signal.SIGINT:
                    self.everything.cancel()
                    return
                self._stop_drawing()

    def _stop_drawing(self) -> None:
        if self._batch is not None:
            self._batch.stop()
        under_way = len(self._display.board.rows)
        self._display.say(
            f"Interrupted: {count(under_way, 'recording')} under way will be finished, and no more begun. "
            "Ctrl-C again stops at once."
        )

    async def carry_out(self) -> None:
        """Transcribe what is wanted."""
        if not self._wanted:
            return
        opened = account.local_client() if self._order.local else account.client(self._order.region)
        try:
            if self._order.outputs is not None:
                await self._order.outputs.make_folder()
            async with opened as client, anyio.create_task_group() as tasks:
                with self._display:
                    tasks.start_soon(self._display.keep_up_to_date)
                    tasks.start_soon(self._write_on)
                    await self._go_through(
                        transcribe_all(
                            client,
                            self._draw(),
                            self._order.options,
                            jobs=self._order.jobs,
                            uploads=self._order.uploads,
                            journal=self._order.journal,
                            fail_fast=self._order.fail_fast,
                            by_content=self._order.by_content,
                            on_event=self._hear,
                        )
                    )
                    tasks.cancel_scope.cancel()
        except AAIError as error:
            self._give_up(error)

    async def _go_through(self, batch: Batch) -> None:
        try:
            async with batch:
                self._batch = batch
                async for outcome in batch:
                    await self._settle(outcome)
        except AAIError as error:
            self._give_up(error)
        except BrokenPipeError:
            self._nobody_reads = True
        finally:
            if self._batch is not None:
                self._summary = batch.summary

    def _draw(self) -> Iterator[Audio]:
        for index, recording in enumerate(self._wanted):
            self._display.drawn(index, recording.name)
            yield sys.stdin.buffer if recording.name == STANDARD_INPUT else recording.name

    def _hear(self, event: Event) -> None:
        self._display.hear(event)
        if self._narration:
            self._narration.hear(event)

    async def _write_on(self) -> None:
        """Write what happens while no recording has finished."""
        while True:
            await anyio.sleep(_BETWEEN_WRITES)
            try:
                await self._output.flush()
            except BrokenPipeError:
                self._nobody_reads = True
                self.everything.cancel()

    async def _settle(self, outcome: Outcome) -> None:
        if outcome.transcript is None:
            self._fail(outcome.index, outcome.error or AAIError("Nothing came of it."), outcome.transcript_id)
        else:
            await self._keep(outcome, outcome.transcript)
        if not self._output.is_written:
            with self._display.aside():
                await self._output.flush()

    async def _keep(self, outcome: Outcome, transcript: Transcript) -> None:
        try:
            paths = await self._results.put(outcome.index, transcript)
        except (AAIError, OSError) as error:
            said = error if isinstance(error, AAIError) else AAIError(str(error))
            self._fail(outcome.index, said, outcome.transcript_id)
            return
        self._good += 1
        row = self._display.board.finish(
            outcome.index, is_completed=True, audio_seconds=transcript.audio_duration or 0.0
        )
        if self._narration:
            self._narration.completed(outcome, paths)
        seconds = time.monotonic() - row.began if row else 0.0
        facts = await in_thread(_facts, transcript, seconds)
        where = f": {', '.join(map(str, paths))}" if paths else ""
        name = self._wanted[outcome.index].name
        self._display.mention(f"{self._counted()}{name}: {facts}{where}")
        shows_all = self._display.repeats_notices
        if notices := self._notices.add(outcome.warnings, outcome.missing, shows_all=shows_all):
            self._display.say(f"{name}: {notices}")

    def _fail(self, index: int, error: AAIError, transcript_id: str | None) -> None:
        self._errors.append(error)
        self._results.miss(index)
        self._display.board.finish(index, is_completed=False)
        if self._narration:
            self._narration.failed(index, error, transcript_id)
        self._display.say(f"{self._counted()}{self._wanted[index].name}: {error}")

    def _counted(self) -> str:
        board = self._display.board
        return f"[{board.finished}/{board.total}] " if board.total > 1 else ""

    def _give_up(self, error: AAIError) -> None:
        self._errors.append(error)
        if self._narration:
            self._narration.failed(None, error)
        if isinstance(error, BatchAbortedError) and error.__cause__ in self._errors:
            # What it is about was told of the recording that met it.
            left = len(self._wanted) - self._display.board.finished
            self._display.say(f"Given up, with {count(left, 'recording')} to do yet.")
        else:
            self._display.say(str(error))
        if is_of_setup(error) and not self._order.local:
            self._display.say("Without a key: aai-async transcribe --local")

    async def end(self) -> Ending:
        """Write what is not written yet, tell what is left, and how it ended."""
        self._results.end()
        self._show_totals_of_notices()
        self._tell_what_is_left()
        how = self._ending()
        if self._narration:
            self._narration.ended(self._summary, self._skipped, how)
        if self._skipped + len(self._wanted) > 1:
            passed = f"; {self._skipped} passed over" if self._skipped else ""
            self._display.mention(f"{self._summary}{passed}")
        try:
            await self._output.flush()
        except BrokenPipeError:
            return Ending.NOBODY_READS
        return how

    def _ending(self) -> Ending:
        if self._nobody_reads:
            return Ending.NOBODY_READS
        if self._was_interrupted and self._good + len(self._errors) < len(self._wanted):
            return Ending.INTERRUPTED
        return ending(good=self._good + self._skipped, errors=self._errors)

    def _show_totals_of_notices(self) -> None:
        totals = list(self._notices.totals())
        for line in totals:
            self._display.say(line)
        if totals and self._order.journal is not None:
            self._display.say(f"Which recordings these are: aai-async status {self._order.journal}")

    def _tell_what_is_left(self) -> None:
        left = self._batch.remaining if self._batch else ()
        if self._order.journal is not None and left:
            self._display.say(
                f"{count(len(left), 'recording')} under way: {self._order.journal} knows how far they are. "
                "Run the same command again, and it goes on; nothing is paid twice."
            )
        elif left:
            for one in left:
                if one.transcript_id is not None:
                    name = self._wanted[one.index].name
                    self._display.say(f"{name}: its job goes on: aai-async get --wait {one.transcript_id}")


def _facts(transcript: Transcript, seconds: float) -> str:
    engine = (transcript.metadata or {}).get("local_engine", transcript.speech_model_used)
    speakers = f", {count(len(transcript.speakers), 'speaker')}" if transcript.speakers else ""
    words = count(len(transcript.words or ()), "word")
    by = f" by {engine}" if engine else ""
    return f"{transcript.audio_duration or 0:.0f} s of audio, {words}{speakers}, in {seconds:.1f} s{by}"
