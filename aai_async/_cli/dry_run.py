"""`--dry-run`: what would be sent, how many bytes and hours, and where the results would go."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import AsyncGenerator

import attrs
import msgspec

from aai_async._batch.context import keys_of
from aai_async._batch.item_task import has_job, has_upload, job_to_fetch
from aai_async._cli.exit_status import Ending
from aai_async._cli.inputs import STANDARD_INPUT, Recording
from aai_async._cli.order import Order, Plan
from aai_async._cli.progress_view import print_line
from aai_async._cli.stdout import write_out
from aai_async._cli.terminal_text import clock, count, readable, size, visible
from aai_async._concurrency.threads import in_thread
from aai_async._errors import without_secrets
from aai_async._io.source_factory import source_from
from aai_async._journal import JobRow, Journal, find_entry

_UNKNOWN = "-"


@attrs.define
class _Totals:
    """What would be sent."""

    jobs: int = 0
    bytes: int = 0
    seconds: float = 0.0
    is_certain: bool = True
    """Whether it is not less than this in the end."""


async def show(order: Order) -> Ending:
    """Show a line for each recording that would be sent; nothing is sent."""
    plan = await Plan.of(order)
    for recording in plan.there:
        print_line(f"{recording.shown}: skipped, its results exist")
    for bad in [*plan.refusals, *plan.left_out]:
        print_line(str(bad.error))
    totals = _Totals()
    async with _opened(order) as journal:
        forecast = _Forecast(order, journal)
        for recording in plan.wanted:
            await _show(recording, await forecast.of(recording), plan, totals)
    for line in order.found.ignored:
        print_line(line)
    known = f"{totals.seconds / 3600:.2f} hours of audio" if totals.seconds else _why_unknown()
    options = msgspec.json.encode(_without_secrets(order.options.payload())).decode()
    most = "" if totals.is_certain else "at most "
    print_line(f"{most}{count(totals.jobs, 'recording')}, {size(totals.bytes)}, {known}, with {options}")
    if plan.refusals:
        return Ending.USAGE
    return Ending.ALL if not plan.left_out else Ending.SOME if totals.jobs else Ending.NONE


async def _show(recording: Recording, step: _Step, plan: Plan, totals: _Totals) -> None:
    if step.is_free:
        print_line(f"{recording.shown}: {step.why}")
        return
    length = await in_thread(_length, recording.name) if recording.is_file else None
    totals.jobs += 1
    totals.is_certain = totals.is_certain and step.is_certain
    totals.bytes += 0 if step.is_uploaded else step.size or 0
    totals.seconds += length or 0.0
    where = ", ".join(map(readable, plan.outputs.paths(recording).values())) if plan.outputs else "stdout"
    shown = _UNKNOWN if step.size is None else size(step.size)
    duration = _UNKNOWN if length is None else clock(length)
    write_out(f"{visible(recording.shown)}  {shown}  {duration}  {visible(where)}\n")
    if step.why:
        print_line(f"{recording.shown}: {step.why}")


@contextlib.asynccontextmanager
async def _opened(order: Order) -> AsyncGenerator[Journal | None]:
    if order.journal is None or not await in_thread(order.journal.exists):
        yield None
        return
    async with Journal.open(order.journal) as journal:
        yield journal


@attrs.frozen
class _Step:
    """What a run would do with one recording."""

    why: str = ""
    is_free: bool = False
    """Whether no job would be made of it."""
    is_uploaded: bool = False
    """Whether it would not be uploaded again."""
    is_certain: bool = True
    """Whether a job would be made in any case, and not only if none is found."""
    size: int | None = None
    """Bytes, where they are known."""


class _Forecast:
    """What a run would do with recordings, by the same keys and states by which it does it."""

    def __init__(self, order: Order, journal: Journal | None) -> None:
        self._journal = journal
        self._digest = order.options.digest
        self._by_content = order.by_content
        self._seen = dict[bytes, str]()

    async def of(self, recording: Recording) -> _Step:
        """
        Say what a run would do with one, after those before it.

        Raises:
            SourceError: It cannot be read.
            JournalError: The journal cannot be read.
        """
        if recording.name == STANDARD_INPUT:
            return _Step()
        source = source_from(recording.name)
        await source.open()
        keys = await keys_of(source, self._digest, by_content=self._by_content)
        entry = await find_entry(self._journal, keys) if self._journal else None
        keys += () if entry is None else (b"row %d" % entry.id,)
        same = next((self._seen[key] for key in keys if key in self._seen), None)
        if same is not None:
            return _Step(f"the same as {same}, with one job for both", is_free=True)
        self._seen |= dict.fromkeys(keys, recording.shown)
        if entry is None:
            return _Step(size=source.size)
        return attrs.evolve(_step_from(entry), size=source.size)


def _step_from(entry: JobRow) -> _Step:
    if has_job(entry):
        why = "its transcript is in the journal" if entry.state == "done" else "its job goes on"
        return _Step(f"{why}, so nothing is sent", is_free=True)
    is_uploaded = has_upload(entry)
    if job_to_fetch(entry) is not None:
        why = (
            "its job is asked for once more first, and the recording is sent again if the job still failed: "
            f"{entry.error}"
        )
        return _Step(why, is_uploaded=is_uploaded, is_certain=False)
    reasons = {
        "submitting": "it may have been submitted: its job is searched for first",
        "failed": f"sent again, because it failed: {entry.error}",
    }
    is_certain = entry.state != "submitting"
    return _Step(reasons.get(entry.state, ""), is_uploaded=is_uploaded, is_certain=is_certain)


def _without_secrets(payload: dict[str, object]) -> dict[str, object]:
    hidden = {name: "..." if "auth_header_value" in name else value for name, value in payload.items()}
    url = hidden.get("webhook_url")
    return hidden | ({"webhook_url": without_secrets(url)} if isinstance(url, str) else {})


def _why_unknown() -> str:
    if importlib.util.find_spec("av") is None:
        return 'hours unknown (they are read by what "aai-async[server]" installs)'
    return "hours unknown"


def _length(name: str) -> float | None:
    """Give the seconds of a recording, where they can be read."""
    if importlib.util.find_spec("av") is None:
        return None
    import av  # noqa: PLC0415 - of an extra

    try:
        with av.open(name) as container:
            return None if container.duration is None else container.duration / av.time_base
    except (av.FFmpegError, ValueError, OSError):  # pyright: ignore[reportPrivateImportUsage] - its documented name
        return None
