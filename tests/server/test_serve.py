"""Starting, stopping and restarting the server, from either event loop."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anyio
import completion
import httpx
import pytest

import aai_async.server
from aai_async.server import (
    DirectoryError,
    LocalServer,
    Recognition,
    ScriptedEngine,
    ServerStartError,
    SpeechRequest,
)
from aai_async.server.app import open_app


class ClosedEngine(ScriptedEngine):
    """An engine that tells whether it was closed, and may be slow to."""

    closed = 0
    slow = 0.0

    async def aclose(self) -> None:
        await anyio.sleep(self.slow)
        self.closed += 1


@pytest.fixture(autouse=True)
def no_leaked_threads() -> Iterator[None]:
    """Whatever happens in a test, its servers' threads end with it."""
    yield
    deadline = time.monotonic() + 60
    while leaked := [thread for thread in threading.enumerate() if "ThreadPoolExecutor" in thread.name]:
        assert time.monotonic() < deadline, leaked
        time.sleep(0.01)


def client(server: LocalServer) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=server.base_url, headers={"authorization": server.key}, trust_env=False, timeout=60
    )


async def transcribe(server: LocalServer) -> str:
    async with client(server) as http:
        url = (await http.post("/v2/upload", content=b"a")).json()["upload_url"]
        reply = await http.post("/v2/transcript", json={"audio_url": url})
        return str(reply.json()["id"])


async def ended(server: LocalServer, transcript_id: str) -> dict[str, Any]:
    async with client(server) as http:
        return await completion.ended(http, transcript_id)


async def answers(server: LocalServer) -> bool:
    try:
        with anyio.fail_after(60):
            async with await anyio.connect_tcp("127.0.0.1", urlsplit(server.base_url).port or 0):
                return True
    except OSError:
        return False


async def test_it_serves_inside_the_block_and_is_gone_after_it(tmp_path: Path) -> None:
    """The engine is closed with it, and a port is free again."""
    engine = ClosedEngine()
    async with LocalServer(engine=engine) as server:
        assert (await ended(server, await transcribe(server)))["text"] == "Hello there."
    assert not await answers(server)
    assert engine.closed == 1
    async with LocalServer(engine=engine, port=urlsplit(server.base_url).port or 0) as again:
        assert again.base_url == server.base_url


async def test_every_server_has_a_key_and_a_directory_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unless they are given; the temporary directory is gone at the end."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    async with LocalServer(engine=ScriptedEngine()) as one, LocalServer(engine=ScriptedEngine()) as other:
        assert one.key != other.key
        assert len(list(tmp_path.iterdir())) == 2
        async with client(one) as http:
            assert (await http.get("/v2/transcript", headers={"authorization": other.key})).status_code == 401
    assert list(tmp_path.iterdir()) == []
    assert LocalServer(engine=ScriptedEngine(), key="mine").key == "mine"


async def test_small_replies_do_not_wait() -> None:
    """Nagle's algorithm and delayed acknowledgements would make each of them take 40 ms."""
    times = []
    async with LocalServer(engine=ScriptedEngine()) as server, client(server) as http:
        for _ in range(50):
            begun = time.perf_counter()
            await http.get("/v2/transcript/unknown")
            times.append(time.perf_counter() - begun)
    # The quickest, because a busy machine may delay any of them.
    assert min(times) < 0.03


async def test_the_callers_loop_is_never_held() -> None:
    """While a server stops, however slowly, the caller's other tasks go on."""
    begins_to_close, other_task_ran = threading.Event(), threading.Event()

    class PatientEngine(ClosedEngine):
        """Closes once a task of the caller has run, and fails if none does."""

        async def aclose(self) -> None:
            begins_to_close.set()
            assert await anyio.to_thread.run_sync(other_task_ran.wait, 60)
            await super().aclose()

    engine = PatientEngine()

    async def run_while_it_closes() -> None:
        while not begins_to_close.is_set():
            await anyio.sleep(0.01)
        other_task_ran.set()

    async with anyio.create_task_group() as tasks:
        async with LocalServer(engine=engine):
            tasks.start_soon(run_while_it_closes)
    assert engine.closed == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "[::1]", "0:0:0:0:0:0:0:1"])
async def test_it_listens_on_loopback(host: str) -> None:
    """Under any of its names."""
    try:
        async with LocalServer(engine=ScriptedEngine(), host=host, key="k") as server:
            assert urlsplit(server.base_url).hostname in ("127.0.0.1", "::1")
            async with httpx.AsyncClient(base_url=server.base_url, trust_env=False) as http:
                reply = await http.get("/v2/transcript", headers={"authorization": "k"})
                assert reply.status_code == 200
    except ServerStartError:
        pytest.skip(f"this machine has no {host}")


ELSEWHERE = ["0.0.0.0", "::", "", "127.0.0.2", "192.168.1.2", "example.com", "127.0.0.1.example.com"]  # noqa: S104


