"""What must hold after each round of the soak test, whatever has happened in it."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from soak_plan import SIGNATURE, WEBHOOK_SECRET
from soak_program import KEY
from soak_service import Accepted

_STRAY = (
    r" +\+ Exception Group|.*ExceptionGroup: |Exception ignored|Task .*never retrieved"
    # An interrupt may hit between a coroutine and its task.
    r"|.*Warning: (?!coroutine .* was never awaited|Enable tracemalloc)"
)
"""What is not the traceback of a single exception."""

_OUT_OF_REACH = (
    r"Exception ignored in: .*\n(?:Traceback .*\n|\s.*\n|\n)*"
    r"(?:KeyboardInterrupt: ?|trio\.RunFinishedError: run\(\) has exited)\n"
)
"""
An interrupt that hit what Python calls by itself, such as the callback of a weak reference; and the end of an
asynchronous generator whose first step trio was about to record when it was interrupted.
"""

SECRETS = (KEY, WEBHOOK_SECRET, SIGNATURE)


class BrokenPromiseError(AssertionError):
    """A promise that was broken."""


def notes_of(path: Path, run: str) -> list[dict[str, Any]]:
    """Give what one run has noted."""
    return [note for note in read_lines(path) if note["run"] == run]


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Read lines of JSON, without what a kill has cut short."""
    lines = path.read_text().splitlines() if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("}")]


def check_nothing_is_paid_twice(ledger: Iterable[Accepted]) -> int:
    """
    Each recording has one job for what is asked, of those that the list shows in time.

    Gives how many were made again since the list showed a job later than is documented.
    """
    billed = [job for job in ledger if job.is_billed]
    in_time = Counter(job.text for job in billed if job.is_listed_in_time)
    twice = sorted(text for text, count in in_time.items() if count > 1)
    if twice:
        jobs = [f"{job.id} of {job.audio_url}" for job in billed if job.text == twice[0]]
        raise BrokenPromiseError(f"paid twice: {twice[0]}: {', '.join(jobs)} ({len(twice)} in all)")
    return len(billed) - len({job.text for job in billed})


def check_nothing_is_forgotten(ledger: Iterable[Accepted], journal: Path) -> None:
    """Each job is in the journal, or a submit that may have made it."""
    rows = rows_of(journal)
    ids = {row["transcript_id"] for row in rows}
    in_doubt = [row for row in rows if row["state"] == "submitting"]
    sought = {row[name] for row in in_doubt for name in ("upload_url", "source")}
    for job in ledger:
        address = job.audio_url.partition("?")[0]
        if (
            job.is_billed
            and job.is_listed_in_time
            and not {job.id} & ids
            and not {job.audio_url, address} & sought
        ):
            raise BrokenPromiseError(f"lost sight of a job: {job.id} of {job.text}")


def rows_of(journal: Path) -> list[sqlite3.Row]:
    """Give what is in a journal, which is whole; it stays as a kill may have left it."""
    if not journal.exists() or not journal.stat().st_size:
        return []
    with tempfile.TemporaryDirectory() as folder:
        for path in journal.parent.glob(f"{journal.name}*"):
            shutil.copy(path, folder)
        with contextlib.closing(sqlite3.connect(Path(folder) / journal.name)) as connection:
            connection.row_factory = sqlite3.Row
            if [row[0] for row in connection.execute("PRAGMA integrity_check")] != ["ok"]:
                raise BrokenPromiseError("the journal is damaged")
            is_made = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            return connection.execute("SELECT * FROM jobs").fetchall() if is_made else []


def check_results(
    notes: Iterable[Mapping[str, Any]], expected: list[str], ledger: Iterable[Accepted]
) -> None:
    """Each transcript is that of its own recording, and each job that is told of was made for it."""
    by_id = {job.id: job for job in ledger}
    for note in notes:
        text = note.get("text")
        if text is not None and text != expected[note["index"]]:
            raise BrokenPromiseError(f"a wrong text: {text!r} instead of {expected[note['index']]!r}")
        known = note.get("id") if text is not None else note.get("submitted")
        if known is not None and (known not in by_id or by_id[known].text != expected[note["index"]]):
            raise BrokenPromiseError(f"a job that is not its own: {known} for {expected[note['index']]!r}")
        if "failed unexpectedly" in str(note.get("why")):
            raise BrokenPromiseError(f"a bare exception: {note['why']}")


def check_output(output: Path, *, is_interrupted: bool) -> None:
    """Nothing is written to standard error, but that it was interrupted."""
    written = re.sub(_OUT_OF_REACH, "", output.read_text()) if output.exists() else ""
    stray = [line for line in written.splitlines() if re.match(_STRAY, line)]
    last = written.rstrip().rpartition("\n")[2]
    if written and (stray or not is_interrupted or last != "KeyboardInterrupt"):
        raise BrokenPromiseError(f"a bare exception: {(stray or [last])[0]}")


def check_secrets(*paths: Path) -> None:
    """Neither the key nor any other secret is in what was written."""
    for path in paths:
        content = path.read_bytes() if path.exists() else b""
        for secret in SECRETS:
            if secret.encode() in content:
                raise BrokenPromiseError(f"a secret is in {path.name}: {secret}")
        if b"failed unexpectedly" in content:
            raise BrokenPromiseError(f"a bare exception: see {path.name}")
