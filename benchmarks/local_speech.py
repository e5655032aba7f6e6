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
"""

from __future__ import annotations

import argparse
import gzip
import re
import resource
import statistics
import subprocess
import sys
import time
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import anyio
import jiwer

import aai_async as aai
from aai_async.server import LocalServer

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


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the demonstration.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--recording", type=Path, default=RECORDING)
    parser.add_argument("--languages", action="store_true", help="word error rates instead")
    parser.add_argument("--root", type=Path, default=Path("/"), help="where Debian's packages are unpacked")
    parser.add_argument("--clips", type=int, default=60, help="maximum clips of a language")
    arguments = parser.parse_args()
    if arguments.languages:
        anyio.run(languages, arguments.root, arguments.clips)
        return
    rounds = [one_round(arguments.recording) for _ in range(arguments.rounds)]
    wall, cpu, memory = (statistics.median(values) for values in zip(*rounds, strict=True))
    print(f"{arguments.recording.name} with speaker labels, medians of {arguments.rounds} rounds\n")
    print("| wall s | CPU s | peak memory, server and engine |")
    print("|---|---|---|")
    print(f"| {wall:.1f} | {cpu:.1f} | {memory:.0f} MiB |")


if __name__ == "__main__":
    main()
