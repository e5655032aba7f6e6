"""`--dry-run`: what would be sent, how many bytes and hours, and where the results would go."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import msgspec

from aai_async._cli.display import tell
from aai_async._cli.ending import Ending
from aai_async._cli.plan import Order, Plan
from aai_async._cli.recordings import Recording
from aai_async._cli.streams import write_out
from aai_async._cli.wording import clock, count, size, visible
from aai_async._errors import AAIError, without_secrets
from aai_async._journal import Journal
from aai_async._threads import in_thread

_UNKNOWN = "-"


async def show(order: Order) -> Ending:
    """Show a line for each recording that would be sent; nothing is sent."""
    plan = await Plan.of(order)
    for recording in plan.there:
        tell(f"{recording.shown}: skipped, its results exist")
    for bad in [*plan.refusals, *plan.left_out]:
        tell(str(bad.error))
    done = await _known(order.journal)
    total_size, total_length, number = 0, 0.0, 0
    for recording in plan.wanted:
        if recording.name in done:
            tell(f"{recording.shown}: has a job in the journal already")
            continue
        bytes_, length = await in_thread(_measured, recording)
        number, total_size, total_length = number + 1, total_size + bytes_, total_length + (length or 0.0)
        where = ", ".join(map(str, plan.outputs.paths(recording).values())) if plan.outputs else "stdout"
        shown = size(bytes_) if recording.is_file else _UNKNOWN
        duration = _UNKNOWN if length is None else clock(length)
        write_out(f"{visible(recording.shown)}  {shown}  {duration}  {visible(where)}\n")
    known = f"{total_length / 3600:.2f} hours of audio" if total_length else _why_unknown()
    options = msgspec.json.encode(_without_secrets(order.options.payload())).decode()
    tell(f"{count(number, 'recording')}, {size(total_size)}, {known}, with {options}")
    if plan.refusals:
        return Ending.USAGE
    return Ending.ALL if not plan.left_out else Ending.SOME if number else Ending.NONE


def _without_secrets(payload: dict[str, object]) -> dict[str, object]:
    hidden = {name: "..." if "auth_header_value" in name else value for name, value in payload.items()}
    url = hidden.get("webhook_url")
    return hidden | ({"webhook_url": without_secrets(url)} if isinstance(url, str) else {})


def _why_unknown() -> str:
    if importlib.util.find_spec("av") is None:
        return 'hours unknown (they are read by what "aai-async[server]" installs)'
    return "hours unknown"


async def _known(journal: Path | None) -> set[str]:
    """Give the names of what the journal has a job of."""
    if journal is None or not await in_thread(journal.exists):
        return set()
    try:
        async with Journal.open(journal) as opened:
            return {str(one.source) async for one in opened.outcomes() if one.transcript_id is not None}
    except AAIError as error:
        tell(str(error))
        return set()


def _measured(recording: Recording) -> tuple[int, float | None]:
    """Give the bytes of a recording, and its seconds where they can be read."""
    if not recording.is_file:
        return 0, None
    bytes_ = Path(recording.name).stat().st_size
    if importlib.util.find_spec("av") is None:
        return bytes_, None
    return bytes_, _length(recording.name)


def _length(name: str) -> float | None:
    import av  # noqa: PLC0415 - of an extra

    try:
        with av.open(name) as container:
            return None if container.duration is None else container.duration / av.time_base
    except (av.FFmpegError, ValueError):  # pyright: ignore[reportPrivateImportUsage] - its documented name
        return None
