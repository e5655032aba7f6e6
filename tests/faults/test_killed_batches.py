"""A batch that is killed at any moment, or whose disk is full, is run again and pays for nothing twice."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import shutil
import signal
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from fault_server import Exchange, Fault, FaultServer
from faults import normal
from programs import Mother, tampered, told, works

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="a batch is begun by a fork")


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def mother() -> Iterator[Mother]:
    with Mother() as mother:
        yield mother


@attrs.frozen
class Work:
    """Recordings, and the journal of the batch that transcribes them, however often it is begun."""

    mother: Mother
    server: FaultServer
    folder: Path
    journal: Path
    backend: str
    settings: dict[str, Any] = attrs.field(factory=dict)

    def files(self, count: int) -> list[str]:
        """Make some recordings."""
        paths = [self.folder / f"{number}.wav" for number in range(count)]
        for path in paths:
            if not path.exists():
                path.write_bytes(b"recording " + path.name.encode())
        return [str(path) for path in paths]

    @property
    def notes(self) -> Path:
        return self.folder / "notes"

    def order(self, count: int) -> dict[str, Any]:
        return {
            "url": self.server.url,
            "journal": str(self.journal),
            "files": self.files(count),
            "backend": self.backend,
            "notes": str(self.notes),
            **self.settings,
        }

    def start(self, count: int = 3) -> None:
        self.mother.start(**self.order(count))

    def run(self, count: int = 3) -> int:
        return self.mother.run(**self.order(count))

    def wait_for(self, pattern: str, count: int) -> None:
        """Wait until so many such requests have come."""
        until = time.monotonic() + 5
        while self.server.count(pattern) < count:
            assert time.monotonic() < until
            time.sleep(0.002)

    def settle(self) -> None:
        """Wait until the service has done what it was asked for by a process that is gone."""
        until = time.monotonic() + 5
        while self.server.open_connections and time.monotonic() < until:
            time.sleep(0.001)

    def rows(self, journal: Path | None = None) -> list[sqlite3.Row]:
        """What is in the journal, which is whole."""
        path = journal or self.journal
        if not path.exists() or not path.stat().st_size:
            return []
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.row_factory = sqlite3.Row
            assert [row[0] for row in connection.execute("PRAGMA integrity_check")] == ["ok"]
            # A journal that was being made when it was killed is empty.
            is_made = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            return connection.execute("SELECT * FROM jobs").fetchall() if is_made else []

    def check_all_is_known(self) -> None:
        """Each job of the service is one that the journal knows, or that it knows to look for."""
        self.settle()
        rows = self.rows()
        known = {row["transcript_id"] for row in rows}
        sought = {row["upload_url"] for row in rows if row["state"] == "submitting"}
        for job in self.server.service.jobs:
            assert job.id in known or job.audio_url in sought
        assert set(told(self.notes, "submitted")) <= known

    def complete(self, count: int = 3) -> None:
        """Run the batch again: it completes, and whatever is paid for was paid for once."""
        self.settle()
        service, rows = self.server.service, self.rows()
        uploads, submits = len(service.uploads), self.server.count("POST /v2/transcript")
        made = len(service.jobs)
        already = len(told(self.notes, "finished"))
        assert self.run(count) == 0
        self.check_has_completed(count, already)
        stored = sum(row["upload_url"] is not None for row in rows)
        assert len(service.uploads) - uploads == count - stored
        assert self.server.count("POST /v2/transcript") - submits == count - made
        assert told(self.notes, "raised") == []

    def check_has_completed(self, count: int, already: int = 0) -> None:
        """All recordings have their transcript, and one job each."""
        jobs = {job.id for job in self.server.service.jobs}
        assert set(told(self.notes, "finished")[already:]) == jobs
        assert told(self.notes, "is_completed")[already:] == [True] * count
        assert len(self.server.service.jobs) == len(jobs) == count
        assert {(row["state"], row["error"]) for row in self.rows()} == {("done", None)}
        assert {row["transcript_id"] for row in self.rows()} == jobs


@pytest.fixture
def work(mother: Mother, server: FaultServer, tmp_path: Path, anyio_backend: str) -> Work:
    return Work(mother, server, tmp_path, tmp_path / "calls.db", anyio_backend)


def killing(mother: Mother, *, is_processed: bool, is_answered: bool, how: int = signal.SIGKILL) -> Fault:
    """The end of the process that asks, at a certain moment."""

    async def fault(exchange: Exchange) -> None:
        await exchange.read_body()
        reply = exchange.process() if is_processed else None
        if reply and is_answered:
            await exchange.send(reply.render())
        mother.kill(how)
        await exchange.hang()

    return fault


MOMENTS = {
    "upload-stored": ("POST /v2/upload", True, False),
    "upload-answered": ("POST /v2/upload", True, True),
    "submit-not-seen": ("POST /v2/transcript", False, False),
    "submit-made": ("POST /v2/transcript", True, False),
    "submit-answered": ("POST /v2/transcript", True, True),
    "look-not-seen": ("GET /v2/transcript/*", False, False),
    "look-made": ("GET /v2/transcript/*", True, False),
    "look-answered": ("GET /v2/transcript/*", True, True),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_batch_that_is_killed_is_taken_up_and_pays_for_nothing_twice(work: Work, moment: str) -> None:
    """What was uploaded is not uploaded again, and a job whose answer was lost is found."""
    pattern, is_processed, is_answered = MOMENTS[moment]
    kill = killing(work.mother, is_processed=is_processed, is_answered=is_answered)
    work.server.on(pattern, normal(), kill)
    work.start()
    assert work.mother.end() == -signal.SIGKILL
    work.check_all_is_known()
    work.complete()


def test_a_batch_that_is_killed_while_it_looks_into_the_list_is_taken_up(work: Work) -> None:
    """Which it does where it waits for many."""
    work.server.service.looks_until_done = 10**9
    work.server.on("GET /v2/transcript", killing(work.mother, is_processed=True, is_answered=False))
    work.start(8)
    assert work.mother.end() == -signal.SIGKILL
    # The list is cheaper from four on; others may be on their way yet.
    assert [row["state"] for row in work.rows()].count("submitted") >= 4
    work.server.service.looks_until_done = 1
    work.complete(8)


def test_a_batch_that_is_killed_over_and_over_comes_to_its_end(work: Work) -> None:
    """The first at its first request, the second at its second, and so on."""
    code, runs = -signal.SIGKILL, 0
    while code == -signal.SIGKILL and runs < 60:
        runs += 1
        # Half of what asks gets its way, and dies before it knows.
        kill = killing(work.mother, is_processed=runs % 2 == 0, is_answered=False)
        work.server.on("*", *[normal()] * (runs - 1), kill)
        code = work.run()
        if code:
            work.check_all_is_known()
    assert code == 0
    assert runs > 5
    assert len(work.server.service.jobs) == 3


# At each write of the journal.

needs_strace = pytest.mark.skipif(
    not works("strace", "-o", os.devnull, "true"), reason="strace is not here, or may not look on"
)

CALLS = ["pwrite64", "fdatasync", "ftruncate", "unlink"]
"""What SQLite does to the files of a journal, and to make them last."""


@attrs.frozen
class Sweep:
    """Batches that come to grief at one of their writes to the journal, each with a journal of its own."""

    work: Work

    def run(self, number: int, tampering: str, count: int = 2) -> tuple[Work, int]:
        """Do one that strace interferes with."""
        folder = self.work.folder / f"{tampering.partition(':')[0]}-{number}"
        folder.mkdir()
        self.work.server.service.jobs.clear()
        go = folder / "go"
        backend = ["asyncio", "trio"][number % 2]
        # In one thread, for strace counts the calls of each by itself.
        settings = {"threads": 1, "go": str(go), "timeouts": {"cancel_grace": 0.5}}
        work = attrs.evolve(
            self.work, folder=folder, journal=folder / "calls.db", backend=backend, settings=settings
        )
        work.start(count)
        with tampered(work.mother.child, work.journal, tampering):
            go.touch()
            return work, work.mother.end()


@pytest.fixture
def sweep(mother: Mother, server: FaultServer, tmp_path: Path) -> Sweep:
    return Sweep(Work(mother, server, tmp_path, tmp_path / "calls.db", "asyncio"))


@needs_strace
@pytest.mark.timeout(1500)  # some seventy processes
@pytest.mark.parametrize("call", CALLS)
def test_a_batch_that_is_killed_at_each_write_of_its_journal_pays_for_nothing_twice(
    sweep: Sweep, call: str
) -> None:
    """What was written down stays, the file is whole, and a job that was not written down is looked for."""
    for number in itertools.count(1):
        work, code = sweep.run(number, f"{call}:signal=SIGKILL:when={number}")
        work.check_all_is_known()
        if code != -signal.SIGKILL:
            break
        work.complete(2)
    assert code == 0
    work.check_has_completed(2)
    assert number > 1


# Signals that ask.

CAUGHT = {
    "uploading": ("POST /v2/upload", False),
    "submitting": ("POST /v2/transcript", True),
    "polling": ("GET /v2/transcript/*", False),
}


def asking_to_end(mother: Mother, how: int, *, is_processed: bool) -> Fault:
    """A signal while the process waits for an answer, which comes a little later or never."""

    async def fault(exchange: Exchange) -> None:
        await exchange.read_body()
        reply = exchange.process() if is_processed else None
        # Until it waits: trio lets it be interrupted wherever it is.
        await asyncio.sleep(0.05)
        mother.kill(how)
        if reply:
            await asyncio.sleep(0.2)
            await exchange.send(reply.render())
        await exchange.hang()

    return fault


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM], ids=["int", "term"])
@pytest.mark.parametrize("doing", CAUGHT)
def test_a_batch_that_is_asked_to_end_is_gone_at_once_and_pays_for_nothing_twice(
    work: Work, doing: str, how: signal.Signals
) -> None:
    """Whatever it was doing; a submit that was sent is answered first, where that does not take long."""
    pattern, is_processed = CAUGHT[doing]
    work.server.on(pattern, normal(), asking_to_end(work.mother, how, is_processed=is_processed))
    # Longer than the bound below, so that a process that waits for all of it is noticed.
    work.settings["timeouts"] = {"cancel_grace": 60.0}
    work.start()
    began = time.monotonic()
    code = work.mother.end()
    assert time.monotonic() - began < 30
    assert code == (130 if how == signal.SIGINT else -signal.SIGTERM)
    work.check_all_is_known()
    if how == signal.SIGINT:
        assert "submitting" not in {row["state"] for row in work.rows()}
    work.complete()


def test_a_batch_that_is_asked_twice_to_end_waits_for_nothing(work: Work) -> None:
    """The first time it waits for the answer to a submit that was sent, which here does not come."""

    async def ask_twice(exchange: Exchange) -> None:
        await exchange.read_body()
        exchange.process()
        for _ in range(2):
            await asyncio.sleep(0.3)
            work.mother.kill(signal.SIGINT)
        await exchange.hang()

    # Trio does not let the second go through, so that only the end of the grace helps.
    work.settings["timeouts"] = {"cancel_grace": 1.0 if work.backend == "trio" else 60.0}
    work.server.on("POST /v2/transcript", ask_twice)
    work.start(1)
    began = time.monotonic()
    assert work.mother.end() != 0
    assert time.monotonic() - began < 30
    work.check_all_is_known()
    work.complete(1)


# Two at once.


def test_a_second_process_is_told_at_once_that_the_journal_is_in_use(work: Work) -> None:
    """It sends nothing, and the first goes on until it is killed; what that leaves holds up nobody."""
    work.server.service.looks_until_done = 10**9
    work.start()
    work.wait_for("POST /v2/transcript", 3)
    other = work.folder / "other-notes"
    with Mother() as second:
        second.start(**{**work.order(5), "notes": str(other)})
        assert second.end(within=60.0) == 0
        assert told(other, "raised") == ["JournalLockedError"]
        looks = work.server.count("GET /v2/transcript/*")
        work.wait_for("GET /v2/transcript/*", looks + 3)
        work.mother.kill()
        assert work.mother.end() == -signal.SIGKILL
        work.server.service.looks_until_done = 1
        assert second.run(**work.order(3)) == 0
    work.check_has_completed(3)
    assert work.server.count("POST *") == 6


# The disk.


@needs_strace
@pytest.mark.parametrize(
    ("tampering", "kind"),
    [
        ("pwrite64:error=ENOSPC", "JournalFullError"),
        ("pwrite64:error=EIO", "JournalError"),
        ("fdatasync:error=EIO", "JournalError"),
    ],
    ids=["full", "write", "sync"],
)
def test_a_batch_whose_disk_fails_ends_and_pays_for_nothing_that_is_not_written_down(
    sweep: Sweep, tampering: str, kind: str
) -> None:
    """From any of its writes on; when the disk works again, so does the batch."""
    is_over, number = False, 1
    while not is_over:
        work, code = sweep.run(number, f"{tampering}:when={number}+")
        assert code == 0
        raised, causes = told(work.notes, "raised"), told(work.notes, "cause")
        is_over = not raised
        if not is_over:
            assert raised[0] == kind or (raised[0], causes[0]) == ("BatchAbortedError", kind)
            work.check_all_is_known()
            work.notes.unlink()
            work.complete(2)
        number += 7 if tampering.startswith("pwrite64") else 3
    work.check_has_completed(2)
    assert number > 8


IN_MEMORY = ["unshare", "-rm", "sh", "-c", 'mount -t tmpfs -o "$0" none "$1" && shift && exec "$@"']
"""Runs what follows with a file system of its own in a folder."""

needs_unshare = pytest.mark.skipif(
    not works(*IN_MEMORY[:4], "mount -t tmpfs none /mnt"), reason="no file system of one's own can be had"
)


@needs_unshare
def test_a_batch_whose_disk_is_full_says_so_and_goes_on_when_there_is_room(
    server: FaultServer, tmp_path: Path, anyio_backend: str
) -> None:
    """On a disk that is really full."""
    disk = tmp_path / "disk"
    disk.mkdir()
    with Mother([*IN_MEMORY, "size=8m", str(disk)]) as mother:
        settings = {"timeouts": {"cancel_grace": 0.5}}
        work = Work(mother, server, tmp_path, disk / "calls.db", anyio_backend, settings)
        work.run(1)
        assert told(work.notes, "is_completed") == [True]
        ballast = mother.sees(disk / "ballast")
        disk_there = os.statvfs(mother.sees(disk))
        ballast.write_bytes(bytes(disk_there.f_bavail * disk_there.f_frsize - 200 * 1024))
        assert work.run(30) == 0
        assert told(work.notes, "cause") == ["JournalFullError"]
        # SQLite would follow the link to the root of that process, and come out here.
        for path in mother.sees(disk).glob("calls.db*"):
            shutil.copy(path, tmp_path / path.name)
        rows = work.rows(tmp_path / "calls.db")
        sought = {row["upload_url"] for row in rows if row["state"] in {"submitting", "submitted", "done"}}
        assert {job.audio_url for job in server.service.jobs} <= sought
        ballast.unlink()
        already = len(told(work.notes, "finished"))
        assert work.run(30) == 0
        assert told(work.notes, "is_completed")[already:] == [True] * 30
    assert len(server.service.jobs) == 30


@needs_unshare
def test_a_journal_on_a_disk_that_cannot_be_written_is_refused(
    server: FaultServer, tmp_path: Path, anyio_backend: str
) -> None:
    """Before anything is sent."""
    disk = tmp_path / "disk"
    disk.mkdir()
    with Mother([*IN_MEMORY, "ro", str(disk)]) as mother:
        work = Work(mother, server, tmp_path, disk / "calls.db", anyio_backend)
        assert work.run(1) == 0
    assert told(work.notes, "raised") == ["JournalError"]
    assert "Read-only file system" in told(work.notes, "said")[0]
    assert server.requests == []
