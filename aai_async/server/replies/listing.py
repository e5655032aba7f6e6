"""
The listing of transcripts: its query, its pages and the addresses of their neighbours.

Pure: query parameters in, a `Query` out; a `Page` in, the body out. API reference, "List transcripts".
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlencode

from aai_async.server.api_errors import RefusalError
from aai_async.server.jobs import Job, Status
from aai_async.server.replies.transcript import Document
from aai_async.server.store import Page, Query

LARGEST_PAGE: Final = 200


def read_query(parameters: Mapping[str, str]) -> Query:
    """
    Check the query parameters; unknown ones are ignored.

    Raises:
        RefusalError: Status 400 with the reason.
    """
    return Query(
        limit=whole_number(parameters, "limit", 10, most=LARGEST_PAGE),
        status=_status(parameters.get("status")),
        created_on=_day(parameters.get("created_on")),
        before_id=parameters.get("before_id"),
        after_id=parameters.get("after_id"),
        throttled_only=_boolean(parameters.get("throttled_only", "false")),
    )


def whole_number(parameters: Mapping[str, str], name: str, default: int, *, most: int) -> int:
    """
    Return the query parameter `name`, between 1 and `most`.

    Raises:
        RefusalError: Status 400 with the reason.
    """
    text = parameters.get(name, str(default))
    # Not int() alone: it takes " 1_0 " and digits of any script.
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(most)) and 1 <= int(text) <= most):
        raise RefusalError(400, f"{name} must be an Integer between 1 and {most}")
    return int(text)


def listing(page: Page, query: Query, url: str) -> Document:
    """
    The body of `GET /v2/transcript`.

    Args:
        page: The page of jobs.
        query: The requested filter.
        url: The URL of the listing, without a query.
    """
    newest, oldest = (page.jobs[0].id, page.jobs[-1].id) if page.jobs else (None, None)
    details = {
        "limit": query.limit,
        "result_count": len(page.jobs),
        "current_url": _address(url, query, before_id=query.before_id, after_id=query.after_id),
        # The previous page is the older one.
        "prev_url": _address(url, query, before_id=oldest) if page.has_older else None,
        "next_url": _address(url, query, after_id=newest) if page.has_newer else None,
    }
    return {"page_details": details, "transcripts": [_item(job, url) for job in page.jobs]}


def _item(job: Job, url: str) -> Document:
    return {
        "id": job.id,
        "resource_url": f"{url}/{job.id}",
        "status": job.status,
        "created": _time(job.created),
        "completed": job.completed and _time(job.completed),
        "audio_url": job.parameters.audio_url,
        "error": job.error,
    }


def _address(url: str, query: Query, *, before_id: str | None = None, after_id: str | None = None) -> str:
    parameters = {
        "limit": query.limit,
        "status": query.status,
        "created_on": query.created_on and query.created_on.date(),
        "throttled_only": "true" if query.throttled_only else None,
        "before_id": before_id,
        "after_id": after_id,
    }
    return f"{url}?{urlencode({name: value for name, value in parameters.items() if value is not None})}"


def _time(moment: datetime) -> str:
    # Microseconds and no zone: the pattern of the API reference forbids one.
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds")


def _status(text: str | None) -> Status | None:
    try:
        return None if text is None else Status(text)
    except ValueError:
        raise RefusalError(400, f"status must be one of: {', '.join(Status)}") from None


def _day(text: str | None) -> datetime | None:
    try:
        return None if text is None else datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise RefusalError(400, "created_on must be a date in the format YYYY-MM-DD") from None


def _boolean(text: str) -> bool:
    if text not in ("true", "false"):
        raise RefusalError(400, "throttled_only must be a Boolean")
    return text == "true"
