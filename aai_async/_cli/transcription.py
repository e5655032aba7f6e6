"""
`aai-async transcribe`: transcribes the recordings as a batch, and writes the results.

The first Ctrl-C finishes the recordings in progress, the second stops at once.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence

import anyio
from anyio.abc import TaskStatus

from aai_async._batch.batch import Batch, drop_unsubmitted, record_refusals
from aai_async._batch.item import Item
from aai_async._batch.transcribe_all import transcribe_all
from aai_async._cli import clients
from aai_async._cli.exit_status import ExitStatus, status_of_refusals
from aai_async._cli.flag_values import labels_from
from aai_async._cli.folder_index import LARGEST, write_index
from aai_async._cli.inputs import STANDARD_INPUT
from aai_async._cli.interrupts import received_signals
from aai_async._cli.known_journals import remember
from aai_async._cli.order import InvalidInput, Order, Plan
from aai_async._cli.report import Report
from aai_async._cli.sinks import FileSink, OrderedSink, Sink
from aai_async._cli.terminal_text import command, errors_as_lines, readable, shown_error
from aai_async._cli.watching import Arrivals
from aai_async._client import Client
from aai_async._concurrency.threads import in_thread
from aai_async._errors import AAIError, JournalError, SaveError
from aai_async._journal import Journal, journal_exists, kept_at_service
from aai_async._models.outcome import Outcome
from aai_async._models.transcript import Transcript
from aai_async._progress.lines import count, print_line
from aai_async._retry import Retry

_WRITE_INTERVAL = 0.1
"""Seconds between two writes to standard output while no recording finishes."""

_AT_SERVICE = {"queued", "processing"}
"""The stages of recordings that have a job."""

_SEARCHED = "whose job is searched for"

_FIRST_CONNECTION = 20.0
"""Seconds after which a run ends that has had no connection at all. Later outages are waited for."""


async def run(order: Order, *, can_skip: bool = True) -> ExitStatus:
    """
    Transcribe the recordings that have no results, and return the exit status.

    Args:
        order: What is transcribed.
        can_skip: Whether the command has the flag --skip-bad.
    """
    plan = await Plan.of(order)
    if plan.refusals:
        return _refuse(plan, "or skip them with --skip-bad" if can_skip else "or leave them out")
    await plan.repair()
    if order.flags.journal.retry_failed and not plan.wanted and not plan.left_out:
        number = count(len(order.found.recordings), "recording")
        print_line(f"None of {number} failed in an earlier run with these options.")
    session = Session(order, plan)
    session.report.begin()
    async with anyio.create_task_group() as tasks:
        await tasks.start(session.handle_signals)
        with session.everything:
            await session.run()
        tasks.cancel_scope.cancel()
    return await session.end()


def _refuse(plan: Plan, otherwise: str) -> ExitStatus:
    for invalid in plan.refusals:
        print_line(shown_error(invalid.error))
    number = count(len(plan.refusals), "name")
    print_line(f"Nothing was sent: {number} cannot be used. Correct them, {otherwise}.")
    return status_of_refusals([invalid.error for invalid in plan.refusals])


class Session:
    """One run of the command: a batch, its report, and the sink of its results."""

    def __init__(self, order: Order, plan: Plan) -> None:
        self.everything = anyio.CancelScope()
        self.report = Report(order, plan)
        self._order = order
        self._flags = order.flags
        self._plan = plan
        self._wanted = list(plan.wanted)
        """The recordings by their index; those that arrive in a watched folder are added."""
        self._watched = order.watched
        self._labels = labels_from(order.flags.budget.labels)
        self._refused = _refusals(plan.left_out, self._labels)
        self._view = self.report.view
        self._output = self.report.output
        self._sink = self._sink_of(order)
        self._batch: Batch | None = None
        self._arrivals: Arrivals | None = None
        self._writing = anyio.Lock()
        self._finishing: set[int] | None = None
        """The indices that the first Ctrl-C lets finish, if it drops the others."""
        self._was_interrupted = self._pipe_is_broken = False

    def _sink_of(self, order: Order) -> Sink:
        if self._plan.outputs is not None:
            return FileSink(self._plan.outputs, self._wanted)
        if order.flags.run.jsonl:
            return Sink()
        return OrderedSink(self._output, order.flags.rendering, self._wanted)

    async def handle_signals(self, *, task_status: TaskStatus[None]) -> None:
        """Finish the recordings in progress after the first Ctrl-C; stop after the second, or SIGTERM."""
        with received_signals() as signals:
            task_status.started()
            async for number in signals:
                was_interrupted, self._was_interrupted = self._was_interrupted, True
                # Without a connection, nothing in progress can finish.
                is_hopeless = number != signal.SIGINT or self._view.state.outage is not None
                if was_interrupted or self._batch is None or is_hopeless:
                    self.everything.cancel()
                    return
                self._stop_starting(self._batch)

    def _stop_starting(self, batch: Batch) -> None:
        """Finish the jobs that exist or are being created; on this machine, only those in recognition."""
        going_on, rows = drop_unsubmitted(batch), self._view.state.rows
        # The others of these stages have ended, and their results are not written yet.
        kept = {index for index, row in rows.items() if index in going_on or row.stage in _AT_SERVICE}
        if self._flags.run.local:
            # Queued jobs of the embedded server would take hours, and cost nothing to create again.
            self._finishing = kept = self._in_recognition()
        dropped = [rows.pop(index) for index in rows.keys() - kept]
        searched = sum(row.stage == "searching" for row in dropped)
        kind = "queued" if self._flags.run.local else "not submitted"
        self._view.print(_interrupted(len(kept), {kind: len(dropped) - searched, _SEARCHED: searched}))
        if self._finishing is not None and not self._finishing:
            self.everything.cancel()

    def _in_recognition(self) -> set[int]:
        rows = self._view.state.rows
        processing = {index for index, row in rows.items() if row.stage == "processing"}
        # The engine may have started a job since the last poll: the oldest one.
        queued = sorted((row.since, index) for index, row in rows.items() if row.stage == "queued")
        return processing or {index for _, index in queued[:1]}

    async def run(self) -> None:
        """Transcribe the recordings."""
        run, connection = self._flags.run, self._flags.connection
        if not (self._wanted or self._watched is not None or await self._has_something_left()):
            return
        is_shown = run.progress != "none"
        retry = Retry(resubmits=0) if run.no_resubmit else None
        opened = (
            clients.local_client(
                is_announced=is_shown, retry=retry, model=self._order.local_model, voices=run.voices
            )
            if run.local
            else clients.client(connection, retry)
        )
        try:
            async with opened as client:
                await self._plan.prepare()
                if self._order.journal is not None:
                    await remember(self._order.journal)
                await self._transcribe(client)
        except AAIError as error:
            self.report.abort(error)

    async def _has_something_left(self) -> bool:
        """Return whether there are refusals to record, or transcripts that an earlier run was to delete."""
        journal, is_left = self._order.journal, bool(self._refused) or self._flags.run.delete_after
        return is_left and journal is not None and await in_thread(journal_exists, journal)

    async def _transcribe(self, client: Client) -> None:
        path, run = self._order.journal, self._flags.run
        batch = transcribe_all(
            client,
            self._sources() if self._watched is None else self._arriving(self._watched),
            self._order.options,
            max_jobs=run.jobs,
            max_uploads=run.uploads,
            journal=None if path is None else self._journal(path),
            fail_fast=run.fail_fast,
            dedupe_by_content=run.dedupe,
            on_event=self.report.on_event,
            prices=self._order.prices,
            max_hours=self._flags.budget.max_hours,
            max_cost=self._flags.budget.max_cost,
            delete_after=run.delete_after,
        )
        async with anyio.create_task_group() as tasks:
            with self._view:
                tasks.start_soon(self._view.refresh)
                tasks.start_soon(self._write_regularly)
                if self._watched is None:
                    tasks.start_soon(self._require_connection, client)
                await self._receive(batch)
                # A write that has begun continues in its thread, and the program could exit before its end.
                await self._flush()
                tasks.cancel_scope.cancel()

    def _journal(self, path: str) -> Journal:
        flags = self._flags
        return Journal(path, adopt_key=flags.journal.adopt_key, of_embedded_server=flags.run.local)

    async def _receive(self, batch: Batch) -> None:
        try:
            async with batch:
                self._batch = batch
                await record_refusals(batch, self._refused)
                async for outcome in batch:
                    await self._settle(outcome)
        except AAIError as error:
            await self._count_left()
            self.report.abort(error)
        except BrokenPipeError:
            self._pipe_is_broken = True
        finally:
            if self._batch is not None:
                self.report.summary = batch.summary

    def _sources(self) -> Iterator[Item]:
        for index, recording in enumerate(self._wanted):
            self._view.started(index, recording.shown)
            audio = sys.stdin.buffer if recording.name == STANDARD_INPUT else recording.audio
            yield Item(audio, labels=self._labels)

    async def _arriving(self, folder: str) -> AsyncGenerator[Item]:
        async def refuse(left_out: Sequence[InvalidInput]) -> None:
            if self._batch is not None:
                await record_refusals(self._batch, _refusals(left_out, self._labels))

        self._arrivals = Arrivals(folder, self._order, self._plan, self.report, refuse)
        async with contextlib.aclosing(self._arrivals.wanted()) as wanted:
            async for recording in wanted:
                self._view.started(len(self._wanted), recording.shown)
                self._wanted.append(recording)
                self.report.add(recording)
                yield Item(recording.audio, labels=self._labels)

    async def _write_regularly(self) -> None:
        while True:
            await anyio.sleep(_WRITE_INTERVAL)
            await self._flush()

    async def _require_connection(self, client: Client) -> None:
        """End a run that has never had a connection, instead of waiting as for an outage."""
        state, began = self._view.state, time.monotonic()
        while not state.has_connected:
            await anyio.sleep(_WRITE_INTERVAL)
            if state.outage is not None and time.monotonic() - began >= _FIRST_CONNECTION:
                proxy = self._flags.connection.proxy
                self.report.abort(clients.connection_error(client, proxy, state.outage.error))
                self.everything.cancel()
                return

    async def _flush(self) -> None:
        # One at a time: text that is written beside the table would be removed with it.
        async with self._writing:
            if self._output.is_written:
                return
            try:
                with self._view.paused():
                    await self._output.flush()
            except BrokenPipeError:
                self._pipe_is_broken = True
                self.everything.cancel()
            except SaveError as error:
                self.report.abort_output(error)
                self.everything.cancel()

    async def _settle(self, outcome: Outcome) -> None:
        self._view.state.has_connected = True
        if outcome.transcript is None:
            error = outcome.error or AAIError("The recording has neither a transcript nor an error.")
            self._fail(outcome, error)
        else:
            await self._write(outcome, outcome.transcript)
        await self._flush()
        if self._finishing is not None and self._finishing.isdisjoint(self._view.state.rows):
            self.everything.cancel()

    async def _write(self, outcome: Outcome, transcript: Transcript) -> None:
        try:
            written = await self._sink.put(outcome.index, transcript, outcome.labels)
        except (AAIError, OSError) as error:
            self._fail(outcome, error if isinstance(error, AAIError) else AAIError(str(error)))
            return
        if written.errors:
            self._fail(outcome, *written.errors)
            return
        await self.report.completed(outcome, transcript, written.paths)

    def _fail(self, outcome: Outcome, *errors: AAIError) -> None:
        self._sink.skip(outcome.index)
        self.report.failed(outcome, *errors)

    async def _write_index(self) -> None:
        """Write the index of a folder with several pages."""
        order = self._order
        place, is_page = order.results, "html" in order.flags.rendering.formats
        if place is None or order.journal is None or not is_page or self.report.results < 2:
            return
        with errors_as_lines(self._view.info):
            path, _ = await write_index(place, most=LARGEST)
            self._view.info(f"All results, with a search: {readable(path)}")

    async def _count_left(self) -> None:
        """Count what is in a watched folder and was not given to the batch."""
        if self._arrivals is not None:
            self.report.left_in_folder = await self._arrivals.left()

    async def end(self) -> ExitStatus:
        """Write what is not written yet, report what is unfinished, and return the exit status."""
        try:
            await self._sink.close()
        except AAIError as error:
            self.report.abort(error)
        await self._count_left()
        if self._watched is not None or not self._was_interrupted:
            await self._write_index()
        status = ExitStatus.BROKEN_PIPE if self._pipe_is_broken else self.report.status(self._was_interrupted)
        self.report.end(self._batch.remaining if self._batch else (), status)
        if self._flags.run.delete_after and self._plan.there and self._order.journal is not None:
            # A journal that cannot be read has ended the run with this error.
            with contextlib.suppress(JournalError):
                await self._report_kept(self._order.journal)
        try:
            await self._output.flush()
        except BrokenPipeError:
            return ExitStatus.BROKEN_PIPE
        return status

    async def _report_kept(self, path: str) -> None:
        """Report transcripts of runs without --delete-after, whose results are skipped."""
        async with Journal.open(path) as journal:
            kept = await kept_at_service(journal)
        if kept:
            self._view.print(
                f"{count(kept, 'transcript')} of earlier runs not deleted at the service. To delete all of "
                f"the journal, run {command('delete', '--from', path)}"
            )


def _interrupted(finishing: int, dropped: Mapping[str, int]) -> str:
    """Return the line about the first Ctrl-C: what is finished, and how many are dropped by their kind."""
    kinds = {kind: number for kind, number in dropped.items() if number}
    if finishing:
        others = " and ".join(f"{number:,} {kind}" for kind, number in kinds.items())
        dropping = f", dropping {others}" if others else ""
        finished = count(finishing, "recording")
        return f"Interrupted: finishing {finished}{dropping}. Ctrl-C again stops at once."
    others = " and ".join(f"{count(number, 'recording')} {kind}" for kind, number in kinds.items())
    return f"Interrupted: dropping {others}." if others else "Interrupted: nothing is in progress."


def _refusals(left_out: Sequence[InvalidInput], labels: Mapping[str, str]) -> list[tuple[Item, AAIError]]:
    return [(Item(one.recording.audio, labels=labels), one.error) for one in left_out if one.recording]
