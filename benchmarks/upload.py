"""
What does an upload of 1 GiB cost? Ours over each transport, the vendor's two clients, and what one writes.

Each client runs in a process of its own and uploads a sparse file to a sink on loopback that throws it away,
so what is measured is the client. Where that can be asked for, the sink has one core and the client another.

* A mebibyte is uploaded first, so that no import counts; of curl, everything is measured from its start.
* CPU is that of all threads of the process, and of curl itself.
* Memory is the peak above the level before the upload, and for curl its whole peak.
* Whether the loop is held is felt every millisecond of another upload, because that costs CPU. What holds it
  is felt up to a millisecond shorter than it is. Where others want the same core, it is held by them as well:
  "by its own CPU" counts no more than the process has used meanwhile, in any thread.

* With `--tls`, the sink has a certificate that all clients trust.

    python benchmarks/upload.py [--tls] [--mebibytes 1024] [--rounds 3] [--clients aai_async "curl -T"]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import inspect
import itertools
import json
import os
import re
import resource
import shutil
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from pathlib import Path
from typing import IO, Any, Self, TypeAlias, cast

import trustme

MEBIBYTE = 1024 * 1024
TICK = 0.001
"""Seconds between two beats of the probe that feels whether the loop is held."""

Client: TypeAlias = Callable[[str, str], Awaitable[None] | None]
"""Uploads a file, named first, to where the second says, and prints what that cost."""


async def with_ours(path: str, base_url: str, http: Any = None) -> None:  # whichever library makes it
    import aai_async as aai  # noqa: PLC0415 - each process measures one client only

    async with aai.Client("key", base_url=base_url, http_client=http) as client:
        await measured(client.upload, path)


async def with_ours_over_httpx2(path: str, base_url: str) -> None:
    import httpx2  # noqa: PLC0415

    await with_ours(path, base_url, httpx2.AsyncClient)


async def with_ours_over_aiohttp(path: str, base_url: str) -> None:
    import httpx  # noqa: PLC0415
    from httpx_aiohttp import AiohttpTransport  # noqa: PLC0415

    await with_ours(path, base_url, lambda: httpx.AsyncClient(transport=AiohttpTransport()))


def vendor(base_url: str) -> Any:  # a module, of which is used what both of its clients have
    import assemblyai  # noqa: PLC0415

    assemblyai.settings.api_key = "key"
    assemblyai.settings.base_url = base_url
    assemblyai.settings.http_timeout = 600
    return assemblyai


async def with_vendor(path: str, base_url: str) -> None:
    async with vendor(base_url).AsyncTranscriber() as transcriber:
        await measured(transcriber.upload_file, path)


def with_vendor_in_a_thread(path: str, base_url: str) -> None:
    transcriber = vendor(base_url).Transcriber()
    measured_in_a_thread(transcriber.upload_file, path)


def with_requests(path: str, base_url: str) -> None:
    import requests  # noqa: PLC0415

    def upload(name: str) -> None:
        with Path(name).open("rb") as file:
            session.post(f"{base_url}/v2/upload", data=file)

    with requests.Session() as session:
        measured_in_a_thread(upload, path)


async def with_httpx(path: str, base_url: str) -> None:
    import httpx  # noqa: PLC0415

    async with httpx.AsyncClient(timeout=600) as client:
        await measured(
            lambda name: client.post(f"{base_url}/v2/upload", content=chunks(name), headers=length(name)),
            path,
        )


async def with_aiohttp(path: str, base_url: str) -> None:
    import aiohttp  # noqa: PLC0415

    async def upload(name: str) -> None:
        async with session.post(f"{base_url}/v2/upload", data=chunks(name), headers=length(name)) as reply:
            await reply.read()

    async with aiohttp.ClientSession() as session:
        await measured(upload, path)


async def chunks(path: str) -> AsyncIterator[bytes]:
    """Read a file in threads, as one writes it by hand."""
    with await asyncio.to_thread(Path(path).open, "rb") as file:
        while chunk := await asyncio.to_thread(file.read, MEBIBYTE):
            yield chunk


def length(path: str) -> dict[str, str]:
    """Announce it, which these clients do not for what they only iterate over."""
    return {"content-length": str(Path(path).stat().st_size)}


def with_curl(path: str, base_url: str) -> None:
    command = ["curl", "--disable", "--silent", "--show-error", "--fail", "--output", os.devnull]
    with (
        Meter(resource.RUSAGE_CHILDREN) as meter,
        subprocess.Popen([*command, "-T", path, f"{base_url}/v2/upload"]) as curl,
    ):
        while curl.poll() is None:
            meter.memory = max(meter.memory or 0, peak(curl.pid))
            time.sleep(0.02)
    if curl.returncode:
        raise subprocess.CalledProcessError(curl.returncode, "curl")
    report(meter, uploads=1)


CURL = "curl -T"

CLIENTS: dict[str, Client] = {
    "aai_async": with_ours,
    "aai_async over httpx2": with_ours_over_httpx2,
    "aai_async over httpx-aiohttp": with_ours_over_aiohttp,
    "assemblyai (async)": with_vendor,
    "assemblyai (sync)": with_vendor_in_a_thread,
    "requests, file": with_requests,
    "httpx, 1 MiB chunks": with_httpx,
    "aiohttp, 1 MiB chunks": with_aiohttp,
    CURL: with_curl,
}


class Meter:
    """Measures a block."""

    seconds = cpu = 0.0

    memory: float | None = None
    """MiB; set already where the block finds it out by itself."""

    def __init__(self, who: int = resource.RUSAGE_SELF) -> None:
        self._who = who

    def __enter__(self) -> Self:
        # A peak is kept for good, so it is set to the present level, or else must be the highest until then.
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")
        self._peak, self._cpu, self._began = peak(), cpu_used(self._who), time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds, self.cpu = time.perf_counter() - self._began, cpu_used(self._who) - self._cpu
        self.memory = peak() - self._peak if self.memory is None else self.memory


def report(meter: Meter, *, uploads: int, **more: float) -> None:
    """Print as JSON what was measured, and how many uploads the sink has seen."""
    seen = {"seconds": meter.seconds, "cpu": meter.cpu, "memory": meter.memory, "uploads": uploads}
    print(json.dumps(seen | more))


def peak(process: int | str = "self") -> float:
    """Give the most MiB that a process has had."""
    # Not asked of `resource` where it can be helped: there it begins with what the parent had.
    with contextlib.suppress(OSError):
        status = Path(f"/proc/{process}/status").read_text()
        return sum(int(kibibytes) for kibibytes in re.findall(r"VmHWM:\s+(\d+)", status)) / 1024
    who = resource.RUSAGE_SELF if process == "self" else resource.RUSAGE_CHILDREN
    return resource.getrusage(who).ru_maxrss / (MEBIBYTE if sys.platform == "darwin" else 1024)


def cpu_used(who: int) -> float:
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


@contextlib.contextmanager
def small() -> Generator[str]:
    """Make a file of one mebibyte."""
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        file.truncate(MEBIBYTE)
        yield file.name


def measured_in_a_thread(upload: Callable[[str], object], path: str) -> None:
    """Print what one upload cost."""
    with small() as first:
        upload(first)
    with Meter() as meter:
        upload(path)
    report(meter, uploads=2)


async def measured(upload: Callable[[str], Awaitable[object]], path: str) -> None:
    """Print what one upload cost, and for how long another one held the loop."""
    with small() as first:
        await upload(first)
    with Meter() as meter:
        await upload(path)
    held, held_by_cpu = await longest_hold(lambda: upload(path))
    report(meter, uploads=3, held=held, held_by_cpu=held_by_cpu)


async def longest_hold(upload: Callable[[], Awaitable[object]]) -> tuple[float, float]:
    """Return for how many seconds the event loop was held at worst, by anything and by CPU of its own."""
    held: list[tuple[float, float]] = []

    async def feel() -> None:
        while True:
            began, cpu = time.perf_counter(), time.process_time()
            await asyncio.sleep(TICK)
            late, used = time.perf_counter() - began - TICK, time.process_time() - cpu
            held.append((late, min(late, used)))

    probe = asyncio.create_task(feel())
    await asyncio.sleep(0.05)
    held.clear()
    await upload()
    # What was held until the very end is felt at the next beat.
    await asyncio.sleep(2 * TICK)
    probe.cancel()
    longest, by_cpu = zip(*held, strict=True)
    return max(longest), max(by_cpu)


class Sink(asyncio.BufferedProtocol):
    """The other end: reads uploads into the same buffer over and over, and answers as the service does."""

    REPLY = b'{"upload_url": "https://cdn.example.com/upload/%09d"}'
    HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"

    _numbers = itertools.count(1)

    def __init__(self) -> None:
        self._buffer = bytearray(MEBIBYTE)
        self._begin()

    def _begin(self) -> None:
        self._line = b""
        self._head: dict[bytes, bytes] = {}
        self._is_in_body = self._is_chunked = self._is_last = False
        self._left = self._size = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep where to answer."""
        self._transport = cast("asyncio.Transport", transport)

    def get_buffer(self, _sizehint: int) -> bytearray:
        """Give the one buffer that everything is read into."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Skip what is content, and read the lines around it."""
        start = 0
        while start < nbytes:
            if self._left:
                skipped = min(self._left, nbytes - start)
                start += skipped
                self._left -= skipped
                if not self._left and not self._is_chunked:
                    self._answer()
                continue
            end = self._buffer.find(b"\n", start, nbytes) + 1 or nbytes
            self._line += self._buffer[start:end]
            start = end
            if self._line.endswith(b"\n"):
                line, self._line = self._line.strip(), b""
                self._read_size(line) if self._is_in_body else self._read_head(line)

    def _read_head(self, line: bytes) -> None:
        if line:
            name, _, value = line.lower().partition(b":")
            self._head[name] = value.strip()
            return
        self._is_in_body = True
        self._is_chunked = b"content-length" not in self._head
        self._left = self._size = int(self._head.get(b"content-length", 0))
        if b"expect" in self._head:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _read_size(self, line: bytes) -> None:
        """Read the line before a chunk, or the empty one after it."""
        if line:
            self._left = int(line, 16)
            self._size += self._left
            self._is_last = not self._left
        elif self._is_last:
            self._answer()

    def _answer(self) -> None:
        print(json.dumps({"size": self._size, "chunked": self._is_chunked}), flush=True)
        reply = self.REPLY % next(self._numbers)
        self._transport.write(self.HEAD % len(reply) + reply)
        self._begin()


