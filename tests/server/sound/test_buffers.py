"""Of a long recording, only the part that is needed takes memory."""

from __future__ import annotations

import errno
import functools
import os
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recording import tone, write

from aai_async.server import EngineError
from aai_async.server.sound import buffers
from aai_async.server.sound.buffers import ChannelBuffer
from aai_async.server.sound.decoding import RATE, decode
from aai_async.server.sound.joined import Recordings, separated

HOUR = 3600

FULL = Path("/dev/full")
"""A disk without space: each write to it fails."""

MEMORY = Path("/proc/self/mem")
"""A file that opens, and whose first byte cannot be read."""

needs_full_disk = pytest.mark.skipif(not FULL.exists(), reason="needs the device /dev/full")

PROGRAM = """
import sys
from pathlib import Path
from aai_async.server.sound.decoding import decode

def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))

before = peak()
sound = decode(Path(sys.argv[1]), apart=True, end=60_000)
print(len(sound.channels), len(sound.channels[0]), (peak() - before) // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the account of Linux")
def test_the_memory_is_that_of_the_part_that_is_needed(tmp_path: Path) -> None:
    """An hour in stereo takes 230 MB; its first minute, with `audio_end_at`, 4 MB and what FFmpeg needs."""
    assert measured(PROGRAM, tmp_path / "call.wav", channels=2) == (2, HOUR * RATE, 60)


LONG_PROGRAM = """
import sys
from pathlib import Path
from aai_async.server.sound import buffers
from aai_async.server.sound.decoding import decode
from aai_async.server.sound.sections import sounding

def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))

buffers._IN_MEMORY = 2**20
before = peak()
(samples,) = decode(Path(sys.argv[1])).channels
assert not sounding(samples, slice(0, len(samples)))
print(1, len(samples), (peak() - before) // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the account of Linux")
def test_a_long_recording_is_in_a_file(tmp_path: Path) -> None:
    """An hour takes 115 MB, but no memory while it is decoded and read."""
    assert measured(LONG_PROGRAM, tmp_path / "long.wav", channels=1) == (1, HOUR * RATE, 60)


def measured(program: str, path: Path, *, channels: int) -> tuple[int, int, int]:
    """Return what a program prints about an hour of silence; its MiB are 60 if they are fewer."""
    size = HOUR * RATE * 2 * channels
    form = struct.pack("<HHIIHH", 1, channels, RATE, RATE * 2 * channels, 2 * channels, 16)
    header = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", size)
    with path.open("wb") as file:
        file.write(b"RIFF" + struct.pack("<I", len(header) + size) + header)
        file.truncate(8 + len(header) + size)
    command = [sys.executable, "-c", program, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=dict(os.environ))
    found, length, mebibytes = map(int, done.stdout.split())
    return found, length, max(mebibytes, 60)


@pytest.mark.parametrize("in_memory", [0, 12, 2**27], ids=["file", "both", "memory"])
@given(
    st.lists(st.lists(st.integers(-9, 9), max_size=9), max_size=6),
    st.integers(0, 12),
    st.none() | st.integers(0, 40),
    st.integers(0, 5),
)
def test_the_needed_samples_are_kept_in_their_places(
    in_memory: int, parts: list[list[int]], start: int, stop: int | None, silence: int
) -> None:
    """As in the whole, which is measured, too; other samples are 0 or themselves."""
    buffer = ChannelBuffer(4, start, stop, silence=silence)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(buffers, "_IN_MEMORY", in_memory)
        for part in parts:
            buffer.add(np.array(part, np.int16))
    whole = np.array([0] * silence + [one for part in parts for one in part], np.int16)
    found = buffer.finish()
    buffers.release(found)
    assert len(found) == buffer.length == len(whole)
    assert found[start:stop].tolist() == whole[start:stop].tolist()
    assert buffer.peak == max(map(abs, whole.tolist()), default=0)


@needs_full_disk
def test_a_long_recording_without_space_for_its_sound_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error has the reason, and what to do."""
    path = write(tmp_path / "call.wav", tone(3.0), codec="pcm_s16le")
    monkeypatch.setattr(buffers, "_IN_MEMORY", 0)
    monkeypatch.setattr(tempfile, "TemporaryFile", functools.partial(FULL.open, "w+b"))
    with pytest.raises(EngineError, match=f"{os.strerror(errno.ENOSPC)}.*TMPDIR"):
        decode(path)


@needs_full_disk
def test_joined_recordings_without_space_for_a_copy_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is decoded from a copy."""
    path = write(tmp_path / "call.wav", tone(3.0), codec="pcm_s16le")
    path.write_bytes(path.read_bytes() * 2)
    copies = tmp_path / "copies"
    copies.mkdir()
    (copies / path.name).symlink_to(FULL)
    monkeypatch.setattr(tempfile, "mkdtemp", lambda *_: str(copies))
    with pytest.raises(EngineError, match=os.strerror(errno.ENOSPC)):
        decode(path)


@pytest.mark.skipif(not MEMORY.exists(), reason="needs the file /proc/self/mem")
def test_an_error_of_reading_joined_recordings_is_not_one_of_their_copy() -> None:
    """Free space would not help."""
    with (
        separated(MEMORY, Recordings([0, 1])) as copies,
        pytest.raises(OSError, match=os.strerror(errno.EIO)),
    ):
        next(copies)


def test_a_missing_folder_for_temporary_files_fails_the_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For a long one, and for those that are joined."""
    path = write(tmp_path / "call.wav", tone(3.0), codec="pcm_s16le")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    monkeypatch.setattr(buffers, "_IN_MEMORY", 0)
    with pytest.raises(EngineError, match=os.strerror(errno.ENOENT)):
        decode(path)
    monkeypatch.setattr(buffers, "_IN_MEMORY", 2**27)
    path.write_bytes(path.read_bytes() * 2)
    with pytest.raises(EngineError, match=os.strerror(errno.ENOENT)):
        decode(path)
