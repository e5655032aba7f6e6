r"""
How many words have the right speaker, and what do speaker labels cost?

Dialogues of two, three and four readers, cut together from prompts of Asterisk in four languages, from
Debian's packages. A turn is one to three prompts with 0.2 s between them, and the next reader is drawn by
chance. The words of a prompt share the time of its sound, and have no punctuation. The labels are matched to
the readers so that most words are right.

    apt install asterisk-core-sounds-{en,fr,it,ru}-wav asterisk-core-sounds-{en,fr,it,ru}
    OPENBLAS_NUM_THREADS=1 python benchmarks/dialogues.py [--root /] [--rounds 3]

The CPU time is that of speaker labels alone, on one thread as in the embedded server, with the encoder loaded
before.
"""

from __future__ import annotations

import argparse
import itertools
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs
import numpy as np
from prompts import VOICES, Clip, prompts, words_of

from aai_async.server import weights
from aai_async.server.diarization.encoder import SpeakerEncoder
from aai_async.server.diarization.speakers import SpeakerCount, tell_apart
from aai_async.server.engine import RecognizedWord
from aai_async.server.sound.decoding import RATE, Samples, decode

READERS = [language for language in VOICES if language != "es"]
"""Languages with a reader of their own: the Spanish one is the English one."""

TURNS = 12
"""Turns of a dialogue."""

PAUSE = np.zeros(RATE // 5, np.int16)
"""Silence between two prompts."""


@attrs.define
class Dialogue:
    """A dialogue and the words in it."""

    readers: tuple[str, ...]
    parts: list[Samples] = attrs.field(factory=list[Samples])
    words: list[RecognizedWord] = attrs.field(factory=list[RecognizedWord])
    spoken_by: list[str] = attrs.field(factory=list[str])
    """The reader of each word."""

    length: int = 0
    """Samples so far."""

    def speak(self, reader: str, clip: Clip) -> None:
        """Add a prompt."""
        path, text = clip
        sound = decode(path).channels[0]
        loud = np.flatnonzero(np.abs(sound.astype(np.int32)) > 300)
        words = words_of(text)
        edges = np.linspace(self.length + loud[0], self.length + loud[-1], len(words) + 1) * 1000 / RATE
        self.words += [
            RecognizedWord(text=word, start=round(start), end=round(end), confidence=1.0)
            for word, (start, end) in zip(words, itertools.pairwise(edges.tolist()), strict=True)
        ]
        self.spoken_by += [reader] * len(words)
        self.parts += [sound, PAUSE]
        self.length += len(sound) + len(PAUSE)


def dialogues(root: Path, rounds: int) -> Iterator[Dialogue]:
    """Yield dialogues of two, three and four readers."""
    chance = random.Random(1)
    pools = {reader: sorted(prompts(root, reader)) for reader in READERS}
    for number in (2, 3, 4):
        for readers in [*itertools.combinations(READERS, number)] * rounds:
            dialogue, reader = Dialogue(readers), readers[-1]
            for turn in range(TURNS):
                others = [one for one in readers if one != reader]
                reader = readers[turn] if turn < number else chance.choice(others)
                for _ in range(chance.randint(1, 3)):
                    dialogue.speak(reader, chance.choice(pools[reader]))
            yield dialogue


def right(dialogue: Dialogue, labels: Sequence[str | None]) -> int:
    """Return how many words have the right speaker, with labels matched to readers as well as possible."""
    pairs = Counter(zip(dialogue.spoken_by, labels, strict=True))
    # There may be fewer labels than readers.
    names = [*{label for _, label in pairs}, *dialogue.readers]
    return max(
        sum(pairs[pair] for pair in zip(dialogue.readers, chosen, strict=True))
        for chosen in itertools.permutations(names, len(dialogue.readers))
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure speaker labels.")
    parser.add_argument("--root", type=Path, default=Path("/"), help="where Debian's packages are unpacked")
    parser.add_argument("--rounds", type=int, default=3, help="dialogues of each group of readers")
    arguments = parser.parse_args()
    encoder = SpeakerEncoder(weights.read_speaker_encoder(weights.find_speaker_encoder()))
    rows: dict[int, Counter[str]] = {}
    for dialogue in dialogues(arguments.root, arguments.rounds):
        samples = np.concatenate(dialogue.parts)
        began = time.process_time()
        named, _ = tell_apart(dialogue.words, samples, encoder, SpeakerCount())
        row = rows.setdefault(len(dialogue.readers), Counter())
        row["CPU ms"] += round((time.process_time() - began) * 1000)
        row["ms"] += dialogue.length * 1000 // RATE
        row.update(dialogues=1, words=len(named), right=right(dialogue, [word.speaker for word in named]))
        row["right number"] += len({word.speaker for word in named}) == len(dialogue.readers)
    print(
        "| readers | dialogues | words | with the right speaker | right number of speakers "
        "| CPU s per s of audio |"
    )
    print("|---|---|---|---|---|---|")
    for readers, row in rows.items():
        print(
            f"| {readers} | {row['dialogues']} | {row['words']} | {row['right'] / row['words']:.1%} "
            f"| {row['right number']} | {row['CPU ms'] / row['ms']:.4f} |"
        )


if __name__ == "__main__":
    main()