async def serve_sink(certificate: str | None) -> None:
    """Print the port and what each upload was, and read uploads for half an hour at the most."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH) if certificate else None
    if context is not None and certificate:
        context.load_cert_chain(certificate)
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", 0, ssl=context)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with asyncio.timeout(1800):
        await server.serve_forever()


def one(name: str, path: str, base_url: str) -> None:
    """Let one client print what it needs."""
    client = CLIENTS[name]
    if inspect.iscoroutinefunction(client):
        asyncio.run(client(path, base_url))
    else:
        client(path, base_url)


@contextlib.contextmanager
def trusted() -> Generator[str]:
    """Make a certificate for this machine, and let all clients trust it that are started meanwhile."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    with tempfile.TemporaryDirectory() as folder:
        roots, certificate = Path(folder) / "roots.pem", Path(folder) / "certificate.pem"
        authority.cert_pem.write_to_path(str(roots))
        issued.private_key_and_cert_chain_pem.write_to_path(str(certificate))
        variables = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
        os.environ.update(dict.fromkeys(variables, str(roots)))
        yield str(certificate)


def compare(names: list[str], mebibytes: int, rounds: int, certificate: str | None) -> None:
    """Run the clients in turn, round after round, and print the medians."""
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    chunked = set[str]()
    with (
        tempfile.NamedTemporaryFile(suffix=".wav") as file,
        started("--sink", *([certificate] if certificate else []), core=min) as sink,
    ):
        file.truncate(mebibytes * MEBIBYTE)
        # Whoever reads it first pays for filling the page cache, so that is nobody of those compared.
        while file.read(MEBIBYTE):
            pass
        base_url = f"{'https' if certificate else 'http'}://127.0.0.1:{sink.readline().strip()}"
        for number in range(rounds):
            for name in in_turn(names, number, rounds):
                with started("--one", name, file.name, base_url, core=max) as client:
                    runs[name].append(json.loads(client.read()))
                for _ in range(int(runs[name][-1]["uploads"])):
                    upload = json.loads(sink.readline())
                if upload["size"] != mebibytes * MEBIBYTE:
                    raise ValueError(f"{name} sent {upload['size']} bytes.")
                if upload["chunked"]:
                    chunked.add(name)
    over = " over TLS" if certificate else ""
    print(f"Upload of {mebibytes} MiB{over}, medians of {rounds} rounds\n")
    show(runs, mebibytes)
    if chunked:
        print(f"\nSent in chunks, its length not announced: {', '.join(sorted(chunked))}.")


