"""The list of transcripts as an async iterable, which fetches pages on demand."""

from __future__ import annotations

import datetime as dt
import math
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Self, TypeAlias, cast

import attrs

from aai_async._api import endpoints
from aai_async._api.endpoints import Call
from aai_async._errors import OptionsError, ProtocolError
from aai_async._models.page import TranscriptListItem, TranscriptPage
from aai_async._options.deprecation import warn_once

Perform: TypeAlias = Callable[[Call[TranscriptPage]], Awaitable[TranscriptPage]]
"""A function that sends the request for a page."""

_LARGEST_PAGE = 200


def _as_day(day: object) -> str | None:
    if day is None:
        return None
    try:
        # A datetime is also a date in Python.
        text = day.strftime("%Y-%m-%d") if isinstance(day, dt.date) else day
        return dt.date.fromisoformat(cast("str", text)).isoformat()
    except (ValueError, TypeError):
        raise OptionsError(f"created_on must be a date, such as '2026-11-24', not {day!r}.") from None


@attrs.frozen(kw_only=True)
class ListQuery:
    """
    The filter of a listing.

    Raises:
        OptionsError: The service would refuse a value.
    """

    status: str | None = None
    created_on: str | None = attrs.field(default=None, converter=_as_day)
    before_id: str | None = None
    after_id: str | None = None
    throttled_only: bool = False
    limit: int | None = None

    def __attrs_post_init__(self) -> None:
        endpoints.checked_count("limit", self.limit)
        if self.throttled_only and self.after_id is not None:
            raise OptionsError(
                "throttled_only and after_id cannot be combined: the list does not show throttled jobs."
            )
        if self.throttled_only:
            warn_once("throttled_only", "list the queued jobs with status='queued'")
        for transcript_id in (self.before_id, self.after_id):
            if transcript_id is not None:
                endpoints.checked_id(transcript_id)

    def page(self, before_id: str | None) -> Call[TranscriptPage]:
        """Return the call for the page that is older than a transcript."""
        if self.after_id is not None:
            # The transcript to stop at must not be filtered out.
            return endpoints.page(limit=_LARGEST_PAGE, before_id=before_id)
        return endpoints.page(
            limit=min(self.limit or _LARGEST_PAGE, _LARGEST_PAGE),
            status=self.status,
            created_on=self.created_on,
            before_id=before_id,
            throttled_only=self.throttled_only,
        )

    def wants(self, item: TranscriptListItem) -> bool:
        """Whether an item of a page matches, if the service was not asked to filter."""
        if self.after_id is None:
            return True
        is_of_day = self.created_on is None or str(item.created).startswith(self.created_on)
        return is_of_day and (self.status is None or item.status == self.status)


class TranscriptPager:
    """
    The transcripts of an account, newest first, for `async for`.

    It fetches one page at a time, only as far as you iterate. Each loop starts again at the newest one. To
    continue later, pass the last id as `before_id`.
    """

    def __init__(self, perform: Perform, query: ListQuery) -> None:
        self._perform = perform
        self._query = query

    def __aiter__(self) -> AsyncIterator[TranscriptListItem]:
        """
        Iterate over the transcripts.

        Raises:
            AAIError: A page could not be fetched.
        """
        return _Items(self.pages(), self._query)

    def pages(self) -> AsyncIterator[TranscriptPage]:
        """
        Iterate over the pages of the service, without the limits `after_id` and `limit`.

        Raises:
            ProtocolError: A page leads back to itself.
            AAIError: A page could not be fetched.
        """
        return _Pages(self._perform, self._query)


# Iterators instead of generators, because a generator must be closed when a loop ends early.
class _Pages:
    def __init__(self, perform: Perform, query: ListQuery) -> None:
        self._perform = perform
        self._query = query
        self._before_id = query.before_id
        self._seen = {query.before_id}
        self._is_over = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> TranscriptPage:
        if self._is_over:
            raise StopAsyncIteration
        page = await self._perform(self._query.page(self._before_id))
        older_than = page.page_details.older_than
        self._is_over = older_than is None or not page.transcripts
        if not self._is_over and older_than in self._seen:
            raise ProtocolError("The list does not end: a page links to an earlier one.")
        self._seen.add(older_than)
        self._before_id = older_than
        return page


class _Items:
    def __init__(self, pages: AsyncIterator[TranscriptPage], query: ListQuery) -> None:
        self._pages = pages
        self._query = query
        self._unread = deque[TranscriptListItem]()
        self._left = math.inf if query.limit is None else query.limit

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> TranscriptListItem:
        while self._left > 0:
            while not self._unread:
                page = await anext(self._pages)
                self._unread.extend(item for item in page.transcripts if item.id)
            item = self._unread.popleft()
            if item.id == self._query.after_id:
                self._left = 0
            elif self._query.wants(item):
                self._left -= 1
                return item
        raise StopAsyncIteration
