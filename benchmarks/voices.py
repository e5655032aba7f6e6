r"""
Have the same speakers the same name in each recording, with a file of voices?

Dialogues of two readers each, cut together from prompts of Asterisk in four languages, from Debian's
packages, are transcribed one after the other with one file of voices. Each word has a speaker, who is known
from the cut.

    apt install asterisk-core-sounds-{en,fr,it,ru}-wav
    python benchmarks/voices.py [--root /] [--rounds 2]

`--similarity` compares the readers' voices with each other instead, by the length of the speech. This is how
the limits in `aai_async/server/diarization/voice_file.py` were chosen.
"""

from __future__ import annotations

import argparse
import itertools
import random
import tempfile
import wave
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import anyio
import numpy as np

import aai_async as aai
from aai_async.server import LocalServer, VoiceFile, weights
from aai_async.server.diarization.encoder import SpeakerEncoder
from aai_async.server.diarization.filterbank import Floats
from aai_async.server.diarization.phrases import Window
from aai_async.server.sound.decoding import RATE, Samples, decode

READERS = {
    "Allison": "en_US_f_Allison",
    "June": "fr_CA_f_June",
    "Carlo": "it_IT_m_Carlo",
    "Ivrvoice": "ru_RU_f_IvrvoiceRU",
}

TURN = 6
"""Minimum length of a turn, in seconds."""

TURNS = 6
"""Turns of a dialogue, the two readers in turn."""

PAUSE = np.zeros(RATE // 2, np.int16)
"""Silence between two prompts."""

SPEECH = (2, 4, 10, 20)
"""Lengths of speech whose voices are compared, in seconds."""


def prompts(root: Path, reader: str) -> list[Path]:
    """Return the prompts of a reader that are longer than two seconds, in an order of chance."""
    found = sorted((root / "usr/share/asterisk/sounds" / READERS[reader]).glob("*.wav"))
    # They have 8,000 samples of two bytes a second.
    long_enough = [path for path in found if path.stat().st_size > 32_000 and "beep" not in path.name]
    random.Random(reader).shuffle(long_enough)
    return long_enough


def samples_of(path: Path) -> Samples:
    """Return the sound of a prompt."""
    return decode(path).channels[0]


def dialogue(pools: dict[str, list[Path]], pair: Sequence[str]) -> tuple[Samples, list[tuple[int, str]]]:
    """Return the sound of a dialogue, and the end of each turn in ms with its reader."""
    parts: list[Samples] = []
    turns: list[tuple[int, str]] = []
    length = 0
    for number in range(TURNS):
        reader, begin = pair[number % 2], length
        while length - begin < TURN * RATE:
            sound = samples_of(pools[reader].pop())
            parts += [sound, PAUSE]
            length += len(sound) + len(PAUSE)
        turns.append((length * 1000 // RATE, reader))
    return np.concatenate(parts), turns


def write(path: Path, sound: Samples) -> None:
    """Write a WAV file."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(sound.tobytes())


async def named(root: Path, rounds: int) -> None:
    """Print which names the readers have in each dialogue."""
    pools = {reader: prompts(root, reader) for reader in READERS}
    pairs = [pair for _ in range(rounds) for pair in itertools.combinations(READERS, 2)]
    counts: dict[str, Counter[str]] = {reader: Counter() for reader in READERS}
    options = aai.Options(speaker_labels=True, language_code="en")
    with tempfile.TemporaryDirectory() as temporary:
        file = Path(temporary) / "voices.json"
        async with (
            LocalServer(voices=file) as server,
            aai.Client(server.key, base_url=server.base_url) as client,
        ):
            for pair in pairs:
                sound, turns = dialogue(pools, pair)
                path = Path(temporary) / "dialogue.wav"
                await anyio.to_thread.run_sync(write, path, sound)
                transcript = await client.transcribe(path, options)
                found: dict[str, Counter[str]] = {reader: Counter() for reader in pair}
                for word in transcript.words or ():
                    middle = (word.start + word.end) / 2
                    reader = next((one for end, one in turns if middle <= end), pair[1])
                    found[reader][word.speaker or "-"] += 1
                for reader in pair:
                    counts[reader] += found[reader]
                print({reader: dict(names) for reader, names in found.items()}, flush=True)
        voices = VoiceFile(file).voices
    print(f"\n{len(pairs)} dialogues, {len(voices)} voices of {len(READERS)} readers\n")
    print("| reader | words | under the most frequent name |")
    print("|---|---|---|")
    for reader, names in counts.items():
        ((name, most),) = names.most_common(1)
        print(f"| {reader} | {names.total()} | {most / names.total():.1%} ({name}) |")


def similarity(root: Path) -> None:
    """Print how similar the voices of the same reader and of different ones are."""
    encoder = SpeakerEncoder(weights.read_speaker_encoder(weights.find_speaker_encoder()))
    rows = {reader: _embedded(encoder, prompts(root, reader)[:60]) for reader in READERS}
    draws = random.Random(1)
    print("| speech | same reader: least, median | different readers: most, median |")
    print("|---|---|---|")
    for seconds in SPEECH:
        same: list[float] = []
        different: list[float] = []
        for one, other in itertools.product(rows, repeat=2):
            for _ in range(40):
                first = draws.sample(range(len(rows[one])), SPEECH[-1] // 2)
                rest = [at for at in range(len(rows[other])) if one != other or at not in first]
                second = draws.sample(rest, seconds // 2)
                value = float(_center(rows[one][first]) @ _center(rows[other][second]))
                (same if one == other else different).append(value)
        print(
            f"| {seconds} s | {min(same):.2f}, {np.median(same):.2f} "
            f"| {max(different):.2f}, {np.median(different):.2f} |"
        )


def _embedded(encoder: SpeakerEncoder, paths: Sequence[Path]) -> Floats:
    """Return the vectors of windows of two seconds."""
    found: list[Floats] = []
    for path in paths:
        sound = samples_of(path)
        # A prompt of less than two seconds counts as one window.
        starts = range(0, max(len(sound) * 1000 // RATE - 2000, 0) + 1, 2000)
        found.append(encoder(sound, [Window(0, start, start + 2000, 2000) for start in starts]))
    return np.concatenate(found)


def _center(rows: Floats) -> Floats:
    mean: Floats = rows.mean(axis=0)
    unit: Floats = mean / np.linalg.norm(mean)
    return unit


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the names of voices.")
    parser.add_argument("--root", type=Path, default=Path("/"), help="where Debian's packages are unpacked")
    parser.add_argument("--rounds", type=int, default=2, help="dialogues of each pair of readers")
    parser.add_argument("--similarity", action="store_true", help="compare the voices instead")
    arguments = parser.parse_args()
    if arguments.similarity:
        similarity(arguments.root)
    else:
        anyio.run(named, arguments.root, arguments.rounds)


if __name__ == "__main__":
    main()
