"""One page of the list of transcripts."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import parse_qs, urlsplit

import attrs

from aai_async._answers.answer import Answer, Part


@attrs.frozen(kw_only=True, repr=False)
class TranscriptListItem(Part):
    """
    A transcript in the list, without its text.

    Source: https://www.assemblyai.com/docs/api-reference/transcripts/list
    """

    id: str = ""
    """What `Client.get` takes."""

    status: str | None = None
    """`"queued"`, `"processing"`, `"completed"` or `"error"`."""

    audio_url: str | None = attrs.field(default=None, repr=False)
    """What was transcribed; `"http://deleted_by_user"` once it was deleted."""

    created: datetime | None = None
    """The service names no time zone; presumably UTC."""

    completed: datetime | None = None
    """The service names no time zone; presumably UTC. `None` also for a job that failed."""

    error: str | None = None
    """Why the job failed, when it did."""

    resource_url: str | None = attrs.field(default=None, repr=False)
    """Where the transcript is."""


@attrs.frozen(kw_only=True, repr=False)
class PageDetails(Part):
    """Where a page stands in the list."""

    limit: int | None = None
    """How many transcripts a page has at the most."""

    result_count: int | None = None
    """How many transcripts are on the page."""

    current_url: str | None = attrs.field(default=None, repr=False)
    """This page."""

    prev_url: str | None = attrs.field(default=None, repr=False)
    """The page of *older* transcripts."""

    next_url: str | None = attrs.field(default=None, repr=False)
    """The page of *newer* transcripts."""

    @property
    def older_than(self) -> str | None:
        """The id before which the next older page begins; `None` on the last one."""
        # The id alone is taken from the address, never the address: the key goes to no other host.
        return next(iter(parse_qs(urlsplit(self.prev_url or "").query).get("before_id", ())), None)


@attrs.frozen(kw_only=True, repr=False)
class TranscriptPage(Answer):
    """Some transcripts, newest first."""

    page_details: PageDetails = attrs.field(factory=PageDetails)
    """Where it stands in the list."""

    transcripts: tuple[TranscriptListItem, ...] = ()
    """The transcripts, without their texts."""

    _required = ("page_details",)
    _what = "a page of transcripts"
