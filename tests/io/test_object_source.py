"""Recordings in object storage: each version of an object is read whole, or not at all."""

from __future__ import annotations

import datetime as dt
import os
import pickle
import socket
import sys
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from buckets import KEY_ID, SECRET, TOKEN, Bucket, access_denied, without_access
from buckets import bucket as bucket  # noqa: PLC0414 - a fixture
from buckets import s3_endpoint as s3_endpoint  # noqa: PLC0414 - a fixture
from secrecy import whole_traceback

import aai_async as aai
from aai_async._command_lines import install_command
from aai_async._io import stored_object
from aai_async._io.source import CHUNK_SIZE, Source
from aai_async._io.source_factory import source_from
from aai_async._io.stored_object import RANGE

AUDIO = bytes(range(256)) * (RANGE // 256) * 2 + b"the end"


async def opened(given: aai.Audio) -> Source:
    source = source_from(given)
    await source.open()
    return source


async def read(source: Source) -> bytes:
    return b"".join([chunk async for chunk in source.chunks()])


async def error_of(given: aai.Audio) -> aai.SourceError:
    with pytest.raises(aai.SourceError) as caught:
        await opened(given)
    return caught.value


async def test_an_object_is_read_in_ranges_as_often_as_it_is_needed(bucket: Bucket) -> None:
    """An upload that breaks begins again."""
    source = await opened(aai.ObjectSource(bucket.put("day/call.wav", AUDIO)))
    assert (source.size, source.replayable, source.url) == (len(AUDIO), True, None)
    assert [len(chunk) async for chunk in source.chunks()] == [*[CHUNK_SIZE] * 8, 7]
    assert CHUNK_SIZE * 8 == RANGE * 2
    assert await read(source) == AUDIO


@pytest.mark.parametrize("key", ["a b.wav", "ü/日.wav", "what?.wav", "a#1.wav", "100%25.wav", "a+b;c=d.wav"])
async def test_a_key_is_taken_as_the_store_has_it(bucket: Bucket, key: str) -> None:
    """Nothing in it is decoded, as in the command line of AWS, and messages show all of it."""
    uri = bucket.put(key, b"a recording")
    source = await opened(aai.ObjectSource(uri))
    assert await read(source) == b"a recording"
    assert source.name == uri
    assert uri in repr(aai.ObjectSource(uri))


async def test_an_object_is_recognised_by_its_uri_and_its_version(bucket: Bucket) -> None:
    """With a signature or without one, and again after the same bytes were put there once more."""
    uri = bucket.put("call.wav", b"a recording")
    first = await (await opened(aai.ObjectSource(uri))).identity()
    bucket.put("call.wav", b"a recording")
    assert await (await opened(aai.ObjectSource(uri, presign=True))).identity() == first
    bucket.put("call.wav", b"a re-cording")
    assert await (await opened(aai.ObjectSource(uri))).identity() != first
    other = bucket.put("other.wav", b"a recording")
    assert await (await opened(aai.ObjectSource(other))).identity() != first


@pytest.mark.parametrize("when", ["before the first range", "between two ranges"])
@pytest.mark.parametrize("content", [AUDIO[::-1], b"short"], ids=["same size", "shorter"])
async def test_an_object_that_changes_is_not_sent_as_a_mixture(
    bucket: Bucket, when: str, content: bytes
) -> None:
    """Not even with the same size."""
    uri = bucket.put("call.wav", AUDIO)
    source = await opened(aai.ObjectSource(uri))
    chunks = source.chunks()
    if when == "between two ranges":
        for start in range(0, RANGE, CHUNK_SIZE):
            assert await anext(chunks) == AUDIO[start : start + CHUNK_SIZE]
    bucket.put("call.wav", content)
    with pytest.raises(aai.FileChangedError, match=f"{uri} changed while it was being uploaded"):
        await anext(chunks)


async def test_an_object_that_is_deleted_while_it_is_read_is_reported(bucket: Bucket) -> None:
    uri = bucket.put("call.wav", AUDIO)
    source = await opened(aai.ObjectSource(uri))
    bucket.delete("call.wav")
    with pytest.raises(aai.SourceError, match=f"No such object: {uri}"):
        await read(source)


async def test_a_signed_url_gives_the_object_to_who_has_no_credentials(bucket: Bucket) -> None:
    """It is signed when the recording is opened, and for as long as was asked for."""
    uri = bucket.put("day/what? now.wav", b"a recording")
    given = aai.ObjectSource(uri, presign=True, expires_in=dt.timedelta(minutes=90))
    source = source_from(given)
    assert source.url is None
    await source.open()
    assert source.url is not None
    assert "X-Amz-Expires=5400" in source.url
    async with httpx.AsyncClient(trust_env=False) as stranger:
        assert (await stranger.get(source.url)).content == b"a recording"
    assert SECRET not in source.url


async def test_what_is_wrong_with_an_object_is_said_before_anything_is_sent(bucket: Bucket) -> None:
    """By its URI, with what to do."""
    empty = bucket.put("empty.wav", b"")
    assert str(await error_of(aai.ObjectSource(empty))) == f"{empty} is empty."
    gone = bucket.uri("gone.wav")
    assert f"No such object: {gone}" in str(await error_of(aai.ObjectSource(gone)))
    error = await error_of(aai.ObjectSource("s3://no-such-bucket-here/call.wav"))
    assert "No such bucket: s3://no-such-bucket-here." in str(error)
    for uri in ("s3://bucket", "s3://bucket/", "s3://bucket/folder/"):
        assert "names no object: give its key too" in str(await error_of(aai.ObjectSource(uri)))
    for key in ("a//b.wav", "../b.wav", "a\nb.wav"):
        assert "cannot be addressed" in str(await error_of(aai.ObjectSource(bucket.uri(key))))


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("call.mp3", "is not the URI of an object"),
        ("https://bucket.s3.amazonaws.com/call.mp3", "is not the URI of an object"),
        ("", "is not the URI of an object"),
        ("s3:///call.mp3", "has no bucket"),
        ("s3://id:hidden@bucket/call.mp3", "contains credentials"),
        ("az://calls/a.mp3?sv=2024-11-04&sig=hidden", "contains credentials"),
        ("s3://b/a.mp3?X-Amz-Signature=hidden&x-id=GetObject", "contains credentials"),
        ("file://elsewhere/call.mp3", "names no file of this machine"),
        ("file:call.mp3", "is not the URI of an object"),
    ],
)
def test_a_uri_that_names_no_object_is_refused(uri: str, said: str) -> None:
    """Credentials in it are not shown."""
    with pytest.raises(aai.SourceError, match=said) as caught:
        source_from(aai.ObjectSource(uri))
    assert "hidden" not in f"{caught.value}{aai.ObjectSource(uri)!r}"


