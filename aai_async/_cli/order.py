"""
What a run will do, decided before the first byte is sent: what is there, what is wanted, what cannot be sent.

The run and `--dry-run` ask the same plan.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import attrs

from aai_async._cli.inputs import STANDARD_INPUT, Found, Recording
from aai_async._cli.outputs import Outputs
from aai_async._cli.progress_view import Mode
from aai_async._cli.rendering import Rendering
from aai_async._concurrency.threads import in_thread
from aai_async._errors import AAIError, SaveError, SourceError
from aai_async._io.source_factory import source_from
from aai_async._options import Options


@attrs.frozen(kw_only=True)
class Order:
    """What was asked for."""

    found: Found
    options: Options
    rendering: Rendering
    folder: Path | None
    """Where files are written; standard output without."""
    journal: Path | None
    adopts_key: bool
    """Whether the journal may be of an earlier API key."""
    jobs: int
    uploads: int
    fail_fast: bool
    by_content: bool
    force: bool
    """Whether files that are there are written again."""
    skips_bad: bool
    """Whether what was named and cannot be sent is left out, instead of refusing the run."""
    region: str | None
    local: bool
    proxy: str | None
    progress: Mode
    jsonl: bool


@attrs.frozen
class InvalidInput:
    """A recording that cannot be sent, or a name behind which there is none."""

    name: str
    error: AAIError


@attrs.frozen(kw_only=True)
class Plan:
    """What a run will do."""

    outputs: Outputs | None
    there: Sequence[Recording]
    """Those whose results are there already."""
    wanted: Sequence[Recording]
    """Those that are transcribed, or taken from the journal."""
    refusals: Sequence[InvalidInput]
    """Why nothing is to be sent at all."""
    left_out: Sequence[InvalidInput]
    """What the run goes on without."""

    @classmethod
    async def of(cls, order: Order) -> Plan:
        """
        Decide what a run will do. Nothing is sent and nothing is written.

        Raises:
            SaveError: The folder of the results cannot be read.
        """
        outputs = None
        if order.folder is not None:
            outputs = Outputs(order.folder, order.rendering, is_forced=order.force)
            await in_thread(outputs.load)
        there = await in_thread(_there, order.found.recordings, outputs)
        refusals = [InvalidInput("", SourceError(said)) for said in order.found.mistakes]
        left_out = [InvalidInput("", SourceError(said)) for said in order.found.unreadable]
        wanted: list[Recording] = []
        for recording in order.found.recordings:
            if recording in there:
                continue
            error = await _trouble_with(recording, order.rendering)
            if error is None:
                wanted.append(recording)
            else:
                (refusals if recording.is_named else left_out).append(InvalidInput(recording.shown, error))
        if order.skips_bad:
            refusals, left_out = [], refusals + left_out
        if outputs is not None:
            await in_thread(outputs.name, wanted)
        return cls(outputs=outputs, there=list(there), wanted=wanted, refusals=refusals, left_out=left_out)

    async def prepare(self) -> None:
        """
        Make sure that what comes of the wanted can be written, before it is paid for.

        Raises:
            SaveError: A file cannot be written; the text names all.
        """
        if self.outputs is None or not self.wanted:
            return
        errors = await self.outputs.prepare(self.wanted)
        if errors:
            raise SaveError("\n".join(str(error.args[0]) for error in errors))
        await self.outputs.claim(self.wanted)


def _there(recordings: Sequence[Recording], outputs: Outputs | None) -> dict[Recording, None]:
    return {one: None for one in recordings if outputs is not None and outputs.are_there(one)}


async def _trouble_with(recording: Recording, rendering: Rendering) -> AAIError | None:
    """Say why a recording cannot be sent, or its page not be made; `None` if both can."""
    size: int | None = None
    try:
        if recording.is_file and "://" not in recording.name:
            await in_thread(_check_there, recording.name)
        if recording.name != STANDARD_INPUT:
            source = source_from(recording.name)
            await source.open()
            size = source.size
        rendering.check(recording, size)
    except AAIError as error:
        return error
    return None


def _check_there(name: str) -> None:
    if not os.path.exists(name):  # noqa: PTH110 - a name need not be text
        is_link = os.path.islink(name)  # noqa: PTH114
        raise SourceError(f"The link {name!r} leads to no file." if is_link else f"No such file: {name!r}.")
