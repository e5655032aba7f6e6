"""`Client.with_options` returns a client with other settings that shares the connections of the first."""

from __future__ import annotations

from collections.abc import Callable

import anyio
import httpx
import pytest
import respx

import aai_async as aai

KEY = "0123456789abcdef0123456789abcdef"
URL = "http://127.0.0.1:9/v2"
JOB = "9ea68fd3-f953-42c1-9742-976c447fb463"
ONCE = aai.Retry(attempts=1)
AT_ONCE = aai.Polling(initial_delay=0, pace=0, give_up_after=0)


@pytest.fixture
def fetches(respx_mock: respx.MockRouter) -> respx.Route:
    return respx_mock.get(f"{URL}/transcript/{JOB}")


async def test_other_settings_are_those_of_the_new_client_only(
    client: aai.Client, fetches: respx.Route
) -> None:
    """The client that it was made from retries as before."""
    fetches.respond(500)
    with pytest.raises(aai.ServerError):
        await client.with_options(retry=ONCE).get(JOB)
    assert fetches.call_count == 1
    with pytest.raises(aai.ServerError):
        await client.get(JOB)
    assert fetches.call_count == 1 + aai.Retry().attempts


async def test_a_setting_that_is_not_given_stays(client: aai.Client, fetches: respx.Route) -> None:
    """Also if the new client is derived once more."""
    fetches.respond(500)
    derived = client.with_options(retry=ONCE).with_options(polling=AT_ONCE)
    with pytest.raises(aai.ServerError):
        await derived.get(JOB)
    assert fetches.call_count == 1


async def test_a_wait_with_its_own_polling_ends_by_that(client: aai.Client, fetches: respx.Route) -> None:
    """The time limit of the first client is hours."""
    fetches.respond(json={"id": JOB, "status": "queued"})
    with pytest.raises(aai.DeadlineError, match="give_up_after"):
        await client.with_options(polling=AT_ONCE).wait(JOB)


async def test_an_attempt_with_its_own_time_limit_ends_by_that(respx_mock: respx.MockRouter) -> None:
    """A response that never comes ends the call of the new client."""

    async def never(_: httpx.Request) -> httpx.Response:
        await anyio.sleep_forever()
        raise AssertionError

    respx_mock.get(f"{URL}/transcript/{JOB}").mock(side_effect=never)
    async with aai.Client(KEY, base_url=URL[:-3], retry=ONCE) as client:
        with pytest.raises(aai.AttemptTimeoutError, match="reply"):
            await client.with_options(timeouts=aai.Timeouts(reply=0.01)).get(JOB)


async def test_the_connections_are_shared(fetches: respx.Route) -> None:
    """A client for each call opens no connection of its own."""
    made: list[httpx.AsyncClient] = []

    def make() -> httpx.AsyncClient:
        made.append(httpx.AsyncClient())
        return made[-1]

    fetches.respond(json={"id": JOB, "status": "queued"})
    async with aai.Client(KEY, base_url=URL[:-3], http_client=make) as client:
        await client.with_options(retry=ONCE).get(JOB)
        await client.with_options(polling=AT_ONCE).get(JOB)
    assert len(made) == 1


async def test_the_retry_budget_is_shared(fetches: respx.Route) -> None:
    """A client for each call does not retry without end."""
    fetches.respond(500)
    twice = aai.Retry(initial_delay=1e-9, attempts=2)
    async with aai.Client(KEY, base_url=URL[:-3], retry=aai.Retry(budget=5)) as client:
        with pytest.raises(aai.ServerError):
            await client.with_options(retry=twice).get(JOB)
        with pytest.raises(aai.RetryBudgetError):
            await client.with_options(retry=twice).get(JOB)


async def test_closing_the_new_client_leaves_the_connections_open(
    client: aai.Client, fetches: respx.Route
) -> None:
    """The client that it was made from has opened them, and closes them."""
    fetches.respond(json={"id": JOB, "status": "queued"})
    async with client.with_options(retry=ONCE) as derived:
        assert (await derived.get(JOB)).status == "queued"
    assert (await derived.get(JOB)).status == "queued"
    assert (await client.get(JOB)).status == "queued"


async def test_a_new_client_is_open_as_long_as_the_one_it_was_made_from(fetches: respx.Route) -> None:
    """Whenever it was made."""
    fetches.respond(json={"id": JOB, "status": "queued"})
    client = aai.Client(KEY, base_url=URL[:-3])
    derived = client.with_options(retry=ONCE)
    with pytest.raises(aai.ConfigError, match="not open"):
        await derived.open()
    async with client:
        await derived.get(JOB)
    with pytest.raises(aai.ConfigError, match="not open"):
        await derived.get(JOB)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_new_client_can_be_used_in_the_next_event_loop(backend: str) -> None:
    """Locks and times of the first loop are not used in the second one."""
    completed = httpx.Response(200, json={"id": JOB, "status": "completed", "audio_url": "https://a.b/c"})
    transport = httpx.MockTransport(lambda _: completed)
    client = aai.Client(KEY, http_client=lambda: httpx.AsyncClient(transport=transport))
    derived = client.with_options(polling=aai.Polling(initial_delay=0, pace=0))

    async def use() -> str:
        async with client:
            return (await derived.wait(JOB)).status

    assert [anyio.run(use, backend=backend) for _ in range(2)] == ["completed", "completed"]


async def test_a_batch_runs_on_a_derived_client(client: aai.Client, respx_mock: respx.MockRouter) -> None:
    """Its items use the settings of that client."""
    submits = respx_mock.post(f"{URL}/transcript").respond(500, json={"error": "Internal error"})
    sources = ["https://example.com/call.mp3"]
    derived = client.with_options(retry=ONCE).with_options(polling=aai.Polling(unreachable_after=0))
    respx_mock.get(url__startswith=f"{URL}/transcript?").respond(500)
    async with aai.transcribe_all(derived, sources) as batch:
        (outcome,) = await batch.collect()
    assert isinstance(outcome.error, aai.AAIError)
    assert submits.call_count == 1


@pytest.mark.parametrize(
    ("derive", "message"),
    [
        (lambda client: client.with_options(retry=3), r"retry must be aai.Retry\(...\), not int"),
        (lambda client: client.with_options(polling={}), r"polling must be aai.Polling\(...\), not dict"),
        (
            lambda client: client.with_options(timeouts=9.5),
            r"timeouts must be aai.Timeouts\(...\), not float",
        ),
    ],
)
def test_a_setting_of_another_type_is_refused(derive: Callable[[aai.Client], object], message: str) -> None:
    """Before any call."""
    with pytest.raises(aai.ConfigError, match=message):
        derive(aai.Client(KEY))
