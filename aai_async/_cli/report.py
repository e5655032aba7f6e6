"""What a run reports: lines and a table on standard error, and lines of JSON on standard output."""

from __future__ import annotations

import time
from collections.abc import Sequence

import attrs

from aai_async._cli.exit_status import (
    ExitStatus,
    condition_of_rerun,
    exit_status,
    is_setup_error,
    is_wrong_name,
)
from aai_async._cli.inputs import Recording
from aai_async._cli.jsonl import JSONLines
from aai_async._cli.order import Order, Plan
from aai_async._cli.progress_view import progress_view
from aai_async._cli.resolving import how_to_resolve, is_undecided
from aai_async._cli.result_notices import Notices
from aai_async._cli.result_places import folder_of
from aai_async._cli.stdout import Output
from aai_async._cli.terminal_text import command, flag_of_bound, readable_paths, shown_error
from aai_async._concurrency.threads import in_thread
from aai_async._errors import AAIError, SaveError
from aai_async._events import Event
from aai_async._models.outcome import BatchAbortedError, Outcome, Summary, shown_length
from aai_async._models.transcript import Transcript, model_that_ran
from aai_async._polling import Polling
from aai_async._progress.lines import count, first_sentence, outcome_line, symbol
from aai_async._progress.state import ProgressState
from aai_async._progress.views import ProgressView

_MOST_REPEATED = 20
"""Failures that are listed again at the end."""


