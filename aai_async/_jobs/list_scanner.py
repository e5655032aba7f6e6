"""
Reads the list of transcripts once for all who look for a job in it at the same time.

A page of the list shows 200 jobs, so hundreds of searches need a few requests and not a few each. Nothing
runs in the background: one of those who wait reads for all; when it leaves, another does.
"""

from __future__ import annotations

import copy
import datetime as dt
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

import anyio
import attrs

from aai_async._api import endpoints
from aai_async._api.reply_checks import DatedPage, address_key
from aai_async._errors import AAIError, ProtocolError
from aai_async._models.page import TranscriptListItem, TranscriptPage
from aai_async._transport import Sender

_REACH = dt.timedelta(minutes=5)
"""How much older than a submit the list is read, since its order is not promised."""


@attrs.frozen
class ListRow:
    """A job in the list, as one search sees it."""

    item: TranscriptListItem
    began: dt.datetime | None
    """When the submit that is searched for was sent, by the clock of the page that shows the row."""
    now: dt.datetime | None
    """The time by that clock."""


@attrs.define(eq=False, kw_only=True)
class JobSearch:
    """The jobs of one address, which the list is read for."""

    address: str
    """What was submitted; its query, its user and its password do not matter here."""
    began_by: Callable[[dt.datetime | None], dt.datetime | None]
    """Gives when the submit was sent by the service's clock, from the time of a page by that clock."""
    is_unique: Callable[[], bool]
    """Whether the first job of this address is the only one."""
    was_submitted: Callable[[str], bool]
    """Whether an address in the list is the one that was submitted, with its query."""
    read_at: float = attrs.field(default=-math.inf, init=False)
    """When the latest reading for it began, by the clock of the event loop."""
    error: AAIError | None = attrs.field(default=None, init=False)
    """What that failed with."""
    latest_sent_at: float = attrs.field(default=-math.inf, init=False)
    """When this client has sent the submit of the latest of its jobs in that reading, by the same clock."""
    _rows: list[ListRow] = attrs.field(factory=list[ListRow], init=False)
    """What it has found."""
    _is_over: bool = attrs.field(default=True, init=False)
    _found: list[ListRow] = attrs.field(factory=list[ListRow], init=False)
    """What the reading that is under way has found."""
    _latest: float = attrs.field(default=-math.inf, init=False)

    @property
    def is_over(self) -> bool:
        """Whether the list was read far enough for it."""
        return self._is_over

    def begin(self) -> None:
        """The list is read from its newest row on."""
        self._found, self._is_over, self._latest = [], False, -math.inf

    def add(self, shelf: DatedPage, shown: Iterable[TranscriptListItem], latest_sent_at: float) -> None:
        """Take a page, with the rows in it that show the address, and the time of the latest own submit."""
        if self._is_over:
            return
        page, began = shelf.page, self.began_by(shelf.now)
        self._latest = max(self._latest, latest_sent_at)
        self._found += [ListRow(item, began, shelf.now) for item in shown]
        is_found = bool(self._found) and self.is_unique()
        self._is_over = is_found or page.page_details.older_than is None or self._is_older(page, began)

    def _is_older(self, page: TranscriptPage, began: dt.datetime | None) -> bool:
        """Whether what follows a page is older than what is searched for."""
        oldest = in_utc(page.transcripts[-1].created) if page.transcripts else None
        return oldest is not None and began is not None and oldest < began - _REACH

    def end(self, began_at: float, error: AAIError | None) -> None:
        """The list is read no further."""
        if not self._is_over:
            error = error or ProtocolError(
                "The list of transcripts was not read to where the job would have to be.", operation="look up"
            )
        self.read_at, self._rows, self.error = began_at, self._found, None if self._is_over else error
        self.latest_sent_at = self._latest

    def rows(self) -> Sequence[ListRow]:
        """
        Give the rows that show the address, newest first.

        Raises:
            AAIError: The list could not be read, has no end, or none within reach.
        """
        if self.error is not None:
            # Each search raises its own, since the same may be raised by many.
            error = copy.copy(self.error)
            error.__cause__ = self.error.__cause__
            raise error
        return self._rows


@attrs.frozen
class UncertainSubmit:
    """The search for the job of a submit that an earlier process may have sent, on a schedule of many."""

    search: JobSearch
    since: float
    """When the list was first read for any of them, by the clock of the event loop."""
    others: Callable[[], Iterable[JobSearch]]
    """Gives those of the others that were not asked for yet."""


class ListScanner:
    """The list, for all searches of a client."""

    def __init__(self, sender: Sender, sent_at: Callable[[str], float]) -> None:
        self._sender = sender
        self._sent_at = sent_at
        """Gives when this client has submitted a job, by its id; minus infinity for the jobs of others."""
        self._waiting: list[JobSearch] = []
        self._turn = anyio.Lock()

    async def read(
        self, search: JobSearch, *, not_before: float, most_pages: int, along: Iterable[JobSearch] = ()
    ) -> None:
        """
        Read the list for a search, together with all others that wait for that.

        Args:
            search: The search; what has gone wrong is raised by its `rows`.
            not_before: A reading that succeeded and began at this time or later is new enough.
            most_pages: Pages of 200 that are read at the most.
            along: Searches that will come, for which it is read as well: the first time as far as they need
                it, later as far as it is read in any case.
        """
        self._waiting.append(search)
        try:
            async with self._turn:
                if search.read_at < not_before or search.error is not None:
                    await self._read(self._waiting, most_pages, along=along)
        finally:
            self._waiting.remove(search)

    async def read_at_once(self, search: JobSearch, *, most_pages: int) -> None:
        """Read the list for a search alone, which waits neither for others nor for other requests."""
        await self._read([search], most_pages, is_urgent=True)

    async def _read(
        self,
        searches: Iterable[JobSearch],
        most_pages: int,
        *,
        along: Iterable[JobSearch] = (),
        is_urgent: bool = False,
    ) -> None:
        began_at = anyio.current_time()
        bystanders = [one for one in along if one.read_at > -math.inf]
        wanted = {*searches, *along} - {*bystanders}
        for search in (*wanted, *bystanders):
            search.begin()
        error: AAIError | None = None
        try:
            await self._read_pages(wanted, bystanders, most_pages, is_urgent=is_urgent)
        except AAIError as failure:
            error = failure
        for search in (*wanted, *(one for one in bystanders if one.is_over)):
            search.end(began_at, error)

    async def _read_pages(
        self, wanted: set[JobSearch], bystanders: Sequence[JobSearch], most_pages: int, *, is_urgent: bool
    ) -> None:
        """Read page after page until all that are wanted are over."""
        before_id: str | None = None
        seen = set[str | None]()
        for _ in range(most_pages):
            seen.add(before_id)
            shelf = await self._sender.send(endpoints.recent_page(before_id), is_urgent=is_urgent)
            shown = defaultdict[object, list[TranscriptListItem]](list)
            for item in shelf.page.transcripts:
                if item.id and item.audio_url:
                    shown[address_key(item.audio_url)].append(item)
            latest = max((self._sent_at(item.id) for item in shelf.page.transcripts), default=-math.inf)
            for search in (*wanted, *bystanders):
                search.add(shelf, shown.get(address_key(search.address), ()), latest)
            before_id = shelf.page.page_details.older_than
            if before_id in seen or all(search.is_over for search in wanted):
                break


def in_utc(time: dt.datetime | None) -> dt.datetime | None:
    """Give a time of the service, which names no zone, as one in UTC."""
    return time and (time if time.tzinfo else time.replace(tzinfo=dt.UTC))
