"""
A file of voices, by which speakers have the same name in each recording.

It has 256 numbers for each voice, which are biometric data: the file is the user's alone (mode 0600), and no
transcript has them. It imports no large library, so that commands read it quickly.
"""

import contextlib
import math
import os
import re
import secrets
import threading
from collections.abc import Mapping, Sequence
from operator import mul
from pathlib import Path

import msgspec

from aai_async.server.engine import SpeakerEmbedding
from aai_async.server.weights import SPEAKER_ENCODER

MATCH = 0.55
"""
Cosine similarity from which two voices are the same.

Measured with `benchmarks/voices.py --similarity` on the prompts of four readers: different voices had at most
0.50. The same voice had at least 0.49 with 4 s of speech (0.87 in the median) and 0.72 with 10 s.
"""

LEAST_SPEECH = 4_000
"""ms that a speaker must speak to be compared: with 2 s, some of the same voice were below other voices."""

_MOST_WEIGHT = 120_000
"""ms of earlier speech that count at most, so that a voice follows later recordings too."""

_DIMENSIONS = 256
"""Numbers of a voice."""

_VERSION = 1

_LABEL = re.compile(r"[A-Za-z]{1,2}|[0-9]+[A-Z]?")
"""Labels of speakers without a voice, which no voice can have as its name."""

_LONGEST_NAME = 80


class VoiceFileError(Exception):
    """The file of voices cannot be used, or has no voice of a name."""


class Voice(msgspec.Struct, frozen=True, kw_only=True):
    """A voice that is known."""

    name: str
    embedding: tuple[float, ...]
    """A unit vector."""
    duration: int
    """ms of speech in all recordings."""
    recordings: int
    """Number of recordings."""


class _Content(msgspec.Struct, kw_only=True):
    version: int
    model: str
    """The SHA-256 of the speaker encoder: the numbers of another one cannot be compared."""
    next_number: int = 1
    voices: list[Voice] = []


class VoiceFile:
    """
    The voices in a file, which is created with the first of them.

    The file is read before each change, so that a command can change it meanwhile. One server at a time
    should use it, because a change by another one at the same moment can be lost.
    """

    def __init__(self, path: str | Path) -> None:
        """
        Open a file; blocks.

        Raises:
            VoiceFileError: It is not a file of voices, is of another speaker encoder, or cannot be read; or
                its folder does not exist.
        """
        self.path = Path(path).expanduser()
        if not self.path.parent.is_dir():
            raise VoiceFileError(
                f"The folder {str(self.path.parent)!r} of the file of voices does not exist."
            )
        self._turn = threading.Lock()
        self._read()

    @property
    def voices(self) -> tuple[Voice, ...]:
        """
        All voices, in the order of their first recordings; blocks.

        Raises:
            VoiceFileError: The file cannot be read.
        """
        return tuple(self._read().voices)

    def names_of(self, embeddings: Mapping[str, SpeakerEmbedding]) -> dict[str, str]:
        """
        Return the names of speakers by their labels, and remember their voices; blocks.

        A speaker that is like no known voice is a new one, such as `Voice 3`. A speaker with less than 4 s of
        speech has no name.

        Args:
            embeddings: The voices of one recording by their labels: no two of them are the same.

        Raises:
            VoiceFileError: The file cannot be read or written.
        """
        long_enough = {label: one for label, one in embeddings.items() if one.duration >= LEAST_SPEECH}
        if not long_enough:
            return {}
        with self._turn:
            content = self._read()
            matches = _matches(long_enough, content.voices)
            names: dict[str, str] = {}
            for label, voice in long_enough.items():
                number = matches.get(label)
                if number is None:
                    number = len(content.voices)
                    content.voices.append(_new_voice(content))
                content.voices[number] = _with(content.voices[number], voice)
                names[label] = content.voices[number].name
            self._write(content)
        return names

    def remove(self, name: str) -> None:
        """
        Remove a voice; later recordings of it have a new name; blocks.

        Raises:
            VoiceFileError: There is no voice of this name, or the file cannot be read or written.
        """
        with self._turn:
            content = self._read()
            del content.voices[self._number_of(content, name)]
            self._write(content)

    def rename(self, name: str, new_name: str) -> None:
        """
        Give a voice another name; transcripts that exist keep the earlier one; blocks.

        Raises:
            VoiceFileError: There is no voice of this name, the new one is taken or cannot be a name, or the
                file cannot be read or written.
        """
        _check_name(new_name)
        with self._turn:
            content = self._read()
            number = self._number_of(content, name)
            if any(one.name == new_name for one in content.voices) and name != new_name:
                raise VoiceFileError(f"There is already a voice {new_name!r}: remove one of the two.")
            content.voices[number] = msgspec.structs.replace(content.voices[number], name=new_name)
            self._write(content)

    def _number_of(self, content: _Content, name: str) -> int:
        names = [one.name for one in content.voices]
        if name not in names:
            known = ", ".join(map(repr, names)) or "none"
            raise VoiceFileError(f"{str(self.path)!r} has no voice {name!r}. It has {known}.")
        return names.index(name)

    def _read(self) -> _Content:
        try:
            content = msgspec.json.decode(self.path.read_bytes(), type=_Content)
        except FileNotFoundError:
            return _Content(version=_VERSION, model=SPEAKER_ENCODER.sha256)
        except OSError as error:
            raise VoiceFileError(
                f"The file of voices {str(self.path)!r} cannot be read: {error.strerror}."
            ) from None
        except msgspec.MsgspecError as error:
            raise VoiceFileError(
                f"{str(self.path)!r} is not a file of voices ({error}): choose another name, or restore it."
            ) from None
        if content.version != _VERSION or content.model != SPEAKER_ENCODER.sha256:
            raise VoiceFileError(
                f"The voices in {str(self.path)!r} are of another speaker encoder or version and cannot be "
                "compared with those of this one: choose another file, and the voices are learned again."
            )
        # Somebody may have edited it, and a wrong vector would give words to another speaker.
        for number, voice in enumerate(content.voices):
            problem = _problem(voice, [one.name for one in content.voices[:number]])
            if problem is not None:
                raise VoiceFileError(
                    f"The voice {voice.name[:_LONGEST_NAME]!r} in {str(self.path)!r} {problem}: remove it "
                    "from the file, or restore the file."
                )
        return content

    def _write(self, content: _Content) -> None:
        draft = self.path.with_name(f"{self.path.name}.{secrets.token_hex(4)}")
        try:
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(msgspec.json.encode(content))
                    file.flush()
                    os.fsync(file.fileno())
                draft.replace(self.path)
            finally:
                with contextlib.suppress(FileNotFoundError):
                    draft.unlink()
        except OSError as error:
            raise VoiceFileError(
                f"The file of voices {str(self.path)!r} cannot be written: {error.strerror}."
            ) from None


