"""
What does an upload of 1 GiB cost? Ours, the vendor's asynchronous client and plain httpx, side by side.

Each client runs in a process of its own and uploads a sparse file to a sink on loopback that throws it away,
so what is measured is the client: CPU, memory above the level before the upload, and how long the event loop
was held.

    python benchmarks/upload.py [--mebibytes 1024] [--rounds 3]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import cast

MEBIBYTE = 1024 * 1024
TICK = 0.001
"""Seconds between two beats of the probe that feels whether the loop is held."""


async def with_ours(path: str, base_url: str) -> None:
    import aai_async as aai  # noqa: PLC0415 - each process measures one client only

    async with aai.Client("key", base_url=base_url) as client:
        await measured(lambda: client.upload(path))


async def with_vendor(path: str, base_url: str) -> None:
    import assemblyai  # noqa: PLC0415

    assemblyai.settings.api_key = "key"
    assemblyai.settings.base_url = base_url
    assemblyai.settings.http_timeout = 600
    async with assemblyai.AsyncTranscriber() as transcriber:
        await measured(lambda: transcriber.upload_file(path))


async def with_httpx(path: str, base_url: str) -> None:
    import anyio  # noqa: PLC0415
    import httpx  # noqa: PLC0415

    async def chunks() -> AsyncIterator[bytes]:
        async with await anyio.open_file(path, "rb") as file:
            while chunk := await file.read(MEBIBYTE):
                yield chunk

    size = str(Path(path).stat().st_size)
    async with httpx.AsyncClient(timeout=600) as client:
        headers = {"content-length": size}
        await measured(lambda: client.post(f"{base_url}/v2/upload", content=chunks(), headers=headers))


CLIENTS = {"aai_async": with_ours, "assemblyai (async)": with_vendor, "httpx, 1 MiB chunks": with_httpx}


async def measured(upload: Callable[[], Awaitable[object]]) -> None:
    """Print what one upload cost, as JSON."""
    stalls: list[float] = []

    async def feel() -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(TICK)
            stalls.append(time.perf_counter() - before - TICK)

    probe = asyncio.create_task(feel())
    await asyncio.sleep(0.05)
    stalls.clear()
    # A peak is kept for good, so the level before the upload must be the highest until then.
    memory, cpu, began = (
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        time.process_time(),
        time.perf_counter(),
    )
    await upload()
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    probe.cancel()
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory) / 1024
    print(json.dumps({"seconds": seconds, "cpu": cpu, "mebibytes": grown, "stall": max(stalls) * 1000}))


class Sink(asyncio.BufferedProtocol):
    """The other end: reads an upload into the same buffer over and over, and answers as the service does."""

    REPLY = b'{"upload_url": "https://cdn.example.com/upload/1"}'
    HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(REPLY)

    def __init__(self) -> None:
        self._buffer = bytearray(MEBIBYTE)
        self._head = b""
        self._left: int | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep where to answer."""
        self._transport = cast("asyncio.Transport", transport)

    def get_buffer(self, _sizehint: int) -> bytearray:
        """Give the one buffer that everything is read into."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Count what was read, and answer when it is all that was announced."""
        if self._left is None:
            self._head += self._buffer[:nbytes]
            head, found, body = self._head.partition(b"\r\n\r\n")
            if not found:
                return
            fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
            self._left, nbytes = int(fields[b"content-length"]), len(body)
        self._left -= nbytes
        if self._left <= 0:
            self._transport.write(self.HEAD + self.REPLY)
            self._head, self._left = b"", None


async def serve_sink() -> None:
    """Print the port, and read uploads for half an hour at the most."""
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with asyncio.timeout(1800):
        await server.serve_forever()


def compare(mebibytes: int, rounds: int) -> None:
    """Run every client in turn, and print the medians."""
    results: dict[str, list[dict[str, float]]] = {name: [] for name in CLIENTS}
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        file.truncate(mebibytes * MEBIBYTE)
        # Whoever reads it first pays for filling the page cache, so that is nobody of those compared.
        while file.read(MEBIBYTE):
            pass
        sink = subprocess.Popen([sys.executable, __file__, "--sink"], stdout=subprocess.PIPE, text=True)
        try:
            port = (sink.stdout.readline() if sink.stdout else "").strip()
            for _ in range(rounds):
                for name in CLIENTS:
                    command = [sys.executable, __file__, "--one", name, file.name, f"http://127.0.0.1:{port}"]
                    result = subprocess.run(command, capture_output=True, text=True, check=True)
                    results[name].append(json.loads(result.stdout))
        finally:
            sink.kill()
            sink.communicate()
    print(f"Upload of {mebibytes} MiB, medians of {rounds} rounds\n")
    print("| client | wall s | CPU s | peak memory | loop held at worst |")
    print("|---|---|---|---|---|")
    for name, runs in results.items():
        middle = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
        print(
            f"| {name} | {middle['seconds']:.2f} | {middle['cpu']:.2f} | +{middle['mebibytes']:.1f} MiB "
            f"| {middle['stall']:.1f} ms |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description="Upload a large sparse file with each client.")
    parser.add_argument("--mebibytes", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", nargs=3, metavar=("CLIENT", "FILE", "URL"), help=argparse.SUPPRESS)
    parser.add_argument("--sink", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.sink:
        asyncio.run(serve_sink())
    elif arguments.one:
        name, path, base_url = arguments.one
        asyncio.run(CLIENTS[name](path, base_url))
    else:
        compare(arguments.mebibytes, arguments.rounds)


if __name__ == "__main__":
    main()
