"""What it costs to run a finished batch again: no request, and few questions to its journal."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path

import anyio
import attrs
import faults
import pytest
from batches import both_loops, recordings
from batches import connect as connect  # noqa: PLC0414 - a fixture
from fault_server import FaultServer
from lanes import Connect

import aai_async as aai
from aai_async._batch import item_task
from aai_async._concurrency import threads
from aai_async._models import transcript as transcript_module

URLS = [f"https://example.com/{number}.mp3" for number in range(50)]


async def one_by_one(items: Sequence[aai.Item]) -> AsyncIterator[aai.Item]:
    """An asynchronous iterable has to be waited for, so each of its items gets a task."""
    for item in items:
        yield item


async def run(
    connect: Connect, items: Sequence[aai.Item] | AsyncIterator[aai.Item], journal: Path
) -> tuple[list[aai.Outcome], aai.Summary]:
    async with connect() as client, aai.transcribe_all(client, items, journal=journal) as batch:
        return await batch.collect(), attrs.evolve(batch.summary, elapsed=0.0)


def items_of(kind: str, folder: Path, count: int) -> list[aai.Item]:
    """Recordings that are known by their address, their path or a key of the caller."""
    if kind == "url":
        return [aai.Item(url, labels={"team": "sales"}) for url in URLS[:count]]
    paths = recordings(folder, count)
    keys = [None if kind == "path" else path.name for path in paths]
    return [aai.Item(path, key=key) for path, key in zip(paths, keys, strict=True)]


@both_loops
async def test_finished_items_are_read_many_at_a_time(
    server: FaultServer, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few questions for 50 of them, to the thread of the journal alone; no task and no check for any."""
    items, journal = items_of("url", tmp_path, 50), tmp_path / "batch.journal"
    first, _ = await run(connect, items, journal)
    requests = len(server.requests)
    questions = 0
    do, give = threads.OneThread.do, threads._give

    async def counted(thread: threads.OneThread, work: Callable[[], object]) -> object:
        nonlocal questions
        questions += 1
        return await do(thread, work)

    monkeypatch.setattr(item_task.ItemTask, "run", pytest.fail)
    # The journal has what was found missing when the job ended.
    monkeypatch.setattr(transcript_module, "missing_results", pytest.fail)
    async with connect() as client:
        monkeypatch.setattr(threads.OneThread, "do", counted)
        monkeypatch.setattr(threads, "_give", pytest.fail)
        async with aai.transcribe_all(client, items, journal=journal) as batch:
            second = [outcome async for outcome in batch]
        monkeypatch.setattr(threads, "_give", give)
    assert [one.unwrap().body for one in second] == [one.unwrap().body for one in first]
    assert [one.index for one in second] == [*range(50)]
    assert len(server.requests) == requests
    # 8, 16 and 26 items, and what opens and closes the journal.
    assert questions <= 15


