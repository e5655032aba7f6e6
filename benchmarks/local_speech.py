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
in 8 bits and two threads, each in a fresh process that has loaded its model before the time begins:

    python benchmarks/local_speech.py --peers [--root /] [--minutes 10]

A queue of short prompts on the embedded server, each a job of its own:

    python benchmarks/local_speech.py --queue 50 [--root /]
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import unicodedata
import wave
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import anyio
import jiwer
import numpy as np

import aai_async as aai
from aai_async.server import LocalServer
from aai_async.server.engine import SpeechRequest
from aai_async.server.engines.protocol import WorkerSettings
from aai_async.server.engines.recognizer import Recognizer, load_model
from aai_async.server.sound.decoding import RATE, Samples, decode

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


PROMPTS = {"en": "en_US_f_Allison", "es": "es_MX_f_Allison", "fr": "fr_CA_f_June"}
PROMPTS |= {"it": "it_IT_m_Carlo", "ru": "ru_RU_f_IvrvoiceRU"}
"""The voices of Asterisk's prompts, which have 8,000 samples per second."""

FIGURES = "null eins zwei drei vier fünf sechs sieben acht neun"


def prompts(root: Path, language: str) -> Iterator[tuple[Path, str]]:
    """Yield Asterisk's prompts that are sentences, each with its text; those with digits are left out."""
    texts = root / f"usr/share/doc/asterisk-core-sounds-{language}/core-sounds-{language}.txt.gz"
    for line in gzip.decompress(texts.read_bytes()).decode().splitlines():
        name, _, text = line.partition(":")
        # In the Italian file, a line has the texts of several prompts.
        text = re.split(r"\s[a-z]+(?:-[a-z]+)+:", text)[0]
        path = root / f"usr/share/asterisk/sounds/{PROMPTS[language]}/{name}.wav"
        # Sounds are described in brackets, but for a beep in Italian.
        is_spoken = not any(one in "[](){}<>;" or one.isdigit() for one in text) and "beep" not in text
        if is_spoken and len(words_of(text)) >= 4 and path.exists():
            yield path, text


def figures(root: Path) -> Iterator[tuple[Path, str]]:
    """Yield the figures of Tux Paint in German."""
    for number, text in enumerate(FIGURES.split()):
        yield root / f"usr/share/tuxpaint/stamps/symbols/math/{number}_de.ogg", text


def words_of(text: str) -> list[str]:
    """Return the words without case, punctuation and the two dots of the Russian yo, which few write."""
    plain = unicodedata.normalize("NFC", text).lower().replace("ё", "е")
    return "".join(c if c.isalnum() or c in "'’" else " " for c in plain).replace("’", "'").split()


async def one_language(client: aai.Client, language: str, clips: list[tuple[Path, str]]) -> str:
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
        for language in PROMPTS:
            found = sorted(prompts(root, language))
            step = max(len(found) // most, 1)
            print(await one_language(client, language, found[::step][:most]), flush=True)
        print(await one_language(client, "de", list(figures(root))), flush=True)


def peers(root: Path, minutes: float) -> None:
    """Print what the engine and faster-whisper cost on one recording, and their word error rates."""
    normalize: Callable[[str], str] = import_module("whisper_normalizer.english").EnglishTextNormalizer()
    with tempfile.TemporaryDirectory() as temporary:
        recording = Path(temporary) / "prompts.wav"
        seconds, text = join_prompts(root, round(minutes * 60), recording)
        print(f"{seconds:.0f} s, {len(text.split())} words\n")
        print("| engine | CPU s per s of audio | peak memory | word error rate | first words after, s |")
        print("|---|---|---|---|---|")
        for engine in ENGINES:
            command = [sys.executable, __file__, "--engine", engine, "--recording", str(recording)]
            done = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
            rate = jiwer.process_words(normalize(text), normalize(done["text"])).wer
            cost = done["cpu"] / seconds
            print(
                f"| {engine} | {cost:.3f} | {done['peak']:.0f} MiB | {rate:.1%} | {done['first']:.1f} |",
                flush=True,
            )


def join_prompts(root: Path, seconds: int, path: Path) -> tuple[float, str]:
    """Write prompts with 0.6 s between them to a file; its length in seconds, and its words."""
    clips = sorted(prompts(root, "en"))
    random.Random(1).shuffle(clips)
    parts, texts, length = list[Samples](), list[str](), 0
    while length < seconds * RATE:
        clip, text = clips[len(texts) % len(clips)]
        parts += [decode(clip).channels[0], np.zeros(RATE * 6 // 10, np.int16)]
        length += len(parts[-2]) + len(parts[-1])
        texts.append(text)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.concatenate(parts).tobytes())
    return length / RATE, " ".join(words_of(" ".join(texts)))


Engine = Callable[[Path], Iterator[str]]
"""Yields the text of a recording, in pieces as they come."""


def own_engine(*, speaker_labels: bool) -> Engine:
    """Load the embedded server's engine, as its child process does."""
    recognizer = Recognizer(SETTINGS)

    def recognize(recording: Path) -> Iterator[str]:
        request = SpeechRequest(
            audio=recording, language_code="en", speaker_labels=speaker_labels, numerals=False
        )
        yield from (word.text for word in recognizer.recognize(request).words)

    return recognize


def faster_whisper(*, batches: bool = False, **options: object) -> Engine:
    """Load faster-whisper."""
    model: Any = load_model(SETTINGS)
    pipeline = import_module("faster_whisper").BatchedInferencePipeline(model) if batches else model

    def recognize(recording: Path) -> Iterator[str]:
        segments, _ = pipeline.transcribe(str(recording), language="en", **options)
        yield from (segment.text for segment in segments)

    return recognize


SETTINGS = WorkerSettings(name="whisper-base", model="base", weights=None, allow_download=False, threads=2)

ENGINES: dict[str, Callable[[], Engine]] = {
    "ours": partial(own_engine, speaker_labels=False),
    "ours, speaker labels": partial(own_engine, speaker_labels=True),
    "faster-whisper, its defaults": faster_whisper,
    "one beam, word times": partial(faster_whisper, beam_size=1, word_timestamps=True),
    "the same with voice activity detection": partial(
        faster_whisper, beam_size=1, word_timestamps=True, vad_filter=True
    ),
    "batched by 8, one beam, word times": partial(
        faster_whisper, batches=True, batch_size=8, beam_size=1, word_timestamps=True
    ),
}


def one_engine(name: str, recording: Path) -> None:
    """Transcribe a recording in this process and print the costs and the text as JSON."""
    recognize = ENGINES[name]()
    before, began = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    texts = recognize(recording)
    text = [next(texts, "")]
    first = time.perf_counter() - began
    text += texts
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    peak = after.ru_maxrss / 1024
    print(json.dumps({"cpu": cpu, "first": first, "peak": peak, "text": " ".join(text)}))


async def queue(root: Path, number: int) -> None:
    """Print how long a queue of short prompts takes, and the error rate."""
    clips = sorted(prompts(root, "en"))
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
    parser.add_argument("--engine", choices=ENGINES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.engine:
        one_engine(arguments.engine, arguments.recording)
    elif arguments.peers:
        peers(arguments.root, arguments.minutes)
    elif arguments.queue:
        anyio.run(queue, arguments.root, arguments.queue)
    elif arguments.languages:
        anyio.run(languages, arguments.root, arguments.clips)
    else:
        demonstration(arguments.recording, arguments.rounds)


if __name__ == "__main__":
    main()
