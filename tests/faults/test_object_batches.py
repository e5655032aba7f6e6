"""Batches of recordings in object storage: nothing is paid twice, and nothing shows the credentials."""

from __future__ import annotations

import sys
from pathlib import Path

import anyio
import faults
import pytest
from batches import both_loops, on_asyncio, sent_for, three_lanes
from batches import connect as connect  # noqa: PLC0414 - a fixture
from buckets import KEY_ID, SECRET, TOKEN, Bucket
from buckets import bucket as bucket  # noqa: PLC0414 - a fixture
from buckets import s3_endpoint as s3_endpoint  # noqa: PLC0414 - a fixture
from fault_server import Exchange, FaultServer
from lanes import KEY, Connect

import aai_async as aai
from aai_async._io.stored_object import RANGE

AUDIO = bytes(range(256)) * (RANGE // 256) + b"the end"


async def outcomes_of(
    connect: Connect, sources: list[aai.ObjectSource], journal: Path | None = None
) -> list[aai.Outcome]:
    async with connect() as client, aai.transcribe_all(client, sources, journal=journal) as batch:
        return await batch.collect()


@three_lanes
async def test_an_upload_that_breaks_begins_again_with_the_first_range(
    server: FaultServer, connect: Connect, bucket: Bucket
) -> None:
    """Twice here, and the service gets each byte once."""
    uri = bucket.put("call.wav", AUDIO)
    server.on("POST /v2/upload", faults.reset_amid_body(RANGE // 2), faults.reset_amid_body(RANGE // 2))
    async with connect() as client:
        transcript = await client.transcribe(aai.ObjectSource(uri))
    (job,) = server.service.jobs
    assert transcript.id == job.id
    assert server.service.uploads[job.audio_url] == AUDIO
    assert server.count("POST /v2/upload") == 3


@both_loops
@pytest.mark.parametrize("presign", [False, True], ids=["uploaded", "signed"])
async def test_a_batch_of_objects_is_paid_once_whatever_their_signatures_are(
    server: FaultServer, connect: Connect, bucket: Bucket, tmp_path: Path, presign: bool
) -> None:
    """Only an object that has changed is another recording; what is known of it is not asked for again."""
    uris = [bucket.put(f"day/{number}.wav", b"recording %d" % number) for number in range(3)]
    sources = [aai.ObjectSource(uri, presign=presign) for uri in uris]
    journal = tmp_path / "batch.db"
    first = await outcomes_of(connect, sources, journal)
    assert [outcome.error for outcome in first] == [None] * 3
    assert server.count("POST /v2/upload") == (0 if presign else 3)
    bucket.put("day/1.wav", b"another recording")
    again = await outcomes_of(connect, sources, journal)
    assert [one.transcript_id == two.transcript_id for one, two in zip(first, again, strict=True)] == [
        True,
        False,
        True,
    ]
    assert len(server.service.jobs) == 4
    if presign:
        assert all("X-Amz-Signature=" in job.audio_url for job in server.service.jobs)
    else:
        assert sent_for(server, again[1]) == b"another recording"
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert uris[0].removeprefix("s3:/").encode() in kept
    assert not [secret for secret in (KEY_ID, SECRET, TOKEN, "X-Amz-") if secret.encode() in kept]


@on_asyncio
async def test_an_object_that_is_named_twice_has_one_job(
    server: FaultServer, connect: Connect, bucket: Bucket
) -> None:
    """Once to be uploaded and once to be fetched: it is the same recording."""
    uri = bucket.put("call.wav", b"a recording")
    outcomes = await outcomes_of(connect, [aai.ObjectSource(uri), aai.ObjectSource(uri, presign=True)])
    # Whichever was opened first has the job.
    assert [outcome.duplicate_of for outcome in outcomes] in ([None, 0], [1, None])
    assert len(server.service.jobs) == 1


@both_loops
async def test_an_object_that_cannot_be_read_keeps_no_other_from_it(
    server: FaultServer, connect: Connect, bucket: Bucket, tmp_path: Path
) -> None:
    """It costs nothing, and is sent by the next run in which it is there."""
    sources = [aai.ObjectSource(bucket.put("a.wav", b"a recording")), aai.ObjectSource(bucket.uri("b.wav"))]
    journal = tmp_path / "batch.db"
    good, bad = await outcomes_of(connect, sources, journal)
    assert good.error is None
    assert isinstance(bad.error, aai.SourceError)
    assert "No such object" in str(bad.error)
    bucket.put("b.wav", b"b recording")
    good_again, bad_again = await outcomes_of(connect, sources, journal)
    assert good_again.transcript_id == good.transcript_id
    assert sent_for(server, bad_again) == b"b recording"
    assert len(server.service.jobs) == 2


@on_asyncio
async def test_an_object_that_changes_while_it_is_uploaded_makes_no_job(
    server: FaultServer, connect: Connect, bucket: Bucket
) -> None:
    """The first attempt breaks, and the second finds another version."""
    uri = bucket.put("call.wav", AUDIO)

    async def change(exchange: Exchange) -> None:
        await exchange.read_some(1024)
        bucket.put("call.wav", AUDIO[::-1])
        exchange.reset()

    server.on("POST /v2/upload", change)
    async with connect() as client:
        with pytest.raises(aai.FileChangedError, match="no job was created"):
            await client.transcribe(aai.ObjectSource(uri))
    assert server.service.jobs == []


PROGRAM = """
import pathlib, sys, anyio, aai_async as aai

def most_used():
    # Not the figure of getrusage, which begins with that of the process that started this one.
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

async def main(uri, small):
    async with aai.Client(sys.argv[1], base_url=sys.argv[2], retry=aai.Retry(initial_delay=0.01)) as client:
        await client.upload(aai.ObjectSource(small))
        before = most_used()
        await client.upload(aai.ObjectSource(uri))
        print(most_used() - before)

anyio.run(main, *sys.argv[3:])
"""


@on_asyncio
async def test_memory_does_not_grow_with_the_object(server: FaultServer, bucket: Bucket) -> None:
    """Here 96 MiB, whose upload breaks in the middle; a few ranges are held at a time, and never all."""
    uri = bucket.put("long.wav", bytes(12 * RANGE))
    small = bucket.put("short.wav", bytes(RANGE + 1))
    server.on("POST /v2/upload", faults.normal(), faults.reset_amid_body(6 * RANGE))
    done = await anyio.run_process([sys.executable, "-c", PROGRAM, KEY, server.url, uri, small])
    grown = int(done.stdout) * 1024
    print(f"grew by {grown / 2**20:.0f} MiB")
    assert server.count("POST /v2/upload") == 3
    assert grown < 6 * RANGE
