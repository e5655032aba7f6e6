"""The list of transcripts is walked from the newest to the oldest, a page at a time, as far as it is read."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from typing import Any

import attrs
import httpx
import pytest
import respx

import aai_async as aai
from aai_async._options.deprecation import warn_once

URL = "http://127.0.0.1:9/v2/transcript"
DAY = dt.datetime(2026, 11, 24, tzinfo=dt.UTC)


@attrs.frozen
class Account:
    """A list of transcripts as the service has it: filters, bounded pages, an address of the older ones."""

    ids: list[str]
    requests: list[dict[str, str]] = attrs.field(factory=list[dict[str, str]])

    def answer(self, request: httpx.Request) -> httpx.Response:
        asked = dict(request.url.params)
        self.requests.append(asked)
        items = [self.item(number) for number in range(len(self.ids))]
        if "before_id" in asked:
            items = items[self.ids.index(asked["before_id"]) + 1 :]
        if "status" in asked:
            items = [item for item in items if item["status"] == asked["status"]]
        page = items[: int(asked["limit"])]
        more = (
            f"https://elsewhere.example.com/?limit=3&before_id={page[-1]['id']}"
            if items[len(page) :]
            else None
        )
        details = {"limit": int(asked["limit"]), "result_count": len(page), "prev_url": more}
        return httpx.Response(200, json={"page_details": details, "transcripts": page})

    def item(self, number: int) -> dict[str, Any]:
        created = (DAY - dt.timedelta(hours=number)).replace(tzinfo=None).isoformat()
        status = "error" if number % 3 == 0 else "completed"
        return {"id": self.ids[number], "status": status, "created": created, "audio_url": "https://a"}


@pytest.fixture
def account(respx_mock: respx.MockRouter) -> Account:
    account = Account([f"t{number}" for number in range(450)])
    respx_mock.get(URL).mock(side_effect=account.answer)
    respx_mock._assert_all_called = False
    return account


async def ids(items: AsyncIterator[aai.TranscriptListItem] | aai.TranscriptPager) -> list[str]:
    return [item.id async for item in items]


async def test_all_transcripts_are_listed_newest_first(client: aai.Client, account: Account) -> None:
    """In as few requests as the service allows, and never at an address that it names."""
    assert await ids(client.list()) == account.ids
    assert account.requests == [
        {"limit": "200"},
        {"limit": "200", "before_id": "t199"},
        {"limit": "200", "before_id": "t399"},
    ]


async def test_nothing_is_asked_for_that_is_not_read(client: aai.Client, account: Account) -> None:
    """A loop that ends early ends the requests."""
    async for item in client.list():
        if item.id == "t3":
            break
    assert len(account.requests) == 1


async def test_a_listing_can_be_read_again(client: aai.Client, account: Account) -> None:
    """Each loop begins with the newest."""
    listing = client.list(limit=2)
    assert await ids(listing) == await ids(listing) == ["t0", "t1"]
    begun = aiter(listing)
    assert (await anext(begun)).id == "t0"
    assert await ids(begun) == ["t1"]


@pytest.mark.parametrize(("limit", "requests"), [(1, 1), (200, 1), (201, 2), (1000, 3)])
async def test_a_listing_can_be_bounded(
    client: aai.Client, account: Account, limit: int, requests: int
) -> None:
    """And then asks for no more than it gives."""
    assert await ids(client.list(limit=limit)) == account.ids[:limit]
    assert len(account.requests) == requests
    assert account.requests[0]["limit"] == str(min(limit, 200))


async def test_a_listing_goes_on_where_another_one_stopped(client: aai.Client, account: Account) -> None:
    """The last id that was read is all that has to be kept."""
    first = await ids(client.list(limit=3))
    assert await ids(client.list(before_id=first[-1], limit=3)) == ["t3", "t4", "t5"]


async def test_a_listing_stops_at_what_was_known_already(client: aai.Client, account: Account) -> None:
    """Also if the filter hides the one that it stops at."""
    assert await ids(client.list(after_id="t4")) == ["t0", "t1", "t2", "t3"]
    assert await ids(client.list(after_id="t4", status="error")) == ["t0", "t3"]
    assert await ids(client.list(after_id="t30", created_on="2026-11-23", limit=2)) == ["t1", "t2"]


@pytest.mark.filterwarnings("ignore:throttled_only:DeprecationWarning")
async def test_filters_are_the_services(client: aai.Client, account: Account) -> None:
    """It knows better than to send what is not wanted."""
    failed = await ids(client.list(status="error", created_on=DAY, throttled_only=True, limit=2))
    assert failed == ["t0", "t3"]
    assert account.requests[0] == {
        "limit": "2",
        "status": "error",
        "created_on": "2026-11-24",
        "throttled_only": "true",
    }


def test_a_filter_that_the_service_has_given_up_warns() -> None:
    """And says what to use."""
    warn_once.cache_clear()
    with pytest.warns(
        DeprecationWarning, match="throttled_only is deprecated by the service: list the queued"
    ) as caught:
        aai.Client("key").list(throttled_only=True)
    assert caught[0].filename == __file__


async def test_pages_can_be_had_as_they_are(client: aai.Client, account: Account) -> None:
    """For whoever wants to know how many are on one."""
    pages = [page async for page in client.list(limit=2).pages()]
    assert [page.page_details.result_count for page in pages[:2] if page.page_details] == [2, 2]
    assert pages[0].raw["page_details"]["limit"] == 2


async def test_an_empty_account_has_an_empty_list(client: aai.Client, respx_mock: respx.MockRouter) -> None:
    """With a page that is empty, or that has a null in its place, and whatever it says of older ones."""
    empty: list[Any] = []
    for transcripts in (empty, None):
        details = {"limit": 200, "prev_url": "https://a/?before_id=x"}
        respx_mock.get(URL).respond(200, json={"page_details": details, "transcripts": transcripts})
        assert await ids(client.list()) == []


async def test_a_list_that_leads_back_to_itself_ends(
    client: aai.Client, respx_mock: respx.MockRouter
) -> None:
    """Not never, and also where it goes round in a larger circle."""

    def answer(request: httpx.Request) -> httpx.Response:
        older = "y" if request.url.params.get("before_id") == "x" else "x"
        details = {"prev_url": f"https://a/?before_id={older}"}
        return httpx.Response(200, json={"page_details": details, "transcripts": [{"id": older}, {}]})

    respx_mock.get(URL).mock(side_effect=answer)
    with pytest.raises(aai.ProtocolError, match="links to an earlier one"):
        await ids(client.list())


async def test_a_page_that_cannot_be_fetched_ends_the_loop_with_an_error(
    client: aai.Client, respx_mock: respx.MockRouter
) -> None:
    """Nobody takes half a list for a whole one."""
    respx_mock.get(URL).respond(401, json={"error": "Authentication error"})
    with pytest.raises(aai.AccountError):
        await ids(client.list())


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"limit": 0}, "limit must be a whole number from 1"),
        ({"limit": True}, "limit must be a whole number from 1"),
        ({"created_on": "yesterday"}, "created_on must be a date, such as '2026-11-24', not 'yesterday'"),
        ({"created_on": 20261124.5}, "created_on must be a date"),
        ({"after_id": "a", "throttled_only": True}, "throttled_only and after_id cannot be combined"),
        ({"before_id": "../x"}, "is not a transcript id"),
        ({"after_id": ""}, "is not a transcript id"),
    ],
)
def test_a_filter_that_the_service_refuses_is_refused_at_once(given: dict[str, Any], said: str) -> None:
    """At the call, not in the loop."""
    with pytest.raises(aai.OptionsError, match=said):
        aai.Client("key").list(**given)