def in_turn(names: list[str], number: int, rounds: int) -> list[str]:
    """Begin elsewhere in each round, and go backwards in every other, so that none always follows another."""
    start = number * len(names) // rounds
    turned = names[start:] + names[:start]
    return turned[::-1] if number % 2 else turned


@contextlib.contextmanager
def started(*arguments: str, core: Callable[[set[int]], int]) -> Iterator[IO[str]]:
    """Run this file in a process of its own, on a core where that can be said, and give what it prints."""
    command = [sys.executable, __file__, *arguments]
    if hasattr(os, "sched_getaffinity"):
        command += ["--core", str(core(os.sched_getaffinity(0)))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield cast("IO[str]", process.stdout)
        finally:
            process.kill()


def show(runs: dict[str, list[dict[str, float]]], mebibytes: int) -> None:
    middles = {
        name: {key: statistics.median(run[key] for run in seen) for key in seen[0]}
        for name, seen in runs.items()
    }
    print(
        "| client | wall s | MiB/s | CPU s per GiB | × curl | peak memory | loop held, in all / by its CPU |"
    )
    print("|---|---|---|---|---|---|---|")
    for name, middle in middles.items():
        cpu = middle["cpu"]
        against = f"{cpu / middles[CURL]['cpu']:.2f}" if CURL in middles else "–"
        memory = f"{middle['memory']:.1f} MiB in all" if name == CURL else f"+{middle['memory']:.1f} MiB"
        held = (
            f"{middle['held'] * 1000:.1f} / {middle['held_by_cpu'] * 1000:.1f} ms"
            if "held" in middle
            else "–"
        )
        print(
            f"| {name} | {middle['seconds']:.2f} | {mebibytes / middle['seconds']:,.0f} "
            f"| {cpu * 1024 / mebibytes:.2f} | {against} | {memory} | {held} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description="Upload a large sparse file with each client.")
    parser.add_argument("--mebibytes", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clients", nargs="+", choices=CLIENTS, metavar="NAME", help=", ".join(CLIENTS))
    parser.add_argument("--one", nargs=3, metavar=("CLIENT", "FILE", "URL"), help=argparse.SUPPRESS)
    parser.add_argument("--tls", action="store_true", help="encrypt the uploads")
    parser.add_argument("--sink", nargs="?", const="", metavar="CERTIFICATE", help=argparse.SUPPRESS)
    parser.add_argument("--core", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.core is not None:
        os.sched_setaffinity(0, {arguments.core})
    if arguments.sink is not None:
        asyncio.run(serve_sink(arguments.sink or None))
    elif arguments.one:
        one(*arguments.one)
    else:
        names = arguments.clients or list(CLIENTS)
        if CURL in names and not shutil.which("curl"):
            print("curl is not installed, so it is left out.\n")
            names.remove(CURL)
        with trusted() if arguments.tls else contextlib.nullcontext() as certificate:
            compare(names, arguments.mebibytes, arguments.rounds, certificate)


if __name__ == "__main__":
    main()
