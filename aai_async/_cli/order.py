"""
What a run will do, decided before the first byte is sent: existing results, new recordings, invalid inputs.

A run and `--dry-run` use the same plan.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

import attrs

from aai_async._batch.recording_keys import keys_to_find
from aai_async._cli import rendering
from aai_async._cli.flags import Rendering, TranscribeFlags
from aai_async._cli.inputs import STANDARD_INPUT, Found, Recording
from aai_async._cli.restored_outputs import RestoredOutputs
from aai_async._cli.restoring import journals_of, restore_names
from aai_async._concurrency.threads import in_thread
from aai_async._errors import AAIError, SaveError, SourceError
from aai_async._io import paths
from aai_async._io.source_factory import source_from
from aai_async._io.stored_object import check_object_size
from aai_async._journal import Journal, Place, find_entry
from aai_async._models.prices import PriceTable
from aai_async._options import Options
from aai_async._progress.lines import count, print_line


@attrs.frozen(kw_only=True)
class Order:
    """What the user has requested: the flags, and what was found by them."""

    flags: TranscribeFlags
    found: Found
    options: Options
    journal: str | None
    """The path or URI of the journal."""
    results: Place | None = None
    """The folder or prefix of the results."""
    watched: str | None = None
    """The folder whose recordings are transcribed as they arrive."""
    prices: PriceTable | None = None
    local_model: str = "base"
    """The model of the embedded server, if `flags` choose it."""


@attrs.frozen
class InvalidInput:
    """A recording that cannot be sent, or a name that leads to none."""

    name: str
    error: AAIError
    recording: Recording | None = None


@attrs.frozen(kw_only=True)
class Plan:
    """What a run will do."""

    outputs: RestoredOutputs | None
    there: Sequence[Recording]
    """The recordings whose results exist."""
    wanted: Sequence[Recording]
    """The recordings to transcribe, or to take from the journal."""
    refusals: Sequence[InvalidInput]
    """The reasons why nothing will be sent."""
    left_out: Sequence[InvalidInput]
    """The inputs that the run skips."""

    @classmethod
    async def of(cls, order: Order) -> Plan:
        """
        Decide what a run will do. Nothing is sent and nothing is written.

        Raises:
            SaveError: The folder of the results cannot be read, or its register is damaged and there is no
                journal to repair it from.
            JournalError: A journal that is needed cannot be read: only failed recordings are wanted, or the
                register does not list all results.
        """
        output, outputs = order.flags.output, None
        if order.results is not None:
            outputs = RestoredOutputs(order.results, order.flags.rendering, is_forced=output.force)
            await in_thread(outputs.load)
        recordings: Sequence[Recording] = order.found.recordings
        if order.flags.journal.retry_failed:
            recordings = await failed_among(recordings, order)
        refusals = [InvalidInput("", error) for error in order.found.mistakes]
        left_out = [InvalidInput("", SourceError(message)) for message in order.found.unreadable]
        plan = await cls._sorted(order, recordings, outputs)
        refusals, left_out = [*refusals, *plan.refusals], [*left_out, *plan.left_out]
        if order.flags.inputs.skip_bad:
            refusals, left_out = [], refusals + left_out
        return attrs.evolve(plan, refusals=refusals, left_out=left_out)

    async def of_arrivals(self, order: Order, recordings: Sequence[Recording]) -> Plan:
        """
        Decide what to do with recordings that have arrived in a watched folder, as with those of a run.

        Raises:
            SaveError: The register is damaged and there is no journal to repair it from.
        """
        if self.outputs is not None:
            self.outputs.refresh(recordings)
        return await self._sorted(order, recordings, self.outputs)

    @classmethod
    async def _sorted(
        cls, order: Order, recordings: Sequence[Recording], outputs: RestoredOutputs | None
    ) -> Plan:
        """Sort recordings by what to do with them, and name the results of those that are wanted."""
        if outputs is not None:
            await _restore(recordings, order, outputs)
        there = await in_thread(_existing, recordings, outputs)
        wanted: list[Recording] = []
        refusals: list[InvalidInput] = []
        left_out: list[InvalidInput] = []
        for recording in recordings:
            if recording in there:
                continue
            error = await _error_of(recording, order.flags.rendering, outputs)
            if error is None:
                wanted.append(recording)
            else:
                invalid = InvalidInput(recording.shown, error, recording)
                (refusals if recording.is_named else left_out).append(invalid)
        if outputs is not None:
            await in_thread(outputs.name, wanted)
        return cls(outputs=outputs, there=list(there), wanted=wanted, refusals=refusals, left_out=left_out)

    async def repair(self) -> None:
        """
        Register the names of results that were restored from the journal, and report it.

        Raises:
            SaveError: The register cannot be written.
        """
        restored = None if self.outputs is None else await self.outputs.save_repair()
        if restored is not None:
            names = count(restored, "name")
            print_line(
                f"The register of the results was damaged or incomplete: {names} restored from the journal."
            )

    async def prepare(self) -> None:
        """
        Check that the results can be written, before anything is paid for.

        Raises:
            SaveError: A file cannot be written; the message names all of them.
        """
        if self.outputs is None:
            return
        errors = await self.outputs.prepare(self.wanted)
        if errors:
            message = "\n".join(str(error.args[0]) for error in errors)
            is_transient = all(error.is_transient for error in errors)
            raise SaveError(message, is_transient=is_transient) from errors[0].__cause__
        await self.outputs.claim(self.wanted)


async def _restore(recordings: Sequence[Recording], order: Order, outputs: RestoredOutputs) -> None:
    """Restore names that the register has lost, if a recording of the run may have had one."""

    def are_unknown() -> bool:
        return any(outputs.unknown(one) for one in recordings)

    if not outputs.is_damaged and not await in_thread(are_unknown):
        return
    journals = await in_thread(journals_of, outputs.place, order.journal)
    if not journals:
        outputs.check_register()
        return
    digest, by_content = order.options.digest, order.flags.run.dedupe
    await restore_names(outputs, journals, recordings, digest=digest, by_content=by_content)


async def failed_among(recordings: Iterable[Recording], order: Order) -> list[Recording]:
    """
    Return the recordings whose latest attempt with these options failed, as the journal has recorded.

    They include those that are done, if results are files: a file may be missing.

    Raises:
        JournalError: The journal cannot be read.
    """
    if order.journal is None:
        return []
    failed: list[Recording] = []
    by_content = order.flags.run.dedupe
    async with Journal.open(order.journal) as journal:
        for recording in recordings:
            if recording.name == STANDARD_INPUT:
                continue
            keys = await keys_to_find(recording.audio, order.options.digest, by_content=by_content)
            row = await find_entry(journal, keys)
            # A result that could not be written comes from the journal.
            is_known = order.results is not None and row is not None and row.state == "done"
            if row is not None and (row.is_failed or is_known):
                failed.append(recording)
    return failed


def _existing(recordings: Sequence[Recording], outputs: RestoredOutputs | None) -> dict[Recording, None]:
    return {one: None for one in recordings if outputs is not None and outputs.are_there(one)}


async def _error_of(
    recording: Recording, wanted: Rendering, outputs: RestoredOutputs | None
) -> AAIError | None:
    """Return the reason why a recording cannot be sent or its results cannot be written, if there is one."""
    size: int | None = None
    try:
        if recording.is_file and "://" not in recording.name:
            await in_thread(_check_existence, recording.name)
        if recording.version is not None:
            size = recording.version.size
            check_object_size(recording.shown, size)
        elif recording.name != STANDARD_INPUT:
            source = source_from(recording.audio)
            await source.open()
            size = source.size
        rendering.check(wanted, recording, size)
        if outputs is not None:
            await in_thread(outputs.check_known, recording)
    except AAIError as error:
        return error
    return None


def _check_existence(name: str) -> None:
    if not paths.exists(name):
        is_link = os.path.islink(name)  # noqa: PTH114 - a name need not be text
        raise SourceError(f"The link {name!r} leads to no file." if is_link else f"No such file: {name!r}.")
