"""
The register of a folder: a file that records which result belongs to which recording.

Lines are only appended. A name belongs to the recording of the first line with it, so that two runs at the
same time agree.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections import defaultdict
from collections.abc import Generator, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Protocol
from urllib.parse import quote_from_bytes, unquote_to_bytes

import attrs

from aai_async._cli.safe_names import encoded, folded
from aai_async._errors import SaveError
from aai_async._io.file import sync_folder

REGISTER = ".aai-async.names"

UNKNOWN = "-"

_REPAIRED = "repaired"
"""A line after which the unreadable lines before it need no report: their names were restored."""

_CUT = re.compile(r"[0-9a-f]{0,64}|[0-9a-f]{64}( [^ ]*){1,3}")
"""A line that a power failure has cut: it had not been needed yet."""

_FILE = re.compile(r"([a-z]+)=([0-9]+)")

_NO_LINK = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


@attrs.frozen
class RegisterLine:
    """One line: the name of a recording in the folder, and the version that its results are of."""

    recording: str
    """The identity of the recording: a digest, so that the register contains no URL."""

    version: str
    """Changes when the recording does."""

    transcript: str
    """The id of the transcript that was written, or `-`."""

    stem: PurePosixPath
    """The name of the results, without a suffix."""

    files: Mapping[str, int] = attrs.field(factory=dict[str, int])
    """Bytes of each file that was written, by its format."""

    def written(self) -> str:
        """Return the line in ASCII: names need not be text."""
        transcript = quote_from_bytes(encoded(self.transcript), safe="-_")
        stem = quote_from_bytes(encoded(str(self.stem)))
        files = ",".join(f"{name}={size}" for name, size in self.files.items()) or UNKNOWN
        return f"{self.recording} {self.version} {transcript} {stem} {files}\n"

    @classmethod
    def read(cls, line: str) -> RegisterLine | None:
        """Parse a line; `None` if it is damaged, for example by a power failure."""
        fields = line.split(" ")
        if len(fields) != 5 or not all(fields):
            return None
        files = dict(_FILE.findall(fields[4]))
        stem = PurePosixPath(os.fsdecode(unquote_to_bytes(fields[3])))
        if stem.is_absolute() or not {"..", "."}.isdisjoint(stem.parts):
            return None
        return cls(
            fields[0],
            fields[1],
            os.fsdecode(unquote_to_bytes(fields[2])),
            stem,
            {name: int(size) for name, size in files.items()},
        )


@attrs.frozen
class File:
    """The latest entry of one file."""

    version: str
    """The version of the recording."""

    transcript: str
    """The id of the transcript, or `-` while the file is replaced."""

    size: int
    """Its size in bytes when it was written."""


class RegisterLog(Protocol):
    """Where the lines of a register are. Its methods block: call them in a thread."""

    name: str
    """Its path or URI."""

    def read(self, start: int) -> bytes:
        """
        Return the bytes from a position on.

        Raises:
            SaveError: They cannot be read.
        """
        ...

    def append(self, data: bytes, *, is_synced: bool, can_wait: bool) -> None:
        """
        Append bytes, in one piece.

        Args:
            data: The bytes.
            is_synced: Whether they must be on the disk afterwards.
            can_wait: Whether they may be written later, with others, because a loss costs no money.

        Raises:
            SaveError: They cannot be written.
        """

    def flush(self) -> None:
        """
        Write what has waited.

        Raises:
            SaveError: It cannot be written.
        """


class FileRegister:
    """The lines in a file in the folder of the results."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / REGISTER
        self.name = str(self._path)

    def read(self, start: int) -> bytes:
        with self._errors_named():
            try:
                descriptor = os.open(self._path, os.O_RDONLY | _NO_LINK)
            except FileNotFoundError:
                return b""
            with os.fdopen(descriptor, "rb") as file:
                file.seek(start)
                return file.read()

    def append(self, data: bytes, *, is_synced: bool, can_wait: bool) -> None:  # noqa: ARG002 - it costs little
        with self._errors_named():
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | _NO_LINK, 0o600)
            with os.fdopen(descriptor, "ab") as file:
                file.write(data)
                if is_synced:
                    file.flush()
                    os.fsync(file.fileno())
            if is_synced:
                sync_folder(self._path.parent)

    def flush(self) -> None:
        """Nothing waits."""

    @contextlib.contextmanager
    def _errors_named(self) -> Generator[None]:
        try:
            yield
        except OSError as error:
            raise SaveError(f"{self.name!r} cannot be used: {error.strerror}.") from error