@both_loops
@pytest.mark.parametrize("kind", ["url", "path", "key"])
async def test_a_finished_item_has_the_outcome_that_a_task_would_give_it(
    server: FaultServer, connect: Connect, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same in every field, and the same summary; no request is sent for it."""
    items, journal = items_of(kind, tmp_path, 12), tmp_path / "batch.journal"
    await run(connect, items, journal)
    jobs = len(server.service.jobs)
    with_tasks = await run(connect, one_by_one(items), journal)
    monkeypatch.setattr(item_task.ItemTask, "run", pytest.fail)
    assert await run(connect, items, journal) == with_tasks
    assert with_tasks[1].resumed == 12
    assert len(server.service.jobs) == jobs


@both_loops
@pytest.mark.parametrize("kind", ["url", "path", "key"])
async def test_other_options_make_other_jobs_of_finished_items(
    server: FaultServer, connect: Connect, tmp_path: Path, kind: str
) -> None:
    """Between others that keep theirs."""
    items, journal = items_of(kind, tmp_path, 12), tmp_path / "batch.journal"
    first, _ = await run(connect, items, journal)
    other = aai.Options(language_code="de")
    changed = [attrs.evolve(item, options=other) if n % 3 == 0 else item for n, item in enumerate(items)]
    second, summary = await run(connect, changed, journal)
    same = [one.transcript_id == two.transcript_id for one, two in zip(first, second, strict=True)]
    assert same == [n % 3 != 0 for n in range(12)]
    assert (summary.completed, summary.resumed) == (12, 8)


@both_loops
async def test_a_changed_file_is_no_finished_item(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """Its row is that of its earlier content, and a file that is gone has an error."""
    items, journal = items_of("path", tmp_path, 12), tmp_path / "batch.journal"
    first, _ = await run(connect, items, journal)
    paths = [Path(os.fspath(item.source)) for item in items if isinstance(item.source, Path)]
    paths[3].write_bytes(b"other content")
    paths[5].unlink()
    second, _ = await run(connect, items, journal)
    assert second[3].unwrap().id != first[3].unwrap().id
    assert isinstance(second[5].error, aai.SourceError)
    rest = [n for n in range(12) if n not in {3, 5}]
    assert [second[n].transcript_id for n in rest] == [first[n].transcript_id for n in rest]


@both_loops
async def test_a_finished_item_takes_new_labels_and_its_new_position(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """They are in the journal as well; without labels it keeps those that it has."""
    journal = tmp_path / "batch.journal"
    items = items_of("url", tmp_path, 12)
    await run(connect, items, journal)
    backwards = [attrs.evolve(items[11], labels={"team": "law"}), *map(aai.Item, URLS[10::-1])]
    outcomes, _ = await run(connect, backwards, journal)
    teams = ["law", *["sales"] * 11]
    assert [outcome.labels["team"] for outcome in outcomes] == teams
    async with aai.Journal.open(journal) as opened:
        rows = sorted([row async for row in opened.outcomes()], key=lambda row: row.index)
    assert [(row.source, row.labels["team"]) for row in rows] == list(zip(URLS[11::-1], teams, strict=True))


@both_loops
async def test_equal_finished_items_share_one_result(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """The later one is a duplicate of the first, as in the first batch."""
    journal = tmp_path / "batch.journal"
    items = [aai.Item(url) for url in (*URLS[:6], *URLS[:6])]
    await run(connect, items, journal)
    outcomes, _ = await run(connect, items, journal)
    by_index = {outcome.index: outcome for outcome in outcomes}
    assert [by_index[n].duplicate_of for n in range(12)] == [None] * 6 + [*range(6)]
    assert [by_index[n].unwrap().id for n in range(6)] == [by_index[n].unwrap().id for n in range(6, 12)]
    assert len(server.service.jobs) == 6


@both_loops
async def test_a_damaged_result_ends_the_batch_as_damage_of_its_journal(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """It is left to the task of its item, which names the journal."""
    journal = tmp_path / "batch.journal"
    items = items_of("url", tmp_path, 8)
    await run(connect, items, journal)
    with contextlib.closing(sqlite3.connect(journal)) as connection, connection:
        connection.execute("UPDATE results SET transcript = x'00' WHERE job = 3")
    with pytest.raises(aai.BatchAbortedError, match="damaged") as caught:
        await run(connect, items, journal)
    assert isinstance(caught.value.__cause__, aai.JournalError)


@both_loops
async def test_an_iterable_that_fails_among_finished_items_fails_after_them(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """What was drawn before comes to its end, as in any batch."""
    journal = tmp_path / "batch.journal"
    items = items_of("url", tmp_path, 12)
    await run(connect, items, journal)

    def breaking() -> Iterator[aai.Item]:
        yield from items
        raise OSError("The folder is gone.")

    async with connect() as client, aai.transcribe_all(client, breaking(), journal=journal) as batch:
        with pytest.raises(aai.BatchAbortedError, match="The folder is gone") as caught:
            await batch.collect()
    assert [outcome.index for outcome in caught.value.outcomes] == [*range(12)]
    assert caught.value.unfinished == ()


@both_loops
async def test_items_that_were_drawn_with_finished_ones_are_unfinished_when_a_batch_stops(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """None that was taken from the sources is lost, and no more are taken than there are jobs."""
    journal = tmp_path / "batch.journal"
    items = items_of("path", tmp_path, 20)
    await run(connect, [item for n, item in enumerate(items) if n % 2], journal)
    server.always("POST /v2/upload", faults.hang())
    drawn = 0

    def counted() -> Iterator[aai.Item]:
        nonlocal drawn
        for item in items:
            drawn += 1
            yield item

    taken: list[int] = []
    async with (
        connect() as client,
        aai.transcribe_all(client, counted(), journal=journal, max_jobs=6, max_uploads=1) as batch,
        anyio.create_task_group() as tasks,
    ):

        async def take() -> None:
            taken.extend([outcome.index async for outcome in batch])

        tasks.start_soon(take)
        while server.count("POST /v2/upload") < 11:
            await anyio.sleep(0.01)
        assert drawn <= 6 + len(taken)
        batch.stop(drops_unsubmitted=True)
    indexes = [outcome.index for outcome in batch.remaining]
    assert sorted([*taken, *indexes]) == [*range(drawn)]
    assert batch.summary.unfinished == len(indexes) > 1
