"""
The items of a batch whose results the journal contains: read many at a time, and given without a task each.

What is not certain is left to the task of the item: this module gives no error, and sends no request.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence

from aai_async._batch.context import BatchContext, BatchItem, file_key, row_key, source_of
from aai_async._concurrency.task_groups import task_group
from aai_async._errors import AAIError, JournalError
from aai_async._events import about_recording, is_instrumented, label_facts, step
from aai_async._io.source import Audio, event_name
from aai_async._journal import FinishedClaim, FinishedRow, JournalWriter, decoded_result
from aai_async._models.outcome import Outcome

_FEWEST, _MOST = 8, 64
"""How many items are taken at once: at first, and when many in succession were found."""


class FinishedItems:
    """Finds the finished items of a batch."""

    def __init__(self, context: BatchContext, journal: JournalWriter) -> None:
        self._context = context
        self._journal = journal
        self._most: int | None = None

    async def most(self) -> int:
        """
        Return how many items to take at once; 0 while none of them seems to be finished.

        Raises:
            JournalError: The journal cannot be read.
        """
        if self._most is None:
            self._most = _FEWEST if await self._journal.has_finished() else 0
        return self._most

    def expect(self, item: BatchItem) -> None:
        """Expect more finished items, because one of them was."""
        if self._can_be_found(item):
            self._most = self._most or _FEWEST

    async def take(self, items: Sequence[BatchItem]) -> dict[int, Outcome]:
        """Return the outcomes of the finished items, by their index."""
        claimed = await self._claims(items)
        rows = await self._rows([claim for _, claim in claimed])
        outcomes = dict[int, Outcome]()
        for item, claim in claimed:
            # The first of several equal items has the row.
            row = rows.pop(claim.key, None)
            outcome = None if row is None else await self._outcome(item, row)
            if row is not None and outcome is not None and self._enter(item.index, claim, row, outcome):
                outcomes[item.index] = outcome
        if len(outcomes) == len(items):
            self._most = min(2 * len(items), _MOST)
        else:
            self._most = _FEWEST if 2 * len(outcomes) >= len(items) else 0
        return outcomes

    def _enter(self, index: int, claim: FinishedClaim, row: FinishedRow, outcome: Outcome) -> bool:
        """Let later items share the result, unless another item has the row."""
        duplicates = self._context.duplicates
        if duplicates.find([claim.key, row_key(row.id)]) is not None:
            return False
        original = duplicates.enter([claim.key, row_key(row.id)], index)
        original.row = row.id
        original.end(outcome)
        return True

    async def _claims(self, items: Sequence[BatchItem]) -> list[tuple[BatchItem, FinishedClaim]]:
        claims = dict[int, FinishedClaim]()

        async def claim(item: BatchItem) -> None:
            with contextlib.suppress(AAIError):
                claims[item.index] = await self._claim(item)

        async with task_group() as tasks:
            for item in filter(self._can_be_found, items):
                if item.key is None and _is_path(item.audio):
                    # Opened beside the others, because a drive may be slow.
                    tasks.start_soon(claim, item)
                else:
                    await claim(item)
        return [(item, claims[item.index]) for item in items if item.index in claims]

    async def _claim(self, item: BatchItem) -> FinishedClaim:
        """
        Return what identifies an item.

        Raises:
            AAIError: Its recording cannot be sent.
        """
        context, source = self._context, source_of(item.audio)
        if item.key is None:
            await source.open()
        [key] = await context.keys(item, source)
        place = None if item.key is not None else file_key(item.audio, source, context.options_digest(item))
        return FinishedClaim(key, item.index, item.labels, place)

    def _can_be_found(self, item: BatchItem) -> bool:
        """Return whether an item is identified without reading its recording."""
        is_named = isinstance(item.audio, (str, os.PathLike))
        return is_named and (item.key is not None or not self._context.by_content)

    async def _rows(self, claims: Sequence[FinishedClaim]) -> dict[bytes, FinishedRow]:
        """Return the finished rows by their keys."""
        known = self._context.duplicates
        wanted = {claim.key: claim for claim in reversed(claims) if known.find([claim.key]) is None}
        if not wanted:
            return {}
        try:
            return await self._journal.take_finished([*wanted.values()])
        except JournalError:
            return {}

    async def _outcome(self, item: BatchItem, row: FinishedRow) -> Outcome | None:
        context = self._context
        try:
            transcript = await decoded_result(row.body)
            price = context.price(item, transcript, row.model)
        except Exception:  # noqa: BLE001 - raised again in the task of the item, which reports it
            return None
        _measure(item, row)
        context.pipeline.notices.log(transcript.id, row.warnings, row.missing)
        return Outcome(
            index=item.index,
            source=item.audio,
            key=item.key,
            labels=row.labels,
            stage="finished",
            transcript_id=row.transcript_id,
            upload_url=row.upload_url,
            transcript=transcript,
            audio_duration=transcript.audio_duration,
            model=row.model,
            options_digest=context.options_digest(item),
            price=price,
            warnings=row.warnings,
            missing=row.missing,
        )


def _measure(item: BatchItem, row: FinishedRow) -> None:
    """Let the instrumentation, if there is one, count the item; to name it takes time."""
    if is_instrumented():
        facts = label_facts(row.labels) | {"index": item.index, "transcript_id": row.transcript_id}
        with (
            about_recording(event_name(item.audio), item.index, row.labels),
            step("transcribe", **facts) as known,
        ):
            known["error_type"] = None


def _is_path(audio: Audio) -> bool:
    return not (isinstance(audio, str) and "://" in audio)