class OutputRegister:
    """The register of one folder. Its methods block: call them in a thread."""

    def __init__(self, log: RegisterLog) -> None:
        self._log = log
        self.is_damaged = False
        """Whether lines cannot be read, and were not restored since."""
        self._read_to = 0
        self._owners = dict[str, str]()
        self._stems = dict[str, PurePosixPath]()
        self._latest = dict[str, RegisterLine]()
        self._transcripts = defaultdict[str, set[str]](set)
        self._files = dict[tuple[str, str], File]()
        self._folders = set[str]()

    @property
    def is_empty(self) -> bool:
        """Whether nothing was registered when it was read."""
        return self._read_to == 0

    def load(self) -> None:
        """
        Read the lines since the latest call.

        Raises:
            SaveError: The register cannot be read.
        """
        data = self._log.read(self._read_to)
        # A line without its end is still being written.
        complete = data[: data.rfind(b"\n") + 1]
        # Each write begins with an empty line.
        self.is_damaged |= self._read_to == 0 and data[:1] not in {b"", b"\n"}
        self._read_to += len(complete)
        for text in data.decode("ascii", "replace").split("\n"):
            line = RegisterLine.read(text)
            if text == _REPAIRED:
                self.is_damaged = False
            elif line is None:
                self.is_damaged |= _CUT.fullmatch(text) is None
        for text in complete.decode("ascii", "replace").split("\n"):
            line = RegisterLine.read(text)
            if line is not None:
                self.note(line)

    def note(self, line: RegisterLine) -> None:
        """Add a line in memory only."""
        key = folded(line.stem)
        if self._owners.setdefault(key, line.recording) != line.recording:
            return
        self._stems.setdefault(line.recording, line.stem)
        self._folders.update(folded(parent) for parent in line.stem.parents)
        for name, size in line.files.items():
            self._files[key, name] = File(line.version, line.transcript, size)
        if line.transcript != UNKNOWN:
            self._transcripts[line.transcript].add(key)
        if line.transcript != UNKNOWN or key not in self._latest:
            self._latest[key] = line

    def stem_of(self, recording: str) -> PurePosixPath | None:
        """Return the name of a recording, if it has one."""
        return self._stems.get(recording)

    def latest(self, stem: PurePosixPath) -> RegisterLine | None:
        """Return the latest line of a name."""
        return self._latest.get(folded(stem))

    def file(self, stem: PurePosixPath, name: str) -> File | None:
        """Return the latest entry of the file in one format."""
        return self._files.get((folded(stem), name))

    def stems_of(self, transcripts: set[str]) -> Iterator[PurePosixPath]:
        """Return the names whose latest results are of one of the transcripts."""
        return (line.stem for line in self._latest.values() if line.transcript in transcripts)

    def transcripts_of(self, stem: PurePosixPath) -> set[str]:
        """Return the ids of all transcripts that were ever written under a name."""
        key = folded(stem)
        return {transcript for transcript, keys in self._transcripts.items() if key in keys}

    def names_of(self, transcript: str) -> list[PurePosixPath]:
        """Return the names that a transcript was ever written under."""
        return [self._latest[key].stem for key in sorted(self._transcripts.get(transcript, ()))]

    def contains(self, transcript: str) -> bool:
        """Return whether a transcript was ever written under a name."""
        return transcript in self._transcripts

    def is_taken(self, stem: PurePosixPath, suffixes: Iterable[str]) -> bool:
        """Return whether a name belongs to another recording, or collides with a file or folder of one."""
        if folded(stem) in self._owners:
            return True
        if any(folded(f"{stem}.{suffix}") in self._folders for suffix in suffixes):
            return True
        above = (parent for parent in stem.parents if parent.suffix[1:] in suffixes)
        return any(folded(parent.with_suffix("")) in self._owners for parent in above)

    def append(
        self,
        lines: Iterable[RegisterLine],
        *,
        is_synced: bool,
        is_repair: bool = False,
        can_wait: bool = False,
    ) -> None:
        """
        Append lines; those of a repair replace the lines that cannot be read.

        Raises:
            SaveError: The register cannot be written.
        """
        # An empty line first, because a power failure may have left a line without its end.
        data = "".join(["\n", *(line.written() for line in lines)])
        data = f"{data}{_REPAIRED}\n" if is_repair else data
        self._log.append(data.encode("ascii"), is_synced=is_synced, can_wait=can_wait)

    def flush(self) -> None:
        """
        Write the lines that have waited.

        Raises:
            SaveError: The register cannot be written.
        """
        self._log.flush()

    def damage(self) -> SaveError:
        """Return the error about lines that cannot be read."""
        return SaveError(
            f"{self._log.name!r} is damaged, so it is unknown which results belong to which recordings. "
            "Nothing was sent or removed. Restore the file from a backup, or run `transcribe` with the "
            "journal of these results, which repairs it. If neither exists, move it with all results to "
            "another folder: what it listed is then transcribed and paid for again."
        )
