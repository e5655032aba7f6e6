"""
One reading of the list of transcripts for all calls that search it for a job at the same time.

A page of the list shows 200 jobs, so hundreds of searches need a few requests instead of a few each. Nothing
runs in the background: one of the waiting calls reads for all; when it ends, another one does.
"""

from __future__ import annotations

import copy
import datetime as dt
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

import anyio
import attrs
import msgspec

from aai_async._api import endpoints
from aai_async._api.reply_checks import DatedPage, address_key
from aai_async._errors import AAIError, ProtocolError
from aai_async._models.page import TranscriptListItem, TranscriptPage
from aai_async._transport import Sender

_MARGIN = dt.timedelta(minutes=5)
"""How far before a submit the list is read, because the service does not promise its order."""


class ListRow(msgspec.Struct, frozen=True):
    """A job in the list, for one search."""

    item: TranscriptListItem
    began: dt.datetime | None
    """When the submit of the search was sent, by the clock of the page that shows the row."""
    now: dt.datetime | None
    """The time by that clock."""


@attrs.define(eq=False, kw_only=True)
class JobSearch:
    """The search of the list for the jobs of one URL."""

    audio_url: str
    """The URL that was submitted; its query, user and password are ignored here."""
    began: Callable[[dt.datetime | None], dt.datetime | None]
    """Returns when the submit was sent by the service's clock, given the time of that clock."""
    is_unique: Callable[[], bool]
    """Whether the first job of this URL is the only one."""
    was_submitted: Callable[[str], bool]
    """Whether a URL in the list is the submitted one, query included."""
    read_at: float = attrs.field(default=-math.inf, init=False)
    """When the latest reading for it began, by the clock of the event loop."""
    error: AAIError | None = attrs.field(default=None, init=False)
    """The error of that reading."""
    latest_sent_at: float = attrs.field(default=-math.inf, init=False)
    """When this client sent the submit of its newest job in that reading, by the same clock."""
    _rows: list[ListRow] = attrs.field(factory=list[ListRow], init=False)
    """The result of the latest reading."""
    _is_over: bool = attrs.field(default=True, init=False)
    _found: list[ListRow] = attrs.field(factory=list[ListRow], init=False)
    """The rows found so far by the reading in progress."""
    _latest: float = attrs.field(default=-math.inf, init=False)

    @property
    def is_over(self) -> bool:
        """Whether the list was read far enough for it."""
        return self._is_over

    def begin(self) -> None:
        """Record that a reading starts at the newest row."""
        self._found, self._is_over, self._latest = [], False, -math.inf

    def add(self, dated: DatedPage, items: Iterable[TranscriptListItem], latest_sent_at: float) -> None:
        """Add the rows of a page that show the URL, and when the newest own job of the page was submitted."""
        if self._is_over:
            return
        page, began = dated.page, self.began(dated.now)
        self._latest = max(self._latest, latest_sent_at)
        self._found += [ListRow(item, began, dated.now) for item in items]
        is_found = bool(self._found) and self.is_unique()
        self._is_over = is_found or page.page_details.older_than is None or self._is_older(page, began)

    def _is_older(self, page: TranscriptPage, began: dt.datetime | None) -> bool:
        """Return whether the pages after this one are too old for the submit."""
        oldest = in_utc(page.transcripts[-1].created) if page.transcripts else None
        return oldest is not None and began is not None and oldest < began - _MARGIN

    def end(self, began_at: float, error: AAIError | None) -> None:
        """Record that the reading has ended."""
        if not self._is_over:
            error = error or ProtocolError(
                "The list of transcripts was not read to where the job would have to be.", operation="look up"
            )
        # A failed reading that has found enough for this search counts for it.
        self.read_at, self._rows, self.error = began_at, self._found, None if self._is_over else error
        self.latest_sent_at = self._latest

    def rows(self) -> Sequence[ListRow]:
        """
        Return the rows that show the URL, newest first.

        Raises:
            ProtocolError: The list does not end, or not within the maximum number of pages.
            AAIError: The list could not be read.
        """
        if self.error is not None:
            # A copy for each search, because each caller adds its own context to the error.
            error = copy.copy(self.error)
            error.__cause__ = self.error.__cause__
            try:
                raise error
            finally:
                # Its traceback refers to this frame, which must not refer to it: that would be a cycle.
                del error
        return self._rows


