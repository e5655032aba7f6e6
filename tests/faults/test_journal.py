"""The journal of a batch: it keeps what is paid for, harms no other file, and says what is wrong with it."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import errno
import functools
import os
import socket
import sqlite3
import stat
import sys
import time
import types
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint
from cancelling import cancelled_at, cancelled_natively_at
from descriptors import open_files
from fault_server import Exchange, Fault, FaultServer, Job
from faults import hang, normal, status
from hypothesis import given, settings
from hypothesis import strategies as st
from lanes import KEY, Connect, Lane, one_library_of_each_loop

import aai_async as aai
from aai_async._batch import resume
from aai_async._jobs import submission
from aai_async._journal import JournalWriter, lock, queries, totals
from aai_async._journal.database import Database, QueuedWrite
from aai_async._journal.lock import Lock
from aai_async._journal.rows import ItemClaim, JobRow
from aai_async._journal.schema import VERSION

pytestmark = pytest.mark.usefixtures("quick_looks")


OTHER_KEY = "fedcba9876543210fedcba9876543210"

lane = one_library_of_each_loop


async def run(
    client: aai.Client, sources: Iterable[Any], journal: aai.Journal | Path, **others: Any
) -> list[aai.Outcome]:
    """Do a batch from its beginning to its end."""
    with anyio.fail_after(60):
        async with aai.transcribe_all(client, sources, journal=journal, **others) as batch:
            return await batch.collect()


def ask(path: Path, statement: str, *values: object) -> list[sqlite3.Row]:
    """Ask or change what is in a journal that nobody uses."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.row_factory = sqlite3.Row
        return connection.execute(statement, values).fetchall()


def copied(path: Path, to: Path) -> None:
    """Give to another file what a kill would leave of a journal in this moment; in whichever thread."""
    with (
        contextlib.closing(sqlite3.connect(path)) as connection,
        contextlib.closing(sqlite3.connect(to)) as copy,
    ):
        connection.backup(copy)


def ids(server: FaultServer) -> set[str]:
    return {job.id for job in server.service.jobs}


# Files that are none of ours.


def contents(folder: Path) -> dict[str, object]:
    """What is in a folder, and how; but not what SQLite and the lock have beside a database."""
    kept: dict[str, object] = {}
    for path in sorted(folder.iterdir()):
        if path.name.endswith((".lock", "-wal", "-shm")):
            continue
        mode = path.lstat().st_mode
        kept[path.name] = mode, path.read_bytes() if stat.S_ISREG(mode) else None
        if path.is_symlink():
            kept[path.name] = mode, path.readlink()
    return kept


def made(path: Path, key: str = KEY, service: str = "http://127.0.0.1:9") -> None:
    """Make a journal of some other account, with a job in it."""
    database = Database(path)
    database.open(service, aai.Client(key)._pipeline.sender.fingerprint)
    database.commit([QueuedWrite(functools.partial(claimed, ItemClaim((b"k",), 0, "a", 1, "{}")))])
    database.close()


def changed(*statements: str) -> Callable[[Path], None]:
    """A journal whose file was changed."""

    def make(path: Path) -> None:
        made(path)
        for statement in statements:
            ask(path, statement)

    return make