def _problem(voice: Voice, earlier: Sequence[str]) -> str | None:
    """Return why a voice of a file cannot be used, without its numbers; `None` if it can."""
    if len(voice.embedding) != _DIMENSIONS:
        return f"has {len(voice.embedding)} numbers, not {_DIMENSIONS}"
    if not math.isclose(math.hypot(*voice.embedding), 1, abs_tol=0.01):
        return "has numbers that are no voice, because their vector does not have the length 1"
    if voice.duration < 0 or voice.recordings < 0:
        return "has a duration or a number of recordings below 0"
    if voice.name in earlier:
        return "has the name of another one"
    try:
        _check_name(voice.name)
    except VoiceFileError as error:
        return f"has a name that cannot be one ({str(error).rstrip('.')})"
    return None


def _check_name(name: str) -> None:
    if not name.strip() or not name.isprintable() or len(name) > _LONGEST_NAME or name != name.strip():
        raise VoiceFileError(f"A name is one line of up to {_LONGEST_NAME} characters, not {name[:100]!r}.")
    if _LABEL.fullmatch(name):
        raise VoiceFileError(f"{name!r} is a label of speakers without a voice: choose a longer name.")


def _matches(embeddings: Mapping[str, SpeakerEmbedding], known: Sequence[Voice]) -> dict[str, int]:
    """Return the numbers of the known voices by labels: the most similar pairs first, each voice once."""
    pairs = sorted(
        (
            (similarity(one.vector, voice.embedding), label, number)
            for label, one in embeddings.items()
            for number, voice in enumerate(known)
        ),
        reverse=True,
    )
    found: dict[str, int] = {}
    for value, label, number in pairs:
        if value >= MATCH and label not in found and number not in found.values():
            found[label] = number
    return found


def similarity(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the cosine similarity of two unit vectors."""
    return math.fsum(map(mul, one, other))


def _new_voice(content: _Content) -> Voice:
    names = {one.name for one in content.voices}
    while (name := f"Voice {content.next_number}") in names:
        content.next_number += 1
    content.next_number += 1
    return Voice(name=name, embedding=(), duration=0, recordings=0)


def _with(voice: Voice, found: SpeakerEmbedding) -> Voice:
    """Return a voice with one more recording: the mean, weighted by the speech."""
    weight = min(voice.duration, _MOST_WEIGHT)
    earlier = voice.embedding or (0.0,) * len(found.vector)
    mean = [weight * old + found.duration * new for old, new in zip(earlier, found.vector, strict=True)]
    length = math.hypot(*mean) or 1.0
    return Voice(
        name=voice.name,
        embedding=tuple(round(one / length, 5) for one in mean),
        duration=voice.duration + found.duration,
        recordings=voice.recordings + 1,
    )
