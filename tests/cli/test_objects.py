"""`aai-async transcribe s3://...`: recordings in object storage, and what is known of them."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

import anyio
import pytest
from buckets import Bucket, access_denied
from buckets import bucket as bucket  # noqa: PLC0414 - a fixture
from buckets import s3_endpoint as s3_endpoint  # noqa: PLC0414 - a fixture
from stored_runs import run
from stored_runs import service as service  # noqa: PLC0414 - a fixture

import aai_async as aai
from aai_async._cli.inputs import find, named
from aai_async.testing import ScriptedServer

pytestmark = pytest.mark.parametrize("anyio_backend", ["asyncio"])


def uploads(service: ScriptedServer) -> list[bytes]:
    return sorted(one.body for one in service.requests if one.path == "/v2/upload")


def fill(bucket: Bucket) -> None:
    for key in ("day/a.wav", "day/b.mp3", "day/notes.txt", "day/deep/c.ogg", "other/d.wav"):
        bucket.put(key, f"recording {key}".encode())


async def test_the_recordings_below_a_prefix_are_transcribed_once(
    service: ScriptedServer, bucket: Bucket, tmp_path: Path
) -> None:
    """Their results mirror the bucket. Only an object that has changed is sent by the next run."""
    fill(bucket)
    command = ["transcribe", bucket.uri("day/"), "-r", "-o", str(tmp_path / "out")]
    status, _, err = await run(service, *command)
    assert (status, "Traceback" in err) == (0, False), err
    names = sorted(str(path.relative_to(tmp_path / "out")) for path in tmp_path.rglob("*.txt"))
    assert names == ["a.wav.txt", "b.mp3.txt", "deep/c.ogg.txt"]
    assert uploads(service) == [b"recording day/a.wav", b"recording day/b.mp3", b"recording day/deep/c.ogg"]
    assert "1 object by suffix (.txt)" in err
    status, _, err = await run(service, *command)
    assert (status, len(uploads(service))) == (0, 3), err
    bucket.put("day/b.mp3", b"another recording")
    status, _, err = await run(service, *command)
    assert (status, len(uploads(service))) == (0, 4), err
    assert b"another recording" in uploads(service)
    status, out, _ = await run(service, "status", str(tmp_path / "out/.aai-async.db"))
    assert status == 0
    status, out, err = await run(
        service, "forget", str(tmp_path / "out/.aai-async.db"), bucket.uri("day/a.wav"), "--yes"
    )
    assert (status, bucket.uri("day/a.wav") in out) == (0, True), err
    assert not (tmp_path / "out/a.wav.txt").exists()


async def test_an_object_is_transcribed_to_standard_output(service: ScriptedServer, bucket: Bucket) -> None:
    fill(bucket)
    status, out, err = await run(service, "transcribe", bucket.uri("day/notes.txt"))
    assert (status, out) == (0, "Hello there.\n"), err
    assert uploads(service) == [b"recording day/notes.txt"]


async def test_a_dry_run_shows_the_objects_and_sends_nothing(service: ScriptedServer, bucket: Bucket) -> None:
    fill(bucket)
    status, out, _ = await run(service, "transcribe", bucket.uri("day/"), "--dry-run")
    assert status == 0
    assert [line.split()[0] for line in out.splitlines()] == [
        bucket.uri("day/a.wav"),
        bucket.uri("day/b.mp3"),
    ]
    assert service.requests == []


@pytest.mark.parametrize("where", ["stdout", "files", "dry run"])
async def test_what_is_wrong_with_objects_is_reported_before_anything_is_sent(
    service: ScriptedServer, bucket: Bucket, tmp_path: Path, where: str
) -> None:
    """All of it at once, with no secret of a URI."""
    fill(bucket)
    bucket.put("empty/x.wav", b"")
    bad = {
        bucket.uri("gone.wav"): f"No such object: {bucket.uri('gone.wav')}",
        bucket.uri("empty/x.wav"): "is empty",
        bucket.uri("nothing/"): f"No recording below {bucket.uri('nothing/')}",
        "s3://no-such-bucket-here/": "No such bucket: s3://no-such-bucket-here",
        "s3://id:hidden@bucket/x.wav": "contains credentials",
        "file://elsewhere/x.wav": "names no file of this machine",
    }
    flags = {"stdout": [], "files": ["-o", str(tmp_path / "out")], "dry run": ["--dry-run"]}[where]
    status, _, err = await run(service, "transcribe", bucket.uri("day/a.wav"), *bad, *flags)
    assert status == 2
    assert [text for text in bad.values() if text not in err] == []
    assert "hidden" not in err
    assert "Traceback" not in err
    assert service.requests == []


async def test_an_object_that_cannot_be_embedded_is_refused(
    service: ScriptedServer, bucket: Bucket, tmp_path: Path
) -> None:
    """Before it is paid for."""
    fill(bucket)
    command = ["transcribe", bucket.uri("day/"), "-f", "html", "--embed-audio", "-o", str(tmp_path)]
    _, _, err = await run(service, *command)
    assert "is not a file on this machine" in err
    assert service.requests == []


def test_a_file_may_be_named_by_its_uri(anyio_backend: str, tmp_path: Path) -> None:
    """It is the same as by its path, and so is a folder."""
    path = tmp_path / "a call.wav"
    path.write_bytes(b"a recording")
    found = find([path.as_uri(), str(path), f"{tmp_path.as_uri()}/"], recursive=False)
    assert [one.name for one in found.recordings] == [str(path)]


def test_objects_of_one_name_in_two_prefixes_are_two_recordings(anyio_backend: str, bucket: Bucket) -> None:
    """And one that is named twice is one."""
    bucket.put("a/x.wav", b"1")
    bucket.put("b/x.wav", b"2")
    uris = [bucket.uri("a/"), bucket.uri("b/"), bucket.uri("a/x.wav")]
    found = find(uris, recursive=False)
    assert [one.name for one in found.recordings] == [bucket.uri("a/x.wav"), bucket.uri("b/x.wav")]
    assert named(bucket.uri("a/x.wav")) == found.recordings[0]


async def test_a_journal_in_a_bucket_is_shown_and_exported(service: ScriptedServer, bucket: Bucket) -> None:
    """By the URI of its prefix."""
    service.hears("Hello from a bucket.")
    journal = bucket.uri("run7/")
    async with (
        aai.Client(service.key, base_url=service.base_url) as client,
        aai.transcribe_all(client, ["https://recordings.test/call.mp3"], journal=journal) as batch,
    ):
        await batch.collect()
    status, _, err = await run(service, "status", journal)
    assert (status, "1 of 1 completed" in err) == (0, True), err
    status, out, err = await run(service, "export", journal)
    assert (status, "Hello from a bucket." in out) == (0, True), err
    status, _, err = await run(service, "status", bucket.uri("run8/"))
    assert status != 0
    assert "There is no journal" in err


async def test_a_run_records_its_steps_in_a_bucket(
    service: ScriptedServer, bucket: Bucket, tmp_path: Path
) -> None:
    """A rerun anywhere tries only what has failed, or what is new, and the dry run shows the same."""
    fill(bucket)
    journal = bucket.uri("run7/")
    command = ["transcribe", bucket.uri("day/"), "--journal", journal, "-o", str(tmp_path / "one")]
    status, _, err = await run(service, *command, "--resume")
    assert (status, "--resume found no journal at" in err, journal in err) == (2, True, True), err
    service.fails("Audio duration is too short.")
    status, _, err = await run(service, *command)
    assert (status, "with --retry-failed" in err) == (1, True), err
    assert not list(tmp_path.rglob("*.db"))
    service.hears("Hello again.")
    bucket.put("day/new.wav", b"a new recording")
    status, out, err = await run(service, *command, "--dry-run", "--retry-failed")
    assert (status, "day/a.wav" in out, "day/new.wav" in out) == (0, True, False), err
    status, _, err = await run(service, *command, "--retry-failed", "--resume")
    assert (status, service.count("POST /v2/transcript")) == (0, 4), err
    elsewhere = ["transcribe", bucket.uri("day/"), "--journal", journal, "-o", str(tmp_path / "two")]
    status, _, err = await run(service, *elsewhere)
    assert (status, service.count("POST /v2/transcript")) == (0, 5), err
    assert sorted(path.name for path in (tmp_path / "two").glob("*.txt")) == [
        "a.wav.txt",
        "b.mp3.txt",
        "new.wav.txt",
    ]


@pytest.mark.parametrize("wrong", ["no bucket", "no permission", "credentials"])
async def test_a_journal_that_cannot_be_written_in_a_bucket_is_reported_before_anything_is_paid(
    service: ScriptedServer, bucket: Bucket, wrong: str
) -> None:
    """With what to do, and no secret of a URI."""
    journal, message = {
        "no bucket": ("s3://no-such-bucket-here/run7/", "No such bucket: s3://no-such-bucket-here"),
        "no permission": (bucket.uri("run7/"), "is denied"),
        "credentials": ("s3://id:hidden@bucket/run7/", "contains credentials"),
    }[wrong]
    url = "https://recordings.test/call.mp3"
    with access_denied() if wrong == "no permission" else contextlib.nullcontext():
        status, _, err = await run(service, "transcribe", url, "--journal", journal)
    assert status != 0
    assert (message in err, "hidden" in err, "Traceback" in err) == (True, False, False), err
    assert service.count("POST /v2/transcript") == 0


async def test_a_recording_is_forgotten_in_a_bucket(
    service: ScriptedServer, bucket: Bucket, tmp_path: Path
) -> None:
    """With the files of its results, if their folder is given."""
    fill(bucket)
    journal, out = bucket.uri("run7/"), tmp_path / "out"
    command = ["transcribe", bucket.uri("day/"), "--journal", journal, "-o", str(out)]
    assert (await run(service, *command))[0] == 0
    status, _, err = await run(service, "forget", journal, "typo.wav", "--yes")
    assert (status, "Not in the journal" in err) == (1, True), err
    status, shown, err = await run(service, "forget", journal, bucket.uri("day/a.wav"), "--yes")
    assert (status, bucket.uri("day/a.wav") in shown, "1 row removed." in err) == (0, True, True), err
    status, _, err = await run(service, "forget", journal, bucket.uri("day/b.mp3"), "--yes", "-o", str(out))
    assert (status, "1 row and 1 file removed." in err) == (0, True), err
    assert [path.name for path in out.glob("*.txt")] == ["a.wav.txt"]
    status, _, err = await run(service, "status", journal)
    assert "0 of 0 completed" in err


async def test_a_run_that_another_one_has_overtaken_in_a_bucket_pays_for_nothing_more(
    service: ScriptedServer, bucket: Bucket
) -> None:
    """It says so; the other one has all results. Its last recording ends only when the other has ended."""
    journal, urls = bucket.uri("run7/"), [f"https://recordings.test/{name}.mp3" for name in ("one", "two")]
    account = {"ASSEMBLYAI_API_KEY": service.key, "ASSEMBLYAI_BASE_URL": service.base_url}
    command = [sys.executable, "-m", "aai_async", "transcribe", "-", urls[0], "--journal", journal]
    async with await anyio.open_process(command, env={**os.environ, **account}) as first:
        assert first.stdin is not None
        assert first.stderr is not None
        with anyio.fail_after(120):
            while service.count("POST /v2/transcript") < 1:
                await anyio.sleep(0.05)
        status, _, err = await run(service, "transcribe", *urls, "--journal", journal)
        assert (status, service.count("POST /v2/transcript")) == (0, 2), err
        with contextlib.suppress(anyio.BrokenResourceError):
            await first.stdin.send(b"a recording")
        await first.stdin.aclose()
        shown = b"".join([part async for part in first.stderr]).decode()
        assert await first.wait() != 0
    assert "Another batch has opened the journal" in shown
    assert "Traceback" not in shown
    assert service.count("POST /v2/transcript") == 2
    status, _, err = await run(service, "status", journal)
    assert "2 of " in err


async def test_an_object_that_is_gone_stays_in_a_journal_in_a_bucket(
    service: ScriptedServer, bucket: Bucket, tmp_path: Path
) -> None:
    """It is refused before anything is sent, or listed as failed; what it has given stays."""
    fill(bucket)
    gone, journal = bucket.uri("day/a.wav"), bucket.uri("run7/")
    command = ["transcribe", gone, bucket.uri("day/b.mp3"), "--journal", journal]
    assert (await run(service, "transcribe", gone, "--journal", journal))[0] == 0
    bucket.delete("day/a.wav")
    status, _, err = await run(service, *command)
    assert (status, f"No such object: {gone}" in err, "Nothing was sent" in err) == (2, True, True), err
    assert service.count("POST /v2/transcript") == 1
    status, out, err = await run(service, *command, "--skip-bad", "-o", str(tmp_path))
    assert (status, service.count("POST /v2/transcript")) == (3, 2), err
    status, out, err = await run(service, "status", journal)
    assert (status, f"No such object: {gone}" in out, "2 of 3 completed, 1 failed" in err) == (
        3,
        True,
        True,
    ), out + err
    status, out, err = await run(service, "export", journal)
    assert (status, out.count("Hello there.")) == (0, 2), err
