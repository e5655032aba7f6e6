"""A recording that cannot be sent whole makes no job and says why; whatever can be sent is."""

from __future__ import annotations

import contextlib
import errno
import functools
import io
import os
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import anyio
import faults
import httpx
import pytest
from descriptors import open_files
from fault_server import Exchange, Fault, FaultServer
from hypothesis import given
from hypothesis import strategies as st
from lanes import KEY, Connect, Lane

import aai_async as aai
from aai_async._io.source_factory import source_from

MEBIBYTE = 1024 * 1024
LARGE = 32 * MEBIBYTE
"""More than the kernels hold between client and server."""


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large.wav"
    with path.open("wb") as file:
        file.truncate(LARGE)
    return path


# What is no recording.


def _zero_bytes(folder: Path) -> Path:
    (folder / "empty.wav").touch()
    return folder / "empty.wav"


def _unreadable(folder: Path) -> Path:
    if os.geteuid() == 0:
        pytest.skip("root may read every file")
    (folder / "secret.wav").write_bytes(b"audio")
    (folder / "secret.wav").chmod(0)
    return folder / "secret.wav"


def _device(_: Path) -> Path:
    return Path("/dev/zero")


def _unix_socket(folder: Path) -> Path:
    # The address of a socket is at most a hundred bytes long, and pytest's folders may be longer.
    path = Path(tempfile.mkdtemp(dir=folder, prefix="s")) / "s"
    here = Path.cwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("s")
    finally:
        os.chdir(here)
    assert stat.S_ISSOCK(path.stat().st_mode)
    return path


def _pipe_without_writer(folder: Path) -> Path:
    os.mkfifo(folder / "pipe.wav")
    return folder / "pipe.wav"


def _links_in_a_circle(folder: Path) -> Path:
    (folder / "a.wav").symlink_to(folder / "b.wav")
    (folder / "b.wav").symlink_to(folder / "a.wav")
    return folder / "a.wav"


def _dangling_link(folder: Path) -> Path:
    (folder / "a.wav").symlink_to(folder / "nowhere.wav")
    return folder / "a.wav"


def _link_to_a_folder(folder: Path) -> Path:
    (folder / "a.wav").symlink_to(folder)
    return folder / "a.wav"


def _five_gigabytes(folder: Path) -> Path:
    with (folder / "huge.wav").open("wb") as file:
        file.truncate(5_000_000_001)
    return folder / "huge.wav"


