"""A group of exceptions from a transport is one typed error, and whatever it interrupted is looked up."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio
import httpx
import pytest
from fault_server import FaultServer
from lanes import KEY
from secrecy import whole_traceback

import aai_async as aai
from aai_async._transport.error_mapping import failure_of, in_groups
from aai_async._transport.pool import ClientLease

pytestmark = pytest.mark.usefixtures("quick_looks")


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


GROUPS: dict[str, Callable[[Exception], Exception]] = {
    "alone": lambda error: ExceptionGroup("of a task group", [error]),
    "nested": lambda error: ExceptionGroup("outer", [ExceptionGroup("inner", [error])]),
    "several": lambda error: ExceptionGroup("both", [httpx.ConnectError("no route"), error]),
}


class Grouping(httpx.AsyncBaseTransport):
    """Sends requests as usual, but raises groups for those that match, where it is told to."""

    def __init__(self, pattern: str, place: str, group: Exception) -> None:
        self._inner = httpx.AsyncHTTPTransport()
        self._method, _, self._path = pattern.partition(" ")
        self._place = place
        self._group = group
        self.is_spent = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        is_meant = (request.method, request.url.path) == (self._method, self._path) and not self.is_spent
        if not is_meant:
            return await self._inner.handle_async_request(request)
        self.is_spent = True
        if self._place == "connecting":
            raise self._group
        response = await self._inner.handle_async_request(request)
        if self._place == "body":
            return httpx.Response(response.status_code, stream=_Breaking(response, self._group))
        await response.aread()
        raise self._group

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Breaking(httpx.AsyncByteStream):
    """The body of a reply, with a group in place of its end."""

    def __init__(self, response: httpx.Response, group: Exception) -> None:
        self._response = response
        self._group = group

    async def __aiter__(self) -> AsyncIterator[bytes]:
        await self._response.aread()
        yield self._response.content[:5]
        raise self._group


def connect(server: FaultServer, transport: Grouping, **settings: Any) -> aai.Client:
    quick: dict[str, Any] = {
        "retry": aai.Retry(initial_delay=0.01),
        "polling": aai.Polling(initial_delay=0.01, max_delay=0.05),
    }
    return aai.Client(
        KEY,
        base_url=server.url,
        http_client=lambda: httpx.AsyncClient(transport=transport),
        **(quick | settings),
    )


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("place", ["head", "body"])
async def test_a_submit_that_ends_in_a_group_of_exceptions_makes_one_job(
    server: FaultServer, place: str, group: str
) -> None:
    """The service had carried it out, so the job is looked for and found."""
    transport = Grouping("POST /v2/transcript", place, GROUPS[group](httpx.ReadError("reset")))
    async with connect(server, transport) as client:
        job = await client.submit(b"a recording")
    assert transport.is_spent
    assert [made.id for made in server.service.jobs] == [job.id]
    assert server.count("POST /v2/transcript") == 1


@pytest.mark.parametrize("group", GROUPS)
async def test_a_group_of_exceptions_is_one_typed_error_without_the_frames_of_the_transport(
    server: FaultServer, group: str
) -> None:
    """Those frames hold the request, and with it the key."""
    transport = Grouping("POST /v2/transcript", "head", GROUPS[group](httpx.ReadError("reset")))
    async with connect(server, transport, on_ambiguous="raise") as client:
        with pytest.raises(aai.AmbiguousSubmitError) as caught:
            await client.submit(b"a recording")
    cause = caught.value.__cause__
    assert isinstance(cause, aai.TransportError)
    assert (cause.verdict, "ReadError: reset" in str(cause)) == (aai.RequestState.AMBIGUOUS, True)
    assert KEY not in whole_traceback(caught.value, __file__)
    one: BaseException | None = caught.value
    while one is not None:
        assert isinstance(one, aai.AAIError)
        one = one.__cause__ or one.__context__


async def test_a_group_of_exceptions_before_anything_was_sent_is_no_connection(server: FaultServer) -> None:
    """Nothing has to be looked for then: the request is sent again."""
    group = ExceptionGroup("both families", [httpx.ConnectError("refused"), httpx.ConnectTimeout("late")])
    transport = Grouping("POST /v2/transcript", "connecting", group)
    async with connect(server, transport, retry=aai.Retry(attempts=1)) as client:
        with pytest.raises(aai.ConnectError) as caught:
            await client.submit(b"a recording")
        await client.submit(b"a recording")
    assert caught.value.verdict is aai.RequestState.NOT_SENT
    assert server.count("GET /v2/transcript") == 0
    assert len(server.service.jobs) == 1


async def test_a_look_that_ends_in_a_group_of_exceptions_does_not_end_a_wait(server: FaultServer) -> None:
    """It is a look that failed."""
    async with connect(server, Grouping("", "head", GROUPS["alone"](httpx.ReadError("")))) as client:
        job = await client.submit(b"a recording")
    transport = Grouping(f"GET /v2/transcript/{job.id}", "body", GROUPS["nested"](httpx.ReadTimeout("")))
    async with connect(server, transport) as client:
        assert (await client.wait(job.id)).status == "completed"
    assert transport.is_spent


async def test_the_end_of_the_program_comes_out_of_a_group_as_it_is() -> None:
    """Whatever else has gone wrong at the same moment."""
    async with httpx.AsyncClient() as http:
        inner = BaseExceptionGroup("inner", [SystemExit(3), httpx.ReadError("reset")])
        raised = in_groups(BaseExceptionGroup("outer", [httpx.ReadError("reset"), inner]))
        with pytest.raises(SystemExit):
            await failure_of(raised, None, ClientLease(http))


async def test_a_call_that_is_cancelled_ends_as_cancelled_though_a_group_has_errors_in_it() -> None:
    """Which come of the cancellation, or do not matter any more."""
    async with httpx.AsyncClient() as http:
        with anyio.CancelScope() as scope:
            scope.cancel()
            try:
                await anyio.sleep(1)
            except anyio.get_cancelled_exc_class() as error:
                cancelled = error
            await failure_of([httpx.ReadError("reset"), cancelled], None, ClientLease(http))
        assert scope.cancelled_caught
