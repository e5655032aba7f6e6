"""A batch stops before its bound is exceeded, and a rerun with a higher one goes on."""

from __future__ import annotations

import datetime as dt
import math
from pathlib import Path
from typing import Any

import anyio
import pytest
from fault_server import FaultServer
from lanes import Connect, one_library_of_each_loop
from test_estimates import silence

import aai_async as aai
from aai_async._batch.spending import UNKNOWN_AT_ONCE

pytestmark = pytest.mark.usefixtures("quick_looks")

PRICES = aai.PriceTable(
    date=dt.date(2026, 11, 1), source="https://example.com/prices", currency="USD", models={"best": 0.5}
)
BEST = aai.Options(speech_models=["best"])

lane = one_library_of_each_loop


@pytest.fixture
def hours(server: FaultServer, tmp_path: Path) -> list[Path]:
    """Four recordings of an hour each, which the service finds to be an hour long."""
    server.service.length_of = lambda _: 3600.0
    names = [tmp_path / f"{name}.wav" for name in "abcd"]
    for number, name in enumerate(names):
        silence(name, 3600).write_bytes(silence(name, 3600).read_bytes() + bytes(number))
    return names


async def run(client: aai.Client, sources: Any, **settings: Any) -> tuple[list[aai.Outcome], aai.Batch]:
    with anyio.fail_after(60):
        async with aai.transcribe_all(client, sources, BEST, prices=PRICES, **settings) as batch:
            return await batch.collect(), batch


@pytest.mark.parametrize(("bound", "higher"), [("max_hours", 3), ("max_cost", 1.5)])
async def test_a_batch_stops_before_its_bound_is_exceeded_and_a_higher_one_continues(
    server: FaultServer, connect: Connect, hours: list[Path], path: Path, bound: str, higher: float
) -> None:
    """What the journal has counts, so the same bound starts nothing more."""
    lower = {"max_hours": 2.5, "max_cost": 1.25}[bound]
    async with connect() as client:
        outcomes, batch = await run(client, hours, journal=path, **{bound: lower})
        assert len(outcomes) == len(server.service.jobs) == 2
        assert batch.summary.bound == f"{bound}={lower:g}"
        assert f"stopped before {bound}" in str(batch.summary)
        assert all(one.transcript_id is None for one in batch.remaining)
        outcomes, batch = await run(client, hours, journal=path, **{bound: lower})
        assert (len(outcomes), len(server.service.jobs), batch.summary.resumed) == (2, 2, 2)
        outcomes, batch = await run(client, hours, journal=path, **{bound: higher})
    assert (len(outcomes), len(server.service.jobs)) == (3, 3)
    assert batch.summary.price == pytest.approx(1.5)


async def test_what_a_bound_has_left_is_not_unfinished(
    server: FaultServer, connect: Connect, hours: list[Path], path: Path
) -> None:
    """A row of it would stay for ever, if the next batch has other options."""
    async with connect() as client:
        await run(client, hours, journal=path, max_hours=2.5)
    async with aai.Journal.open(path) as journal:
        summary = await journal.summary()
    assert (summary.completed, summary.unfinished, summary.total) == (2, 0, 2)


@pytest.mark.parametrize("bound", [{"max_hours": 2.5}, {"max_cost": 1.25}])
async def test_an_estimate_regards_the_bounds_and_the_journal(
    server: FaultServer, connect: Connect, hours: list[Path], path: Path, bound: dict[str, Any]
) -> None:
    """It states what is left, as the batch then leaves it."""
    async with connect() as client:
        await run(client, hours[:1], journal=path)
        batch = aai.transcribe_all(client, hours, BEST, prices=PRICES, journal=path, **bound)
        estimate = await batch.estimate()
    assert (estimate.known, estimate.jobs, estimate.left) == (1, 1, len(hours) - 2)
    assert (estimate.price, estimate.left_seconds) == (0.5, 3600.0 * (len(hours) - 2))
    assert estimate.left_price == 0.5 * (len(hours) - 2)
    assert f"{len(hours) - 2} left before {estimate.bound} is exceeded" in str(estimate)


async def test_a_bound_that_is_never_reached_leaves_nothing(
    server: FaultServer, connect: Connect, hours: list[Path]
) -> None:
    """What is equal, and so costs nothing, does not count."""
    async with connect() as client:
        outcomes, batch = await run(client, [*hours, *hours], max_hours=4, max_cost=2)
    assert (len(outcomes), len(server.service.jobs), batch.summary.bound) == (8, 4, None)


async def test_a_job_that_fails_does_not_count(
    server: FaultServer, connect: Connect, hours: list[Path]
) -> None:
    """It is free at the service."""
    failing = hours[0].read_bytes()
    server.service.fault_of = lambda data: "Not a recording." if data == failing else None
    async with connect() as client:
        outcomes, _ = await run(client, hours[:2], max_hours=1, max_jobs=1)
    assert [one.error is None for one in outcomes] == [False, True]


