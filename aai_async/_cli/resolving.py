"""`resolve`: records which job a recording has whose submit got no response."""

from __future__ import annotations

import os
from collections.abc import Sequence

from aai_async._cli.command_flags import ResolveFlags
from aai_async._cli.exit_status import ExitStatus
from aai_async._cli.terminal_text import command, readable
from aai_async._client import Client
from aai_async._errors import AAIError, AmbiguousSubmitError
from aai_async._journal import Journal
from aai_async._progress.lines import count, print_line

_ANY = "RECORDING"
"""Stands for one of several recordings."""

_NEXT = "Run the same `transcribe` command again"


def is_undecided(error: AAIError | None) -> bool:
    """Return whether the user has to decide which job a recording has, because no further search can."""
    return isinstance(error, AmbiguousSubmitError) and bool(error.candidates)


def how_to_resolve(journal: str | os.PathLike[str], names: Sequence[str]) -> str | None:
    """Return the line about recordings of a journal for which the user has to decide; `None` without any."""
    if not names:
        return None
    name = names[0] if len(names) == 1 else _ANY
    line = command("resolve", journal, name, "--transcript", "ID")
    return (
        f"{count(len(names), 'recording')} with a submit whose job is unknown. Compare the ids with "
        f"`aai-async get ID`, then run {line}, or --not-made if none of them is its job."
    )


async def adopt(client: Client, flags: ResolveFlags) -> ExitStatus:
    """Fetch the job, which shows its recording, and record it."""
    transcript = await client.get(flags.transcript or "")
    await Journal(flags.journal).resolve(flags.name, transcript=transcript)
    print_line(f"{readable(flags.name)} has the job {transcript.id}. {_NEXT} for its result.")
    return ExitStatus.OK


async def declare_not_made(flags: ResolveFlags) -> ExitStatus:
    """Record that no job was created."""
    await Journal(flags.journal).resolve(flags.name, transcript=None)
    print_line(f"{readable(flags.name)} has no job. {_NEXT} to submit it.")
    return ExitStatus.OK
