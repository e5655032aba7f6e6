"""`list`: a row for each transcript at the service. On a terminal, each row is one line."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import msgspec

from aai_async._cli import jsonl
from aai_async._cli.command_flags import ListFlags
from aai_async._cli.exit_status import ExitStatus
from aai_async._cli.known_journals import about_local_results, names_of
from aai_async._cli.stdout import write_line, write_out
from aai_async._cli.terminal_text import readable
from aai_async._client import Client
from aai_async._language.scripts import columns
from aai_async._models.page import TranscriptListItem
from aai_async._progress.lines import print_line, visible, width_of
from aai_async._shown_text import without_secret_addresses, without_secrets

_PAGE = 200
"""Transcripts whose names `list` searches for at once."""

_WIDE, _NARROW = 100, 70
"""Columns of a terminal that shows whole times, and of one that shows times and states at all."""

_ID, _STATUS, _TIME = 36, 10, "%Y-%m-%d %H:%M:%S"
"""Columns of an id, columns of the longest status, and the format of a time."""

_SHORT_TIME = "%m-%d %H:%M"
"""The list goes back 90 days, so the year is known."""


async def list_(client: Client, flags: ListFlags) -> ExitStatus:
    """
    Show a line for each transcript: its id, status, creation time and recording.

    The recording has the name that a known journal has for it, or else its URL. On a terminal, a name that is
    too long for one line lacks its beginning.
    """
    width = width_of(sys.stdout)
    if width is not None and not flags.json:
        write_line(_row(width, "ID", "STATUS", "CREATED", "RECORDING"))
    status = None if flags.status is None else flags.status.value
    items: list[TranscriptListItem] = []
    number = 0
    async for item in client.list(status=status, created_on=flags.created_on, limit=flags.limit):
        number += 1
        items.append(item)
        if len(items) == _PAGE:
            await _print_items(items, width, as_json=flags.json)
            items.clear()
    await _print_items(items, width, as_json=flags.json)
    if not number:
        print_line(f"0 transcripts.{await about_local_results()}")
    return ExitStatus.OK


async def _print_items(items: Sequence[TranscriptListItem], width: int | None, *, as_json: bool) -> None:
    names = await names_of([item.id for item in items])
    for item in map(_shown, items):
        name = names.get(item.id)
        if as_json:
            write_out(jsonl.line({"source": name and readable(name)} | msgspec.structs.asdict(item)))
            continue
        created = f"{item.created:{_SHORT_TIME if _is_short(width) else _TIME}}" if item.created else "-"
        recording = readable(name) if name else item.audio_url or "-"
        write_line(_row(width, item.id, item.status or "-", created, visible(recording)))


def _is_short(width: int | None) -> bool:
    return width is not None and width < _WIDE


def _row(width: int | None, transcript_id: str, status: str, created: str, recording: str) -> str:
    """Return a row that fits into the columns of a terminal, with the whole id; `None` is no terminal."""
    row = f"{visible(transcript_id):{_ID}}  "
    if width is None or width >= _NARROW:
        row += f"{visible(status):{_STATUS}}  {created:{11 if _is_short(width) else 19}}  "
    return (row + (recording if width is None else _end_of(recording, width - columns(row)))).rstrip()


def _end_of(name: str, width: int) -> str:
    """Return a name, or as much of its end as fits into some columns: beginnings are often equal."""
    if columns(name) <= width:
        return name
    fitting = (name[at:] for at in range(1, len(name)) if columns(name[at:]) < width)
    return f"…{next(fitting, '')}" if width > 0 else ""


def _shown(item: TranscriptListItem) -> TranscriptListItem:
    return msgspec.structs.replace(
        item,
        audio_url=item.audio_url and without_secrets(item.audio_url),
        error=item.error and without_secret_addresses(item.error),
    )
