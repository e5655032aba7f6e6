"""The listing's query and addresses."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from aai_async.server.api_errors import RefusalError
from aai_async.server.jobs import Job, Status
from aai_async.server.parameters import Parameters
from aai_async.server.replies.listing import listing, read_query
from aai_async.server.store import Page, Query

URL = "http://127.0.0.1:1/v2/transcript"


def test_the_query_is_read() -> None:
    """Everything that the documentation names."""
    assert read_query({}) == Query()
    assert read_query(
        {
            "limit": "200",
            "status": "completed",
            "created_on": "2026-10-02",
            "before_id": "b",
            "after_id": "a",
            "throttled_only": "true",
        }
    ) == Query(
        limit=200,
        status=Status.COMPLETED,
        created_on=datetime(2026, 10, 2, tzinfo=UTC),
        before_id="b",
        after_id="a",
        throttled_only=True,
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("limit", "0"),
        ("limit", "201"),
        ("limit", "-1"),
        ("limit", "ten"),
        ("limit", "٣"),
        ("limit", "9" * 5000),
        ("status", "done"),
        ("status", ""),
        ("created_on", "yesterday"),
        ("created_on", "2026-02-30"),
        ("throttled_only", "yes"),
    ],
)
def test_bad_values_are_refused_by_name(name: str, value: str) -> None:
    """Out of range or malformed: 400."""
    with pytest.raises(RefusalError, match=name) as caught:
        read_query({name: value})
    assert caught.value.status == 400


def test_addresses_are_absolute_and_keep_the_filter() -> None:
    """`prev_url` leads to older transcripts, `next_url` to newer ones."""
    now = datetime(2026, 10, 2, 8, 15, 30, tzinfo=UTC)
    parameters = Parameters(audio_url="http://x")
    jobs = tuple(Job.submitted(parameters, upload_id=None, now=now) for _ in range(2))
    query = Query(limit=2, status=Status.QUEUED, created_on=datetime(2026, 10, 2, tzinfo=UTC), before_id="b")
    body: dict[str, Any] = listing(Page(jobs, has_older=True, has_newer=True), query, URL)
    shared = f"{URL}?limit=2&status=queued&created_on=2026-10-02"
    assert body["page_details"] == {
        "limit": 2,
        "result_count": 2,
        "current_url": f"{shared}&before_id=b",
        "prev_url": f"{shared}&before_id={jobs[1].id}",
        "next_url": f"{shared}&after_id={jobs[0].id}",
    }
    assert body["transcripts"][0] == {
        "id": jobs[0].id,
        "resource_url": f"{URL}/{jobs[0].id}",
        "status": "queued",
        "created": "2026-10-02T08:15:30.000000",
        "completed": None,
        "audio_url": "http://x",
        "error": None,
    }


def test_an_empty_listing_has_no_neighbours() -> None:
    """Nulls, where there is nothing to go to."""
    body: dict[str, Any] = listing(Page((), has_older=False, has_newer=False), Query(), URL)
    assert body["transcripts"] == []
    assert (body["page_details"]["prev_url"], body["page_details"]["next_url"]) == (None, None)