@pytest.mark.parametrize("presign", [False, True], ids=["uploaded", "signed"])
async def test_an_object_that_the_service_would_not_take_is_refused(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch, presign: bool
) -> None:
    """The limit of an upload is 2.2 GB, and that of a URL 5 GB; here they are 10 and 20 bytes."""
    monkeypatch.setattr(stored_object, "MAX_UPLOAD_SIZE", 10)
    monkeypatch.setattr(stored_object, "MAX_FETCH_SIZE", 20)
    uri = bucket.put("call.wav", b"x" * 21)
    error = await error_of(aai.ObjectSource(uri, presign=presign))
    assert f"{uri} has 21 bytes" in str(error)
    assert "presign" not in str(error)
    uri = bucket.put("call.wav", b"x" * 20)
    if presign:
        assert (await opened(aai.ObjectSource(uri, presign=True))).size == 20
    else:
        assert "or use ObjectSource(presign=True)" in str(await error_of(aai.ObjectSource(uri)))


def check_secret(error: BaseException) -> None:
    """Make sure that nothing that an error shows or holds lets anybody in."""
    chain: list[BaseException | None] = [error, error.__cause__, error.__context__]
    shown = "".join(whole_traceback(one, __file__) + repr(one.args) for one in chain if one is not None)
    assert not [secret for secret in (KEY_ID, SECRET, TOKEN, "Signature") if secret in shown]


async def test_access_that_is_denied_is_reported_without_the_credentials(bucket: Bucket) -> None:
    """While it is opened, and later; the response of the store shows the id of the key."""
    uri = bucket.put("call.wav", AUDIO)
    source = await opened(aai.ObjectSource(uri))
    with access_denied():
        error = await error_of(aai.ObjectSource(uri))
        with pytest.raises(aai.SourceError) as caught:
            await read(source)
    assert f"Access to {uri} is denied." in str(error)
    assert f"Access to {uri} is denied (InvalidAccessKeyId)." in str(caught.value)
    check_secret(error)
    check_secret(caught.value)