@pytest.mark.parametrize("host", ELSEWHERE)
def test_it_listens_nowhere_else(host: str) -> None:
    """What it does it does for whoever reaches it, so it refuses before it opens anything."""
    with pytest.raises(ValueError, match="loopback"):
        LocalServer(engine=ScriptedEngine(), host=host)


@pytest.mark.parametrize("key", ["", " k", "k\n", "k\r\nx: y", "ключ"])
def test_a_key_must_fit_into_a_header(key: str) -> None:
    """And the message does not show it."""
    with pytest.raises(ValueError, match="printable") as caught:
        LocalServer(engine=ScriptedEngine(), key=key)
    assert "x: y" not in str(caught.value)


@pytest.mark.parametrize(("name", "value"), [("parallel_jobs", 0), ("port", -1), ("port", 70000)])
def test_numbers_out_of_range_are_refused(name: str, value: int) -> None:
    """Before anything is opened."""
    with pytest.raises(ValueError, match=f"{name} must be"):
        LocalServer(engine=ScriptedEngine(), **{name: value})  # type: ignore[arg-type]


async def test_a_port_in_use_is_said_at_once() -> None:
    """With the address in the message."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServerStartError, match=f"127.0.0.1 port {port}"):
            async with LocalServer(engine=ScriptedEngine(), port=port):
                pass


async def test_a_directory_in_use_is_said_at_once(tmp_path: Path) -> None:
    """Two servers on one directory would run each other's jobs; the engine that never ran is closed."""
    engine = ClosedEngine()
    async with LocalServer(engine=ScriptedEngine(), directory=tmp_path):
        with pytest.raises(DirectoryError):
            async with LocalServer(engine=engine, directory=tmp_path):
                pass
    assert engine.closed == 1


async def test_a_server_is_entered_once() -> None:
    """A second time would be another one under the same name."""
    async with LocalServer(engine=ScriptedEngine()) as server:
        with pytest.raises(ServerStartError, match="once"):
            await server.__aenter__()
        assert await answers(server)
    with pytest.raises(ServerStartError, match="once"):
        await server.__aenter__()


async def test_an_error_in_the_block_comes_out_as_it_is() -> None:
    """And the server is gone all the same."""
    server = LocalServer(engine=ScriptedEngine())
    with pytest.raises(ZeroDivisionError):
        async with server:
            raise ZeroDivisionError
    assert not await answers(server)


async def test_a_request_in_progress_does_not_hold_up_the_end() -> None:
    """A client that dawdles is cut off, within seconds."""
    async with LocalServer(engine=ScriptedEngine()) as server:
        stream = await anyio.connect_tcp("127.0.0.1", urlsplit(server.base_url).port or 0)
        await stream.send(b"POST /v2/upload HTTP/1.1\r\nhost: localhost\r\n")
        begun = time.perf_counter()
    await stream.aclose()
    assert time.perf_counter() - begun < 60


async def test_jobs_in_progress_are_cancelled_at_the_end(tmp_path: Path) -> None:
    """An engine that would take for ever is not waited for."""
    begun = time.perf_counter()
    async with LocalServer(engine=ScriptedEngine(delay=3600), directory=tmp_path) as server:
        await transcribe(server)
    assert time.perf_counter() - begun < 60


async def test_cancelled_while_starting_it_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a cancel scope, whenever it strikes."""
    for delay in (0.0, 0.001, 0.005, 0.01):
        server = LocalServer(engine=ScriptedEngine())
        with anyio.move_on_after(delay):
            async with server:
                await anyio.sleep_forever()
        assert not await answers(server)


def test_stopped_before_it_started_it_never_starts() -> None:
    """As when it is cancelled while the start still waits for a thread."""
    server = LocalServer(engine=ScriptedEngine())
    server._stop()
    server._start()
    assert urlsplit(server.base_url).port == 0


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_cancelled_by_asyncio_itself_it_is_stopped() -> None:
    """`Task.cancel()` reaches through anyio's shields, while it starts, runs and stops."""
    for delay in (0.0, 0.001, 0.005, 0.02, 0.1):
        engine = ClosedEngine()
        engine.slow = 0.05
        server = LocalServer(engine=engine)

        async def run(server: LocalServer = server) -> None:
            async with server:
                await asyncio.sleep(0.02)

        task = asyncio.create_task(run())
        await asyncio.sleep(delay)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert not await answers(server)


async def test_a_restart_knows_what_was_finished_and_runs_what_was_queued(tmp_path: Path) -> None:
    """What was being worked on ends in `error`: it may be what brought the server down."""
    started = threading.Event()

    async def answer(request: SpeechRequest) -> str:
        if started.is_set():
            await anyio.sleep_forever()
        return "Done before."

    engine = ScriptedEngine(answer)
    async with LocalServer(engine=engine, directory=tmp_path, key="k") as server:
        finished = await transcribe(server)
        before = await ended(server, finished)
        started.set()
        running, queued = await transcribe(server), await transcribe(server)
    async with LocalServer(engine=ScriptedEngine("Done after."), directory=tmp_path, key="k") as server:
        assert await ended(server, finished) == before
        interrupted = await ended(server, running)
        assert interrupted["status"] == "error"
        assert interrupted["error"].startswith("Server error, developers have been alerted")
        assert (await ended(server, queued))["text"] == "Done after."