class UncertainSubmit(msgspec.Struct, frozen=True):
    """The search for the job of a submit of an earlier process, one of many on a common schedule."""

    search: JobSearch
    since: float
    """When the list was first read for any of them, by the clock of the event loop."""
    waiting: Callable[[], Iterable[JobSearch]]
    """Returns the searches for the submits whose turn has not come yet."""
    arrives_until: float
    """Until when its job may come into the list, by the same clock; no earlier reading proves its absence."""


class ListScanner:
    """The readings of the list for all searches of a client."""

    def __init__(self, sender: Sender, sent_at: Callable[[str], float]) -> None:
        self._sender = sender
        self._sent_at = sent_at
        """Returns when this client submitted the job with an id; minus infinity for other jobs."""
        self._waiting: list[JobSearch] = []
        self._turn = anyio.Lock()

    async def read(
        self, search: JobSearch, *, not_before: float, most_pages: int, also: Iterable[JobSearch] = ()
    ) -> None:
        """
        Read the list for a search, and at the same time for all others that wait for a reading.

        Args:
            search: The search; its `rows` raises the error of a failed reading.
            not_before: A successful reading that began at this time or later is recent enough.
            most_pages: Maximum number of pages of 200 jobs to read.
            also: Searches that will start later. The first reading goes as far as they need; later readings
                serve them only as far as the others need.
        """
        self._waiting.append(search)
        try:
            # The first caller reads for all that wait; each of them then finds its search up to date.
            async with self._turn:
                if search.read_at < not_before or search.error is not None:
                    await self._read(self._waiting, most_pages, also=also)
        finally:
            self._waiting.remove(search)

    async def read_at_once(self, search: JobSearch, *, most_pages: int) -> None:
        """Read the list for one search only, without waiting for other searches or requests."""
        await self._read([search], most_pages, is_urgent=True)

    async def _read(
        self,
        searches: Iterable[JobSearch],
        most_pages: int,
        *,
        also: Iterable[JobSearch] = (),
        is_urgent: bool = False,
    ) -> None:
        began_at = anyio.current_time()
        optional = [one for one in also if one.read_at > -math.inf]
        required = {*searches, *also} - {*optional}
        for search in (*required, *optional):
            search.begin()
        error: AAIError | None = None
        try:
            await self._read_pages(required, optional, most_pages, is_urgent=is_urgent)
        except AAIError as failure:
            error = failure
        # An optional search that was not read far enough keeps the result of its earlier reading.
        for search in (*required, *(one for one in optional if one.is_over)):
            search.end(began_at, error)

    async def _read_pages(
        self, required: set[JobSearch], optional: Sequence[JobSearch], most_pages: int, *, is_urgent: bool
    ) -> None:
        """Read page after page until all required searches are over."""
        before_id: str | None = None
        seen = set[str | None]()
        for _ in range(most_pages):
            seen.add(before_id)
            dated = await self._sender.send(endpoints.recent_page(before_id), is_urgent=is_urgent)
            items = defaultdict[object, list[TranscriptListItem]](list)
            for item in dated.page.transcripts:
                if item.id and item.audio_url:
                    items[address_key(item.audio_url)].append(item)
            latest = max((self._sent_at(item.id) for item in dated.page.transcripts), default=-math.inf)
            for search in (*required, *optional):
                search.add(dated, items.get(address_key(search.audio_url), ()), latest)
            before_id = dated.page.page_details.older_than
            if before_id in seen or all(search.is_over for search in required):
                break


def in_utc(time: dt.datetime | None) -> dt.datetime | None:
    """Return a time of the service, which has no time zone, as a time in UTC."""
    return time and (time if time.tzinfo else time.replace(tzinfo=dt.UTC))
