"""
A submit that makes one job, and never a second one that is billed too.

There is no idempotency key. So when an answer was lost, the job is looked for in the list before anything is
sent again: an upload that nothing else was made of proves it, and anything else has to look the same.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, TypeAlias, cast

import anyio
import attrs

from aai_async import _endpoints
from aai_async._answers.listing import TranscriptListItem
from aai_async._answers.transcript import Transcript
from aai_async._errors import (
    AAIError,
    AccountError,
    AmbiguousSubmitError,
    NotFoundError,
    RetryBudgetError,
    Verdict,
    without_secrets,
)
from aai_async._events import OnEvent, Retrying, Submitted, logger, tell
from aai_async._http import HTTP
from aai_async._job import Record
from aai_async._list_scan import Doubt, ListScanner, Row, Sought, in_utc
from aai_async._memory import Memory
from aai_async._options import Options
from aai_async._parting import Parting, Receipt, early_ends, finish

OnAmbiguous: TypeAlias = Literal["lookup", "raise"]

_LOOKS = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds before each look into the list, which may lag behind: nobody says how far."""

_REPEATS = 2
"""How many times a submit whose answer was lost is sent again, where the list shows no job."""

_PAGES = 50
"""Pages of 200 that are looked through: what is not found then may be behind them."""

_CLOCKS_DIFFER = dt.timedelta(seconds=2)
"""By how much the times of a reply and of a job may differ; the first has whole seconds."""