async def test_missing_credentials_are_reported_with_their_names(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine service of the cloud is then asked for some, here one that has none either."""
    uri = bucket.put("call.wav", b"a recording")
    without_access(monkeypatch)
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", f"{bucket.endpoint}/metadata")
    error = await error_of(aai.ObjectSource(uri))
    assert "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" in str(error)
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)
    error = await error_of(aai.ObjectSource("az://calls/call.wav"))
    assert "Set AZURE_STORAGE_ACCOUNT_NAME" in str(error)


async def test_an_endpoint_without_tls_must_be_allowed(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As obstore demands; settings that change later are heeded."""
    source = aai.ObjectSource(bucket.put("call.wav", b"a recording"))
    monkeypatch.delenv("AWS_ALLOW_HTTP")
    assert "Set AWS_ALLOW_HTTP=true" in str(await error_of(source))
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    assert await read(await opened(source)) == b"a recording"


async def test_an_endpoint_that_nobody_serves_is_reported(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aai_async._io.object_store._RETRIES", 0)
    # Bound and not listening, so that nobody else can answer.
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{held.getsockname()[1]}"
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        error = await error_of(aai.ObjectSource(bucket.uri("call.wav")))
    assert f"cannot be read: {address} refuses the connection. Check the network" in str(error)
    check_secret(error)


async def test_a_store_that_does_not_answer_is_left_by_a_cancelled_call(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library below waits for thirty seconds."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{listener.getsockname()[1]}")
        with anyio.fail_after(60), anyio.move_on_after(0.1) as scope:
            await opened(aai.ObjectSource(bucket.uri("call.wav")))
    assert scope.cancelled_caught


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_process_that_was_forked_after_a_use_says_so(bucket: Bucket) -> None:
    """It would wait for ever, because the threads of the library below are not forked."""
    program = """
import multiprocessing, sys, anyio, aai_async as aai
from aai_async._io.source_factory import source_from

def read():
    try:
        anyio.run(source_from(aai.ObjectSource(sys.argv[1])).open)
    except aai.SourceError as error:
        print(error, flush=True)

read()
process = multiprocessing.get_context("fork").Process(target=read)
process.start()
process.join()
"""
    uri = bucket.put("call.wav", b"a recording")
    with anyio.fail_after(60):
        done = await anyio.run_process([sys.executable, "-c", program, uri], check=False)
    assert done.stdout.decode().startswith(f"{uri} cannot be read in a process that was forked after")
    assert 'multiprocessing.get_context("spawn")' in done.stdout.decode()


async def test_the_extra_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The core needs none of it."""
    monkeypatch.setitem(sys.modules, "obstore", None)
    error = await error_of(aai.ObjectSource("gs://bucket/call.wav"))
    assert str(error).endswith(f"{install_command('cloud')}.")


async def test_a_file_is_the_same_recording_by_its_path_and_by_its_uri(tmp_path: Path) -> None:
    """Its URI is decoded, and no store is needed."""
    path = tmp_path / "a call, 100 %.wav"
    path.write_bytes(b"a recording")
    source = await opened(aai.ObjectSource(path.as_uri()))
    assert await read(source) == b"a recording"
    assert await source.identity() == await (await opened(path)).identity()
    with pytest.raises(aai.SourceError, match="is a file, which cannot be pre-signed"):
        source_from(aai.ObjectSource(path.as_uri(), presign=True))


@pytest.mark.parametrize(
    ("uri", "settings", "said"),
    [
        (42, {}, "must be a str, not int"),
        (Path("call.wav"), {}, "must be a str"),
        ("s3://b/a.wav", {"expires_in": 3600}, "must be a timedelta"),
        ("s3://b/a.wav", {"expires_in": dt.timedelta(days=8)}, "to 7 days"),
        ("s3://b/a.wav", {"expires_in": dt.timedelta(0)}, "from 1 second"),
    ],
)
def test_wrong_arguments_are_refused_at_once(uri: Any, settings: Any, said: str) -> None:
    with pytest.raises(aai.ConfigError, match=said):
        aai.ObjectSource(uri, **settings)


def test_a_source_is_a_value() -> None:
    """It can be compared, kept in a set and sent to another process."""
    given = aai.ObjectSource("s3://bucket/call.wav", presign=True)
    assert pickle.loads(pickle.dumps(given)) == given
    assert len({given, aai.ObjectSource("s3://bucket/call.wav", presign=True)}) == 1


def test_a_plain_str_is_not_read_with_the_credentials_of_the_application() -> None:
    """It may come from a user, and `ObjectSource` is how an application says that it does not."""
    for uri in ("s3://bucket/a.wav", "gs://bucket/a.wav", "az://calls/a.wav", "file:///etc/passwd"):
        with pytest.raises(aai.SourceError, match=r"use aai\.ObjectSource\(uri\)"):
            source_from(uri)


def test_nothing_of_object_storage_is_imported_before_it_is_used() -> None:
    """Importing obstore takes a tenth of a second."""
    program = "import sys, aai_async; aai_async.ObjectSource('s3://b/a'); print('obstore' in sys.modules)"
    with os.popen(f'"{sys.executable}" -c "{program}"') as output:  # noqa: S605 - a program of our own
        assert output.read().strip() == "False"
