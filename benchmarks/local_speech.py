r"""
What does the demonstration cost, and how well does it recognise other languages?

Time, CPU and memory of a transcription with speaker labels on this machine: each round is a fresh process,
which starts the embedded server, loads the weights, transcribes the recording of two speakers and prints it.
The memory is that of the process and of the engine's child, their peaks added up.

    python benchmarks/local_speech.py [--rounds 3] [--recording tests/data/two_speakers.mp3]

Word error rates on real speech with published texts: the prompts of Asterisk in English, Spanish, French,
Italian and Russian, and the German figures of Tux Paint, from Debian's packages.

    apt install asterisk-core-sounds-{en,es,fr,it,ru}-wav asterisk-core-sounds-{en,es,fr,it,ru} \
        tuxpaint-stamps-default
    python benchmarks/local_speech.py --languages [--root /] [--clips 60]

The engine beside faster-whisper in one run, on the English prompts one after another, with the same weights
in 8 bits and two threads, each in a fresh process that has loaded its model before the time begins, but for
the command `whisper-ctranslate2`. The sound is several prompts, one prompt again and again, or three minutes
of prompts in faint noise ("scattered"):

    pip install whisper-ctranslate2 whisper-normalizer
    python benchmarks/local_speech.py --peers [--root /] [--minutes 10] [--sound "one prompt"]

A queue of short prompts on the embedded server, each a job of its own:

    python benchmarks/local_speech.py --queue 50 [--root /]
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import anyio
import jiwer
import numpy as np
import prompts
from prompts import Clip, Spoken, distances, join, scatter, words_of
from speech_engines import ENGINES

import aai_async as aai
from aai_async.server import LocalServer

PROGRAM = Path(__file__).with_name("speech_engines.py")
"""The program that runs one engine."""

RECORDING = Path(__file__).parents[1] / "tests" / "data" / "two_speakers.mp3"
LOOK = 0.02
"""Seconds between two looks at the memory."""


def peak_of(process: int) -> float:
    """Read the peak memory of a living process in MiB, from Linux's own account."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def children_of(process: int) -> list[int]:
    """List the processes that a process started."""
    tasks = Path(f"/proc/{process}/task").glob("*/children")
    try:
        return [int(child) for task in tasks for child in task.read_text().split()]
    except OSError:
        return []


