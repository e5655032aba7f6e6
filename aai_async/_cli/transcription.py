"""
`aai-async transcribe`: what was found goes through `transcribe_all`, and what comes of it is written.

The first Ctrl-C lets what is under way end, the second stops at once.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator

import anyio
from anyio.abc import TaskStatus

from aai_async._batch.batch import Batch, transcribe_all
from aai_async._cli import clients
from aai_async._cli.exit_status import Ending, ending, is_of_setup
from aai_async._cli.inputs import STANDARD_INPUT
from aai_async._cli.interrupts import received_signals
from aai_async._cli.jsonl import JSONLines
from aai_async._cli.order import Order, Plan
from aai_async._cli.progress import ProgressState
from aai_async._cli.progress_view import ProgressView, print_line, progress_view
from aai_async._cli.result_notices import Notices
from aai_async._cli.sinks import InFiles, InOrder, Results
from aai_async._cli.stdout import Output
from aai_async._cli.terminal_text import count, readable
from aai_async._client import Client
from aai_async._concurrency.threads import in_thread
from aai_async._errors import AAIError
from aai_async._events import Event
from aai_async._io.source import Audio
from aai_async._journal import Journal
from aai_async._models.outcome import BatchAbortedError, Outcome, Summary
from aai_async._models.transcript import Transcript

_BETWEEN_WRITES = 0.1
"""Seconds between two writes of what happens meanwhile."""


async def run(order: Order) -> Ending:
    """Transcribe all that is not there yet, and say how it ended."""
    plan = await Plan.of(order)
    if plan.refusals:
        return _refuse(plan)
    session = Session(order, plan)
    session.begin()
    async with anyio.create_task_group() as tasks:
        await tasks.start(session.heed_signals)
        with session.everything:
            await session.carry_out()
        tasks.cancel_scope.cancel()
    return await session.end()


def _refuse(plan: Plan) -> Ending:
    for bad in plan.refusals:
        print_line(str(bad.error))
    number = count(len(plan.refusals), "name")
    print_line(f"Nothing was sent: {number} cannot be used. Correct them, or leave them out with --skip-bad.")
    return Ending.USAGE


class Session:
    """One run of the command: a batch, what is shown of it, and where its results go."""

    def __init__(self, order: Order, plan: Plan) -> None:
        self.everything = anyio.CancelScope()
        self._order = order
        self._plan = plan
        self._wanted = plan.wanted
        self._display: ProgressView = progress_view(
            order.progress, ProgressState(len(plan.wanted), time.monotonic())
        )
        self._output = Output()
        names = [one.shown for one in plan.wanted]
        self._narration = JSONLines(self._output, names) if order.jsonl else None
        self._results = self._results_of(order)
        self._batch: Batch | None = None
        self._summary = Summary()
        self._good = 0
        self._errors: list[AAIError] = []
        self._notices = Notices()
        self._was_interrupted = self._nobody_reads = False

    def _results_of(self, order: Order) -> Results:
        if self._plan.outputs is not None:
            return InFiles(self._plan.outputs, self._wanted)
        if order.jsonl:
            return Results()
        return InOrder(self._output, order.rendering, self._wanted)

    def begin(self) -> None:
        """Say what is not transcribed: what is there already, and what cannot be sent."""
        for recording in self._plan.there:
            paths = list(self._plan.outputs.paths(recording).values()) if self._plan.outputs else []
            if self._narration:
                self._narration.skipped(recording.shown, paths)
            else:
                self._display.mention(f"{recording.shown}: skipped, {', '.join(map(readable, paths))} exists")
        for bad in self._plan.left_out:
            self._errors.append(bad.error)
            self._display.print(str(bad.error))
            if self._narration:
                self._narration.left_out(bad.name, bad.error)
        if self._plan.left_out:
            self._display.print(f"{count(len(self._plan.left_out), 'name')} left out, the others are sent.")

    async def heed_signals(self, *, task_status: TaskStatus[None]) -> None:
        """Let what is under way end after the first Ctrl-C; stop at once after another, or after SIGTERM."""
        with received_signals() as signals:
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
        self._display.print(
            f"Interrupted: {count(under_way, 'recording')} under way will be finished, and no more begun. "
            "Ctrl-C again stops at once."
        )

    async def carry_out(self) -> None:
        """Transcribe what is wanted."""
        if not self._wanted:
            return
        opened = (
            clients.local_client()
            if self._order.local
            else clients.client(self._order.region, self._order.proxy)
        )
        try:
            async with opened as client:
                await self._plan.prepare()
                await self._transcribe(client)
        except AAIError as error:
            self._give_up(error)

    def _journal(self) -> Journal | None:
        path = self._order.journal
        return None if path is None else Journal(path, adopt_key=self._order.adopts_key)

    async def _transcribe(self, client: Client) -> None:
        batch = transcribe_all(
            client,
            self._draw(),
            self._order.options,
            max_jobs=self._order.jobs,
            max_uploads=self._order.uploads,
            journal=self._journal(),
            fail_fast=self._order.fail_fast,
            dedupe_by_content=self._order.by_content,
            on_event=self._hear,
        )
        async with anyio.create_task_group() as tasks:
            with self._display:
                tasks.start_soon(self._display.keep_up_to_date)
                tasks.start_soon(self._write_on)
                await self._go_through(batch)
                # A write that has begun would go on in its thread, and the program might end before it.
                await self._flush()
                tasks.cancel_scope.cancel()

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
            self._display.drawn(index, recording.shown)
            yield sys.stdin.buffer if recording.name == STANDARD_INPUT else recording.name

    def _hear(self, event: Event) -> None:
        self._display.on_event(event)
        if self._narration:
            self._narration.on_event(event)

    async def _write_on(self) -> None:
        """Write what happens while no recording has finished."""
        while True:
            await anyio.sleep(_BETWEEN_WRITES)
            await self._flush()

    async def _flush(self) -> None:
        try:
            await self._output.flush()
        except BrokenPipeError:
            self._nobody_reads = True
            self.everything.cancel()

    async def _settle(self, outcome: Outcome) -> None:
        if outcome.transcript is None:
            error = outcome.error or AAIError("Nothing came of it.")
            self._fail(outcome.index, error, transcript_id=outcome.transcript_id)
        else:
            await self._keep(outcome, outcome.transcript)
        if not self._output.is_written:
            with self._display.aside():
                await self._output.flush()

    async def _keep(self, outcome: Outcome, transcript: Transcript) -> None:
        try:
            written = await self._results.put(outcome.index, transcript)
        except (AAIError, OSError) as error:
            self._fail(outcome.index, _as_error(error), transcript_id=outcome.transcript_id)
            return
        if written.errors:
            self._fail(outcome.index, *written.errors, transcript_id=outcome.transcript_id)
            return
        self._good += 1
        row = self._display.board.finish(
            outcome.index, is_completed=True, audio_seconds=transcript.audio_duration or 0.0
        )
        if self._narration:
            self._narration.completed(outcome, written.paths)
        seconds = time.monotonic() - row.began if row else 0.0
        facts = await in_thread(_facts, transcript, seconds)
        where = f": {', '.join(map(readable, written.paths))}" if written.paths else ""
        name = self._wanted[outcome.index].shown
        self._display.mention(f"{self._counted()}{name}: {facts}{where}")
        shows_all = self._display.repeats_notices
        if notices := self._notices.add(outcome.warnings, outcome.missing, shows_all=shows_all):
            self._display.print(f"{name}: {notices}")

    def _fail(self, index: int, *errors: AAIError, transcript_id: str | None) -> None:
        self._errors.extend(errors)
        self._results.miss(index)
        self._display.board.finish(index, is_completed=False)
        for error in errors:
            if self._narration:
                self._narration.failed(index, error, transcript_id)
            self._display.print(f"{self._counted()}{self._wanted[index].shown}: {error}")

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
            self._display.print(f"Given up, with {count(left, 'recording')} to do yet.")
        else:
            self._display.print(str(error))
        if is_of_setup(error) and not self._order.local:
            self._display.print("Without a key: aai-async transcribe --local")

    async def end(self) -> Ending:
        """Write what is not written yet, say what is left, and how it ended."""
        self._results.end()
        self._show_totals_of_notices()
        self._tell_what_is_left()
        how = self._ending()
        skipped, left_out = len(self._plan.there), len(self._plan.left_out)
        if self._narration:
            self._narration.ended(self._summary, skipped, left_out, how)
        for line in self._order.found.ignored:
            self._display.mention(line)
        if skipped + left_out + len(self._wanted) > 1:
            parts = {"skipped": skipped, "left out": left_out}
            more = "".join(f"; {number} {what}" for what, number in parts.items() if number)
            self._display.mention(f"{self._summary}{more}")
        try:
            await self._output.flush()
        except BrokenPipeError:
            return Ending.NOBODY_READS
        return how

    def _ending(self) -> Ending:
        if self._nobody_reads:
            return Ending.NOBODY_READS
        if self._was_interrupted and self._good + self._display.board.failed < len(self._wanted):
            return Ending.INTERRUPTED
        return ending(good=self._good + len(self._plan.there), errors=self._errors)

    def _show_totals_of_notices(self) -> None:
        totals = list(self._notices.totals())
        for line in totals:
            self._display.print(line)
        if totals and self._order.journal is not None:
            self._display.print(f"Which recordings these are: aai-async status {self._order.journal}")

    def _tell_what_is_left(self) -> None:
        left = self._batch.remaining if self._batch else ()
        if self._order.journal is not None and left:
            self._display.print(
                f"{count(len(left), 'recording')} under way: {self._order.journal} knows how far they are. "
                "Run the same command again, and it goes on; nothing is paid twice."
            )
        elif left:
            for one in left:
                if one.transcript_id is not None:
                    name = self._wanted[one.index].shown
                    self._display.print(f"{name}: its job goes on: aai-async get --wait {one.transcript_id}")


def _as_error(error: AAIError | OSError) -> AAIError:
    return error if isinstance(error, AAIError) else AAIError(str(error))


def _facts(transcript: Transcript, seconds: float) -> str:
    engine = (transcript.metadata or {}).get("local_engine", transcript.speech_model_used)
    speakers = f", {count(len(transcript.speakers), 'speaker')}" if transcript.speakers else ""
    words = count(len(transcript.words or ()), "word")
    by = f" by {engine}" if engine else ""
    return f"{transcript.audio_duration or 0:.0f} s of audio, {words}{speakers}, in {seconds:.1f} s{by}"
