"""`Client(http_client=...)` with a function that returns a transport, of either library."""

from __future__ import annotations

import logging
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import httpx2
import pytest

import aai_async as aai

KEY = "0123456789abcdef0123456789abcdef"
URL = "http://127.0.0.1:9"
JOB = "9ea68fd3-f953-42c1-9742-976c447fb463"

pytestmark = pytest.mark.parametrize("library", [httpx, httpx2], ids=lambda library: library.__name__)


def transport_of(library: Any) -> Any:
    """A transport that keeps its requests, and waits for ever at those for a job that is called `slow`."""

    class Transport(library.AsyncBaseTransport):  # type: ignore[misc]
        def __init__(self) -> None:
            self.requests: list[Any] = []
            self.is_closed = False

        async def handle_async_request(self, request: Any) -> Any:
            self.requests.append(request)
            if request.url.path.endswith("slow"):
                await anyio.sleep_forever()
            return library.Response(200, headers={"set-cookie": "a=b"}, json={"id": JOB, "status": "queued"})

        async def aclose(self) -> None:
            self.is_closed = True

    return Transport()


async def test_requests_go_to_a_transport_as_they_are(library: Any, caplog: pytest.LogCaptureFixture) -> None:
    """With the key, and without the cookies and the log lines of a client."""
    transport = transport_of(library)
    with caplog.at_level(logging.INFO):
        async with aai.Client(KEY, base_url=URL, http_client=lambda: transport) as client:
            for _ in range(2):
                assert (await client.get(JOB)).status == "queued"
    first, second = transport.requests
    assert str(first.url) == str(second.url) == f"{URL}/v2/transcript/{JOB}"
    assert first.headers == second.headers
    assert first.headers["authorization"] == KEY
    assert caplog.records == []
    assert transport.is_closed


async def test_another_transport_follows_one_that_a_cancelled_request_may_have_spoilt(library: Any) -> None:
    """Like a client, it is closed when nothing uses it any more."""
    made: list[Any] = []

    def make() -> Any:
        made.append(transport_of(library))
        return made[-1]

    async with aai.Client(KEY, base_url=URL, http_client=make) as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.get, "slow")
            while not made[0].requests:
                await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()
        assert (await client.get(JOB)).status == "queued"
        assert [one.is_closed for one in made] == [True, False]
    assert [len(one.requests) for one in made] == [1, 1]
    assert made[1].is_closed
