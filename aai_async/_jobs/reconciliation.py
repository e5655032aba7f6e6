"""
The search in the list of transcripts for the job of a submit whose answer was lost.

Of an upload that was submitted once, the job with its address is it. Of any other address, each job is
compared with what was asked for, and with the other submits that may have made it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

import anyio
import attrs

from aai_async._api import endpoints
from aai_async._api.reply_checks import is_same_address
from aai_async._errors import NotFoundError
from aai_async._jobs.job_matching import (
    ListedJob,
    MatchState,
    OtherSubmits,
    SubmitClaim,
    choose,
    is_long_before,
    match_state,
)
from aai_async._jobs.list_scanner import JobSearch, ListRow, ListScanner, UncertainSubmit, in_utc
from aai_async._jobs.registry import JobRegistry
from aai_async._models import decoding
from aai_async._models.page import TranscriptListItem
from aai_async._transport import Sender

_LARGEST_OPTION = 200_000
"""Bytes of a field of an answer that may be an option; what was said is larger."""

FindOtherSubmits = Callable[[], Awaitable[OtherSubmits]]
"""Gives what is known of the other submits of an address outside this client."""


@attrs.frozen(kw_only=True)
class LookupResult:
    """What a reading of the list has shown."""

    own: str | None = None
    """The job that was searched for."""
    candidates: tuple[str, ...] = ()
    """The jobs that may be it, or that cannot be told from it."""
    is_open: bool = False
    """Whether that will be known better when another submit of this client is settled."""


@attrs.define(kw_only=True, eq=False)
class ListLookup:
    """The search for one submit."""

    sender: Sender
    scanner: ListScanner
    registry: JobRegistry
    address: str
    claim: SubmitClaim
    """The submit itself."""
    others: FindOtherSubmits | None
    uncertain: UncertainSubmit | None = None
    """What the list is read with, if an earlier process has sent the submit."""
    is_urgent: bool = False
    """Whether the call is being cancelled."""
    job_search: JobSearch = attrs.field(init=False)
    """What the list is read for."""
    _answers: dict[str, Mapping[str, object]] = attrs.field(
        factory=dict[str, Mapping[str, object]], init=False
    )
    """What the answers of jobs say was asked, by id: that does not change."""

    def __attrs_post_init__(self) -> None:
        self.job_search = self.uncertain.search if self.uncertain else self._sought()

    def _sought(self) -> JobSearch:
        return JobSearch(
            address=self.address,
            began_by=self.claim.began,
            is_unique=lambda: self.is_unique,
            was_submitted=lambda url: is_same_address(url, self.address),
        )

    def urgent(self) -> ListLookup:
        """Give the same for a call that is being cancelled."""
        return attrs.evolve(self, uncertain=None, is_urgent=True)

    @property
    def is_unique(self) -> bool:
        """Whether just one job can have been made of the address."""
        return self.registry.is_unique(self.address)

    def check_times(self, waits: Sequence[float]) -> Iterator[float]:
        """
        Give when to read the list, one time after the other, by the clock of the event loop.

        Of an earlier process, they count from when the first was looked for, and may have passed.
        """
        for number, wait in enumerate(waits):
            after_wait = anyio.current_time() + wait
            if self.uncertain is None or self.job_search.error is not None:
                yield after_wait
            else:
                yield self.uncertain.since + sum(waits[1 : number + 1])

    def is_overtaken(self, since: float) -> bool:
        """
        Whether the latest reading has shown a job that this client has submitted after some time.

        The list is assumed to show jobs in the order in which they were made: where a later one shows, none
        that was made before is missing.
        """
        return self.job_search.latest_sent_at > since

    async def check(self, due: float, *, most_pages: int) -> LookupResult:
        """
        Say what a reading of the list shows that has begun when it was due, or later.

        Raises:
            ProtocolError: The list has no end, or none within reach.
            AAIError: It, or a job in it, could not be read.
        """
        rows = [row for row in await self._rows(due, most_pages) if self._is_of_address(row.item)]
        if self.is_unique:
            ids = tuple(row.item.id for row in rows)
            return LookupResult(own=ids[0] if len(ids) == 1 else None, candidates=ids)
        others = await self._known_others() if rows else OtherSubmits()
        jobs = [await self._shown(row) for row in rows if not self._is_taken(row.item.id, others)]
        # Whose they are may have become known while they were compared.
        return self._judge([job for job in jobs if not self._is_taken(job.id, others)], others)

    def _judge(self, jobs: Sequence[ListedJob], others: OtherSubmits) -> LookupResult:
        rivals = (*self.registry.concurrent_submits(self.address, self.claim), *others.claims)
        standings = {job.id: match_state(job, self.claim, rivals) for job in jobs}
        own = [job for job in jobs if standings[job.id] is MatchState.OWN]
        undecided = [job.id for job in jobs if standings[job.id] in {MatchState.OPEN, MatchState.UNDECIDED}]
        return LookupResult(
            own=choose(own, self.claim, rivals),
            candidates=tuple(job.id for job in own) or tuple(undecided),
            is_open=MatchState.OPEN in standings.values(),
        )

    async def _rows(self, due: float, most_pages: int) -> Sequence[ListRow]:
        if self.is_urgent:
            await self.scanner.read_at_once(self.job_search, most_pages=most_pages)
        else:
            along = self.uncertain.others() if self.uncertain else ()
            await self.scanner.read(self.job_search, not_before=due, most_pages=most_pages, along=along)
        return self.job_search.rows()

    async def _known_others(self) -> OtherSubmits:
        return OtherSubmits() if self.others is None or self.is_urgent else await self.others()

    def _is_of_address(self, item: TranscriptListItem) -> bool:
        url = item.audio_url or ""
        # An earlier process may have submitted it under another signature.
        return self.job_search.was_submitted(url) or is_same_address(url, self.address)

    def _is_taken(self, transcript_id: str, others: OtherSubmits) -> bool:
        return transcript_id in others.jobs or self.registry.has_made(transcript_id)

    async def _shown(self, row: ListRow) -> ListedJob:
        answer = self._answers.get(row.item.id)
        job = ListedJob(id=row.item.id, created=in_utc(row.item.created), now=row.now, answer=answer)
        if answer is not None or is_long_before(job, self.claim):
            return job
        return attrs.evolve(job, answer=await self._ask(job.id))

    async def _ask(self, transcript_id: str) -> Mapping[str, object] | None:
        try:
            seen = await self.sender.send(endpoints.get(transcript_id), is_urgent=self.is_urgent)
        except NotFoundError:
            # It is not known everywhere yet; the next look will see it.
            return None
        parts = decoding.split(seen.body)
        small = {
            name: bytes(part) for name, part in parts.items() if len(memoryview(part)) <= _LARGEST_OPTION
        }
        self._answers[transcript_id] = {name: decoding.decode(part) for name, part in small.items()}
        return self._answers[transcript_id]


def began_at(time: float) -> Callable[[dt.datetime | None], dt.datetime | None]:
    """Say when a submit of this process was sent, by the service's clock: ours may be days off."""

    def began(now: dt.datetime | None) -> dt.datetime | None:
        return now and now - dt.timedelta(seconds=anyio.current_time() - time)

    return began