async def test_jobs_that_an_earlier_batch_has_left_at_the_service_count(
    server: FaultServer, connect: Connect, hours: list[Path], path: Path
) -> None:
    """Also those of other recordings, so that two batches do not exceed what one may not."""
    server.service.looks_until_done = 1_000_000
    submitted = anyio.Event()

    def note(event: aai.Event) -> None:
        if isinstance(event, aai.Submitted):
            submitted.set()

    async with connect() as client:
        with anyio.fail_after(60):
            async with aai.transcribe_all(client, hours[:1], BEST, journal=path, max_hours=1, on_event=note):
                await submitted.wait()
        outcomes, batch = await run(client, hours[1:2], journal=path, max_hours=1)
    assert (outcomes, len(server.service.jobs), batch.summary.bound) == ([], 1, "max_hours=1")


async def test_recordings_of_unknown_length_exceed_a_bound_by_few(
    server: FaultServer, connect: Connect
) -> None:
    """They count when they have ended, and only so many are in progress at a time."""
    server.service.length_of = lambda _: 3600.0
    sources = [b"%d" % number for number in range(3 * UNKNOWN_AT_ONCE)]
    async with connect() as client:
        outcomes, batch = await run(client, sources, max_hours=2)
    assert 2 <= len(server.service.jobs) < 2 + UNKNOWN_AT_ONCE
    assert len(outcomes) == len(server.service.jobs)
    assert batch.summary.bound == "max_hours=2"


@pytest.mark.parametrize("sources", ["known", "unknown"])
async def test_a_job_that_is_given_up_still_counts(
    server: FaultServer, connect: Connect, hours: list[Path], sources: str
) -> None:
    """It continues at the service and is billed; one of unknown length counts as the longest there is."""
    server.service.looks_until_done = 1_000_000
    given = hours if sources == "known" else [b"%d" % number for number in range(2 * UNKNOWN_AT_ONCE)]
    async with connect(polling=aai.Polling(give_up_after=0.2)) as client:
        outcomes, batch = await run(client, given, max_hours=9, max_jobs=1)
        assert all(isinstance(one.error, aai.DeadlineError) for one in outcomes)
        assert len(server.service.jobs) == {"known": 4, "unknown": 1}[sources]
        assert batch.summary.bound == {"known": None, "unknown": "max_hours=9"}[sources]
        _, batch = await run(client, given, max_hours=2, max_jobs=1)
    assert batch.summary.bound == "max_hours=2"
    assert len(server.service.jobs) == {"known": 6, "unknown": 2}[sources]


async def test_jobs_of_unknown_length_that_a_killed_batch_has_left_are_among_the_few(
    server: FaultServer, connect: Connect, path: Path
) -> None:
    """Otherwise each batch that is killed would add as many. They are taken up first, as they come first."""
    server.service.length_of = lambda _: 3600.0
    server.service.looks_until_done = 1_000_000
    sources = [b"%d" % number for number in range(3 * UNKNOWN_AT_ONCE)]
    first = sources[:UNKNOWN_AT_ONCE]
    async with connect() as client:
        with anyio.fail_after(60):
            async with aai.transcribe_all(client, first, BEST, journal=path, max_hours=1):
                while len(server.service.jobs) < UNKNOWN_AT_ONCE:
                    await anyio.sleep(0.01)
        server.service.looks_until_done = 5
        outcomes, batch = await run(client, sources, journal=path, max_hours=1, max_uploads=1)
    assert len(outcomes) == len(server.service.jobs) == UNKNOWN_AT_ONCE
    assert batch.summary.bound == "max_hours=1"


async def test_the_job_of_an_earlier_version_of_a_file_counts(
    server: FaultServer, connect: Connect, hours: list[Path], path: Path
) -> None:
    """It continues when the file is changed, and is billed."""
    server.service.looks_until_done = 1_000_000

    async def submit(recording: Path) -> None:
        submitted = anyio.Event()

        def note(event: aai.Event) -> None:
            if isinstance(event, aai.Submitted):
                submitted.set()

        batch = aai.transcribe_all(client, [recording], BEST, journal=path, max_hours=2, on_event=note)
        with anyio.fail_after(60):
            async with batch:
                await submitted.wait()

    async with connect() as client:
        await submit(hours[0])
        hours[0].write_bytes(hours[0].read_bytes() + b"more")
        await submit(hours[0])
        outcomes, batch = await run(client, hours[1:2], journal=path, max_hours=2)
    assert (outcomes, len(server.service.jobs), batch.summary.bound) == ([], 2, "max_hours=2")


@pytest.mark.parametrize("bound", [0, -1, math.nan, math.inf, "2", True])
async def test_a_bound_that_is_none_is_refused(connect: Connect, bound: Any) -> None:
    """Zero above all, which would start nothing."""
    async with connect() as client:
        for name in ("max_hours", "max_cost"):
            with pytest.raises(aai.ConfigError, match=f"{name} must be a number above 0"):
                aai.transcribe_all(client, [b"0"], prices=PRICES, **{name: bound})
        with pytest.raises(aai.ConfigError, match="max_cost needs prices"):
            aai.transcribe_all(client, [b"0"], max_cost=1)
