"""What a recording is recognised by: a key of the caller's own, or an address without its signature."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from fault_server import Exchange, FaultServer
from faults import status
from lanes import Connect, one_library_of_each_loop

import aai_async as aai

pytestmark = pytest.mark.usefixtures("quick_looks")

GERMAN = aai.Options(language_code="de")

lane = one_library_of_each_loop


async def run(
    client: aai.Client, sources: Any, path: Path | None = None, **settings: Any
) -> list[aai.Outcome]:
    """Do a batch from its beginning to its end."""
    with anyio.fail_after(60):
        async with aai.transcribe_all(client, sources, journal=path, **settings) as batch:
            return await batch.collect()


def copied(path: Path, to: Path) -> None:
    """Give to another file what a kill would leave of a journal in this moment."""
    with (
        contextlib.closing(sqlite3.connect(path)) as connection,
        contextlib.closing(sqlite3.connect(to)) as copy,
    ):
        connection.backup(copy)


def written(path: Path) -> bytes:
    """All bytes of a journal."""
    return b"".join(one.read_bytes() for one in path.parent.glob(f"{path.name}*"))


def signed(number: int, name: str = "call.mp3") -> str:
    """An address on S3, signed once more."""
    return (
        f"https://bucket.s3.amazonaws.com/{name}?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date={number}"
        f"&X-Amz-Signature=secret{number}"
    )


class Stream:
    """A stream that is read once, and notes whether it was."""

    def __init__(self, data: bytes = b"a recording") -> None:
        self._data = data
        self.was_read = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._chunks()

    async def _chunks(self) -> AsyncIterator[bytes]:
        self.was_read = True
        yield self._data


# Within a batch.


async def test_items_are_taken_beside_recordings_and_pairs(
    server: FaultServer, connect: Connect, recording: Path
) -> None:
    """Each with its own options, or those of the batch."""
    sources = [
        b"plain",
        (b"pair", GERMAN),
        aai.Item(b"item"),
        aai.Item(b"item with options", GERMAN, key="a"),
        aai.Item(recording, options=None, key="b"),
    ]
    async with connect() as client:
        outcomes = await run(client, sources, options=aai.Options(punctuate=False))
    assert [outcome.unwrap().text for outcome in outcomes] == ["What was said."] * 5
    assert [outcome.key for outcome in outcomes] == [None, None, None, "a", "b"]
    assert outcomes[4].source == recording
    asked = {server.service.uploads[job.audio_url]: job.options for job in server.service.jobs}
    assert [asked[name].get("language_code") for name in (b"pair", b"item with options")] == ["de", "de"]
    assert [asked[name].get("punctuate") for name in (b"plain", b"item", b"a recording")] == [False] * 3


@pytest.mark.parametrize("has_journal", [False, True])
async def test_items_of_one_key_and_the_same_options_have_one_job(
    server: FaultServer, connect: Connect, path: Path, has_journal: bool
) -> None:
    """Whatever their sources are; those of other options, or of other keys, have their own."""
    streams = [Stream(b"%d" % number) for number in range(2)]
    sources = [
        aai.Item(streams[0], key="a"),
        aai.Item(streams[1], key="a"),
        aai.Item(b"0", GERMAN, key="a"),
        aai.Item(b"0", key="b"),
        aai.Item(b"0"),
        b"0",
    ]
    async with connect() as client:
        outcomes = await run(client, sources, path if has_journal else None, max_jobs=1)
    assert [outcome.duplicate_of for outcome in outcomes] == [None, 0, None, None, None, 4]
    assert len(server.service.jobs) == 4
    assert not streams[1].was_read


async def test_a_key_is_stronger_than_the_content(server: FaultServer, connect: Connect) -> None:
    """Whoever gives keys tells recordings apart by them."""
    async with connect() as client:
        await run(client, [aai.Item(b"0", key="a"), aai.Item(b"0", key="b")], dedupe_by_content=True)
    assert len(server.service.jobs) == 2


async def test_one_address_under_several_signatures_has_one_job(
    server: FaultServer, connect: Connect
) -> None:
    """In one batch."""
    async with connect() as client:
        outcomes = await run(client, [signed(1), signed(2), signed(3, "other.mp3")])
    assert [outcome.duplicate_of for outcome in outcomes] == [None, 0, None]
    assert len(server.service.jobs) == 2


@pytest.mark.parametrize(
    ("key", "message"),
    [(1, "must be a str, not int"), (b"a", "must be a str, not bytes"), ("", "must not be empty")],
)
def test_a_key_is_checked_where_it_is_given(key: Any, message: str) -> None:
    """With the class and the argument in the message."""
    with pytest.raises(aai.ConfigError, match=rf"Item\(key=\.\.\.\) {message}"):
        aai.Item(b"a recording", key=key)


def test_options_of_an_item_are_checked_where_they_are_given() -> None:
    """A mapping is none."""
    with pytest.raises(aai.ConfigError, match=r"Item\(options=\.\.\.\) must be aai\.Options"):
        aai.Item(b"a recording", {"language_code": "de"})  # type: ignore[arg-type]


def test_an_item_shows_no_secret() -> None:
    """Neither the signature of its address nor its key."""
    shown = repr(aai.Item(signed(1), key="of-a-patient"))
    assert "secret1" not in shown
    assert "of-a-patient" not in shown
    assert "call.mp3" in shown


@pytest.mark.parametrize("given", ["pair", "nested"])
async def test_an_item_within_something_else_is_refused_with_what_to_do(
    server: FaultServer, connect: Connect, given: str
) -> None:
    """The others of the batch are fine."""
    item = aai.Item(b"a recording")
    source: Any = (item, GERMAN) if given == "pair" else aai.Item(item)  # type: ignore[arg-type]
    async with connect() as client:
        outcomes = await run(client, [source, b"other"])
    assert "Item" in str(outcomes[0].error)
    assert isinstance(outcomes[0].error, aai.SourceError)
    assert outcomes[1].unwrap().text == "What was said."


# From one batch to the next.


@pytest.mark.parametrize("kind", ["stream", "moved", "missing", "address", "edited"])
async def test_a_recording_is_known_by_its_key_in_the_next_batch(
    server: FaultServer, connect: Connect, path: Path, recording: Path, kind: str
) -> None:
    """Without being read again, wherever it is by then."""
    first: Any = Stream() if kind == "stream" else recording
    if kind == "address":
        first = "https://example.com/a.mp3?token=1"
    async with connect() as client:
        [before] = await run(client, [aai.Item(first, key="call-1")], path)
        requests = len(server.requests)
        second: Any = {
            "stream": Stream(),
            "moved": recording.rename(recording.with_name("moved.wav")) if kind == "moved" else None,
            "missing": recording.with_name("nowhere.wav"),
            "address": "https://example.com/a.mp3?token=2",
            "edited": recording,
        }[kind]
        if kind == "edited":
            recording.write_bytes(b"a recording that goes on")
        [after] = await run(client, [aai.Item(second, key="call-1")], path)
    assert after.unwrap().id == before.transcript_id
    assert len(server.requests) == requests
    assert not isinstance(second, Stream) or not second.was_read


async def test_a_stream_that_was_uploaded_is_submitted_in_the_next_batch_without_being_read(
    server: FaultServer, connect: Connect, path: Path
) -> None:
    """Its upload is there yet."""
    server.on("POST /v2/transcript", status(402))
    stream = Stream()
    async with connect() as client:
        with pytest.raises(aai.BatchAbortedError):
            await run(client, [aai.Item(Stream(), key="a")], path)
        [outcome] = await run(client, [aai.Item(stream, key="a")], path)
    assert outcome.unwrap().text == "What was said."
    assert (len(server.service.uploads), stream.was_read) == (1, False)


async def test_a_stream_whose_upload_is_gone_is_read_by_the_next_batch(
    server: FaultServer, connect: Connect, path: Path
) -> None:
    """It was not read yet, so it can be sent."""
    server.on("POST /v2/transcript", status(402))
    stream = Stream()
    async with connect() as client:
        with pytest.raises(aai.BatchAbortedError):
            await run(client, [aai.Item(Stream(), key="a")], path)
        server.on("POST /v2/transcript", status(403, body=b'{"error": "Cannot access uploaded file"}'))
        [outcome] = await run(client, [aai.Item(stream, key="a")], path)
    assert outcome.unwrap().text == "What was said."
    assert (len(server.service.uploads), stream.was_read) == (2, True)


async def test_a_new_recording_that_is_missing_leaves_its_reason_in_the_journal(
    server: FaultServer, connect: Connect, path: Path, recording: Path
) -> None:
    """As without a key."""
    async with connect() as client:
        [outcome] = await run(client, [aai.Item(recording.with_name("typo.wav"), key="a")], path)
    assert isinstance(outcome.error, aai.SourceError)
    async with aai.Journal.open(path) as journal:
        [row] = [outcome async for outcome in journal.outcomes()]
        assert (await journal.summary()).failed == 1
    assert "No such file" in str(row.error)
    assert row.stage == "pending"


async def test_a_signed_address_is_known_under_a_new_signature_in_the_next_batch(
    server: FaultServer, connect: Connect, path: Path
) -> None:
    """And what has another name is not."""
    async with connect() as client:
        [before] = await run(client, [signed(1)], path)
        [after, other] = await run(client, [signed(2), signed(2, "other.mp3")], path)
    assert after.transcript_id == before.transcript_id
    assert other.transcript_id != before.transcript_id
    assert len(server.service.jobs) == 2


@pytest.mark.parametrize("is_made", [True, False], ids=["made", "not-made"])
@pytest.mark.parametrize("kind", ["signed", "key", "key-elsewhere", "key-now-a-file"])
async def test_a_lost_submit_of_an_address_is_found_under_its_new_name(
    server: FaultServer, connect: Connect, path: Path, recording: Path, kind: str, is_made: bool
) -> None:
    """What was submitted is known by a hash, so the job is found and no other is made."""
    left = path.with_name("left.db")
    first: Any = aai.Item("https://example.com/a.mp3?token=secret1", key="a")
    second: Any = {
        "signed": signed(2),
        "key": aai.Item("https://example.com/a.mp3?token=secret2", key="a"),
        "key-elsewhere": aai.Item("https://elsewhere.example.com/b.mp3", key="a"),
        "key-now-a-file": aai.Item(recording, key="a"),
    }[kind]

    async def killed(exchange: Exchange) -> None:
        await exchange.read_body()
        if is_made:
            exchange.process()
        copied(path, left)
        await status(402)(exchange)

    server.on("POST /v2/transcript", killed)
    async with connect() as client:
        with pytest.raises(aai.BatchAbortedError):
            await run(client, [signed(1) if kind == "signed" else first], path)
        # Others with all but the query in common are not taken for it.
        [other] = await run(client, ["https://example.com/a.mp3?token=other"])
        [outcome] = await run(client, [second], left)
    assert outcome.unwrap().text == "What was said."
    assert outcome.transcript_id != other.transcript_id
    assert len(server.service.jobs) == 2


async def test_no_key_and_no_signature_is_in_a_journal_in_the_clear(
    server: FaultServer, connect: Connect, path: Path
) -> None:
    """Only hashes of them."""
    async with connect() as client:
        await run(client, [aai.Item(b"a recording", key="of-a-patient"), signed(1)], path)
    data = written(path)
    assert b"of-a-patient" not in data
    assert b"secret1" not in data


# Labels.

SALES = {"team": "sales", "case": "4711"}


async def labels_in(path: Path) -> list[Any]:
    """The labels of each row of a journal, in the order of the items."""
    async with aai.Journal.open(path) as journal:
        outcomes = [outcome async for outcome in journal.outcomes()]
    return [outcome.labels for outcome in sorted(outcomes, key=lambda outcome: outcome.index)]


async def test_labels_are_in_events_outcomes_and_the_journal_and_never_sent(
    server: FaultServer, connect: Connect, path: Path
) -> None:
    """Also those of a recording that is refused before it is sent."""
    events: list[aai.Event] = []
    sources = [aai.Item(b"0", labels=SALES), aai.Item("no-such.mp3", labels=SALES), b"1"]
    async with connect() as client:
        outcomes = await run(client, sources, path, on_event=events.append)
    assert [outcome.labels for outcome in outcomes] == [SALES, SALES, {}]
    assert {event.index: event.labels for event in events} == {0: SALES, 2: {}}
    assert sorted(map(len, await labels_in(path))) == [0, 2, 2]
    assert all("4711" not in repr(job.options) for job in server.service.jobs)
    assert all(b"4711" not in request.body for request in server.requests)


async def test_labels_of_a_later_batch_replace_those_in_the_journal_and_none_keep_them(
    server: FaultServer, connect: Connect, path: Path
) -> None:
    """They belong to the recording and its options, and are no reason for another job."""
    async with connect() as client:
        await run(client, [aai.Item(b"0", labels=SALES), aai.Item(b"1")], path)
        [kept, still_none] = await run(client, [b"0", b"1"], path)
        assert await labels_in(path) == [SALES, {}]
        [replaced, added] = await run(
            client, [aai.Item(b"0", labels={"team": "support"}), aai.Item(b"1", labels=SALES)], path
        )
    assert (kept.labels, still_none.labels) == (SALES, {})
    assert (replaced.labels, added.labels) == ({"team": "support"}, SALES)
    assert await labels_in(path) == [{"team": "support"}, SALES]
    assert len(server.service.jobs) == 2


async def test_items_that_share_a_job_keep_their_own_labels(connect: Connect, path: Path) -> None:
    """The journal has those of the first, whose job is paid."""
    async with connect() as client:
        outcomes = await run(
            client,
            [aai.Item(b"0", labels=SALES), aai.Item(b"0", labels={"team": "support"})],
            path,
            max_jobs=1,
        )
    assert [outcome.labels for outcome in outcomes] == [SALES, {"team": "support"}]
    assert await labels_in(path) == [SALES]


def test_labels_of_an_item_are_a_copy() -> None:
    """So a mapping that is changed afterwards changes nothing, and an item can be a key."""
    labels = {"team": "sales"}
    item = aai.Item("call.mp3", labels=labels)
    labels["team"] = "support"
    assert item.labels == {"team": "sales"}
    assert len({item, aai.Item("call.mp3", labels={"team": "sales"})}) == 1


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ("team=sales", "must be a mapping such as"),
        ({1: "sales"}, "The name of a label must be a str, not int"),
        ({"team": 1}, "The label 'team' must be a str, not int"),
        ({"team": None}, "The label 'team' must be a str, not NoneType"),
        ({"": "sales"}, "The name of a label must not be empty"),
        ({"team": " "}, "The label 'team' must not be empty"),
        ({"n" * 65: "sales"}, "can have 64 characters, not 65"),
        ({"team": "v" * 257}, "can have 256 characters, not 257"),
        ({"team": "a\nb"}, "must be printable text, not 'a\\\\nb'"),
        ({"team": "\udc80"}, "must be printable text"),
        ({str(number): "x" for number in range(33)}, "can have 32 labels, not 33"),
    ],
)
def test_labels_that_cannot_be_kept_are_refused(labels: Any, message: str) -> None:
    """When the item is made, so that nothing is sent."""
    with pytest.raises(aai.ConfigError, match=message):
        aai.Item("call.mp3", labels=labels)