@attrs.frozen(kw_only=True)
class Submission:
    """One job to be made of an address, with all that is sent and looked up for it."""

    http: HTTP
    scanner: ListScanner
    memory: Memory
    audio_url: str
    options: Options
    record: Record
    on_ambiguous: OnAmbiguous
    on_event: OnEvent | None
    parting: Parting

    async def make(self) -> Transcript:
        """
        Make the job, and give it as the service answered.

        Raises:
            AmbiguousSubmitError: It may have been made; the list does not tell.
            AAIError: It was not made.
        """
        with self.memory.submitting(self.audio_url):
            receipt = self._receipt()
            search = _Search.of(self)
            try:
                return await self._make(search, receipt)
            except early_ends():
                if receipt.is_missing:
                    await self._find_yet(search)
                else:
                    await finish(receipt.withdrawn, self.parting.begin())
                raise

    async def find(
        self,
        began: dt.datetime | None,
        *,
        others: frozenset[str] = frozenset(),
        doubt: Doubt | None = None,
    ) -> str | None:
        """
        Find the job of a submit whose answer was lost a while ago, and give its id; `None` if there is none.

        Args:
            began: When that would have been sent, by the service's clock; `None` where that is not known.
            others: Jobs that are known to be of other submits of the same address.
            doubt: What the list is looked through with, if an earlier process has sent it; without, this
                submission has.

        Raises:
            AmbiguousSubmitError: The list does not tell.
        """
        lost = AAIError("it was sent a while ago", operation="submit", verdict=Verdict.AMBIGUOUS)
        if doubt is None:
            # It is the one that is looked for.
            self.memory.not_made(self.audio_url)
        logger.info("submit: the list is looked through for a job that may have been made, for up to 16 s")
        with self.memory.submitting(self.audio_url):
            search = _Search.of(self, earlier=_Earlier(began), others=others, doubt=doubt)
            found = await self._found_by(search, lost, 0)
            if found is not None:
                await self._remember(found.id)
                if doubt is not None:
                    self.memory.taken_up(found.id, self.audio_url)
                return found.id
            if self.on_ambiguous == "raise" or not search.proves_absence:
                raise _ambiguous(lost, 0)
            self.memory.not_made(self.audio_url)
            return None

    def _receipt(self) -> Receipt[Transcript]:
        return Receipt[Transcript](
            lambda made: self._remember(made.id),
            self.parting,
            announce=lambda: self.record.submitting(self.http.service_time),
            withdraw=self.record.refused,
        )

    async def _make(self, search: _Search, receipt: Receipt[Transcript]) -> Transcript:
        outcome = await self._post(receipt)
        if isinstance(outcome, Transcript):
            return outcome
        if outcome.verdict is Verdict.AMBIGUOUS:
            return await self._resolve(search, receipt, outcome)
        self.memory.not_made(self.audio_url)
        raise outcome

    async def _post(self, receipt: Receipt[Transcript]) -> Transcript | AAIError:
        began = anyio.current_time()
        call = _endpoints.submit(
            self.audio_url,
            self.options,
            is_new=lambda made: self.memory.can_be_made_since(made.id, began),
        )
        try:
            return await self.http.perform(call, receipt=receipt)
        except AAIError as error:
            if receipt.is_answered:
                # The job is made, and its id could not be kept.
                raise
            return error

    async def _resolve(self, search: _Search, receipt: Receipt[Transcript], lost: AAIError) -> Transcript:
        """Find the job of a submit whose answer was lost, or make it where there is none."""
        attempts, last = lost.attempts, lost
        logger.info("submit: its answer was lost (%s)", type(lost).__name__)
        for repeats in range(_REPEATS + 1):
            if self.on_ambiguous == "raise":
                break
            found = await self._found_by(search, lost, attempts)
            if found is not None:
                await self._remember(found.id)
                receipt.is_missing = False
                return await self._seen(found)
            if repeats == _REPEATS or not self.memory.is_unique(self.audio_url):
                break
            logger.warning("submit: the list shows no job whose answer was lost, so it is sent again")
            tell(self.on_event, Retrying(operation="submit", attempt=attempts, delay=0.0, error=last))
            outcome = await self._post(receipt)
            if isinstance(outcome, Transcript):
                return outcome
            attempts, last = attempts + outcome.attempts, outcome
            if last.verdict is not Verdict.AMBIGUOUS:
                break
        raise _ambiguous(lost, attempts, was_looked_for=self.on_ambiguous == "lookup") from last

    async def _remember(self, transcript_id: str) -> None:
        await self.record.submitted(transcript_id)
        self.memory.made(transcript_id, self.audio_url)
        tell(self.on_event, Submitted(transcript_id=transcript_id, upload_url=self.audio_url))

    async def _found_by(self, search: _Search, lost: AAIError, attempts: int) -> TranscriptListItem | None:
        """Look until the job shows in the list; None if the list was seen to the end without it."""
        found: tuple[TranscriptListItem, ...] = ()
        failed: AAIError | None = None
        for due in search.looks():
            await anyio.sleep_until(due)
            try:
                found, failed = await search.candidates(due), None
            except AAIError as error:
                failed = error
                if isinstance(error, (AccountError, RetryBudgetError)):
                    break
            if len(found) == 1 and not failed and not self.memory.has_rival(self.audio_url):
                return found[0]
        if failed is not None or found:
            raise _ambiguous(lost, attempts, found) from (failed or lost)
        return None

    async def _seen(self, found: TranscriptListItem) -> Transcript:
        logger.info("submit: its answer was lost, and the list shows the job: %s", found.id)
        try:
            return await self.http.perform(_endpoints.get(found.id))
        except AAIError:
            # The list has shown it, so it is there; what else is asked of it will come with the next look.
            return Transcript(id=found.id, status=found.status or "queued", audio_url=self.audio_url)

    async def _find_yet(self, search: _Search) -> None:
        """Look for the job of a submit that was cancelled, as long as the parting lasts."""
        search = search.at_once()

        async def look() -> None:
            while True:
                found = await search.candidates(anyio.current_time())
                if len(found) == 1 and not self.memory.has_rival(self.audio_url):
                    await self._remember(found[0].id)
                    return
                await anyio.sleep(_LOOKS[0])

        def tell() -> None:
            logger.warning(
                "a submit was cancelled when it was sent already, and may have made a job of %s",
                without_secrets(self.audio_url),
            )

        await finish(look, self.parting.begin(), tell)


@attrs.frozen
class _Earlier:
    """A submit of a while ago."""

    began: dt.datetime | None
    """When it was sent, by the service's clock."""