def truncated(path: Path) -> None:
    made(path)
    os.truncate(path, path.stat().st_size // 2)


def overwritten(path: Path) -> None:
    made(path)
    data = path.read_bytes()
    path.write_bytes(data[:50] + os.urandom(len(data) - 50))


def linked(path: Path) -> None:
    made(path.with_name("real.db"))
    path.symlink_to("real.db")


def device(path: Path) -> None:
    try:
        os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("only root makes devices")


def listening(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as own, contextlib.chdir(path.parent):
        own.bind(path.name)


FOREIGN: dict[str, tuple[Callable[[Path], object], str]] = {
    "text": (
        lambda path: path.write_text("Minutes of the meeting of May.\n" * 50),
        "damaged, or not a journal",
    ),
    "short-text": (lambda path: path.write_text("ab"), "damaged, or not a journal"),
    "letter": (lambda path: path.write_text("a"), "damaged, or not a journal"),
    "picture": (
        lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(5000)),
        "damaged, or not a journal",
    ),
    "truncated": (truncated, "damaged, or not a journal"),
    "overwritten": (overwritten, "."),
    "other-application": (lambda path: ask(path, "CREATE TABLE books (title)"), "not a journal of aai_async"),
    "newer": (
        changed(f"PRAGMA user_version = {VERSION + 1}"),
        f"has schema {VERSION + 1}, but this version of aai_async supports {VERSION}",
    ),
    "older": (
        changed("PRAGMA user_version = 1"),
        f"has schema 1, but this version of aai_async supports {VERSION}",
    ),
    "without-tables": (changed("DROP TABLE account"), "no such table: account"),
    "without-account": (changed("DELETE FROM account"), "it has no account"),
    "other-service": (
        lambda path: made(path, service="https://api.eu.assemblyai.com"),
        "belongs to https://api.eu",
    ),
    "other-key": (changed("UPDATE account SET fingerprint = 'x'"), "created with another API key"),
    "folder": (lambda path: path.mkdir(), "not a regular file|is a directory"),
    "link": (linked, "symbolic link"),
    "dangling-link": (lambda path: path.symlink_to("nowhere.db"), "symbolic link"),
    "pipe": (os.mkfifo, "not a regular file"),
    "socket": (listening, "cannot be a journal"),
    "device": (device, "not a regular file"),
}


@pytest.mark.parametrize("kind", FOREIGN)
async def test_what_is_no_journal_of_this_account_is_refused_and_stays_as_it_is(
    server: FaultServer, connect: Connect, path: Path, recording: Path, kind: str
) -> None:
    """When the batch is begun, and before anything is sent."""
    make, message = FOREIGN[kind]
    make(path)
    if kind in {"other-key", "without-account", "without-tables", "newer"}:
        with contextlib.suppress(sqlite3.OperationalError):
            ask(path, "UPDATE account SET service = ?", server.url)
    before = contents(path.parent)
    async with connect() as client:
        with pytest.raises(aai.JournalError, match=message) as caught:
            await run(client, [recording], path)
    assert type(caught.value) is aai.JournalError
    assert (server.requests, contents(path.parent)) == ([], before)


async def test_a_journal_of_another_key_is_refused(
    server: FaultServer, connect: Connect, path: Path, recording: Path
) -> None:
    """And it is of use for its own yet."""
    async with connect() as client:
        await run(client, [recording], path)
    before = path.read_bytes()
    async with aai.Client(OTHER_KEY, base_url=server.url) as other:
        with pytest.raises(aai.JournalError, match="another API key"):
            await run(other, [recording], path)
    assert path.read_bytes() == before
    async with connect() as client:
        assert len(await run(client, [recording], path)) == 1
    assert len(server.service.jobs) == 1


@pytest.mark.parametrize("place", ["under-a-file", "in-no-folder", "with-a-nul"])
async def test_a_place_where_no_file_can_be_is_refused(
    server: FaultServer, connect: Connect, path: Path, recording: Path, place: str
) -> None:
    """With the name in the message."""
    name: Path = {
        "under-a-file": recording / "x",
        "in-no-folder": path / "x",
        "with-a-nul": Path(f"{path}\0"),
    }[place]
    async with connect() as client:
        with pytest.raises(aai.JournalError, match=r"The journal '.*calls?\..* cannot be (used|created)"):
            await run(client, [recording], name)
    assert server.requests == []


async def test_an_empty_file_is_made_a_journal(
    server: FaultServer, connect: Connect, path: Path, recording: Path
) -> None:
    """As of `tempfile`, which makes one beforehand."""
    path.touch(0o600)
    async with connect() as client:
        await run(client, [recording], path)
        await run(client, [recording], path)
    assert len(server.service.jobs) == 1


async def test_what_another_program_has_not_written_through_yet_is_not_lost(
    server: FaultServer, connect: Connect, path: Path, recording: Path
) -> None:
    """Its database is refused, and read as before."""
    with contextlib.closing(sqlite3.connect(path.with_name("live.db"), isolation_level=None)) as live:
        live.execute("PRAGMA journal_mode = WAL")
        live.execute("CREATE TABLE books (title)")
        live.execute("INSERT INTO books VALUES ('Emma')")
        for end in ("", "-wal"):
            path.with_name(path.name + end).write_bytes(path.with_name(f"live.db{end}").read_bytes())
    async with connect() as client:
        with pytest.raises(aai.JournalError, match="not a journal of aai_async"):
            await run(client, [recording], path)
    assert [row["title"] for row in ask(path, "SELECT title FROM books")] == ["Emma"]


def claimed(wanted: ItemClaim, connection: sqlite3.Connection) -> JobRow:
    return queries.claim(connection, wanted)


def opened(path: Path) -> None:
    """Open a journal, read all of it and change it; raises JournalError alone."""
    database = Database(path)
    try:
        database.open("http://127.0.0.1:9", aai.Client(KEY)._pipeline.sender.fingerprint)
        database.read(totals.counts)
        database.read(lambda connection: queries.entries(connection, 0, 100, 100))
        for keys in ((b"k",), (b"other",)):
            step = QueuedWrite(functools.partial(claimed, ItemClaim(keys, 0, "a", 1, "{}")))
            database.commit([step])
            step.result()
    finally:
        database.close()


@settings(deadline=None, max_examples=100)
@given(data=st.binary(min_size=2, max_size=2000) | st.binary().map(lambda tail: b"SQLite format 3\0" + tail))
def test_whatever_is_in_a_file_is_refused_and_stays(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    """With a JournalError and no other."""
    path = tmp_path_factory.getbasetemp() / "anything.db"
    path.write_bytes(data)
    with pytest.raises(aai.JournalError):
        opened(path)
    assert path.read_bytes() == data


@settings(deadline=None, max_examples=150)
@given(where=st.floats(0, 1, exclude_max=True), data=st.binary(min_size=1, max_size=40))
def test_a_journal_with_a_scratch_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, where: float, data: bytes
) -> None:
    """With a JournalError and no other."""
    sound, path = tmp_path_factory.getbasetemp() / "sound.db", tmp_path_factory.getbasetemp() / "scratch.db"
    if not sound.exists():
        made(sound)
    whole = bytearray(sound.read_bytes())
    place = int(where * len(whole))
    whole[place : place + len(data)] = data
    path.write_bytes(whole[: sound.stat().st_size])
    with contextlib.suppress(aai.JournalError):
        opened(path)


_EDITED = "SET state = 'uploaded', transcript_id = NULL, uploaded_at"
DAMAGE = [
    pytest.param("UPDATE account SET salt = 'text'", "refused", id="salt"),
    pytest.param("DROP TABLE jobs", "given-up", id="table"),
    pytest.param(f"UPDATE jobs {_EDITED} = 'yesterday'", "given-up", id="time"),
    pytest.param(f"UPDATE jobs {_EDITED} = '2020-01-01 12:00'", "goes-on", id="zone"),
    pytest.param("UPDATE results SET transcript = x'00'", "given-up", id="result"),
]


@pytest.mark.parametrize(("statement", "ending"), DAMAGE)
async def test_a_journal_that_was_edited_by_hand_is_read_or_refused(
    server: FaultServer, connect: Connect, path: Path, recording: Path, statement: str, ending: str
) -> None:
    """With an error of ours, before anything is sent."""
    async with connect() as client:
        await run(client, [recording], path)
        ask(path, statement)
        requests = len(server.requests)
        if ending == "goes-on":
            await run(client, [recording], path)
            return
        kind = aai.JournalError if ending == "refused" else aai.BatchAbortedError
        with pytest.raises(kind) as caught:
            await run(client, [recording], path)
    assert isinstance(caught.value if ending == "refused" else caught.value.__cause__, aai.JournalError)
    assert len(server.requests) == requests


# Two at once.


@pytest.mark.parametrize("is_shared", [True, False], ids=["one-journal", "one-path"])
async def test_a_second_batch_is_told_at_once_that_the_journal_is_in_use(
    server: FaultServer, connect: Connect, path: Path, recording: Path, is_shared: bool
) -> None:
    """In the same process; it may have it afterwards, and the first has noticed nothing."""
    first = aai.Journal(path)
    second = first if is_shared else aai.Journal(path)
    async with connect() as client:
        async with aai.transcribe_all(client, [recording], journal=first) as batch:
            began = time.monotonic()
            with pytest.raises(aai.JournalLockedError, match="Another batch uses this journal"):
                await run(client, [recording], second)
            assert time.monotonic() - began < 60
            assert [outcome.unwrap().text for outcome in await batch.collect()] == ["What was said."]
        assert len(await run(client, [recording], second)) == 1
    assert len(server.service.jobs) == 1


async def test_a_lock_that_was_left_lying_holds_up_nobody(
    server: FaultServer, connect: Connect, path: Path, recording: Path
) -> None:
    """It is held by who has it open."""
    path.with_name("calls.db.lock").write_text("4711")
    async with connect() as client:
        assert len(await run(client, [recording], path)) == 1


async def test_a_link_in_place_of_the_lock_is_not_followed(
    server: FaultServer, connect: Connect, path: Path, recording: Path
) -> None:
    """Somebody may have put it there."""
    path.with_name("calls.db.lock").symlink_to(recording)
    async with connect() as client:
        with pytest.raises(aai.JournalError, match="symbolic link"):
            await run(client, [recording], path)
    assert (recording.read_bytes(), server.requests) == (b"a recording", [])


async def test_a_disk_without_locks_is_refused_and_leaves_nothing_open(
    server: FaultServer, connect: Connect, path: Path, recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As some network drives are."""

    def take(_: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(lock, "_acquire", take)
    async with connect() as client:
        for _ in range(2):
            before = open_files()
            with pytest.raises(aai.JournalError, match="No locks available"):
                await run(client, [recording], path)
    assert (open_files(), server.requests) == (before, [])


OUTSIDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
print(connection.execute("SELECT count(*) FROM jobs").fetchone()[0])
connection.close()
"""


@pytest.mark.parametrize(
    "is_read_here",
    [pytest.param(False, id="alone"), pytest.param(True, id="read-here-too")],
)
async def test_what_is_written_while_others_look_on_survives_a_kill(
    server: FaultServer, connect: Connect, path: Path, tmp_path: Path, is_read_here: bool
) -> None:
    """Somebody looks into the journal with another program, or with `Journal.open` here, or both."""
    paths = [tmp_path / f"{number}.wav" for number in range(3)]
    for number, one in enumerate(paths):
        one.write_bytes(b"recording %d" % number)
    async with connect() as client:
        await run(client, paths[:1], path)
        server.service.looks_until_done = 10**9
        async with contextlib.AsyncExitStack() as stack:
            if is_read_here:
                await stack.enter_async_context(aai.Journal.open(path))
            await stack.enter_async_context(aai.transcribe_all(client, paths, journal=path))
            while server.count("POST /v2/transcript") < 3:
                await anyio.sleep(0.01)
            await anyio.run_process([sys.executable, "-c", OUTSIDER, str(path)])
            server.service.looks_until_done = 1
            await anyio.sleep(0.5)
            # What a kill would leave.
            for end in ("", "-wal"):
                left = path.with_name(path.name + end)
                if left.exists():
                    (tmp_path / f"left.db{end}").write_bytes(left.read_bytes())
    states = ask(tmp_path / "left.db", "SELECT state, transcript_id FROM jobs")
    assert {row["transcript_id"] for row in states} == ids(server)
    assert [row["state"] for row in states] == ["done"] * 3


# What was done before.


async def test_what_is_kept_is_given_again_without_a_request(
    server: FaultServer, connect: Connect, path: Path, recording: Path
) -> None:
    """The transcript as the service has told it."""
    async with connect() as client:
        [first] = await run(client, [recording], path)
        requests = len(server.requests)
        [again] = await run(client, [recording], path)
    assert len(server.requests) == requests
    assert again.unwrap().raw == first.unwrap().raw
    assert (again.transcript_id, again.attempts, again.stage) == (first.transcript_id, 0, "finished")


async def test_what_is_not_kept_is_asked_for_again(
    server: FaultServer, connect: Connect, path: Path, recording: Path
) -> None:
    """And not made again."""
    journal = aai.Journal(path, keep_results=False)
    async with connect() as client:
        await run(client, [recording], journal)
        posts = server.count("POST *")
        [again] = await run(client, [recording], journal)
        assert again.unwrap().text == "What was said."
        # Whoever wants them kept from now on gets what there is.
        [again] = await run(client, [recording], path)
        assert again.unwrap().text == "What was said."
    assert (server.count("POST *"), len(server.service.jobs)) == (posts, 1)
    assert ask(path, "SELECT * FROM results") == []


async def test_an_error_of_a_look_does_not_stay_with_a_job_that_is_done(
    server: FaultServer, connect: Connect, path: Path, recording: Path
) -> None:
    """Where its result was not kept, and could not be had for once."""
    journal = aai.Journal(path, keep_results=False)
    async with connect() as client:
        await run(client, [recording], journal)
        server.on("GET /v2/transcript/*", status(401))
        with pytest.raises(aai.BatchAbortedError):
            await run(client, [recording], journal)
        await run(client, [recording], journal)
    async with aai.Journal.open(path) as kept:
        [outcome] = [outcome async for outcome in kept.outcomes()]
    assert (outcome.stage, outcome.error) == ("finished", None)


async def test_a_file_that_was_edited_is_another_one(
    server: FaultServer, connect: Connect, path: Path, recording: Path
) -> None:
    """What came of it before is kept."""
    async with connect() as client:
        [first] = await run(client, [recording], path)
        recording.write_bytes(b"a recording that goes on")
        [second] = await run(client, [recording], path)
        assert second.transcript_id != first.transcript_id
        async with aai.Journal.open(path) as kept:
            known = [outcome.unwrap().id async for outcome in kept.outcomes()]
    assert known == [first.transcript_id, second.transcript_id]
    assert len(server.service.jobs) == 2


async def test_a_file_that_was_only_touched_or_moved_is_the_same_by_its_content(
    server: FaultServer, connect: Connect, path: Path, recording: Path
) -> None:
    """Where that was asked for."""
    async with connect() as client:
        await run(client, [recording], path, dedupe_by_content=True)
        os.utime(recording, (1, 1))
        await run(client, [recording], path, dedupe_by_content=True)
        await run(client, [recording.rename(recording.with_name("moved.wav"))], path, dedupe_by_content=True)
    assert len(server.service.jobs) == 1


async def test_other_options_are_another_job(
    server: FaultServer, connect: Connect, path: Path, recording: Path
) -> None:
    """Of the same file."""
    async with connect() as client:
        for _ in range(2):
            for options in (None, aai.Options(language_code="de")):
                await run(client, [recording], path, options=options)
    assert [job.options.get("language_code") for job in server.service.jobs] == [None, "de"]


# Times.

NOW = "strftime('%Y-%m-%dT%H:%M:%S+00:00', 'now', ?)"


async def uploaded(server: FaultServer, connect: Connect, path: Path, recording: Path) -> None:
    """Leave a recording in the journal that is uploaded and not submitted."""
    server.on("POST /v2/transcript", status(402))
    async with connect() as client:
        with pytest.raises(aai.BatchAbortedError):
            await run(client, [recording], path)
    assert [row["state"] for row in ask(path, "SELECT state FROM jobs")] == ["uploaded"]


AGES = {
    "young": ("-19 hours", 1),
    "old": ("-21 hours", 2),
    "very-old": ("-30 days", 2),
    "from-the-future": ("+2 hours", 2),
    "of-a-clock-a-day-ahead": ("+24 hours", 2),
    "of-a-clock-a-second-ahead": ("+5 seconds", 1),
}


@pytest.mark.parametrize("age", AGES)
async def test_an_upload_that_may_be_gone_is_made_again(
    server: FaultServer, connect: Connect, path: Path, recording: Path, age: str
) -> None:
    """The service keeps it for a day; one from the future is as old as the clock was wrong."""
    await uploaded(server, connect, path, recording)
    shift, uploads = AGES[age]
    ask(path, f"UPDATE jobs SET uploaded_at = {NOW}", shift)  # noqa: S608 - a constant
    async with connect() as client:
        [outcome] = await run(client, [recording], path)
    assert outcome.unwrap().text == "What was said."
    assert (len(server.service.uploads), len(server.service.jobs)) == (uploads, 1)


async def test_an_upload_that_is_gone_all_the_same_is_made_again(
    server: FaultServer, connect: Connect, path: Path, recording: Path
) -> None:
    """As the service says it."""
    await uploaded(server, connect, path, recording)
    server.on("POST /v2/transcript", status(403, body=b'{"error": "Cannot access uploaded file"}'))
    async with connect() as client:
        await run(client, [recording], path)
    assert (len(server.service.uploads), len(server.service.jobs)) == (2, 1)


@pytest.fixture(params=[-1, 1], ids=["a-day-back", "a-day-on"])
def step(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Set the clock of the wall to another day, as the journal and the batch see it."""

    def take() -> None:
        class Stepped(dt.datetime):
            @classmethod
            def now(cls, tz: dt.tzinfo | None = None) -> Any:
                return dt.datetime.now(tz) + dt.timedelta(days=request.param)

        stepped = types.SimpleNamespace(**{**vars(dt), "datetime": Stepped})
        monkeypatch.setattr(queries, "dt", stepped)
        monkeypatch.setattr(resume, "dt", stepped)

    return take


def snapshot(
    path: Path, to: Path, *, is_processed: bool, before: Callable[[], object] | None = None
) -> Fault:
    """What a kill in this moment would leave of a journal, and no answer; the journal itself goes on."""

    async def fault(exchange: Exchange) -> None:
        await exchange.read_body()
        if is_processed:
            exchange.process()
        copied(path, to)
        await status(402)(exchange)

    return fault


@pytest.mark.parametrize("others", [0, 450], ids=["short-list", "long-list"])
@pytest.mark.parametrize("is_made", [True, False], ids=["made", "not-made"])
async def test_a_wall_clock_that_is_set_between_batches_makes_no_second_job(
    server: FaultServer,
    connect: Connect,
    path: Path,
    recording: Path,
    step: Callable[[], None],
    is_made: bool,
    others: int,
) -> None:
    """A submit whose answer was lost is looked for by the clock of the service."""
    left = path.with_name("left.db")
    server.on("POST /v2/transcript", snapshot(path, left, is_processed=is_made))
    async with connect() as client:
        with pytest.raises(aai.BatchAbortedError):
            await run(client, [recording], path)
    crowd(server, others, dt.timedelta())
    step()
    async with connect() as client:
        [outcome] = await run(client, [recording], left)
    assert outcome.unwrap().text == "What was said."
    assert len(server.service.jobs) == others + 1


async def test_a_wall_clock_that_is_set_amid_a_batch_changes_nothing(
    server: FaultServer, connect: Connect, path: Path, tmp_path: Path, step: Callable[[], None]
) -> None:
    """Neither the waits nor what is written down."""
    paths = [tmp_path / f"{number}.wav" for number in range(4)]
    for number, one in enumerate(paths):
        one.write_bytes(b"recording %d" % number)

    async def set_clock(exchange: Exchange) -> None:
        step()
        await exchange.answer()

    server.on("POST /v2/transcript", normal(), set_clock)
    began = time.monotonic()
    async with connect() as client:
        outcomes = await run(client, paths, path)
        await run(client, paths, path)
    assert time.monotonic() - began < 60
    assert [outcome.unwrap().text for outcome in outcomes] == ["What was said."] * 4
    assert (len(server.service.uploads), len(server.service.jobs)) == (4, 4)


def crowd(server: FaultServer, count: int, age: dt.timedelta) -> None:
    """Let others have made many jobs; newer ones, or ones of some age that come before all others."""
    url, created = "https://example.com/other", dt.datetime.now(dt.UTC) - age
    jobs = [Job(f"other-{number}", url, {}, created, 0.0) for number in range(count)]
    server.service.jobs[0 if age else len(server.service.jobs) :] = [
        *jobs,
        *(server.service.jobs if age else []),
    ]


async def test_a_submit_is_written_down_with_the_time_from_which_its_job_is_to_be_looked_for(
    server: FaultServer, connect: Connect, path: Path, recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of an upload of an earlier batch: without it, the whole list has to be read, which has no end."""
    left = path.with_name("left.db")
    await uploaded(server, connect, path, recording)
    server.on("POST /v2/transcript", snapshot(path, left, is_processed=False))
    async with connect() as client:
        with pytest.raises(aai.BatchAbortedError):
            await run(client, [recording], path)
    [row] = ask(left, "SELECT state, submitting_at FROM jobs")
    assert row["state"] == "submitting"
    crowd(server, 450, dt.timedelta(days=1))
    monkeypatch.setattr(submission, "_PAGES", 2)
    async with connect() as client:
        [outcome] = await run(client, [recording], left)
    assert outcome.unwrap().text == "What was said."
    assert row["submitting_at"] is not None


# What can be read from it, and by whom.


async def test_a_journal_is_read_while_a_batch_writes_it(
    server: FaultServer, connect: Connect, path: Path, tmp_path: Path
) -> None:
    """How far each job is, and all in numbers."""
    good, bad, open_ = (tmp_path / name for name in ("good.wav", "bad.wav", "open.wav"))
    for one in (good, bad, open_):
        one.write_bytes(one.name.encode())
    server.service.fault_of = lambda data: "No speech." if data == b"bad.wav" else None
    async with connect(timeouts=aai.Timeouts(cancel_grace=0.1)) as client:
        async with aai.transcribe_all(client, [good, bad, open_], journal=path, max_uploads=1) as batch:
            server.on("POST /v2/transcript", normal(), normal(), hang())
            for _ in range(2):
                await anext(batch)
            while server.count("POST /v2/transcript") < 3:
                await anyio.sleep(0.01)
            async with aai.Journal.open(path) as kept:
                outcomes = [outcome async for outcome in kept.outcomes()]
                summary = await kept.summary()
    assert [outcome.source for outcome in outcomes] == [str(good), str(bad), str(open_)]
    assert [outcome.stage for outcome in outcomes] == ["finished", "finished", "submitting"]
    assert outcomes[0].unwrap().text == "What was said."
    assert "No speech." in str(outcomes[1].error)
    assert (outcomes[2].transcript, outcomes[2].error, outcomes[2].transcript_id) == (None, None, None)
    assert (summary.completed, summary.failed, summary.unfinished, summary.total) == (1, 1, 1, 3)


async def test_a_journal_is_read_when_nobody_writes_it(
    server: FaultServer, connect: Connect, path: Path, tmp_path: Path
) -> None:
    """Also a long one, and without a change to it."""
    sources = [b"recording %d" % number for number in range(50)]
    async with connect() as client:
        await run(client, sources, path)
    before = contents(tmp_path)
    async with aai.Journal.open(path) as kept:
        known = [outcome.unwrap().id async for outcome in kept.outcomes()]
        assert (await kept.summary()).completed == 50
    assert set(known) == ids(server)
    assert len(known) == 50
    assert contents(tmp_path) == before


NOTHING_TO_READ: dict[str, Callable[[Path], object]] = {
    "missing": Path,
    "empty": lambda path: path.touch(),
    **{
        name: FOREIGN[name][0]
        for name in ("text", "truncated", "other-application", "newer", "folder", "pipe")
    },
    "dangling-link": FOREIGN["dangling-link"][0],
}


@pytest.mark.parametrize("kind", NOTHING_TO_READ)
async def test_what_is_no_journal_is_not_read(path: Path, kind: str) -> None:
    """And nothing is made or changed."""
    NOTHING_TO_READ[kind](path)
    before = contents(path.parent)
    with anyio.fail_after(60), pytest.raises(aai.JournalError):
        async with aai.Journal.open(path):
            pass
    assert contents(path.parent) == before


async def test_a_journal_is_for_its_owner_alone(
    server: FaultServer, connect: Connect, path: Path, recording: Path
) -> None:
    """All of its files, while it is used and afterwards."""
    before = os.umask(0o022)
    try:
        async with connect() as client:
            async with aai.transcribe_all(client, [recording], journal=path) as batch:
                await batch.collect()
                while_used = {one.name: one.stat().st_mode & 0o777 for one in path.parent.glob("calls.db*")}
    finally:
        os.umask(before)
    assert while_used == dict.fromkeys(["calls.db", "calls.db-wal", "calls.db-shm", "calls.db.lock"], 0o600)
    assert {one.stat().st_mode & 0o777 for one in path.parent.glob("calls.db*")} == {0o600}


async def test_no_secret_is_in_a_journal(
    server: FaultServer, connect: Connect, path: Path, recording: Path
) -> None:
    """Not the key, not that of a webhook, not what lets whoever has it fetch a recording."""
    options = aai.Options(
        webhook_url="https://example.com/done",
        webhook_auth_header_name="x-token",
        webhook_auth_header_value="webhook-secret",
    )
    signed = "https://example.com/call.mp3?signature=signed-secret"
    server.on("POST /v2/transcript", status(400, body=b'{"error": "at https://a.com/b?token=told-secret"}'))
    async with connect() as client:
        async with aai.transcribe_all(client, [recording, signed, b"more"], options, journal=path) as batch:
            await batch.collect()
            files = list(path.parent.glob("calls.db*"))
            assert len(files) == 4
            written = b"".join(one.read_bytes() for one in files)
    written += path.read_bytes()
    assert b"https://example.com/done" in written
    for secret in (KEY, "webhook-secret", "signed-secret", "told-secret"):
        assert secret.encode() not in written


NAMES = {
    "emoji": "call 🎧.wav".encode(),
    "newline": b"a\nb.wav",
    "quote": b'it\'s "quoted"; DROP TABLE jobs --.wav',
    "not-utf-8": b"\xff\xfe.wav",
    "percent": b"100%s%00.wav",
    "dash": b"-rf.wav",
    "colon": b"http:x.wav",
    "long": b"x" * 250 + b".wav",
}


async def test_a_file_of_any_name_is_found_again(
    server: FaultServer, connect: Connect, path: Path, tmp_path: Path
) -> None:
    """Whatever the system takes for one."""
    paths = [Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)) for name in NAMES.values()]
    for one in paths:
        one.write_bytes(b"a recording")
    async with connect() as client:
        first = await run(client, paths, path)
        again = await run(client, paths, path)
    assert [outcome.source for outcome in again] == paths
    assert [outcome.transcript_id for outcome in again] == [outcome.transcript_id for outcome in first]
    assert len(server.service.jobs) == len(NAMES)
    async with aai.Journal.open(path) as kept:
        sources = [outcome.source async for outcome in kept.outcomes()]
    assert str(paths[0]) in sources
    assert f"{tmp_path}/\\xff\\xfe.wav" in sources


@pytest.mark.parametrize("name", ["a?b#c%20d.db", "öäü 🎧.db", "it's.db", "-x.db", ":memory:", "file:x.db"])
async def test_a_journal_may_have_any_name(
    server: FaultServer, connect: Connect, tmp_path: Path, recording: Path, name: str
) -> None:
    """It is a path, and neither an address nor a word of SQLite's."""
    with contextlib.chdir(tmp_path):
        journal = aai.Journal(name)
    async with connect() as client:
        await run(client, [recording], journal)
        await run(client, [recording], journal)
        async with aai.Journal.open(tmp_path / name) as kept:
            assert (await kept.summary()).completed == 1
    assert len(server.service.jobs) == 1
    assert list(contents(tmp_path)) == sorted([name, "call.wav"])


async def test_a_journal_is_at_the_path_of_a_file_uri(
    server: FaultServer, connect: Connect, tmp_path: Path, recording: Path
) -> None:
    """Where another program opens it by its path."""
    path = tmp_path / "run 7.db"
    async with connect() as client:
        await run(client, [recording], aai.Journal(path.as_uri()))
        await run(client, [recording], aai.Journal(path))
    assert len(server.service.jobs) == 1
    assert sorted(contents(tmp_path)) == ["call.wav", "run 7.db"]


def test_the_uri_of_a_file_on_another_machine_is_no_journal() -> None:
    """The error states which URIs are."""
    with pytest.raises(aai.ConfigError, match="file:///PATH with an absolute path"):
        aai.Journal("file://server/share/run7.db")


# Many changes in one.


def fingerprint(salt: bytes) -> str:
    return "the same for all"


@pytest.fixture
def commits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many changes went into each commit."""
    commits: list[int] = []
    commit = Database.commit

    def counted(self: Database, steps: Any) -> None:
        commits.append(len(steps))
        commit(self, steps)

    monkeypatch.setattr(Database, "commit", counted)
    return commits


def written(number: int) -> Callable[[sqlite3.Connection], int]:
    """A change that tells whether it was made."""
    wanted = ItemClaim((b"%d" % number,), number, str(number), None, "{}")
    return lambda connection: queries.claim(connection, wanted).position


async def test_many_changes_share_a_commit(lane: Lane, path: Path, commits: list[int]) -> None:
    """Each is told what came of its own."""
    journal, results = JournalWriter(path, keep_results=True), dict[int, int]()

    async def change(number: int) -> None:
        results[number] = await journal.commit(written(number))

    async with journal.held("http://testserver", fingerprint):
        async with anyio.create_task_group() as tasks:
            for number in range(200):
                tasks.start_soon(change, number)
    assert results == {number: number for number in range(200)}
    assert len(commits) < 10
    assert ask(path, "SELECT count(*) FROM jobs")[0][0] == 200


@pytest.mark.parametrize("is_native", [False, True], ids=["scope", "task"])
async def test_changes_outlast_those_who_share_their_commit_and_are_cancelled(
    lane: Lane, path: Path, is_native: bool
) -> None:
    """Wherever they wait: the others are written down, and told so."""
    if is_native and lane.backend != "asyncio":
        pytest.skip("only asyncio cancels a task through its shields")
    cancelled = cancelled_natively_at if is_native else cancelled_at
    journal, numbers = JournalWriter(path, keep_results=True), iter(range(10**6))
    expected, told = set[int](), set[int]()

    async def change(pause: int) -> None:
        for _ in range(pause):
            await checkpoint()
        number = next(numbers)
        expected.add(number)
        told.add(await journal.commit(written(number)))

    async with journal.held("http://testserver", fingerprint):
        # Several times at each, for trio has the tasks take turns by chance.
        is_cancelled, count = True, 0
        while is_cancelled and count < 400:
            count += 1
            with anyio.fail_after(60):
                async with anyio.create_task_group() as tasks:
                    # The first to come is the one that is cancelled, so that it carries what others bring.
                    for pause in range(1 if is_native else 0, 6):
                        tasks.start_soon(change, pause)
                    wait = 1 + count // 8
                    is_cancelled = await cancelled(wait, lambda: journal.commit(written(next(numbers))))
    assert told == expected
    assert {str(number) for number in expected} <= {row[0] for row in ask(path, "SELECT source FROM jobs")}


async def test_a_change_that_fails_fails_for_all_who_share_its_commit_and_for_no_others(
    lane: Lane, path: Path
) -> None:
    """None of them is written down, and each is told so."""
    journal, failed = JournalWriter(path, keep_results=True), list[int]()

    def broken(connection: sqlite3.Connection) -> int:
        raise sqlite3.OperationalError("disk I/O error")

    async def change(number: int) -> None:
        try:
            await journal.commit(broken if number == 2 else written(number))
        except aai.JournalError:
            failed.append(number)

    async with journal.held("http://testserver", fingerprint):
        async with anyio.create_task_group() as tasks:
            for number in range(5):
                tasks.start_soon(change, number)
        await journal.commit(written(7))
    known = {int(row[0]) for row in ask(path, "SELECT source FROM jobs")}
    assert 2 in failed
    assert known == set(range(5)) - set(failed) | {7}


# Cancelled batches.


@pytest.mark.parametrize("is_native", [False, True], ids=["scope", "task"])
async def test_a_batch_that_is_cancelled_wherever_it_waits_is_taken_up_at_once(
    server: FaultServer, connect: Connect, lane: Lane, path: Path, is_native: bool
) -> None:
    """Its journal is free when it has ended, and nothing is paid for twice."""
    if is_native and lane.backend != "asyncio":
        pytest.skip("only asyncio cancels a task through its shields")
    cancelled = cancelled_natively_at if is_native else cancelled_at
    sources = [b"one recording", b"another recording"]
    async with connect() as client:
        is_cancelled, count = True, 0
        while is_cancelled and count < 100:
            count += 1
            began = time.monotonic()
            is_cancelled = await cancelled(count, lambda: run(client, sources, path))
            assert time.monotonic() - began < 60
        assert not is_cancelled
        outcomes = await run(client, sources, path)
    assert [outcome.unwrap().text for outcome in outcomes] == ["What was said."] * 2
    assert len(server.service.jobs) == 2


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """A disk that takes its time when a journal is opened."""

    def slowed(work: Any) -> Any:
        def slowly(*arguments: Any) -> Any:
            time.sleep(0.2)
            return work(*arguments)

        return slowly

    place, name = {
        "lock": (Lock, "__init__"),
        "file": (Database, "_create_file"),
        "close": (Database, "close"),
    }[request.param]
    monkeypatch.setattr(place, name, slowed(getattr(place, name)))


@pytest.mark.parametrize(
    ("is_native", "slow"),
    [
        *(pytest.param(False, place, id=f"scope-{place}") for place in ("lock", "file", "close")),
        pytest.param(True, "lock", id="task-lock"),
        *(pytest.param(True, place, id=f"task-{place}") for place in ("file", "close")),
    ],
    indirect=["slow"],
)
async def test_a_journal_is_free_when_who_has_opened_it_was_cancelled(
    server: FaultServer, connect: Connect, lane: Lane, path: Path, slow: None, is_native: bool
) -> None:
    """Also amid its opening or closing."""
    if is_native and lane.backend != "asyncio":
        pytest.skip("only asyncio cancels a task through its shields")
    async with connect() as client:
        for _ in range(2):
            if is_native:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.1):
                        await run(client, [], path)
            else:
                with anyio.move_on_after(0.1):
                    await run(client, [], path)
        await anyio.sleep(0.3)
        await run(client, [b"a recording"], path)
    assert len(server.service.jobs) == 1


# A journal that fails amid a batch.


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let one kind of change fail from now on."""

    def fail(name: str) -> None:
        def broken(*_: object, **__: object) -> None:
            raise sqlite3.OperationalError("disk I/O error")

        monkeypatch.setattr(queries, name, broken)

    return fail


@pytest.mark.parametrize(
    ("change", "submits"), [("claim", 0), ("uploaded", 0), ("submitting", 0), ("submitted", 1), ("done", 1)]
)
async def test_a_batch_whose_journal_fails_ends_with_what_it_knows(
    server: FaultServer,
    connect: Connect,
    path: Path,
    recording: Path,
    monkeypatch: pytest.MonkeyPatch,
    failing: Callable[[str], None],
    change: str,
    submits: int,
) -> None:
    """Nothing that is paid for is begun without being written down, nor given up because it is not."""
    with monkeypatch.context() as context:
        failing(change)
        async with connect() as client:
            with pytest.raises(aai.BatchAbortedError, match="disk I/O error") as caught:
                await run(client, [recording], path)
        assert isinstance(caught.value.__cause__, aai.JournalError)
        assert server.count("POST /v2/transcript") == submits
        [outcome] = caught.value.outcomes
        if change == "done":
            assert outcome.unwrap().text == "What was said."
        elif submits:
            assert outcome.transcript_id == server.service.jobs[0].id
        context.undo()
    monkeypatch.undo()
    async with connect() as client:
        await run(client, [recording], path)
    assert len(server.service.jobs) == 1


async def test_a_batch_whose_journal_fails_ends_at_once(
    server: FaultServer, connect: Connect, path: Path, failing: Callable[[str], None]
) -> None:
    """It waits for the answers to what it has sent, and looks for nothing that it was told."""

    async def when_both_are_sent(exchange: Exchange) -> None:
        while server.count("POST /v2/transcript") < 2:
            await asyncio.sleep(0.005)
        await exchange.answer()

    async def late(exchange: Exchange) -> None:
        await exchange.read_body()
        reply = exchange.process()
        await asyncio.sleep(0.3)
        await exchange.send(reply.render())

    server.on("POST /v2/transcript", when_both_are_sent, late)
    failing("submitted")
    began = time.monotonic()
    async with connect() as client:
        with pytest.raises(aai.BatchAbortedError) as caught:
            await run(client, [b"one recording", b"another recording"], path)
    known = {outcome.transcript_id for outcome in (*caught.value.outcomes, *caught.value.unfinished)}
    assert known == ids(server)
    assert time.monotonic() - began < 60