@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
async def test_the_application_works_on_either_loop(tmp_path: Path) -> None:
    """Without a port, inside whatever serves ASGI."""
    async with (
        open_app(ScriptedEngine(), key="k", directory=tmp_path) as app,
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as http,
    ):
        http.headers["authorization"] = "k"
        url = (await http.post("/v2/upload", content=b"a")).json()["upload_url"]
        transcript = (await http.post("/v2/transcript", json={"audio_url": url})).json()
        with anyio.fail_after(60):
            while transcript["status"] != "completed":
                await anyio.sleep(0.01)
                transcript = (await http.get(f"/v2/transcript/{transcript['id']}")).json()
        assert transcript["text"] == "Hello there."


async def test_whisper_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that is not given is made when the server starts, for as many jobs at once as it takes."""
    made = ClosedEngine()
    asked: list[tuple[int, str | None]] = []

    def make(*, workers: int, voices: str | None) -> ClosedEngine:
        asked.append((workers, voices))
        return made

    monkeypatch.setattr("aai_async.server.engines.whisper.WhisperEngine", make)
    async with LocalServer(parallel_jobs=3, voices="v.json") as server, client(server) as http:
        assert (await http.get("/v2/transcript")).headers["x-local-engine"] == "scripted"
    assert (made.closed, asked) == (1, [(3, "v.json")])


@pytest.mark.skipif(os.name != "posix", reason="permissions as POSIX has them")
async def test_what_is_kept_is_nobody_elses_business(tmp_path: Path) -> None:
    """Recordings and transcripts can be read by their owner alone."""
    directory = tmp_path / "kept" / "here"
    async with LocalServer(engine=ScriptedEngine(), directory=directory) as server:
        await ended(server, await transcribe(server))
        kept = [directory, *(path for path in directory.rglob("*") if path.parent.name != "uploads")]
        assert {path.name: oct(path.stat().st_mode & 0o077) for path in kept} == dict.fromkeys(
            (path.name for path in kept), "0o0"
        )


async def test_a_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """With its name, when the server starts."""
    (tmp_path / "file").touch()
    with pytest.raises(DirectoryError, match="file/kept"):
        async with LocalServer(engine=ScriptedEngine(), directory=tmp_path / "file" / "kept"):
            pass


@pytest.mark.parametrize("key", ["", "a b", "a\n", "schlüssel"])
def test_a_key_that_no_client_could_send_is_refused(key: str) -> None:
    """When the server is made."""
    with pytest.raises(ValueError, match="printable ASCII without spaces"):
        LocalServer(engine=ScriptedEngine(), key=key)


class BrokenEngine(ScriptedEngine):
    """An engine that fails in a way that no engine should."""

    async def recognize(self, request: SpeechRequest) -> Recognition:
        raise MemoryError


async def test_an_engine_that_breaks_does_not_take_the_server_with_it() -> None:
    """Its job fails in the service's words."""
    async with LocalServer(engine=BrokenEngine()) as server:
        for _ in range(2):
            transcript = await ended(server, await transcribe(server))
            assert transcript["error"] == "Server error, developers have been alerted"


def test_the_package_exports_what_it_promises() -> None:
    """Every name in `__all__`, looked up when asked for, and no other."""
    for name in aai_async.server.__all__:
        assert getattr(aai_async.server, name).__name__ == name
    with pytest.raises(AttributeError, match="nothing"):
        _ = aai_async.server.nothing


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever installed only the client learns what to install."""

    def import_nothing(name: str) -> None:
        raise ModuleNotFoundError("No module named 'uvicorn'", name="uvicorn")

    monkeypatch.setattr(aai_async.server, "import_module", import_nothing)
    with pytest.raises(ModuleNotFoundError) as caught:
        _ = aai_async.server.LocalServer
    assert "[server,models]" in caught.value.__notes__[0]


def test_neither_the_server_nor_the_engines_side_load_more_than_they_need() -> None:
    """No model in the server's process, no web server in the engine's."""
    program = (
        "import sys, aai_async.server\n"
        "assert not {'starlette', 'uvicorn', 'anyio'} & (set(sys.modules) - before), 'engine side'\n"
        "import aai_async.server.serve, aai_async.server.__main__\n"
        "heavy = {'numpy', 'faster_whisper', 'av', 'onnx', 'onnxruntime', 'ctranslate2'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run(
        [sys.executable, "-c", f"import sys, aai_async\nbefore = set(sys.modules)\n{program}"], check=True
    )
