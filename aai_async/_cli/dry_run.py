"""`--dry-run`: what would be sent, its bytes and length, and where the results would go."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import AsyncGenerator

import attrs
import msgspec

from aai_async._batch.context import keys_of
from aai_async._batch.resume import has_job, has_upload, job_to_fetch
from aai_async._cli import jsonl
from aai_async._cli.exit_status import ExitStatus
from aai_async._cli.inputs import STANDARD_INPUT, Recording
from aai_async._cli.installation import install_command
from aai_async._cli.order import Order, Plan
from aai_async._cli.stdout import write_line, write_out
from aai_async._cli.terminal_text import readable, readable_paths, shown_error
from aai_async._concurrency.threads import in_thread
from aai_async._errors import without_secrets
from aai_async._io.source_factory import source_from
from aai_async._journal import JobRow, Journal, find_entry, journal_exists
from aai_async._progress.lines import clock, count, print_line, size, visible

_UNKNOWN = "-"


async def show(order: Order) -> ExitStatus:
    """Show a line for each recording that would be sent; nothing is sent."""
    plan = await Plan.of(order)
    preview = _Preview(order, plan)
    preview.show_skipped()
    async with _opened(order) as journal:
        forecast = _Forecast(order, journal)
        for recording in plan.wanted:
            await preview.show(recording, await forecast.of(recording))
    for line in order.found.ignored:
        print_line(line)
    status = preview.status()
    preview.show_totals(status)
    return status


@contextlib.asynccontextmanager
async def _opened(order: Order) -> AsyncGenerator[Journal | None]:
    if order.journal is None or not await in_thread(journal_exists, order.journal):
        yield None
        return
    async with Journal.open(order.journal) as journal:
        yield journal


@attrs.frozen
class _Step:
    """What a run would do with one recording."""

    reason: str = ""
    is_free: bool = False
    """Whether no job would be created."""
    is_uploaded: bool = False
    """Whether it would not be uploaded again."""
    is_certain: bool = True
    """Whether a job would be created in any case, and not only if none is found."""
    size: int | None = None
    """Bytes, where they are known."""


class _Preview:
    """The lines about the recordings, as text or as JSON, and their totals."""

    def __init__(self, order: Order, plan: Plan) -> None:
        self._order = order
        self._plan = plan
        self._is_json = order.flags.run.jsonl
        self._jobs = self._bytes = 0
        self._seconds = 0.0
        self._is_certain = True

    def show_skipped(self) -> None:
        """Show the recordings with results, and the inputs that cannot be sent."""
        for recording in self._plan.there:
            paths = [*self._plan.outputs.paths(recording).values()] if self._plan.outputs else []
            self._write_json("skipped", source=recording.shown, outputs=[*map(readable, paths)])
            print_line(f"{recording.shown}: skipped, {readable_paths(paths)} exists")
        for invalid in [*self._plan.refusals, *self._plan.left_out]:
            if self._is_json:
                write_out(jsonl.line(jsonl.invalid_input(invalid.name, invalid.error)))
            print_line(shown_error(invalid.error))

    async def show(self, recording: Recording, step: _Step) -> None:
        """Show what would be done with a recording, and add it to the totals."""
        length = await in_thread(_length, recording.name) if recording.is_file and not step.is_free else None
        if not step.is_free:
            self._jobs += 1
            self._is_certain = self._is_certain and step.is_certain
            self._bytes += 0 if step.is_uploaded else step.size or 0
            self._seconds += length or 0.0
        paths = [*self._plan.outputs.paths(recording).values()] if self._plan.outputs else []
        self._write_json(
            "planned",
            source=recording.shown,
            creates_job=not step.is_free,
            size=step.size,
            audio_duration=length,
            reason=step.reason or None,
            outputs=[*map(readable, paths)],
        )
        if not step.is_free and not self._is_json:
            shown = _UNKNOWN if step.size is None else size(step.size)
            duration = _UNKNOWN if length is None else clock(length)
            where = readable_paths(paths) if paths else "stdout"
            write_line(visible(f"{recording.shown}  {shown}  {duration}  {where}"))
        if step.reason:
            print_line(f"{recording.shown}: {step.reason}")

    def status(self) -> ExitStatus:
        """Return the exit status of the preview."""
        if self._plan.refusals:
            return ExitStatus.USAGE
        if not self._plan.left_out:
            return ExitStatus.OK
        return ExitStatus.PARTIAL if self._jobs else ExitStatus.FAILED

    def show_totals(self, status: ExitStatus) -> None:
        """Show what would be sent in total, and with which options."""
        options = _without_secrets(self._order.options.payload())
        self._write_json(
            "plan",
            jobs=self._jobs,
            is_certain=self._is_certain,
            bytes=self._bytes,
            audio_seconds=self._seconds or None,
            options=options,
            exit_status=status,
        )
        length = f"{clock(self._seconds)} of audio" if self._seconds else _unknown_length()
        most = "" if self._is_certain else "at most "
        print_line(
            f"{most}{count(self._jobs, 'recording')}, {size(self._bytes)}, {length}, with "
            f"{msgspec.json.encode(options).decode()}"
        )

    def _write_json(self, kind: str, **facts: object) -> None:
        if self._is_json:
            write_out(jsonl.line({"type": kind} | facts))


class _Forecast:
    """Determines what a run would do with a recording, by the same keys and states as the run itself."""

    def __init__(self, order: Order, journal: Journal | None) -> None:
        self._journal = journal
        self._digest = order.options.digest
        self._by_content = order.flags.run.dedupe
        self._is_local = order.flags.run.local
        self._seen = dict[bytes, str]()

    async def of(self, recording: Recording) -> _Step:
        """
        Return what a run would do with a recording, after those before it.

        Raises:
            SourceError: The recording cannot be read.
            JournalError: The journal cannot be read.
        """
        if recording.name == STANDARD_INPUT:
            return _Step()
        source = source_from(recording.audio)
        await source.open()
        keys = await keys_of(source, self._digest, by_content=self._by_content)
        row = await find_entry(self._journal, keys) if self._journal else None
        keys += () if row is None else (b"row %d" % row.id,)
        same = next((self._seen[key] for key in keys if key in self._seen), None)
        if same is not None:
            return _Step(f"equal to {same}, one job serves both", is_free=True)
        self._seen |= dict.fromkeys(keys, recording.shown)
        if row is None or (self._is_local and row.state != "done"):
            return _Step(size=source.size)
        return attrs.evolve(_step_from(row), size=source.size)


def _step_from(row: JobRow) -> _Step:
    if has_job(row):
        reason = "its transcript is in the journal" if row.state == "done" else "its job continues"
        return _Step(f"{reason}, so nothing is sent", is_free=True)
    is_uploaded = has_upload(row)
    if job_to_fetch(row) is not None:
        reason = f"its job is fetched first, and the recording is sent again if the job failed: {row.error}"
        return _Step(reason, is_uploaded=is_uploaded, is_certain=False)
    reasons = {
        "submitting": "it may have been submitted: its job is searched for first",
        "failed": f"sent again, because it failed: {row.error}",
    }
    is_certain = row.state != "submitting"
    return _Step(reasons.get(row.state, ""), is_uploaded=is_uploaded, is_certain=is_certain)


def _without_secrets(payload: dict[str, object]) -> dict[str, object]:
    hidden = {name: "..." if "auth_header_value" in name else value for name, value in payload.items()}
    url = hidden.get("webhook_url")
    return hidden | ({"webhook_url": without_secrets(url)} if isinstance(url, str) else {})


def _unknown_length() -> str:
    if importlib.util.find_spec("av") is None:
        return f"length unknown ({install_command('server')} reads it)"
    return "length unknown"


def _length(name: str) -> float | None:
    """Return the length of a recording in seconds, if it can be read."""
    if importlib.util.find_spec("av") is None:
        return None
    import av  # noqa: PLC0415 - of an extra

    try:
        with av.open(name) as container:
            return None if container.duration is None else container.duration / av.time_base
    except (av.FFmpegError, ValueError, OSError):  # pyright: ignore[reportPrivateImportUsage] - its documented name
        return None