@pytest.mark.parametrize("as_given", [str, Path], ids=["str", "Path"])
@pytest.mark.parametrize(
    ("make", "said"),
    [
        (_zero_bytes, "is empty"),
        (lambda folder: folder, "is a directory"),
        (lambda folder: folder / "missing.wav", "No such file"),
        (lambda folder: folder / "missing" / "call.wav", "No such file"),
        (_unreadable, "Permission denied"),
        (_device, "not a regular file"),
        (_unix_socket, "cannot be read: No such device"),
        (_pipe_without_writer, "not a regular file"),
        (_links_in_a_circle, "Too many levels of symbolic links"),
        (_dangling_link, "No such file"),
        (_link_to_a_folder, "is a directory"),
        (_five_gigabytes, "5,000,000,001 bytes"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
async def test_what_holds_no_recording_is_refused_before_anything_is_sent(
    server: FaultServer,
    connect: Connect,
    tmp_path: Path,
    make: Callable[[Path], Path],
    said: str,
    as_given: Any,
) -> None:
    """At once, by name, and with nothing left open."""
    path = make(tmp_path)
    async with connect() as client:
        before = open_files()
        with anyio.fail_after(60), pytest.raises(aai.SourceError, match=said) as caught:
            await client.transcribe(as_given(path))
        assert open_files() == before
    assert path.name in str(caught.value)
    assert (caught.value.attempts, server.requests, server.service.jobs) == (0, [], [])


# What is read only once.


async def test_a_pipe_that_somebody_writes_to_is_sent(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """As the file object that the caller has opened."""
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=[b"a recording" * 100_000])
    writer.start()
    with (tmp_path / "pipe").open("rb") as pipe:
        async with connect() as client:
            await client.transcribe(pipe)
    writer.join()
    assert [*server.service.uploads.values()] == [b"a recording" * 100_000]
    assert server.requests[0].headers["transfer-encoding"] == "chunked"


@pytest.mark.parametrize("fault", [faults.status(503), faults.reset_after_body()], ids=["503", "reset"])
async def test_a_pipe_is_sent_once(server: FaultServer, connect: Connect, fault: Fault) -> None:
    """What was read of it is gone, and the second attempt would send the rest."""
    server.always("POST /v2/upload", fault)
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as pipe:
        os.write(writer, b"a recording")
        os.close(writer)
        async with connect() as client:
            with pytest.raises(aai.AAIError) as caught:
                await client.transcribe(pipe)
    assert (caught.value.attempts, server.count("POST *"), server.service.jobs) == (1, 1, [])


def test_what_comes_from_another_program_is_sent(server: FaultServer) -> None:
    """`ffmpeg ... | python program.py`."""
    program = (
        "import asyncio, os, sys, aai_async as aai\n"
        "async def main():\n"
        "    polling = aai.Polling(initial_delay=0.01, max_delay=0.05)\n"
        "    async with aai.Client(sys.argv[1], base_url=sys.argv[2], polling=polling) as client:\n"
        "        print((await client.transcribe(sys.stdin.buffer)).text)\n"
        "asyncio.run(main())\n"
    )
    command = [sys.executable, "-c", program, KEY, server.url]
    done = subprocess.run(command, input=b"a recording", capture_output=True, timeout=60, check=True)
    assert (done.stdout, done.stderr) == (b"What was said.\n", b"")
    assert [*server.service.uploads.values()] == [b"a recording"]


# What changes while it is read.


async def test_a_link_is_followed(server: FaultServer, connect: Connect, tmp_path: Path) -> None:
    """Also over several of them."""
    (tmp_path / "call.wav").write_bytes(b"a recording")
    (tmp_path / "one.wav").symlink_to("call.wav")
    (tmp_path / "two.wav").symlink_to(tmp_path / "one.wav")
    async with connect() as client:
        await client.transcribe(tmp_path / "two.wav")
    assert [*server.service.uploads.values()] == [b"a recording"]


def _grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def _shrink(path: Path) -> None:
    os.truncate(path, LARGE // 2)


def _empty(path: Path) -> None:
    os.truncate(path, 0)


def _replace(path: Path) -> None:
    with path.with_suffix(".new").open("wb") as file:
        file.truncate(LARGE)
    path.with_suffix(".new").replace(path)


def _touch(path: Path) -> None:
    os.utime(path, (0, 0))


def amid_the_upload(change: Callable[[], None]) -> Fault:
    """The upload as usual, and what changes after its first bytes."""

    async def fault(exchange: Exchange) -> None:
        await exchange.read_some(1024)
        change()
        await exchange.answer()

    return fault


@pytest.mark.parametrize("change", [_grow, _shrink, _empty, _touch], ids=lambda change: change.__name__)
async def test_a_file_that_changes_while_it_is_uploaded_makes_no_job(
    server: FaultServer, connect: Connect, large: Path, change: Callable[[Path], None]
) -> None:
    """A transcript of half the old recording and half the new would be worthless."""
    server.on("POST /v2/upload", amid_the_upload(lambda: change(large)))
    async with connect() as client:
        before = open_files()
        with pytest.raises(aai.FileChangedError, match="changed while it was being uploaded") as caught:
            await client.transcribe(large)
        with anyio.fail_after(60):
            # The connection of the upload is closed, and its server sees it.
            while open_files() > before:
                await anyio.sleep(0.01)
    assert (caught.value.operation, caught.value.attempts) == ("upload", 1)
    assert (server.count("POST *"), server.service.jobs) == (1, [])


async def test_a_file_that_is_replaced_is_another_one_for_the_next_attempt(
    server: FaultServer, connect: Connect, large: Path
) -> None:
    """An attempt that has it open reads on in the old one, whole; one that begins anew refuses the new."""
    fail = faults.status(503)

    async def replaced(exchange: Exchange) -> None:
        await exchange.read_some(1024)
        _replace(large)
        await fail(exchange)

    server.on("POST /v2/upload", replaced)
    async with connect() as client:
        with pytest.raises(aai.FileChangedError) as caught:
            await client.transcribe(large)
    assert (caught.value.attempts, server.service.jobs) == (2, [])


async def test_a_file_that_is_deleted_while_it_is_uploaded_is_sent_whole(
    server: FaultServer, connect: Connect, large: Path
) -> None:
    """What is open is there until it is closed."""
    server.on("POST /v2/upload", amid_the_upload(large.unlink))
    async with connect() as client:
        await client.transcribe(large)
    assert [len(upload) for upload in server.service.uploads.values()] == [LARGE]


@pytest.mark.parametrize("change", [_grow, _shrink], ids=lambda change: change.__name__)
async def test_a_file_object_that_changes_while_it_is_uploaded_makes_no_job(
    server: FaultServer, connect: Connect, large: Path, change: Callable[[Path], None]
) -> None:
    """Its length was promised to the service."""
    server.on("POST /v2/upload", amid_the_upload(lambda: change(large)))
    async with connect() as client:
        with large.open("rb") as file, pytest.raises(aai.FileChangedError):
            await client.transcribe(file)
    assert (server.count("POST *"), server.service.jobs) == (1, [])


@pytest.mark.parametrize("size", [10, 100_000])
async def test_a_small_file_that_changes_while_it_is_uploaded_makes_no_job(
    server: FaultServer,
    connect: Connect,
    lane: Lane,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    size: int,
) -> None:
    """Also where its last byte is sent already, and an answer may come before the change is seen."""
    path = tmp_path / "call.wav"
    path.write_bytes(b"x" * size)
    read = os.read

    def read_and_change(descriptor: int, count: int) -> bytes:
        piece = read(descriptor, count)
        if len(piece) == size:
            _touch(path)
        return piece

    monkeypatch.setattr(os, "read", read_and_change)
    async with connect() as client:
        for _ in range(20):
            path.write_bytes(b"x" * size)
            with pytest.raises(aai.FileChangedError):
                await client.transcribe(path)
    assert server.service.jobs == []


# What cannot be read to its end.


@pytest.mark.parametrize("code", [errno.EIO, errno.ESTALE, errno.ENODEV], ids=errno.errorcode.get)
async def test_a_disk_that_fails_in_the_middle_makes_no_job(
    server: FaultServer, connect: Connect, large: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """The error has the operating system's own reason, and what is not read is not sent again."""
    number = large.stat().st_ino

    def failing(read: Callable[..., Any], descriptor: int, *arguments: object) -> Any:
        # Not after so many reads: the server might not have the head of the request yet.
        if os.fstat(descriptor).st_ino == number and server.count("POST *"):
            raise OSError(code, os.strerror(code))
        return read(descriptor, *arguments)

    # What the system has in memory is read with the second.
    for name in ("read", "preadv"):
        if hasattr(os, name):
            monkeypatch.setattr(os, name, functools.partial(failing, getattr(os, name)))
    async with connect() as client:
        with pytest.raises(aai.SourceError, match=os.strerror(code)) as caught:
            await client.transcribe(large)
    assert isinstance(caught.value.__cause__, OSError)
    assert (caught.value.attempts, server.count("POST *"), server.service.jobs) == (1, 1, [])


@pytest.mark.parametrize("name", ["open", "fstat"])
async def test_a_file_on_a_server_that_is_gone_is_not_sent(
    server: FaultServer, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """NFS says so when it is opened or asked for its size."""
    (tmp_path / "call.wav").write_bytes(b"a recording")
    function = getattr(os, name)

    def stale(*arguments: Any) -> Any:
        if name == "fstat" or arguments[0] == tmp_path / "call.wav":
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        return function(*arguments)

    async with connect() as client:
        before = open_files()
        with monkeypatch.context() as patch, pytest.raises(aai.SourceError, match="Stale file handle"):
            patch.setattr(os, name, stale)
            await client.transcribe(tmp_path / "call.wav")
        assert open_files() == before
    assert server.requests == []


class FailingFile(io.BytesIO):
    """It can be sought, and fails behind its first mebibyte once the server has the request."""

    def __init__(self, error: Exception, server: FaultServer) -> None:
        super().__init__(bytes(LARGE))
        self.error, self.server = error, server

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() >= MEBIBYTE and self.server.count("POST *"):
            raise self.error
        return super().read(size)


# Also what an HTTP library raises, for the recording may come from another server.
BUGS: dict[str, Callable[[], Exception]] = {
    "bug": lambda: KeyError("a bug"),
    "disk": lambda: OSError(errno.EIO, "Input/output error"),
    "timeout": lambda: TimeoutError("too slow"),
    "library": lambda: httpx.ReadError("the other server is gone"),
    "connect": lambda: httpx.ConnectError("the other server is not there"),
    "ours": lambda: aai.ConnectError("the other server is not there", verdict=aai.RequestState.NOT_SENT),
}


@pytest.mark.parametrize("bug", BUGS)
async def test_a_file_object_that_fails_in_the_middle_makes_no_job(
    server: FaultServer, connect: Connect, bug: str
) -> None:
    """It could be read again, but is what fails itself."""
    error = BUGS[bug]()
    async with connect() as client:
        with pytest.raises(aai.SourceError, match=type(error).__name__) as caught:
            await client.transcribe(FailingFile(error, server))
    assert caught.value.__cause__ is error
    assert (caught.value.attempts, server.count("POST *"), server.service.jobs) == (1, 1, [])


@pytest.mark.parametrize("bug", BUGS)
@pytest.mark.parametrize("good", [1, 2, 200])
async def test_a_stream_that_fails_in_the_middle_makes_no_job(
    server: FaultServer, connect: Connect, bug: str, good: int
) -> None:
    """What it raised is the cause, with its traceback, and is never taken for the network's."""
    error = BUGS[bug]()

    async def broken() -> AsyncIterator[bytes]:
        for _ in range(good):
            yield b"x" * 10_000
        while not server.count("POST *"):
            await anyio.sleep(0.01)
        raise error

    async with connect() as client:
        with anyio.fail_after(60), pytest.raises(aai.SourceError, match=type(error).__name__) as caught:
            await client.transcribe(broken())
    assert caught.value.__cause__ is error
    assert error.__traceback__ is not None
    assert (caught.value.operation, caught.value.attempts) == ("upload", 1)
    assert (server.count("POST *"), server.service.uploads, server.service.jobs) == (1, {}, [])


async def test_a_stream_that_fails_at_once_sends_nothing(server: FaultServer, connect: Connect) -> None:
    """Its first piece is read before anything is sent."""

    async def broken() -> AsyncIterator[bytes]:
        raise KeyError("a bug")
        yield b""

    async with connect() as client:
        with pytest.raises(aai.SourceError, match="a bug") as caught:
            await client.transcribe(broken())
    assert isinstance(caught.value.__cause__, KeyError)
    assert (caught.value.attempts, server.requests) == (0, [])


async def test_a_stream_that_fails_while_the_service_does_too_says_what_it_failed_with(
    server: FaultServer, connect: Connect
) -> None:
    """Nobody looks for the mistake in the network."""
    server.always("POST /v2/upload", faults.early_413(after=1024))

    async def broken() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 10_000
            await anyio.sleep(0.001)
        raise KeyError("a bug")

    async with connect() as client:
        with pytest.raises((aai.SourceError, aai.RejectedError)) as caught:
            await client.transcribe(broken())
    assert (caught.value.attempts, server.service.jobs) == (1, [])


# What is large.

MEASURED = """
import sys
from pathlib import Path
import anyio
import aai_async as aai
from lanes import KEY, LANES

def peak():
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line)
    return int(line.split()[1]) // 1024

async def main():
    async with aai.Client(KEY, base_url=sys.argv[1], http_client=lane.make) as client:
        await client.upload(b"x" * 4_000_000)
        before = peak()
        await client.upload(sys.argv[2])
        print(peak() - before)

lane = next(lane for lane in LANES if lane.name == sys.argv[3])
anyio.run(main, backend=lane.backend)
"""


async def test_memory_does_not_grow_with_a_file(lane: Lane, tmp_path: Path) -> None:
    """400 MB take less than 64 MB more than four do."""
    with (tmp_path / "large.wav").open("wb") as file:
        file.truncate(400_000_000)
    paths = os.pathsep.join([*sys.path, str(Path(__file__).parent)])
    with FaultServer(body_limit=1000) as server:
        command = [sys.executable, "-c", MEASURED, server.url, str(tmp_path / "large.wav"), lane.name]
        environment = {**os.environ, "PYTHONPATH": paths}
        done = await anyio.run_process(command, env=environment, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
        assert server.requests[-1].size == 400_000_000
    assert int(done.stdout) < 64


# What is no audio, and what has an odd name.


async def test_garbage_is_the_verdict_of_the_service_and_harms_no_other(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """Nobody here knows all kinds of audio, so it is sent, and the job says why it failed."""
    said = "File does not appear to contain audio. File type is text/plain (ASCII text)."

    server.service.fault_of = lambda recording: None if recording == b"sound" else said
    done: dict[str, aai.Transcript] = {}
    failed: dict[str, aai.TranscriptError] = {}
    recordings = {"letter.txt": b"Dear reader", "picture.png": b"\x89PNG\r\n", "call.wav": b"sound"}
    recordings |= {"noise.bin": os.urandom(1000), "other.wav": b"sound"}

    async def transcribe(name: str) -> None:
        (tmp_path / name).write_bytes(recordings[name])
        try:
            done[name] = await client.transcribe(tmp_path / name)
        except aai.TranscriptError as error:
            failed[name] = error

    async with connect() as client, anyio.create_task_group() as tasks:
        for name in recordings:
            tasks.start_soon(transcribe, name)
    assert {name: transcript.text for name, transcript in done.items()} == {
        "call.wav": "What was said.",
        "other.wav": "What was said.",
    }
    assert set(failed) == {"letter.txt", "picture.png", "noise.bin"}
    for error in failed.values():
        assert said in str(error)
        assert (error.transcript.error, error.transcript.id) == (said, error.transcript_id)
    assert len(server.service.jobs) == 5


NAMES = [
    "🎧.wav",
    "a\nb.wav",
    "a\r\nb.wav",
    "\x1b[31mred.wav",
    'it\'s a "call".wav',
    "100%.wav",
    "%2e%2e.wav",
    "%s%n{0}.wav",
    "-rf.wav",
    "--.wav",
    " .wav",
    "~.wav",
    "a?b=c#d&e.wav",
    "http:x.wav",
    "https:",
    "file:x.wav",
    "C:\\call.wav",
    "nu\u0308mlaut.wav",
    "\u202egnp.wav",
    "x" * 251 + ".wav",
    os.fsdecode(b"latin-\xe9\xff.wav"),
]


@pytest.mark.parametrize("as_given", [str, Path, io.FileIO], ids=["str", "Path", "file"])
async def test_a_file_may_have_any_name(
    server: FaultServer, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, as_given: Any
) -> None:
    """It stands in messages in one printable line, and goes nowhere else."""
    monkeypatch.chdir(tmp_path)
    async with connect() as client:
        for name in NAMES:
            Path(name).write_bytes(name.encode("utf-8", "surrogateescape"))
            given = as_given(name)
            with given if isinstance(given, io.IOBase) else contextlib.nullcontext():
                await client.upload(given)
        for name in NAMES:
            Path(name).unlink()
            with pytest.raises(aai.SourceError, match="No such file") as caught:
                await client.upload(name)
            assert str(caught.value).isprintable()
            str(caught.value).encode()
    uploads = [*server.service.uploads.values()]
    assert uploads == [name.encode("utf-8", "surrogateescape") for name in NAMES]
    assert {request.path for request in server.requests} == {"/v2/upload"}


@given(name=st.binary(min_size=1, max_size=60).filter(lambda name: not {0, ord("/")} & set(name)))
def test_whatever_a_system_takes_for_a_name_is_read(name: bytes) -> None:
    """Also where no text can be made of it."""
    path = os.fsdecode(name)
    if name in {b".", b".."}:
        return

    async def check() -> None:
        source = source_from(path)
        await source.open()
        assert b"".join([chunk async for chunk in source.chunks()]) == b"a recording"
        assert source.name.isprintable()

    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            Path(path).write_bytes(b"a recording")
            anyio.run(check)
        finally:
            os.chdir(here)
