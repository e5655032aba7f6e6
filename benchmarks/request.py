"""
What does a small request cost? Ours over each transport, the vendor's asynchronous client and plain httpx.

Each client runs in a process of its own and looks at a job again and again, eight at a time; measured is
the CPU of the client. The body is the same, and small.

    python benchmarks/request.py [--requests 2000] [--rounds 3]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any, cast

AT_ONCE = 8
JOB = "9ea68fd3-f953-42c1-9742-976c447fb463"


async def with_ours(base_url: str, requests: int, http: Any = None) -> None:  # whichever library makes it
    import aai_async as aai  # noqa: PLC0415 - each process measures one client only

    async with aai.Client("key", base_url=base_url, http_client=http) as client:
        await measured(lambda: client.get(JOB), requests)


async def with_ours_over_httpx2(base_url: str, requests: int) -> None:
    import httpx2  # noqa: PLC0415

    await with_ours(base_url, requests, httpx2.AsyncClient)


async def with_ours_over_aiohttp(base_url: str, requests: int) -> None:
    import httpx  # noqa: PLC0415
    from httpx_aiohttp import AiohttpTransport  # noqa: PLC0415

    await with_ours(base_url, requests, lambda: httpx.AsyncClient(transport=AiohttpTransport()))


async def with_vendor(base_url: str, requests: int) -> None:
    import assemblyai  # noqa: PLC0415

    assemblyai.settings.api_key = "key"
    assemblyai.settings.base_url = base_url
    async with assemblyai.AsyncTranscriber() as transcriber:
        await measured(lambda: transcriber.get_by_id(JOB), requests)


async def with_httpx(base_url: str, requests: int) -> None:
    import httpx  # noqa: PLC0415

    async with httpx.AsyncClient() as client:
        await measured(lambda: client.get(f"{base_url}/v2/transcript/{JOB}"), requests)


CLIENTS = {
    "aai_async": with_ours,
    "aai_async over httpx2": with_ours_over_httpx2,
    "aai_async over httpx-aiohttp": with_ours_over_aiohttp,
    "assemblyai (async)": with_vendor,
    "httpx, nothing read": with_httpx,
}


async def measured(look: Callable[[], Awaitable[object]], requests: int) -> None:
    """Print what a request cost, as JSON."""

    async def looks(count: int) -> None:
        for _ in range(count):
            await look()

    # The first one imports and connects.
    await asyncio.gather(*(looks(1) for _ in range(AT_ONCE)))
    cpu, began = time.process_time(), time.perf_counter()
    await asyncio.gather(*(looks(requests // AT_ONCE) for _ in range(AT_ONCE)))
    cpu, seconds = time.process_time() - cpu, time.perf_counter() - began
    print(json.dumps({"cpu": cpu / requests * 1e6, "rate": requests / seconds}))


class Responder(asyncio.Protocol):
    """The other end: the same small answer to whatever is asked, which has no body."""

    BODY = json.dumps(
        {"id": JOB, "status": "completed", "audio_url": "https://cdn.example.com/1", "speech_models": ["a"]}
    ).encode()
    REPLY = (
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(BODY) + BODY
    )

    def __init__(self) -> None:
        self._head = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep where to answer."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer when the head of a request is whole."""
        self._head += data
        if self._head.endswith(b"\r\n\r\n"):
            self._head = b""
            self._transport.write(self.REPLY)


async def serve() -> None:
    """Print the port, and answer for half an hour at the most."""
    server = await asyncio.get_running_loop().create_server(Responder, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with asyncio.timeout(1800):
        await server.serve_forever()


def compare(requests: int, rounds: int) -> None:
    """Run every client in turn, and print the medians."""
    results: dict[str, list[dict[str, float]]] = {name: [] for name in CLIENTS}
    server = subprocess.Popen([sys.executable, __file__, "--serve"], stdout=subprocess.PIPE, text=True)
    try:
        port = (server.stdout.readline() if server.stdout else "").strip()
        for _ in range(rounds):
            for name in CLIENTS:
                command = [sys.executable, __file__, "--one", name, f"http://127.0.0.1:{port}"]
                command += ["--requests", str(requests)]
                result = subprocess.run(command, capture_output=True, text=True, check=True)
                results[name].append(json.loads(result.stdout))
    finally:
        server.kill()
        server.communicate()
    print(f"{requests} looks at a job, {AT_ONCE} at a time, medians of {rounds} rounds\n")
    print("| client | CPU µs for each | requests a second |")
    print("|---|---|---|")
    for name, runs in results.items():
        cpu, rate = (statistics.median(run[key] for run in runs) for key in ("cpu", "rate"))
        print(f"| {name} | {cpu:,.0f} | {rate:,.0f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description="Ask for the same small answer with each client.")
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", nargs=2, metavar=("CLIENT", "URL"), help=argparse.SUPPRESS)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        asyncio.run(serve())
    elif arguments.one:
        name, base_url = arguments.one
        asyncio.run(CLIENTS[name](base_url, arguments.requests))
    else:
        compare(arguments.requests, arguments.rounds)


if __name__ == "__main__":
    main()