def one_round(recording: Path) -> tuple[float, float, float]:
    """Transcribe once; wall s, CPU s, MiB."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-m", "aai_async", "transcribe", "--local", "--speaker-labels", str(recording)]
    peaks: dict[int, float] = {}
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            for each in (process.pid, *children_of(process.pid)):
                peaks[each] = max(peaks.get(each, 0.0), peak_of(each))
            time.sleep(LOOK)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with status {process.returncode}")
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, sum(peaks.values())


def demonstration(recording: Path, number: int) -> None:
    """Print what a transcription with speaker labels costs."""
    rounds = [one_round(recording) for _ in range(number)]
    wall, cpu, memory = (statistics.median(values) for values in zip(*rounds, strict=True))
    print(f"{recording.name} with speaker labels, medians of {number} rounds\n")
    print("| wall s | CPU s | peak memory, server and engine |")
    print("|---|---|---|")
    print(f"| {wall:.1f} | {cpu:.1f} | {memory:.0f} MiB |")


async def one_language(client: aai.Client, language: str, clips: list[Clip]) -> str:
    """Transcribe the clips of a language; a row of the table."""
    expected, found, empty = list[str](), list[str](), 0
    for path, text in clips:
        # Without formatting, numbers are words, as in the texts.
        made = await client.transcribe(path, aai.Options(language_code=language, format_text=False))
        expected.append(" ".join(words_of(text)))
        found.append(" ".join(words_of(made.text or "")))
        empty += not made.words
    rates = jiwer.process_words(expected, found)
    number = sum(len(text.split()) for text in expected)
    return (
        f"| {language} | {len(clips)} | {number} | {rates.wer:.1%} | {rates.substitutions} / "
        f"{rates.deletions} / {rates.insertions} | {empty} |"
    )


async def languages(root: Path, most: int) -> None:
    """Print the word error rate of each language."""
    print("| language | clips | words | word error rate | wrong / left out / added | clips without words |")
    print("|---|---|---|---|---|---|")
    async with LocalServer() as server, aai.Client(server.key, base_url=server.base_url) as client:
        for language in prompts.VOICES:
            found = sorted(prompts.prompts(root, language))
            step = max(len(found) // most, 1)
            print(await one_language(client, language, found[::step][:most]), flush=True)
        print(await one_language(client, "de", list(prompts.figures(root))), flush=True)


SOUNDS: Mapping[str, Callable[[Path, float, Path], tuple[float, list[Spoken]]]] = {
    "prompts": lambda root, seconds, path: join(prompts.several(root), seconds, path),
    "one prompt": lambda root, seconds, path: join(prompts.one(root), seconds, path),
    "scattered": lambda root, seconds, path: scatter(prompts.several(root), seconds, path),
}
"""The recordings of `--peers`."""


def peers(root: Path, sound: str, minutes: float, engines: Sequence[str]) -> None:
    """Print what speech engines cost on one recording, their word error rates, and the times of words."""
    with tempfile.TemporaryDirectory() as temporary:
        recording = Path(temporary) / "prompts.wav"
        seconds, spoken = SOUNDS[sound](root, minutes * 60, recording)
        print(f"{sound}, {seconds:.0f} s, {sum(len(one.words) for one in spoken)} words\n")
        print(
            "| engine | CPU s per s of audio | peak memory | word error rate "
            "| start of a prompt off by, s: 95th percentile, most | first words after, s |"
        )
        print("|---|---|---|---|---|---|")
        for engine in engines:
            command = [sys.executable, str(PROGRAM), engine, str(recording)]
            done = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
            print(peer_row(engine, seconds, spoken, done), flush=True)


def peer_row(engine: str, seconds: float, spoken: Sequence[Spoken], done: Mapping[str, Any]) -> str:
    normalize: Callable[[str], str] = import_module("whisper_normalizer.english").EnglishTextNormalizer()
    text = " ".join(word for one in spoken for word in one.words)
    rate = jiwer.process_words(normalize(text), normalize(" ".join(word for word, _ in done["found"]))).wer
    timed = [(word, start) for word, start in done["found"] if start is not None]
    off = distances(spoken, timed) if timed else []
    moved = f"{np.percentile(off, 95):.2f}, {max(off):.2f}" if off else "–"
    return (
        f"| {engine} | {done['cpu'] / seconds:.3f} | {done['peak']:.0f} MiB | {rate:.1%} | {moved} "
        f"| {done['first']:.1f} |"
    )


async def queue(root: Path, number: int) -> None:
    """Print how long a queue of short prompts takes, and the error rate."""
    clips = sorted(prompts.prompts(root, "en"))
    clips = clips[:: max(len(clips) // number, 1)][:number]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    async with LocalServer() as server, aai.Client(server.key, base_url=server.base_url) as client:
        # The first one loads the model.
        await client.transcribe(clips[0][0], aai.Options(language_code="en"))
        began, found = time.perf_counter(), [""] * len(clips)

        async def one(index: int, path: Path) -> None:
            made = await client.transcribe(path, aai.Options(language_code="en", format_text=False))
            found[index] = " ".join(words_of(made.text or ""))

        async with anyio.create_task_group() as tasks:
            for index, (path, _) in enumerate(clips):
                tasks.start_soon(one, index, path)
        wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    rate = jiwer.process_words([" ".join(words_of(text)) for _, text in clips], found).wer
    print("| clips | wall s | CPU s of the engine | word error rate |")
    print("|---|---|---|---|")
    print(f"| {number} | {wall:.1f} | {cpu:.1f} | {rate:.1%} |")


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the demonstration.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--recording", type=Path, default=RECORDING)
    parser.add_argument("--languages", action="store_true", help="word error rates instead")
    parser.add_argument("--root", type=Path, default=Path("/"), help="where Debian's packages are unpacked")
    parser.add_argument("--clips", type=int, default=60, help="maximum clips of a language")
    parser.add_argument("--peers", action="store_true", help="compare with faster-whisper instead")
    parser.add_argument("--minutes", type=float, default=10, help="length of the recording for --peers")
    parser.add_argument("--queue", type=int, help="measure a queue of this many prompts instead")
    parser.add_argument("--sound", choices=SOUNDS, default="prompts", help="the recording for --peers")
    parser.add_argument("--engines", choices=ENGINES, nargs="+", default=[*ENGINES], help="for --peers")
    arguments = parser.parse_args()
    if arguments.peers:
        peers(arguments.root, arguments.sound, arguments.minutes, arguments.engines)
    elif arguments.queue:
        anyio.run(queue, arguments.root, arguments.queue)
    elif arguments.languages:
        anyio.run(languages, arguments.root, arguments.clips)
    else:
        demonstration(arguments.recording, arguments.rounds)


if __name__ == "__main__":
    main()