class Report:
    """The report of one run."""

    def __init__(self, order: Order, plan: Plan) -> None:
        run, total = order.flags.run, len(plan.wanted) if order.watched is None else None
        self.view: ProgressView = progress_view(
            run.progress, ProgressState(total, time.monotonic(), patience=Polling().unreachable_after)
        )
        self.output = Output()
        self.summary = Summary()
        self.left_in_folder = 0
        """Recordings of a watched folder that were not given to the batch."""
        self._order = order
        self._plan = plan
        self._skipped = self._left_out = 0
        self._names = [one.shown for one in plan.wanted]
        self._json = JSONLines(self.output, self._names) if run.jsonl else None
        self._succeeded = 0
        self._errors: list[AAIError] = []
        self._ended_by: AAIError | None = None
        self._failures: list[str] = []
        self._undecided: list[str] = []
        """The recordings for which the user has to decide which job is theirs."""
        self._notices = Notices()

    @property
    def results(self) -> int:
        """Number of recordings with results, also of earlier runs."""
        return self._succeeded + self._skipped

    @property
    def _wanted(self) -> int:
        """Number of recordings to transcribe."""
        return len(self._names) + self.left_in_folder

    @property
    def _not_started(self) -> int:
        return self._wanted - self.summary.total

    @property
    def _number(self) -> int:
        return self._skipped + self._left_out + self._wanted

    def begin(self) -> None:
        """Report what is not transcribed."""
        if self._order.watched is not None:
            self._report_ignored()
            self.view.info(f"Watching {self._order.watched!r} for recordings. Ctrl-C stops.")
        self.not_sent(self._plan)
        if self._plan.left_out and self._plan.wanted:
            self.view.print(f"{count(len(self._plan.left_out), 'name')} skipped, the others are sent.")

    def add(self, recording: Recording) -> None:
        """Add a recording that has arrived; its index is the next one."""
        self._names.append(recording.shown)
        if self._json:
            self._json.add(recording.shown)

    def not_sent(self, plan: Plan) -> None:
        """Report what is not transcribed: existing results, and inputs that cannot be sent."""
        self._skipped += len(plan.there)
        self._left_out += len(plan.left_out)
        for recording in plan.there:
            paths = list(plan.outputs.paths(recording).values()) if plan.outputs else []
            if self._json:
                self._json.skipped(recording.shown, paths)
            else:
                self.view.info(f"{recording.shown}: skipped, {readable_paths(paths)} exists")
        for invalid in plan.left_out:
            self._errors.append(invalid.error)
            message = shown_error(invalid.error)
            self._failures.append(message)
            self.view.print(self._shortened(message))
            if self._json:
                self._json.left_out(invalid.name, invalid.error)

    def on_event(self, event: Event) -> None:
        """Report an event."""
        self.view.on_event(event)
        if self._json:
            self._json.on_event(event)

    async def completed(self, outcome: Outcome, transcript: Transcript, paths: list[str]) -> None:
        """Report a recording with a result."""
        self._succeeded += 1
        self.view.finished(outcome.index, is_completed=True, audio_seconds=transcript.audio_duration or 0.0)
        if self._json:
            self._json.completed(outcome, paths)
        facts = await in_thread(_facts, transcript, len(self._names))
        where = f" {symbol('→', '->')} {readable_paths(paths)}" if paths else ""
        name = self._names[outcome.index]
        self.view.info(f"{self._counted(name, is_completed=True)} {facts}{where}")
        shows_all = self.view.repeats_notices
        if notices := self._notices.add(outcome.warnings, outcome.missing, shows_all=shows_all):
            self.view.print(f"{name}: {notices}")
        if not transcript.words and not {"srt", "vtt"}.isdisjoint(self._order.flags.rendering.formats):
            self.view.print(f"{name}: no speech, so the subtitles are empty, which some readers refuse")

    def failed(self, outcome: Outcome, *errors: AAIError) -> None:
        """Report a recording without a result."""
        self._errors.extend(errors)
        self.view.finished(outcome.index, is_completed=False)
        name = self._names[outcome.index]
        for error in errors:
            self._undecided += [name] if is_undecided(error) else []
            if self._json:
                self._json.failed(outcome, error)
            message = shown_error(error)
            failure = f"{name}: {message}"
            self._failures.append(failure)
            self.view.print(f"{self._counted(name, is_completed=False)}: {self._shortened(message)}")

    def _shortened(self, message: str) -> str:
        """Shorten a failure for a terminal, which shows the whole message at the end; a log has it twice."""
        # A watched folder has an end only when the user wants it.
        is_repeated_soon = self._number > 1 and self._order.watched is None
        return first_sentence(message) if self.view.is_live and is_repeated_soon else message

    def _counted(self, name: str, *, is_completed: bool) -> str:
        finished, total = self.view.state.finished, self.view.state.total
        return outcome_line(name, finished, total, is_completed=is_completed)

    def abort(self, error: AAIError) -> None:
        """Report the error that ends the run."""
        self._ended_by = error
        self._errors.append(error)
        if self._json:
            self._json.failed(None, error)
        if isinstance(error, BatchAbortedError) and error.__cause__ in self._errors:
            # Its reason was reported with the recording that failed.
            left = self._wanted - self.view.state.finished
            if left:
                self.view.print(f"Stopped with {count(left, 'recording')} left.")
        else:
            self.view.print(shown_error(error))
        if is_setup_error(error) and not self._order.flags.run.local:
            self.view.print("To transcribe without a key, run `aai-async transcribe --local`.")

    def abort_output(self, error: SaveError) -> None:
        """Report that standard output cannot be written, and where its results are."""
        self.abort(error)
        if self._order.journal is None and not self._order.flags.run.local:
            self.view.print(
                "Finished transcripts stay at the service: `aai-async list` shows them, and "
                "`aai-async get ID` fetches one."
            )

    def status(self, was_interrupted: bool) -> ExitStatus:
        """Return the exit status of the run."""
        if was_interrupted and self._succeeded + self.view.state.failed < self._wanted:
            return ExitStatus.INTERRUPTED
        if not self.results and not self.summary.total and is_wrong_name(self._ended_by):
            return ExitStatus.USAGE
        status = exit_status(succeeded=self.results, errors=self._errors)
        if status is ExitStatus.OK and self.summary.undeleted:
            return ExitStatus.RETRY
        if status is ExitStatus.OK and self.summary.bound:
            return ExitStatus.PARTIAL if self.results else ExitStatus.FAILED
        return status

    def end(self, remaining: Sequence[Outcome], status: ExitStatus) -> None:
        """Report the unfinished recordings, the failures and the counts."""
        self._report_notices()
        if self._json:
            self._json.ended(
                self.summary,
                skipped=self._skipped,
                left_out=self._left_out,
                not_started=self._not_started,
                status=status,
            )
        if self._order.watched is None:
            self._report_ignored()
        self._report_counts()
        if self._number > 1:
            self._report_failures()
        if self._order.journal is not None:
            undecided = how_to_resolve(self._order.journal, self._undecided)
            if undecided is not None:
                self.view.print(undecided)
        self._report_known()
        self._report_undeleted()
        self._report_unfinished(remaining)

    def _report_ignored(self) -> None:
        for line in self._order.found.ignored:
            self.view.info(line)

    def _report_counts(self) -> None:
        """Report the counts of several recordings, and with prices also those of a single one."""
        number, skipped, has_price = self._number, self._skipped, self.summary.price is not None
        if number < 2 and not (has_price and self.summary.total):
            return
        if skipped == number:
            self.view.info(f"All {number:,} results exist: skipped.")
            return
        parts = {"skipped": skipped, "not started": self._not_started}
        more = "".join(f"; {one} {what}" for what, one in parts.items() if one)
        source = f"; {self._order.prices}" if has_price else ""
        summary = attrs.evolve(self.summary, failed=self.summary.failed + self._left_out)
        self.view.info(f"{summary}{more}{source}")

    def _report_notices(self) -> None:
        totals = list(self._notices.totals())
        for line in totals:
            self.view.print(line)
        if totals and self._order.journal is not None:
            self.view.print(f"For the recordings, run {command('status', self._order.journal)}")

    def _report_failures(self) -> None:
        """Repeat the failures, which other lines may have scrolled away."""
        if not self._failures:
            return
        self.view.info(f"{count(len(self._failures), 'failure')}:")
        for failure in self._failures[:_MOST_REPEATED]:
            self.view.info(f"  {failure}")
        if len(self._failures) > _MOST_REPEATED:
            where = "" if self._order.journal is None else f": {command('status', self._order.journal)}"
            self.view.info(f"  and {len(self._failures) - _MOST_REPEATED:,} more{where}")
        if len(self._failures) == len(self._undecided):
            return
        condition = condition_of_rerun(self._errors)
        if self._order.watched is not None:
            self.view.info("The next start of the watch tries what failed again.")
        elif self._order.journal is not None:
            self.view.info(f"To try only these again{condition}, run the same command with --retry-failed.")
        elif self._plan.outputs is not None:
            self.view.info(f"To try only these again{condition}, run the same command again.")

    def _report_known(self) -> None:
        """Report that --force has transcribed nothing again that the journal has, and how that is done."""
        journal, place = self._order.journal, self._order.results
        if not self._order.flags.output.force or place is None or journal is None or not self.summary.resumed:
            return
        is_beside = str(folder_of(journal)).rstrip("/") == str(place).rstrip("/")
        places = [str(place)] if is_beside else [journal, "-o", str(place)]
        costs = "" if self._order.flags.run.local else ", and pay again"
        self.view.info(
            f"{count(self.summary.resumed, 'result')} written again without a new job. To transcribe again"
            f"{costs}, remove a recording from the journal first: {command('forget', *places, 'NAME')}"
        )

    def _report_undeleted(self) -> None:
        if self.summary.undeleted:
            self.view.print(
                f"{count(self.summary.undeleted, 'transcript')} not deleted at the service yet. To try "
                "again, repeat the command."
            )

    def _report_bound(self, bound: str, remaining: Sequence[Outcome]) -> Sequence[Outcome]:
        """Report what a bound has left, and return the other unfinished recordings."""
        jobs = [one for one in remaining if one.transcript_id is not None]
        left = self._wanted - self.view.state.finished - len(jobs)
        self.view.print(
            f"Stopped before {flag_of_bound(bound)} was exceeded, with {count(left, 'recording')} left. To "
            "continue, run the same command with a higher bound."
        )
        return jobs

    def _report_unfinished(self, remaining: Sequence[Outcome]) -> None:
        if self.summary.bound:
            remaining = self._report_bound(self.summary.bound, remaining)
        if not remaining:
            return
        unfinished = count(len(remaining), "recording")
        jobs = [one for one in remaining if one.transcript_id is not None]
        if self._order.flags.run.local:
            self.view.print(f"{unfinished} not finished. To transcribe them, run the same command again.")
        elif self._order.journal is not None:
            continued = f", {count(len(jobs), 'job')} of them at the service" if jobs else ""
            self.view.print(
                f"{unfinished} not finished{continued}, recorded in {self._order.journal}. Run the same "
                "command again to continue; nothing is paid twice."
            )
        else:
            if len(jobs) < len(remaining):
                self.view.print(f"{count(len(remaining) - len(jobs), 'recording')} not submitted.")
            for one in jobs:
                wait = command("get", "--wait", str(one.transcript_id))
                self.view.print(f"{self._names[one.index]}: its job continues: {wait}")


def _facts(transcript: Transcript, recordings: int) -> str:
    length, words = shown_length(transcript.audio_duration or 0.0), len(transcript.words or ())
    if recordings > 1:
        return length if words else f"{length}, no speech"
    engine = model_that_ran(transcript)
    speakers = f", {count(len(transcript.speakers), 'speaker')}" if transcript.speakers else ""
    return f"{length}, {count(words, 'word')}{speakers}{f' by {engine}' if engine else ''}"
