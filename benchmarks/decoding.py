"""
What does a large answer cost? Time, memory and how long it holds the event loop, beside the vendor's client.

An answer has its words twice, once by themselves and once in the utterances, as the service sends them. Each
reader runs in a process of its own and reads the same bytes: first on their own, for the time and the memory,
then through the client that it belongs to, from a server on loopback, for the event loop.

Memory is what the allocations of Python that are still there when only the answer is held add up to
(`tracemalloc`), so a body counts for whoever keeps it. The resident size would count what was freed as well.

    python benchmarks/decoding.py [--words 1000 10000 100000] [--rounds 5]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import attrs

SAMPLE = Path(__file__).parents[1] / "tests" / "samples" / "get-transcript.completed.json"
JOB = "9ea68fd3-f953-42c1-9742-976c447fb463"
"""The id in the sample."""

MEBIBYTE = 1024 * 1024

TURN = 25
"""Words of an utterance."""

TICK = 0.001
"""Seconds between two beats of the probe that feels whether the loop is held."""

TIMED_WORDS = 100_000
"""A small answer is read as often as it takes to have read so many words."""

Decode: TypeAlias = Callable[[bytes], object]
Fetch: TypeAlias = Callable[[], Awaitable[object]]
Connect: TypeAlias = Callable[[str], contextlib.AbstractAsyncContextManager[Fetch]]
"""Takes a base URL, and opens a client that fetches and reads the answer as often as it is asked to."""

Results: TypeAlias = dict[str, dict[str, float]]
"""What was measured of each reader."""


@attrs.frozen
class Reader:
    """A way to read an answer, on its own and through the client that it belongs to."""

    decode: Decode
    connect: Connect


def answer_of(words: int) -> bytes:
    """Write an answer of so many words: the service's own sample, with words in the place of its few."""
    sample = json.loads(SAMPLE.read_bytes())
    said = itertools.cycle(sample["text"].split())
    heard = itertools.cycle(word["confidence"] for word in sample["utterances"][0]["words"])
    spoken = [
        {
            "text": next(said),
            "start": 250 + 360 * number,
            "end": 550 + 360 * number,
            "confidence": next(heard),
            "speaker": "AB"[number // TURN % 2],
        }
        for number in range(words)
    ]
    turns = [turn_of(spoken[start : start + TURN]) for start in range(0, words, TURN)]
    text = " ".join(word["text"] for word in spoken)
    whole = {**sample, "text": text, "words": spoken, "utterances": turns}
    return json.dumps(whole, separators=(",", ":")).encode()


def turn_of(words: list[dict[str, Any]]) -> dict[str, Any]:  # JSON
    """Make an utterance of words."""
    return {
        "confidence": statistics.fmean(word["confidence"] for word in words),
        "end": words[-1]["end"],
        "speaker": words[0]["speaker"],
        "start": words[0]["start"],
        "text": " ".join(word["text"] for word in words),
        "words": words,
    }


def ours(*, everything: bool) -> Reader:
    import anyio  # noqa: PLC0415 - each process measures one reader only

    import aai_async as aai  # noqa: PLC0415

    def decode(body: bytes) -> object:
        transcript = aai.Transcript.from_json(body)
        return transcript.load() if everything else (transcript, transcript.status, transcript.text)

    @contextlib.asynccontextmanager
    async def connect(base_url: str) -> AsyncIterator[Fetch]:
        async def fetch() -> object:
            transcript = await client.get(JOB)
            if everything:
                await anyio.to_thread.run_sync(transcript.load)
            return transcript, transcript.status, transcript.text

        async with aai.Client("key", base_url=base_url) as client:
            yield fetch

    return Reader(decode, connect)


def vendors(*, with_settings: bool) -> Reader:
    # Without this optional package the SDK falls back to the first generation of pydantic.
    if not with_settings:
        sys.modules["pydantic_settings"] = None  # type: ignore[assignment]
    # It calls what pydantic deprecates.
    warnings.simplefilter("ignore")
    import assemblyai  # noqa: PLC0415

    # These are the two calls with which it reads what it fetches.
    def decode(body: bytes) -> object:
        return assemblyai.types.TranscriptResponse.parse_obj(json.loads(body))

    @contextlib.asynccontextmanager
    async def connect(base_url: str) -> AsyncIterator[Fetch]:
        assemblyai.settings.api_key = "key"
        assemblyai.settings.base_url = base_url
        async with assemblyai.AsyncTranscriber() as transcriber:
            yield lambda: transcriber.get_by_id(JOB)

    return Reader(decode, connect)


def on_the_loop(decode: Decode) -> Reader:
    """Read as one does without a client: with httpx, on the event loop."""
    import httpx  # noqa: PLC0415

    @contextlib.asynccontextmanager
    async def connect(base_url: str) -> AsyncIterator[Fetch]:
        async def fetch() -> object:
            return decode((await client.get(f"/v2/transcript/{JOB}")).content)

        async with httpx.AsyncClient(base_url=base_url) as client:
            yield fetch

    return Reader(decode, connect)


def with_msgspec() -> Reader:
    import msgspec  # noqa: PLC0415

    return on_the_loop(msgspec.json.decode)


@attrs.define
class Word:
    """A word, for those who bring classes of their own."""

    text: str
    start: int
    end: int
    confidence: float
    speaker: str | None = None


@attrs.define
class Utterance:
    """An utterance."""

    text: str
    start: int
    end: int
    confidence: float
    words: list[Word]
    speaker: str | None = None


@attrs.define
class Transcript:
    """What most would write: the fields that they need, and no other."""

    id: str
    status: str
    text: str | None = None
    words: list[Word] | None = None
    utterances: list[Utterance] | None = None


def with_cattrs() -> Reader:
    import cattrs.preconf.json  # noqa: PLC0415

    # Its quicker setting: it then says that something was wrong, but not where.
    converter = cattrs.preconf.json.make_converter(detailed_validation=False)
    return on_the_loop(lambda body: converter.loads(body, Transcript))


def by_hand(body: bytes) -> object:
    document = json.loads(body)
    return Transcript(
        id=document["id"],
        status=document["status"],
        text=document["text"],
        words=[word_by_hand(word) for word in document["words"]],
        utterances=[utterance_by_hand(turn) for turn in document["utterances"]],
    )


def word_by_hand(document: dict[str, Any]) -> Word:  # JSON
    return Word(
        text=document["text"],
        start=document["start"],
        end=document["end"],
        confidence=document["confidence"],
        speaker=document.get("speaker"),
    )


def utterance_by_hand(document: dict[str, Any]) -> Utterance:  # JSON
    return Utterance(
        text=document["text"],
        start=document["start"],
        end=document["end"],
        confidence=document["confidence"],
        words=[word_by_hand(word) for word in document["words"]],
        speaker=document.get("speaker"),
    )


READABLE, LOADED, PLAIN = "aai_async, status and text", "aai_async, everything", "msgspec, dicts"
VENDOR, VENDOR_WITH_SETTINGS = "assemblyai", "assemblyai and pydantic-settings"

READERS: dict[str, Callable[[], Reader]] = {
    READABLE: lambda: ours(everything=False),
    LOADED: lambda: ours(everything=True),
    PLAIN: with_msgspec,
    "json, dicts": lambda: on_the_loop(json.loads),
    "json, classes filled by hand": lambda: on_the_loop(by_hand),
    "json, classes filled by cattrs": with_cattrs,
    VENDOR_WITH_SETTINGS: lambda: vendors(with_settings=True),
    VENDOR: lambda: vendors(with_settings=False),
}


def one(name: str, file: str, base_url: str, words: int) -> None:
    """Print what one reader costs, as JSON."""
    reader = READERS[name]()
    # Whoever reads for the first time makes its decoders; an answer of a few words is enough for that.
    reader.decode(answer_of(TURN))
    result = {
        "ms": milliseconds(reader.decode, Path(file).read_bytes(), times=max(3, TIMED_WORDS // words)),
        "stall": asyncio.run(stall(reader.connect, base_url)),
        "mebibytes": mebibytes_kept(reader.decode, file),
    }
    print(json.dumps(result))


def milliseconds(decode: Decode, body: bytes, times: int) -> float:
    """Measure how long reading takes, with the garbage collector at work as everywhere."""
    seconds: list[float] = []
    for _ in range(times):
        gc.collect()
        began = time.perf_counter()
        answer = decode(body)
        seconds.append(time.perf_counter() - began)
        del answer
    return 1000 * statistics.median(seconds)


def mebibytes_kept(decode: Decode, file: str) -> float:
    """Measure what is there once everything but the answer has been let go."""
    gc.collect()
    tracemalloc.start()
    kept = decode(Path(file).read_bytes())
    gc.collect()
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del kept
    return size / MEBIBYTE


async def stall(connect: Connect, base_url: str) -> float:
    """Measure for how long, in ms, the event loop is held at worst while an answer is fetched and read."""
    stalls: list[float] = []

    async def feel() -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(TICK)
            stalls.append(time.perf_counter() - before - TICK)

    async with connect(base_url) as fetch:
        # The first look makes the connection, and what is needed for it.
        await fetch()
        gc.collect()
        probe = asyncio.create_task(feel())
        await asyncio.sleep(0.05)
        stalls.clear()
        answer = await fetch()
        # What was held until the very end is felt at the next beat.
        await asyncio.sleep(2 * TICK)
        probe.cancel()
        del answer
    return 1000 * max(stalls)


async def serve(file: str) -> None:
    """Print the port, and answer whatever is asked with the content of a file, for an hour at the most."""
    body = Path(file).read_bytes()
    head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(head.format(len(body)).encode() + body)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with asyncio.timeout(3600):
        await server.serve_forever()


@contextlib.contextmanager
def served(file: str) -> Iterator[str]:
    """Serve a file on loopback, from a process of its own."""
    server = subprocess.Popen([sys.executable, __file__, "--serve", file], stdout=subprocess.PIPE, text=True)
    try:
        port = (server.stdout.readline() if server.stdout else "").strip()
        yield f"http://127.0.0.1:{port}"
    finally:
        server.kill()
        server.communicate()


def compare(words: int, rounds: int) -> Results:
    """Run every reader in turn, round after round; the medians."""
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in READERS}
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        file.write(answer_of(words))
        file.flush()
        with served(file.name) as base_url:
            for _ in range(rounds):
                for name in READERS:
                    command = [sys.executable, __file__, "--one", name, file.name, base_url, str(words)]
                    result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
                    runs[name].append(json.loads(result.stdout))
    return {
        name: {key: statistics.median(run[key] for run in measured) for key in measured[0]}
        for name, measured in runs.items()
    }


def show(words: int, results: Results) -> None:
    print(f"\n{words:,} words, {len(answer_of(words)) / MEBIBYTE:.1f} MiB of JSON\n")
    print("| reader | ms | memory kept | loop held at worst |")
    print("|---|---|---|---|")
    for name, result in results.items():
        kept = f"{result['mebibytes']:.1f} MiB"
        print(f"| {name} | {result['ms']:.1f} | {kept} | {result['stall']:.0f} ms |")


def show_goals(results: dict[int, Results]) -> None:
    """Print how far we are from what we set out for, where it was measured."""
    print("\n| goal | measured |")
    print("|---|---|")
    if medium := results.get(10_000):
        for vendor in (VENDOR, VENDOR_WITH_SETTINGS):
            quicker = medium[vendor]["ms"] / medium[LOADED]["ms"]
            smaller = medium[LOADED]["mebibytes"] / medium[vendor]["mebibytes"]
            print(f"| 10,000 words at least 10 × as fast as {vendor} | {quicker:.1f} × |")
            print(f"| 10,000 words in at most 0.3 × the memory of {vendor} | {smaller:.2f} × |")
        ratio = medium[LOADED]["ms"] / medium[PLAIN]["ms"]
        print(f"| 10,000 words in at most 1.6 × the time of {PLAIN} | {ratio:.2f} × |")
    if large := results.get(100_000):
        readable = large[READABLE]
        print(f"| status and text of 100,000 words in at most 25 ms | {readable['ms']:.1f} ms |")
        print(f"| the loop held for less than 20 ms by them | {readable['stall']:.1f} ms |")


def main() -> None:
    parser = argparse.ArgumentParser(description="Read large answers in each way.")
    parser.add_argument("--words", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--one", nargs=4, metavar=("READER", "FILE", "URL", "WORDS"), help=argparse.SUPPRESS)
    parser.add_argument("--serve", metavar="FILE", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        asyncio.run(serve(arguments.serve))
    elif arguments.one:
        name, file, base_url, words = arguments.one
        one(name, file, base_url, int(words))
    else:
        results: dict[int, Results] = {}
        print(f"Large answers, medians of {arguments.rounds} rounds")
        for words in arguments.words:
            results[words] = compare(words, arguments.rounds)
            show(words, results[words])
        show_goals(results)


if __name__ == "__main__":
    main()
