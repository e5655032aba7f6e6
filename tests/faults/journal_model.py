"""
A model of the journal in plain Python: what was asked for, by which account, and what the service was paid.

`World` is all that outlives a process: recordings on a disk, a journal, and the accounts at the service. It
can be asked for a run that is killed, which leaves the journal as it was in that moment.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import shutil
import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias, cast

import anyio
import httpx
import obstore
from fault_server import Job, Reply, Service
from obstore.store import MemoryStore
from test_fault_sequences import Model
from trio.testing import MockClock

import aai_async as aai
from aai_async._io.object_source import ObjectURI
from aai_async._journal.segments import Segments

KEYS = {
    "0123456789abcdef0123456789abcdef": "ours",
    "fedcba9876543210fedcba9876543210": "ours",
    "00000000000000001111111111111111": "another's",
}
"""API keys, and whose they are; the second key replaces the first one."""

OUR_KEY, OUR_NEW_KEY, ANOTHERS_KEY = KEYS

NAMES = ("a.wav", "b.wav", "c.wav")
ADDRESSES = ("https://media.test/x.mp3", "https://media.test/y.mp3")
ITEM_KEYS = ("call 1", "call 2")
OPTIONS: tuple[Mapping[str, Any], ...] = ({}, {"speaker_labels": True})

_UPLOADS = "http://cdn.test/upload/"

Identity: TypeAlias = tuple[object, ...]
"""What the documentation says a recording is known by."""


@dataclass(frozen=True)
class Asked:
    """One item of a run: a file, an address, or bytes with a key."""

    name: str
    options: int


ALL = tuple(Asked(name, number) for name in (*NAMES, *ADDRESSES, *ITEM_KEYS) for number in range(2))


@dataclass
class File:
    """A version of a file."""

    version: int

    @property
    def content(self) -> bytes:
        """Its bytes, which no other version has."""
        return b"version %d" % self.version

    def write(self, path: Path) -> None:
        """Put it at a path, with a time of its own."""
        path.write_bytes(self.content)
        time = 1_700_000_000 * 10**9 + self.version
        os.utime(path, ns=(time, time))


class Account(Model):
    """An account: its jobs, and what goes wrong with the next requests."""

    def __init__(self) -> None:
        super().__init__([], 0.0)
        self.service: _Transcribing = _Transcribing("http://127.0.0.1")
        self.kill_at = math.inf
        """The request at which the process is killed, counted from 1."""
        self.is_processed = False
        """Whether the service carries that request out."""
        self.on_kill: Callable[[], None] = lambda: None
        self._is_dead = False

    def begin(self, faults: Sequence[str], lag: float, epoch: float, *, is_hiding: bool) -> None:
        """Begin another run."""
        self._faults, self._lag, self.epoch = list(faults), lag, epoch
        self.requests, self._is_dead = 0, False
        self.kill_at, self.on_kill = math.inf, lambda: None
        self.service.begin(is_hiding=is_hiding)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self._is_dead:
            # What a process does as it is cancelled, one that is killed does not do.
            raise httpx.ConnectError("the process is gone")
        if self.requests + 1 != self.kill_at:
            return await super().handle_async_request(request)
        if self.is_processed:
            self._answer(request, await request.aread())
        self._is_dead = True
        self.on_kill()
        await anyio.sleep_forever()
        raise AssertionError


@dataclass(eq=False)
class _Transcribing(Service):
    """A service that makes of each recording and its options a text of its own, from uploads of its own."""

    failing: dict[bytes, str] = field(default_factory=dict)
    """The recordings whose next job fails, which is not billed, and the reasons."""
    is_hiding: bool = False
    """Whether it says of its jobs that there are none; of each in one run at most."""
    _hidden: set[str] = field(default_factory=set)
    _were_hidden: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.fault_of = self._fault_of

    def _fault_of(self, recording: bytes) -> str | None:
        return self.failing.pop(recording, None)

    def _submit(self, body: bytes) -> Reply:
        address = json.loads(body)["audio_url"]
        if address.startswith(_UPLOADS) and address not in self.uploads:
            return Reply.json({"error": "Cannot access uploaded file. Verify it is uploaded by you."}, 403)
        reply = super()._submit(body)
        job = self.jobs[-1]
        job.text = text_of(self.recording(job), job.options)
        return reply

    def begin(self, *, is_hiding: bool) -> None:
        """Begin another run."""
        self._were_hidden |= self._hidden
        self.is_hiding = is_hiding

    def _of_job(self, method: str, job_id: str, part: str, query: dict[str, str]) -> Reply:
        if self.is_hiding and job_id not in self._were_hidden:
            self._hidden.add(job_id)
            return Reply.json({"error": "Transcript lookup error, transcript id not found"}, 400)
        return super()._of_job(method, job_id, part, query)

    def recording(self, job: Job) -> bytes:
        """What a job is of: the bytes of an upload, or an address."""
        return self.uploads.get(job.audio_url, job.audio_url.encode())


def text_of(recording: bytes, options: Mapping[str, Any]) -> str:
    """The text of the transcript of a recording with these options, which no other has."""
    return f"{recording.decode()}: {json.dumps(dict(options), sort_keys=True)}"


@dataclass
class Run:
    """What a run has given to its user."""

    outcomes: list[aai.Outcome] = field(default_factory=list)
    error: aai.AAIError | None = None
    has_begun: bool = False
    """Whether it has got hold of the journal."""
    is_killed: bool = False
    requests: int = 0


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """What happens in a run."""

    faults: Sequence[str] = ()
    lag: float = 0.0
    kill_at: float = math.inf
    is_processed: bool = False
    cancel_after: float = math.inf
    jobs: int = 400
    uploads: int = 8
    is_hiding: bool = False
    """Whether the service says of its jobs that there are none."""


class World:
    """All that is there between two runs, and what must hold of it."""

    def __init__(self, folder: Path, *, by_content: bool, is_stored: bool = False) -> None:
        self._folder = folder
        self._is_stored = is_stored
        self.bucket = MemoryStore()
        """Where the journal is, if it is in object storage."""
        self._by_content = by_content
        self.files: dict[str, File] = {}
        self.versions = 0
        self.accounts = {name: Account() for name in sorted({*KEYS.values()})}
        self.owner: str | None = None
        """The key that the journal belongs to."""
        # Of now: whether a job may have been deleted is told by the clock of this machine.
        self.time = time.time()
        self._known = defaultdict[tuple[str, str], set[Identity]](set)
        """By account and text: under how many identities it was asked for."""
        self._given: dict[tuple[str, str, Identity], str] = {}
        """The id that was given for it last."""
        self._forgiven = set[str]()
        """The jobs that the journal need not know any more, and may be made again."""
        self._killed_bucket = self.bucket
        (folder / "journal").mkdir()

    @property
    def journal(self) -> Path | str:
        """Where the journal is, in a folder of its own or in a bucket."""
        return "s3://bucket/run7/" if self._is_stored else self._file

    @property
    def _file(self) -> Path:
        return self._folder / "journal" / "calls.db"

    @property
    def account(self) -> str | None:
        """The account that the journal belongs to."""
        return None if self.owner is None else KEYS[self.owner]

    # Files.

    def path(self, name: str) -> Path:
        """Where a file is."""
        return self._folder / name

    def edit(self, name: str) -> None:
        """Write another content into a file."""
        self.versions += 1
        self.change_back(name, self.versions)

    def change_back(self, name: str, version: int) -> None:
        """Put a version of a file at its place, with the time that it had."""
        self.files[name] = File(version)
        self.files[name].write(self.path(name))

    def rename(self, name: str, new: str) -> None:
        """Rename a file, in place of another one."""
        self.path(name).replace(self.path(new))
        self.files[new] = self.files.pop(name)

    def spoil(self, name: str, how: str) -> None:
        """Take the file away, or its content; it is known what belongs there."""
        self.path(name).unlink()
        if how == "empty":
            self.path(name).touch()
        elif how == "folder":
            self.path(name).mkdir()

    def repair(self, name: str) -> None:
        """Put the file back as it was."""
        if self.path(name).is_dir():
            self.path(name).rmdir()
        self.files[name].write(self.path(name))

    # Items.

    def items(self, asked: Sequence[Asked]) -> list[Asked]:
        """Those whose file is there."""
        return [one for one in asked if one.name not in NAMES or one.name in self.files]

    def recording(self, asked: Asked) -> bytes:
        """What the service gets to see of an item."""
        return self.files[asked.name].content if asked.name in NAMES else asked.name.encode()

    def text(self, asked: Asked) -> str:
        """What must be given for an item."""
        return text_of(self.recording(asked), OPTIONS[asked.options])

    def _identity(self, asked: Asked) -> Identity:
        if asked.name in NAMES:
            version = self.files[asked.name].version
            return ("content", version) if self._by_content else (asked.name, version)
        return (asked.name,)

    def _item(self, asked: Asked) -> aai.Item:
        options = aai.Options.from_dict(dict(OPTIONS[asked.options]))
        if asked.name in NAMES:
            return aai.Item(self.path(asked.name), options)
        if asked.name in ITEM_KEYS:
            return aai.Item(asked.name.encode(), options, key=asked.name)
        return aai.Item(asked.name, options)

    # Runs.

    def run(self, key: str, items: Sequence[Asked], trouble: Trouble, *, adopts: bool = False) -> Run:
        """Run a batch; if it is killed, the journal is left as it was in that moment."""
        this, account = Run(), self.accounts[KEYS[key]]
        account.begin(trouble.faults, trouble.lag, self.time, is_hiding=trouble.is_hiding)
        clock = MockClock(autojump_threshold=0)

        async def go() -> None:
            with anyio.move_on_after(trouble.cancel_after) as scope:
                account.kill_at, account.is_processed = trouble.kill_at, trouble.is_processed
                account.on_kill = lambda: self._kill(this, scope)
                await self._transcribe(key, items, trouble, this, adopts=adopts)
            self.time += anyio.current_time()

        anyio.run(go, backend="trio", backend_options={"clock": clock})
        this.requests = account.requests
        if this.is_killed:
            shutil.rmtree(self._file.parent)
            (self._folder / "killed").rename(self._file.parent)
            self.bucket = self._killed_bucket
        if this.has_begun:
            self.owner = key
            for one in items:
                self._known[KEYS[key], self.text(one)].add(self._identity(one))
        return this

    def _kill(self, this: Run, scope: anyio.CancelScope) -> None:
        # The shared memory of SQLite is made anew from the log, as after a kill.
        shutil.copytree(
            self._file.parent, self._folder / "killed", ignore=shutil.ignore_patterns("*-shm", "*.lock")
        )
        self._killed_bucket = MemoryStore()
        for some in cast("Any", obstore).list(self.bucket):
            for meta in some:
                content = obstore.get(self.bucket, meta["path"]).bytes()
                obstore.put(self._killed_bucket, meta["path"], content)
        this.is_killed = True
        scope.cancel()

    async def _transcribe(
        self, key: str, items: Sequence[Asked], trouble: Trouble, this: Run, *, adopts: bool
    ) -> None:
        account = self.accounts[KEYS[key]]
        async with httpx.AsyncClient(transport=account) as http, aai.Client(key, http_client=http) as client:
            try:
                async with aai.transcribe_all(
                    client,
                    list(map(self._item, items)),
                    journal=aai.Journal(self.journal, adopt_key=adopts),
                    dedupe_by_content=self._by_content,
                    max_jobs=trouble.jobs,
                    max_uploads=trouble.uploads,
                ) as batch:
                    this.has_begun = not this.is_killed
                    async for outcome in batch:
                        if not this.is_killed:
                            this.outcomes.append(outcome)
            except aai.AAIError as error:
                this.error = error

    def forget(self, name: str) -> None:
        """Let the journal forget an item, in all versions and with all options."""
        before = {row["id"]: row for row in self.rows()}
        source = str(self.path(name)) if name in NAMES else name
        with contextlib.suppress(aai.JournalError):
            anyio.run(aai.Journal(self.journal).forget, source, backend="trio")
        removed = [before[number] for number in before.keys() - {row["id"] for row in self.rows()}]
        assert {row["source"] for row in removed} <= {source}
        assert source not in {row["source"] for row in self.rows()}
        gone = {row[column] for row in removed for column in ("transcript_id", "upload_url", "source")}
        for account in self.accounts.values():
            self._forgiven |= {job.id for job in account.service.jobs if {job.id, job.audio_url} & gone}
        self._given = {known: id_ for known, id_ in self._given.items() if id_ not in self._forgiven}

    def rows(self) -> list[sqlite3.Row]:
        """Give what is in the journal."""
        if self._is_stored:
            connection = Segments(ObjectURI("s3", "bucket", "run7")).connect()
        elif self._file.exists():
            connection = sqlite3.connect(self._file)
        else:
            return []
        with contextlib.closing(connection):
            connection.row_factory = sqlite3.Row
            assert [row[0] for row in connection.execute("PRAGMA integrity_check")] == ["ok"]
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'jobs'").fetchone():
                return []
            return connection.execute("SELECT * FROM jobs ORDER BY id").fetchall()

    # What must hold.

    def check_given(self, key: str, items: Sequence[Asked], this: Run) -> None:
        """Each transcript is that of its own recording, of this account, and the same as ever."""
        service = self.accounts[KEYS[key]].service
        made = {job.id: job for job in service.jobs}
        for outcome in this.outcomes:
            one = items[outcome.index]
            known = (KEYS[key], self.text(one), self._identity(one))
            assert outcome.transcript_id is None or made[outcome.transcript_id].text == self.text(one)
            if outcome.transcript is not None:
                assert outcome.transcript.text == self.text(one)
                assert outcome.transcript_id is not None
                assert self._given.setdefault(known, outcome.transcript_id) == outcome.transcript_id

    def check_refused(self, name: str, items: Sequence[Asked], this: Run) -> None:
        """What cannot be read is refused, and the journal has the reason."""
        rows = [row for row in self.rows() if row["error"] is not None and row["state"] != "done"]
        for outcome in this.outcomes:
            if items[outcome.index].name == name and not isinstance(outcome.error, aai.BatchAbortedError):
                assert isinstance(outcome.error, aai.SourceError)
                assert self._by_content or str(self.path(name)) in {row["source"] for row in rows}

    def billed(self, account: str) -> list[Job]:
        """The jobs of an account that count."""
        jobs = self.accounts[account].service.jobs
        return [job for job in jobs if job.error is None and job.id not in self._forgiven]

    def check_nothing_is_paid_twice(self) -> None:
        """Each identity has one job for what is asked of it."""
        for name in self.accounts:
            made = defaultdict[str, list[str]](list)
            for job in self.billed(name):
                made[job.text].append(job.id)
            for text, ids in made.items():
                assert len(ids) <= len(self._known[name, text]), f"paid twice: {text}: {ids}"

    def check_nothing_is_lost(self) -> None:
        """Each job of the account that the journal belongs to is in it, or a submit that may have made it."""
        rows = self.rows()
        ids = {row["transcript_id"] for row in rows}
        sought = {
            row[name] for row in rows if row["state"] == "submitting" for name in ("upload_url", "source")
        }
        for job in self.billed(self.account) if self.account else ():
            assert job.id in ids or job.audio_url in sought, f"lost sight of {job.id}: {job.text}"

    def check_rows_are_of_the_account(self) -> None:
        """No id is that of another account's job."""
        ids = {row["transcript_id"] for row in self.rows()} - {None}
        assert self.account or not ids
        if self.account:
            assert ids <= {job.id for job in self.accounts[self.account].service.jobs}
