"""Real speech with published texts: prompts of Asterisk in five languages, and figures of Tux Paint."""

from __future__ import annotations

import gzip
import random
import re
import unicodedata
import wave
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Self

import attrs
import jiwer
import numpy as np

from aai_async.server.sound.decoding import RATE, Samples, decode

VOICES = {"en": "en_US_f_Allison", "es": "es_MX_f_Allison", "fr": "fr_CA_f_June"}
VOICES |= {"it": "it_IT_m_Carlo", "ru": "ru_RU_f_IvrvoiceRU"}
"""The voices of Asterisk's prompts, which have 8,000 samples per second."""

FIGURES = "null eins zwei drei vier fünf sechs sieben acht neun"

_PAUSE = np.zeros(RATE * 6 // 10, np.int16)

_SILENT = 0.05
"""The share of a prompt's highest amplitude below which it has not begun."""


Clip = tuple[Path, str]
"""A prompt's file and its text."""


@attrs.frozen
class Spoken:
    """A prompt in a recording."""

    start: float
    """Where it begins to sound, in seconds from the start of the recording."""

    words: tuple[str, ...]


def prompts(root: Path, language: str) -> Iterator[Clip]:
    """Yield Asterisk's prompts that are sentences, each with its text; those with digits are left out."""
    texts = root / f"usr/share/doc/asterisk-core-sounds-{language}/core-sounds-{language}.txt.gz"
    for line in gzip.decompress(texts.read_bytes()).decode().splitlines():
        name, _, text = line.partition(":")
        # In the Italian file, a line has the texts of several prompts.
        text = re.split(r"\s[a-z]+(?:-[a-z]+)+:", text)[0]
        path = root / f"usr/share/asterisk/sounds/{VOICES[language]}/{name}.wav"
        # Sounds are described in brackets, but for a beep in Italian.
        is_spoken = not any(one in "[](){}<>;" or one.isdigit() for one in text) and "beep" not in text
        if is_spoken and len(words_of(text)) >= 4 and path.exists():
            yield path, text


def figures(root: Path) -> Iterator[Clip]:
    """Yield the figures of Tux Paint in German."""
    for number, text in enumerate(FIGURES.split()):
        yield root / f"usr/share/tuxpaint/stamps/symbols/math/{number}_de.ogg", text


def words_of(text: str) -> list[str]:
    """Return the words without case, punctuation and the two dots of the Russian yo, which few write."""
    plain = unicodedata.normalize("NFC", text).lower().replace("ё", "е")
    return "".join(c if c.isalnum() or c in "'’" else " " for c in plain).replace("’", "'").split()


def several(root: Path) -> Iterator[Clip]:
    """Yield the English prompts without end, each time in another order."""
    clips, order = sorted(prompts(root, "en")), random.Random(1)
    while True:
        order.shuffle(clips)
        yield from clips


def one(root: Path) -> Iterator[Clip]:
    """Yield the same English prompt without end."""
    clip = next(clip for clip in sorted(prompts(root, "en")) if len(words_of(clip[1])) >= 8)
    while True:
        yield clip


def join(clips: Iterator[Clip], seconds: float, path: Path) -> tuple[float, list[Spoken]]:
    """Write prompts with 0.6 s between them to a WAV file; its length in seconds, and the prompts in it."""
    with Recording(path) as recording:
        while recording.length < seconds * RATE:
            recording.speak(*next(clips))
    return recording.length / RATE, recording.spoken


def scatter(clips: Iterator[Clip], seconds: float, path: Path) -> tuple[float, list[Spoken]]:
    """Write a minute of prompts at the start, in the middle and at the end of faint noise, as `join` does."""
    noise = np.random.default_rng(1).integers(-8, 9, RATE, np.int16)
    with Recording(path) as recording:
        for until in (0, seconds / 2 - 30, seconds - 60):
            while recording.length < until * RATE:
                recording.add(noise)
            begin = recording.length
            while recording.length < begin + 60 * RATE:
                recording.speak(*next(clips))
    return recording.length / RATE, recording.spoken


class Recording:
    """A WAV file that is written part by part."""

    def __init__(self, path: Path) -> None:
        self.length = 0
        """Samples so far."""

        self.spoken = list[Spoken]()
        self._file = wave.open(str(path), "wb")  # noqa: SIM115 (`__exit__` closes it)
        self._file.setnchannels(1)
        self._file.setsampwidth(2)
        self._file.setframerate(RATE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def speak(self, path: Path, text: str) -> None:
        """Add a prompt and a pause."""
        samples = decode(path).channels[0]
        amplitudes = np.abs(samples.astype(np.int32))
        onset = int(np.argmax(amplitudes >= amplitudes.max() * _SILENT))
        self.spoken.append(Spoken((self.length + onset) / RATE, tuple(words_of(text))))
        self.add(samples)
        self.add(_PAUSE)

    def add(self, samples: Samples) -> None:
        """Add sound."""
        self._file.writeframes(samples.tobytes())
        self.length += len(samples)


def distances(spoken: Iterable[Spoken], found: Iterable[tuple[str, float]]) -> list[float]:
    """
    Return how far from its prompt's start each first word of a prompt is, in seconds, if it was recognised.

    Args:
        spoken: The prompts.
        found: The recognised words with their starts.
    """
    starts = [(word, start) for text, start in found for word in words_of(text)]
    said = [
        (word, None if number else prompt.start)
        for prompt in spoken
        for number, word in enumerate(prompt.words)
    ]
    aligned = jiwer.process_words(" ".join(word for word, _ in said), " ".join(word for word, _ in starts))
    equal = [chunk for chunk in aligned.alignments[0] if chunk.type == "equal"]
    pairs = [
        (said[chunk.ref_start_idx + at][1], starts[chunk.hyp_start_idx + at][1])
        for chunk in equal
        for at in range(chunk.ref_end_idx - chunk.ref_start_idx)
    ]
    return [abs(start - expected) for expected, start in pairs if expected is not None]
