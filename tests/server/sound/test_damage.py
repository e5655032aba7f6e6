"""Damage in the middle of a stream without a container: FFmpeg skips it, and the answer states how much."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from recording import marked, onsets, tone, write

from aai_async.server.sound.decoding import RATE, Samples, decode

SECONDS = 12.0

STREAMS = [
    ("x.mp3", "libmp3lame", 44_100),
    ("x.mp2", "mp2", 44_100),
    ("x.aac", "aac", 44_100),
    ("x.ac3", "ac3", 48_000),
]


def recording(path: Path, codec: str, rate: int) -> bytes:
    return write(path, tone(SECONDS, rate), codec=codec, rate=rate).read_bytes()


def call(rate: int) -> Samples:
    """Marker tones at 1 and 10 s in the noise of a room, so that encoders use as many bytes everywhere."""
    room = np.random.default_rng(1).normal(0, 300, round(SECONDS * rate)).astype(np.int16)
    return marked(SECONDS, [1.0, 10.0], rate) + room


def noise(size: int) -> bytes:
    return np.random.default_rng(1).integers(0, 256, size, dtype=np.uint8).tobytes()


def stated(warnings: tuple[str, ...]) -> float:
    """The seconds that a warning states as missing."""
    found = re.match(r"About (\d+\.\d) s of sound is missing because the data is damaged", warnings[0])
    assert found is not None, warnings
    return float(found[1])


@pytest.mark.parametrize(("name", "codec", "rate"), STREAMS)
@pytest.mark.parametrize("kind", ["zeros", "noise"])
def test_overwritten_data_is_stated(tmp_path: Path, name: str, codec: str, rate: int, kind: str) -> None:
    """A bad block of a disk: about as many seconds as are missing, and one warning for all of it."""
    content = bytearray(recording(tmp_path / name, codec, rate))
    first, size = len(content) * 3 // 8, len(content) // 4
    content[first : first + size] = bytes(size) if kind == "zeros" else noise(size)
    (tmp_path / name).write_bytes(content)
    sound = decode(tmp_path / name)
    assert stated(sound.warnings) == pytest.approx(SECONDS / 4, abs=0.4)
    assert len(sound.warnings) == 1


@pytest.mark.parametrize(("name", "codec", "rate"), [*STREAMS, ("x.avi", "libmp3lame", 44_100)])
def test_sound_behind_overwritten_data_keeps_its_time(
    tmp_path: Path, name: str, codec: str, rate: int
) -> None:
    """The time is that at which the encoder got it: the damaged part is silence of its length."""
    path = write(tmp_path / name, call(rate), codec=codec, rate=rate)
    content = bytearray(path.read_bytes())
    first, size = len(content) * 3 // 8, len(content) // 4
    content[first : first + size] = bytes(size)
    path.write_bytes(content)
    sound = decode(path).channels[0]
    found = onsets(sound)
    # The decoder may click where it starts again.
    assert [found[0], found[-1]] == pytest.approx([1.0, 10.0], abs=0.35)
    assert len(sound) / RATE == pytest.approx(SECONDS, abs=0.35)
    assert not sound[5 * RATE : 7 * RATE].any()


@pytest.mark.parametrize("flags", ["", "+empty_moov+default_base_moof", "+empty_moov+global_sidx+dash"])
def test_fragments_behind_a_damaged_one_are_decoded_in_their_time(tmp_path: Path, flags: str) -> None:
    """FFmpeg ends at the first damaged box. ISO/IEC 14496-12, 8.8.12: each fragment states its time."""
    path = write(
        tmp_path / "x.mp4",
        call(48_000),
        codec="aac",
        rate=48_000,
        options={"movflags": f"frag_keyframe{flags}", "frag_duration": "1000000"},
    )
    content = bytearray(path.read_bytes())
    first, size = len(content) * 3 // 8, len(content) // 4
    content[first : first + size] = bytes(size)
    path.write_bytes(content)
    sound = decode(path)
    assert onsets(sound.channels[0]) == pytest.approx([1.0, 10.0], abs=0.05)
    assert len(sound.channels[0]) / RATE == pytest.approx(SECONDS, abs=0.1)
    assert any("has no sound for" in warning for warning in sound.warnings)


@pytest.mark.parametrize(("name", "codec", "rate"), [one for one in STREAMS if one[0] != "x.aac"])
def test_the_place_of_damage_is_stated(tmp_path: Path, name: str, codec: str, rate: int) -> None:
    """Where it begins, in the time of the file."""
    content = bytearray(recording(tmp_path / name, codec, rate))
    first, size = len(content) // 2, len(content) // 8
    content[first : first + size] = bytes(size)
    (tmp_path / name).write_bytes(content)
    place = re.search(r"the first at (\d+\.\d) s$", decode(tmp_path / name).warnings[0])
    assert place is not None
    assert float(place[1]) == pytest.approx(SECONDS / 2, abs=0.3)


@pytest.mark.parametrize(("name", "codec", "rate"), STREAMS)
def test_inserted_data_is_stated(tmp_path: Path, name: str, codec: str, rate: int) -> None:
    """A log line between the frames, as a broken recorder writes it."""
    content = recording(tmp_path / name, codec, rate)
    middle = len(content) // 2
    (tmp_path / name).write_bytes(content[:middle] + noise(5000) + content[middle:])
    sound = decode(tmp_path / name)
    assert len(sound.channels[0]) / RATE == pytest.approx(SECONDS, abs=1.0)
    if name == "x.mp3":  # it states its length, so nothing is missing
        assert sound.warnings == ()
    else:
        assert 0.3 < stated(sound.warnings) < 2


@pytest.mark.parametrize(("name", "codec", "rate"), STREAMS)
def test_tags_are_no_damage(tmp_path: Path, name: str, codec: str, rate: int) -> None:
    """ID3v2 with a picture before the sound, APEv2 and ID3v1 behind it."""
    content = recording(tmp_path / name, codec, rate)
    lyrics = b"la la la " * 8000
    item = len(lyrics).to_bytes(4, "little") + bytes(4) + b"Lyrics\0" + lyrics
    footer = b"APETAGEX" + b"".join(
        number.to_bytes(4, "little") for number in (2000, len(item) + 32, 1, 0, 0, 0)
    )
    tags = item + footer + b"TAG" + bytes(125)
    picture = b"ID3\x04\0\0" + bytes((0, 0, 0x40, 0)) + bytes(8192)
    (tmp_path / name).write_bytes(picture + content + tags)
    assert decode(tmp_path / name).warnings == ()


@pytest.mark.parametrize(("name", "codec", "rate"), STREAMS)
def test_a_tag_of_a_joined_file_is_no_damage(tmp_path: Path, name: str, codec: str, rate: int) -> None:
    """Episodes joined byte by byte, of which the second begins with its cover."""
    content = recording(tmp_path / name, codec, rate)
    cover = b"ID3\x04\0\0" + bytes((0, 3, 0, 0)) + noise(3 << 14)
    (tmp_path / name).write_bytes(content + cover + content)
    sound = decode(tmp_path / name)
    assert len(sound.channels[0]) / RATE == pytest.approx(2 * SECONDS, abs=0.5)
    assert [one for one in sound.warnings if "damaged" in one] == []
