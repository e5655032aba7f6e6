"""A request is delivered before its call has given it up, or never, as far as the system supports that."""

from __future__ import annotations

import math
import socket
import subprocess
import sys

import httpx
import pytest

import aai_async as aai
from aai_async._api import endpoints
from aai_async._client import pipeline_of
from aai_async._concurrency.cancellation import CancelGrace, ShieldedRequest
from aai_async._transport.late_delivery import socket_options

URL = "https://recordings.test/call.mp3"


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="the option is of Linux")
@pytest.mark.parametrize(("seconds", "milliseconds"), [(0.5, 500), (60.0, 60_000), (3e6, 2**31 - 1)])
def test_the_system_takes_the_longest_time_of_a_call(seconds: float, milliseconds: int) -> None:
    """In milliseconds, and not more of them than it can have."""
    with socket.socket() as one:
        for option in socket_options(aai.Timeouts(stall=seconds, reply=4e6)):
            one.setsockopt(*option)
        assert one.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == milliseconds


PROGRAM = """
import sys
import anyio
import aai_async as aai

async def main(url):
    async with aai.Client("a-key", base_url=url) as client:
        await client.upload(bytes(50_000_000))

anyio.run(main, sys.argv[1])
"""


def test_what_a_killed_program_has_sent_is_discarded() -> None:
    """The system would deliver it later, when the program was run again and has submitted it once more."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        with subprocess.Popen([sys.executable, "-c", PROGRAM, url]) as program:
            connection, _ = server.accept()
            with connection:
                # What it sends next waits in its system, because nothing is read here.
                connection.recv(1)
                program.kill()
                program.wait()
                with pytest.raises(ConnectionResetError):
                    while connection.recv(1_000_000):
                        pass


async def test_calls_without_a_limit_have_none_for_their_delivery() -> None:
    """A client with them can be opened."""
    limitless = aai.Timeouts(stall=math.inf, reply=math.inf)
    assert [name for _, name, _ in socket_options(limitless)] == [socket.SO_LINGER]
    async with aai.Client("a-key", timeouts=limitless) as client:
        assert client


async def test_a_submit_is_announced_again_after_a_pause_that_began_meanwhile() -> None:
    """While it waited, another batch may have taken over the journal."""
    steps: list[str] = []

    async def announce(_: bool) -> None:
        if not steps:
            sender.pauses.start("https://service.test", 0.01)
        steps.append("announced")

    def answer(_: httpx.Request) -> httpx.Response:
        steps.append("sent")
        return httpx.Response(200, json={"id": "1", "status": "queued", "audio_url": URL})

    async def keep(_: aai.Transcript) -> None:
        steps.append("kept")

    transport = httpx.MockTransport(answer)
    async with aai.Client("a-key", base_url="https://service.test", http_client=lambda: transport) as client:
        sender = pipeline_of(client).sender
        shielded = ShieldedRequest(keep, CancelGrace(5), announce=announce)
        await sender.send(endpoints.submit(URL, aai.Options()), shielded=shielded)
    assert steps == ["announced", "announced", "sent", "kept"]
