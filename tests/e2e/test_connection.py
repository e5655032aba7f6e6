"""The client over real sockets: what it leaves behind, and what a broken stream leaves to find."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator

import anyio
import pytest
from descriptors import open_files

import aai_async as aai
from aai_async.server import LocalServer, ScriptedEngine


@pytest.fixture
async def server() -> AsyncGenerator[LocalServer]:
    async with LocalServer(engine=ScriptedEngine("What was said.")) as server:
        yield server


async def test_a_client_leaves_no_connection_behind(server: LocalServer) -> None:
    """However many it had, and also when some of its calls were cancelled half way."""

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 1000
            await anyio.sleep(0.001)

    before = open_files()
    async with aai.Client(server.key, base_url=server.base_url) as client:
        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(client.upload, b"a recording")
        assert open_files() > before
        with anyio.move_on_after(0.1) as scope:
            await client.upload(endless())
        assert scope.cancelled_caught
    with anyio.fail_after(60):
        # The server closes its ends when it has seen that ours are closed.
        while open_files() > before:
            await anyio.sleep(0.01)


async def test_what_broke_the_callers_own_stream_can_be_found(server: LocalServer) -> None:
    """A bug in it is theirs to mend, and its traceback shows where."""

    async def broken() -> AsyncIterator[bytes]:
        yield b"half"
        raise KeyError("a bug")

    async with aai.Client(server.key, base_url=server.base_url) as client:
        with pytest.raises(aai.SourceError, match="KeyError: 'a bug'") as caught:
            await client.upload(broken())
    assert isinstance(caught.value.__cause__, KeyError)
    assert caught.value.__cause__.__traceback__ is not None


async def test_many_tasks_share_one_client(server: LocalServer) -> None:
    """Each gets its own answer."""
    polling = aai.Polling(initial_delay=0.01, max_delay=0.01)
    seen: dict[str, str | None] = {}

    async with aai.Client(server.key, base_url=server.base_url, polling=polling) as client:

        async def transcribe() -> None:
            transcript = await client.transcribe(b"a recording")
            seen[transcript.id] = transcript.text

        async with anyio.create_task_group() as tasks:
            for _ in range(30):
                tasks.start_soon(transcribe)
    assert list(seen.values()) == ["What was said."] * 30