@attrs.frozen
class _Search:
    """The look into the list for a job whose id was lost."""

    submission: Submission
    began: float = attrs.field(kw_only=True)
    """When the submit was first sent, by the clock of the event loop."""
    sought: Sought = attrs.field(kw_only=True)
    earlier: _Earlier | None = attrs.field(kw_only=True)
    others: frozenset[str] = attrs.field(kw_only=True)
    """Jobs that are known to be of other submits of the same address."""
    doubt: Doubt | None = attrs.field(kw_only=True)
    is_urgent: bool = attrs.field(kw_only=True, default=False)

    @classmethod
    def of(
        cls,
        submission: Submission,
        *,
        earlier: _Earlier | None = None,
        others: frozenset[str] = frozenset(),
        doubt: Doubt | None = None,
    ) -> _Search:
        """Prepare it; the submit is sent now, if it is no earlier one."""
        began = anyio.current_time()
        sought = doubt.sought if doubt else _sought_by(submission, began, earlier)
        return cls(submission, began=began, sought=sought, earlier=earlier, others=others, doubt=doubt)

    def at_once(self) -> _Search:
        """Give the same for a call that is being cancelled."""
        sought = _sought_by(self.submission, self.began, self.earlier)
        return attrs.evolve(self, sought=sought, is_urgent=True)

    @property
    def proves_absence(self) -> bool:
        """
        Whether there is no job if the list shows none.

        Of an address that others may submit as well it does only where the submit was a while ago, and the
        list was looked through to then.
        """
        return self._is_unique or (self.earlier is not None and self.earlier.began is not None)

    def looks(self) -> Iterator[float]:
        """
        Give when to look into the list, one time after the other, by the clock of the event loop.

        Of an earlier process, they count from when the first was looked for, and may have passed.
        """
        for number, wait in enumerate(_LOOKS):
            after_wait = anyio.current_time() + wait
            if self.doubt is None or self.sought.error is not None:
                yield after_wait
            else:
                yield self.doubt.since + sum(_LOOKS[1 : number + 1])

    async def candidates(self, due: float) -> tuple[TranscriptListItem, ...]:
        """
        Give the jobs that may be it, newest first, of a list that was read when it was due, or later.

        Raises:
            ProtocolError: The list has no end, or none within reach.
            AAIError: It could not be read.
        """
        scanner = self.submission.scanner
        if self.is_urgent:
            await scanner.read_at_once(self.sought, most_pages=_PAGES)
        else:
            along = self.doubt.others() if self.doubt else ()
            await scanner.read(self.sought, not_before=due, most_pages=_PAGES, along=along)
        found = [row.item for row in self.sought.rows() if await self._may_be(row)]
        # Whose they are may have become known while they were compared.
        return tuple(item for item in found if self._is_unique or not self._is_taken(item))

    @property
    def _is_unique(self) -> bool:
        return self.submission.memory.is_unique(self.submission.audio_url)

    async def _may_be(self, row: Row) -> bool:
        if not self.sought.was_submitted(row.item.audio_url or ""):
            return False
        if self._is_unique:
            return True
        return not self._is_taken(row.item) and await self._looks_the_same(row)

    def _is_taken(self, item: TranscriptListItem) -> bool:
        return item.id in self.others or self.submission.memory.has_made(item.id)

    async def _looks_the_same(self, row: Row) -> bool:
        created = in_utc(row.item.created)
        if row.began is None or created is None or created < row.began - _CLOCKS_DIFFER:
            return False
        try:
            seen = await self.submission.http.perform(_endpoints.get(row.item.id), is_urgent=self.is_urgent)
        except NotFoundError:
            # It is not known everywhere yet; the next look will see it.
            return False
        return _is_shown(self.submission.options.payload(), seen.raw)


def _sought_by(submission: Submission, began: float, earlier: _Earlier | None) -> Sought:
    def began_by(now: dt.datetime | None) -> dt.datetime | None:
        """When the submit was sent, by the service's clock: ours may be days off."""
        if earlier is not None:
            return earlier.began
        return now and now - dt.timedelta(seconds=anyio.current_time() - began)

    return Sought(
        address=submission.audio_url,
        began_by=began_by,
        is_unique=lambda: submission.memory.is_unique(submission.audio_url),
        was_submitted=lambda url: url == submission.audio_url,
    )


def _is_shown(sent: object, echoed: object) -> bool:
    """Tell whether what was sent stands in what is echoed; what was switched off may be left out there."""
    if echoed is None:
        return not sent
    if isinstance(sent, Mapping) and isinstance(echoed, Mapping):
        shown = cast("Mapping[str, object]", echoed)
        return all(
            _is_shown(value, shown.get(name)) for name, value in cast("Mapping[str, object]", sent).items()
        )
    if isinstance(sent, Sequence) and isinstance(echoed, Sequence):
        return list(cast("Sequence[object]", sent)) == list(cast("Sequence[object]", echoed))
    return sent == echoed


def _ambiguous(
    lost: AAIError,
    attempts: int,
    candidates: tuple[TranscriptListItem, ...] = (),
    *,
    was_looked_for: bool = True,
) -> AmbiguousSubmitError:
    ids = tuple(item.id for item in candidates)
    seen = "The list does not show it yet. " if was_looked_for else "It was not looked for. "
    seen = f"One of these may be it: {', '.join(ids)}. " if ids else seen
    return AmbiguousSubmitError(
        f"The submit was sent, but its answer was lost ({lost.args[0]}). A job may exist, and be billed. "
        f"{seen}Look for this audio_url in Client.list before you submit it again.",
        candidates=ids,
        operation="submit",
        attempts=attempts,
        verdict=Verdict.AMBIGUOUS,
    )
