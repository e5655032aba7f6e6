"""What each label of a journal has used and cost."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import anyio
import pytest
from fault_server import FaultServer
from lanes import Connect, one_library_of_each_loop

import aai_async as aai

pytestmark = pytest.mark.usefixtures("quick_looks")

PRICES = aai.PriceTable(
    date=dt.date(2026, 11, 1), source="https://example.com/prices", currency="USD", models={"best": 0.5}
)

lane = one_library_of_each_loop


def item(content: bytes, model: str = "best", **labels: str) -> aai.Item:
    return aai.Item(content, aai.Options(speech_models=[model]), labels=labels)


async def run(client: aai.Client, sources: list[Any], **settings: Any) -> list[aai.Outcome]:
    with anyio.fail_after(60):
        async with aai.transcribe_all(client, sources, **settings) as batch:
            return await batch.collect()


async def test_totals_are_those_of_each_value_of_a_label(
    server: FaultServer, connect: Connect, path: Path
) -> None:
    """With what has no such label, what failed and what has no known price told apart."""
    server.service.length_of = lambda data: 3600.0 * int(data)
    server.service.fault_of = lambda data: "Not a recording." if data == b"4" else None
    sources = [
        item(b"1", team="sales"),
        item(b"2", team="sales", case="7"),
        item(b"3", "new", team="sales"),
        item(b"4", team="support"),
        item(b"5"),
    ]
    async with connect() as client:
        await run(client, sources, journal=path)
    async with aai.Journal.open(path) as journal:
        totals = await journal.totals(by="team", prices=PRICES)
        without_prices = await journal.totals(by="team")
    assert totals == {
        "sales": aai.Totals(completed=3, audio_seconds=6 * 3600, price=1.5, unpriced=1),
        "support": aai.Totals(failed=1, price=0.0),
        None: aai.Totals(completed=1, audio_seconds=5 * 3600, price=2.5),
    }
    assert without_prices["sales"] == aai.Totals(completed=3, audio_seconds=6 * 3600)


async def test_totals_of_a_time_are_of_what_ended_in_it(
    server: FaultServer, connect: Connect, path: Path
) -> None:
    """The beginning belongs to it, the end does not."""
    server.service.length_of = lambda _: 3600.0
    async with connect() as client:
        await run(client, [item(b"1", team="sales")], journal=path)
    async with aai.Journal.open(path) as journal:
        [outcome] = [one async for one in journal.outcomes()]
        ended = outcome.finished_at
        assert ended is not None
        assert len(await journal.totals(by="team", since=ended)) == 1
        assert await journal.totals(by="team", before=ended) == {}
        assert len(await journal.totals(by="team", before=ended + dt.timedelta(seconds=1))) == 1


async def test_a_completed_item_has_its_length_model_options_and_price(
    server: FaultServer, connect: Connect, path: Path
) -> None:
    """In the batch and in the journal alike; an item that shares a job costs nothing."""
    server.service.length_of = lambda _: 1800.0
    sources = [item(b"1"), item(b"1"), item(b"2", "new")]
    async with connect() as client:
        outcomes = await run(client, sources, journal=path, prices=PRICES, max_jobs=1)
    expected = [(1800.0, "best", 0.25), (1800.0, "best", 0.0), (1800.0, "new", None)]
    assert [(one.audio_duration, one.model, one.price) for one in outcomes] == expected
    async with aai.Journal.open(path) as journal:
        rows = sorted([one async for one in journal.outcomes(prices=PRICES)], key=lambda one: one.index)
    assert [(one.audio_duration, one.model, one.price) for one in rows] == [expected[0], expected[2]]
    assert [one.options_digest for one in rows] == [outcomes[0].options_digest, outcomes[2].options_digest]
    assert outcomes[0].options_digest == aai.Options(speech_models=["best"]).digest


async def test_a_summary_has_the_price_of_what_is_completed(server: FaultServer, connect: Connect) -> None:
    """And counts what has no known price."""
    server.service.length_of = lambda _: 1800.0
    with anyio.fail_after(60):
        async with (
            connect() as client,
            aai.transcribe_all(client, [item(b"1"), item(b"2", "new")], prices=PRICES) as batch,
        ):
            await batch.collect()
    assert (batch.summary.price, batch.summary.unpriced, batch.summary.currency) == (0.25, 1, "USD")
    assert "0.25 USD and 1 without a known price" in str(batch.summary)
