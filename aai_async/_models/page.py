"""One page of the list of transcripts."""

from datetime import datetime
from urllib.parse import parse_qs, urlsplit

import attrs

from aai_async._models.response import Part, ResponseModel


class TranscriptListItem(Part, frozen=True, kw_only=True):
    """
    A transcript in the list, without its text.

    Source: https://www.assemblyai.com/docs/api-reference/transcripts/list
    """

    id: str = ""
    """The id of the transcript, for `Client.get`."""

    status: str | None = None
    """`"queued"`, `"processing"`, `"completed"` or `"error"`."""

    audio_url: str | None = None
    """The URL of the audio; `"http://deleted_by_user"` after it was deleted."""

    created: datetime | None = None
    """When the job was created. The service sends no time zone; presumably UTC."""

    completed: datetime | None = None
    """When the job was completed, presumably in UTC. `None` also for a job that failed."""

    error: str | None = None
    """The error text of a failed job."""

    resource_url: str | None = None
    """The API URL of the transcript."""

    _hidden = frozenset({"audio_url", "resource_url"})


class PageDetails(Part, frozen=True, kw_only=True):
    """The position of a page in the list."""

    limit: int | None = None
    """Maximum number of transcripts on a page."""

    result_count: int | None = None
    """Number of transcripts on the page."""

    current_url: str | None = None
    """The URL of this page."""

    prev_url: str | None = None
    """The URL of the page of *older* transcripts."""

    next_url: str | None = None
    """The URL of the page of *newer* transcripts."""

    _hidden = frozenset({"current_url", "prev_url", "next_url"})

    @property
    def older_than(self) -> str | None:
        """The id before which the next older page begins; `None` on the last page."""
        # Only the id is taken from the URL, so that the API key is never sent to another host.
        return next(iter(parse_qs(urlsplit(self.prev_url or "").query).get("before_id", ())), None)


@attrs.frozen(kw_only=True, repr=False, eq=False)
class TranscriptPage(ResponseModel):
    """One page of transcripts, newest first."""

    page_details: PageDetails = attrs.field(factory=PageDetails)
    """The position of the page in the list."""

    transcripts: tuple[TranscriptListItem, ...] = ()
    """The transcripts, without their texts."""

    _required = ("page_details",)
    _what = "a page of transcripts"
