"""What the service leaves out or warns of reaches people: in logs, outcomes, journals, and the command."""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import pytest
from fault_server import FaultServer
from lanes import KEY, Connect, Lane, one_library_of_each_loop
from verbs import URL

import aai_async as aai

WARNING = "domain was ignored for this language"

REQUESTED = aai.Options(
    entity_detection=True,
    redact_pii=True,
    redact_pii_policies=["date"],
    redact_pii_return_unredacted=True,
    extra={"metadata": {"warnings": [{"message": WARNING}]}},
)
"""The server echoes what was sent, and makes neither entities nor an unredacted text."""

MISSING = (
    aai.MissingResult(option="entity_detection", reason="entities is null"),
    aai.MissingResult(option="redact_pii_return_unredacted", reason="unredacted_text is null"),
)

COMMAND = ["--set", f'metadata={{"warning": "{WARNING}"}}', "--set", "entity_detection=true"]

lane = one_library_of_each_loop


@pytest.fixture
def calls(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "calls"
    folder.mkdir()
    paths = [folder / f"{number}.wav" for number in range(3)]
    for path in paths:
        path.write_bytes(path.name.encode())
    return paths


def logged(caplog: pytest.LogCaptureFixture, level: int = logging.WARNING) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == level]


async def test_what_is_left_out_is_logged_once_for_a_client(
    server: FaultServer, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """Whichever verb shows it, and each kind by itself; when it comes again, at DEBUG."""
    caplog.set_level(logging.DEBUG, "aai_async")
    async with connect() as client:
        first = await client.transcribe(URL, REQUESTED)
        assert len(logged(caplog)) == 3
        await client.wait(first.id)
        await client.get(first.id)
        await client.transcribe(f"{URL}?other", REQUESTED)
    said = logged(caplog)
    assert len(said) == 3
    assert all(line.startswith(f"transcript {first.id}: ") for line in said)
    assert f"the service warns: {WARNING}" in said[0]
    assert "requested, but missing from the result: entity_detection (entities is null)" in said[1]
    again = [line for line in logged(caplog, logging.DEBUG) if "entity_detection (entities" in line]
    assert len(again) == 3


@pytest.mark.parametrize("verb", ["wait", "get"])
async def test_what_is_left_out_of_a_job_that_is_fetched_is_logged(
    server: FaultServer, connect: Connect, caplog: pytest.LogCaptureFixture, verb: str
) -> None:
    """Also by another client than the one that submitted it: the transcript echoes what was requested."""
    async with connect() as client:
        job = await client.submit(URL, REQUESTED)
        assert logged(caplog) == []
    server.service.looks_until_done = 0
    async with connect() as client:
        await getattr(client, verb)(job.id)
    assert len(logged(caplog)) == 3


async def test_what_is_done_as_it_was_requested_is_not_logged(
    server: FaultServer, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """There is nothing to report."""
    async with connect() as client:
        await client.transcribe(URL, aai.Options(language_code="de", punctuate=False))
    assert logged(caplog) == []


@pytest.mark.parametrize("keep_results", [True, False])
async def test_a_batch_and_its_journal_say_what_was_left_out(
    server: FaultServer, connect: Connect, calls: list[Path], tmp_path: Path, *, keep_results: bool
) -> None:
    """Of each item, and in numbers of all; also where the transcripts are not kept, and in the next batch."""
    journal = aai.Journal(tmp_path / "calls.db", keep_results=keep_results)
    sources = [*((path, REQUESTED) for path in calls[:2]), (calls[2], aai.Options())]
    for _ in range(2):
        async with connect() as client, aai.transcribe_all(client, sources, journal=journal) as batch:
            outcomes = await batch.collect()
        assert [one.warnings for one in outcomes] == [(WARNING,), (WARNING,), ()]
        assert [one.missing for one in outcomes] == [MISSING, MISSING, ()]
        assert (batch.summary.with_warnings, batch.summary.with_missing) == (2, 2)
        assert ", 2 with warnings, 2 with missing results;" in str(batch.summary)
    assert len(server.service.jobs) == 3
    async with aai.Journal.open(journal.path) as kept:
        rows = sorted([one async for one in kept.outcomes()], key=lambda one: one.index)
        summary = await kept.summary()
    assert [(one.warnings, one.missing) for one in rows] == [((WARNING,), MISSING)] * 2 + [((), ())]
    assert (summary.with_warnings, summary.with_missing) == (2, 2)


async def test_an_item_that_is_the_same_as_another_lacks_the_same(
    server: FaultServer, connect: Connect
) -> None:
    """They have one job."""
    async with connect() as client, aai.transcribe_all(client, [URL, URL], REQUESTED) as batch:
        outcomes = await batch.collect()
    assert [(one.warnings, one.missing) for one in outcomes] == [((WARNING,), MISSING)] * 2


async def test_a_batch_logs_each_kind_of_what_is_left_out_once(
    server: FaultServer, connect: Connect, calls: list[Path], caplog: pytest.LogCaptureFixture
) -> None:
    """However many recordings it has."""
    async with connect() as client, aai.transcribe_all(client, calls, REQUESTED) as batch:
        await batch.collect()
    assert len(logged(caplog)) == 3


async def test_the_shell_of_sqlite_shows_what_was_left_out(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """As JSON, and NULL where there is nothing."""
    path = tmp_path / "calls.db"
    sources = [(URL, REQUESTED), (f"{URL}?other", aai.Options())]
    async with connect() as client, aai.transcribe_all(client, sources, journal=path) as batch:
        await batch.collect()
    with closing(sqlite3.connect(path)) as connection:
        (warnings, missing), nothing = connection.execute(
            "SELECT warnings, missing FROM jobs ORDER BY position"
        )
    assert json.loads(warnings) == [WARNING]
    assert json.loads(missing)[0] == {"option": "entity_detection", "reason": "entities is null"}
    assert nothing == (None, None)


async def run(server: FaultServer, *arguments: object) -> tuple[int, str, str]:
    """Run the command line."""
    environment = {**os.environ, "ASSEMBLYAI_API_KEY": KEY, "ASSEMBLYAI_BASE_URL": server.url}
    command = [sys.executable, "-m", "aai_async", *map(str, arguments)]
    result = await anyio.run_process(command, check=False, env=environment)
    return result.returncode, result.stdout.decode(), result.stderr.decode()


async def test_the_command_says_of_each_recording_what_was_left_out(
    server: FaultServer, lane: Lane, calls: list[Path]
) -> None:
    """On one line, and how many recordings have it at the end; the results are what they are."""
    status, out, err = await run(server, "transcribe", *calls, *COMMAND, "--progress", "plain")
    assert (status, out.count("What was said.")) == (0, 3)
    lacks = "requested, but missing: entity_detection (entities is null)"
    for call in calls:
        assert f"{call}: warning: {WARNING}; {lacks}\n" in err
    assert f"3 recordings: warning: {WARNING}\n" in err
    assert f"3 recordings: {lacks}\n" in err
    assert ", 3 with warnings, 3 with missing results;" in err


async def test_a_quiet_command_says_each_kind_of_what_was_left_out_twice_at_most(
    server: FaultServer, lane: Lane, calls: list[Path]
) -> None:
    """When it first comes, and how many recordings have it; the journal has which."""
    folder = calls[0].parent
    status, _, err = await run(
        server, "transcribe", *calls, *COMMAND, "--progress", "none", "-o", folder / "out"
    )
    assert status == 0
    assert err.count(f"warning: {WARNING}") == 2
    assert err.count("entity_detection (entities is null)") == 2
    assert f"aai-async status {folder / 'out' / '.aai-async.db'}" in err


async def test_one_recording_has_one_line_about_what_was_left_out(
    server: FaultServer, lane: Lane, calls: list[Path]
) -> None:
    status, _, err = await run(server, "transcribe", calls[0], *COMMAND)
    assert (status, err.count(WARNING)) == (0, 1)


async def test_lines_of_json_say_what_was_left_out(
    server: FaultServer, lane: Lane, calls: list[Path]
) -> None:
    """With the result of each recording, and in numbers at the end."""
    _, out, _ = await run(server, "transcribe", *calls, *COMMAND, "--jsonl", "--progress", "none")
    lines: list[dict[str, Any]] = [json.loads(line) for line in out.splitlines()]
    completed = [line for line in lines if line["type"] == "completed"]
    assert [line["warnings"] for line in completed] == [[WARNING]] * 3
    lacking = [{"option": "entity_detection", "reason": "entities is null"}]
    assert [line["missing"] for line in completed] == [lacking] * 3
    assert (lines[-1]["with_warnings"], lines[-1]["with_missing"]) == (3, 3)


async def test_the_journal_s_commands_say_what_was_left_out(
    server: FaultServer, lane: Lane, calls: list[Path], tmp_path: Path
) -> None:
    """`status` of each, `export` of each kind."""
    journal = tmp_path / "calls.db"
    await run(server, "transcribe", *calls, *COMMAND, "--journal", journal)
    status, out, err = await run(server, "status", journal)
    assert status == 0
    assert out.count(f"warning: {WARNING}; requested, but missing: entity_detection (entities is null)") == 3
    assert "3 of 3 completed, 3 with warnings, 3 with missing results" in err
    rows = [json.loads(line) for line in (await run(server, "status", journal, "--json"))[1].splitlines()]
    assert [row["warnings"] for row in rows] == [[WARNING]] * 3
    _, _, err = await run(server, "export", journal, "-o", tmp_path / "out")
    assert err.count(WARNING) == 2
    assert f"3 recordings: warning: {WARNING}" in err


async def test_a_transcript_that_is_fetched_says_what_was_left_out(
    server: FaultServer, lane: Lane, calls: list[Path]
) -> None:
    """One line for each id."""
    await run(server, "transcribe", calls[0], *COMMAND)
    (job,) = server.service.jobs
    status, out, err = await run(server, "get", job.id)
    assert (status, out) == (0, "What was said.\n")
    lacks = "requested, but missing: entity_detection (entities is null)"
    assert err == f"{job.id}: warning: {WARNING}; {lacks}\n"
