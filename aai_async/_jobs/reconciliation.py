"""
Reconciliation: the search of the list of transcripts for the job of a submit whose response was lost.

The only job of an upload that was submitted once is the one with its URL. For any other URL, each listed job
is compared with the options of the submit, and with the other submits that may have created it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

import anyio
import attrs
import msgspec

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
"""Maximum size in bytes of a response field that may be an option; larger fields are results."""

FindOtherSubmits = Callable[[], Awaitable[OtherSubmits]]
"""Returns what is known about the other submits of a URL outside this client."""


class LookupResult(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one reading of the list."""

    own: str | None = None
    """The id of the job, if it was found."""
    candidates: tuple[str, ...] = ()
    """The ids of the jobs that may be the one, if it cannot be determined."""
    is_open: bool = False
    """Whether that may be decided when another submit of this client is settled."""


@attrs.define(kw_only=True, eq=False)
class ListLookup:
    """The search for the job of one submit."""

    sender: Sender
    scanner: ListScanner
    registry: JobRegistry
    audio_url: str
    claim: SubmitClaim
    """The submit itself."""
    find_others: FindOtherSubmits | None
    uncertain: UncertainSubmit | None = None
    """The common schedule of the searches, if an earlier process sent the submit."""
    is_urgent: bool = False
    """Whether the call is being cancelled, so that the search waits for nothing."""
    _made: JobSearch | None = attrs.field(default=None, init=False)
    _shown: dict[str, Mapping[str, object]] = attrs.field(factory=dict[str, Mapping[str, object]])
    """The options that jobs show, by id. They never change, so each job is fetched once, also if `urgent`."""

    @property
    def job_search(self) -> JobSearch:
        """The search of the list, created when a response was lost: most submits need none."""
        if self._made is None:
            self._made = self.uncertain.search if self.uncertain else self._new_search()
        return self._made

    def _new_search(self) -> JobSearch:
        return JobSearch(
            audio_url=self.audio_url,
            began=self.claim.began,
            is_unique=lambda: self.is_unique,
            was_submitted=lambda url: is_same_address(url, self.audio_url),
        )

    def urgent(self) -> ListLookup:
        """Return the same search for a call that is being cancelled."""
        return attrs.evolve(self, uncertain=None, is_urgent=True)

    @property
    def is_unique(self) -> bool:
        """Whether at most one job can have been created of the URL."""
        return self.registry.is_unique(self.audio_url)

    def check_times(self, delays: Sequence[float]) -> Iterator[float]:
        """
        Yield the times at which to read the list, by the clock of the event loop.

        For submits of an earlier process they count from the first reading for any of them, so that all share
        the same readings. Such a time may have passed. The last one is when its request is not delivered any
        more.
        """
        for number, delay in enumerate(delays):
            after_delay = anyio.current_time() + delay
            if self.uncertain is None or self.job_search.error is not None:
                yield after_delay
            else:
                yield self.uncertain.since + sum(delays[1 : number + 1])
        if self.uncertain is not None and self.can_arrive_late:
            yield self.uncertain.arrives_until

    def seconds_left(self, delays: Sequence[float]) -> float:
        """Return the number of seconds until the last of the `check_times`."""
        now = anyio.current_time()
        if self.uncertain is None:
            return sum(delays)
        is_behind = self.job_search.error is not None
        ends_at = now + sum(delays) if is_behind else self.uncertain.since + sum(delays[1:])
        return max(ends_at, self.uncertain.arrives_until, now) - now

    @property
    def can_arrive_late(self) -> bool:
        """Whether the request may still be delivered, because its process may still be running."""
        return self.uncertain is not None and anyio.current_time() < self.uncertain.arrives_until

    def is_overtaken(self, since: float) -> bool:
        """
        Return whether the latest reading contained a job that this client submitted after a time.

        The list is assumed to show jobs in the order of their creation: if it shows a job, no older one is
        missing.
        """
        return self.job_search.latest_sent_at > since and not self.can_arrive_late

    async def check(self, due: float, *, most_pages: int) -> LookupResult:
        """
        Return the result of a reading of the list that began at a time or later.

        Raises:
            ProtocolError: The list does not end, or not within `most_pages`.
            AAIError: The list, or a job in it, could not be read.
        """
        rows = [row for row in await self._rows(due, most_pages) if self._is_of_url(row.item)]
        if self.is_unique:
            ids = tuple(row.item.id for row in rows)
            return LookupResult(own=ids[0] if len(ids) == 1 else None, candidates=ids)
        others = await self._other_submits() if rows else OtherSubmits()
        jobs = [await self._listed_job(row) for row in rows if not self._is_taken(row.item.id, others)]
        # Another call may have adopted a job while these were fetched.
        return self._decide([job for job in jobs if not self._is_taken(job.id, others)], others)

    def _decide(self, jobs: Sequence[ListedJob], others: OtherSubmits) -> LookupResult:
        rivals = (*self.registry.concurrent_submits(self.audio_url, self.claim), *others.claims)
        states = {job.id: match_state(job, self.claim, rivals) for job in jobs}
        own = [job for job in jobs if states[job.id] is MatchState.OWN]
        undecided = [job.id for job in jobs if states[job.id] in {MatchState.OPEN, MatchState.UNDECIDED}]
        return LookupResult(
            own=choose(own, self.claim, rivals),
            candidates=tuple(job.id for job in own) or tuple(undecided),
            is_open=MatchState.OPEN in states.values(),
        )

    async def _rows(self, due: float, most_pages: int) -> Sequence[ListRow]:
        if self.is_urgent:
            await self.scanner.read_at_once(self.job_search, most_pages=most_pages)
        else:
            also = self.uncertain.waiting() if self.uncertain else ()
            await self.scanner.read(self.job_search, not_before=due, most_pages=most_pages, also=also)
        return self.job_search.rows()

    async def _other_submits(self) -> OtherSubmits:
        # A cancelled call has little time, and the journal may be busy.
        if self.find_others is None or self.is_urgent:
            return OtherSubmits()
        return await self.find_others()

    def _is_of_url(self, item: TranscriptListItem) -> bool:
        url = item.audio_url or ""
        # An earlier process may have submitted it with another signature in its query.
        return self.job_search.was_submitted(url) or is_same_address(url, self.audio_url)

    def _is_taken(self, transcript_id: str, others: OtherSubmits) -> bool:
        return transcript_id in others.jobs or self.registry.has_made(transcript_id)

    async def _listed_job(self, row: ListRow) -> ListedJob:
        shown = self._shown.get(row.item.id)
        job = ListedJob(id=row.item.id, created=in_utc(row.item.created), now=row.now, shown=shown)
        if shown is not None or is_long_before(job, self.claim):
            return job
        return msgspec.structs.replace(job, shown=await self._fetch_options(job.id))

    async def _fetch_options(self, transcript_id: str) -> Mapping[str, object] | None:
        try:
            transcript = await self.sender.send(endpoints.get(transcript_id), is_urgent=self.is_urgent)
        except NotFoundError:
            # Some servers of the service do not know it yet; the next reading asks again.
            return None
        fields = decoding.split(transcript.body)
        # Results can be hundreds of megabytes, and are not needed: decoding them would block the loop.
        small = {
            name: bytes(field) for name, field in fields.items() if len(memoryview(field)) <= _LARGEST_OPTION
        }
        self._shown[transcript_id] = {name: decoding.decode(field) for name, field in small.items()}
        return self._shown[transcript_id]


def began_at(time: float) -> Callable[[dt.datetime | None], dt.datetime | None]:
    """
    Return a function that converts a time of the event loop to the service's clock.

    The local clock is not used, because it may be days off.
    """

    def began(now: dt.datetime | None) -> dt.datetime | None:
        return now and now - dt.timedelta(seconds=anyio.current_time() - time)

    return began
