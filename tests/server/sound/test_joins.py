"""Files that are joined, cut or edited, tracks that start late, and headers that are wrong."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from recording import marked, onsets, tone, write, write_timed

from aai_async.server.sound.decoding import RATE, decode


def with_edits(content: bytes, edits: list[tuple[float, float]]) -> bytes:
    """
    Replace the edit list of a file with one track, whose index is behind its sound.

    Args:
        content: The file.
        edits: Length and media time of each edit, in seconds; a negative media time is an empty edit.
    """
    movie = content.index(b"mvhd")
    (timescale,) = struct.unpack_from(">I", content, movie + 16)
    media = content.index(b"mdhd")
    (rate,) = struct.unpack_from(">I", content, media + 16)
    place = content.index(b"elst") - 4
    (size,) = struct.unpack_from(">I", content, place)
    entries = b"".join(
        struct.pack(">IiI", int(length * timescale), -1 if start < 0 else int(start * rate), 1 << 16)
        for length, start in edits
    )
    box = struct.pack(">I4sII", 16 + len(entries), b"elst", 0, len(edits)) + entries
    content = content[:place] + box + content[place + size :]
    for name in (b"moov", b"trak", b"edts"):
        at = content.index(name) - 4
        (old,) = struct.unpack_from(">I", content, at)
        content = content[:at] + struct.pack(">I", old + len(box) - size) + content[at + 4 :]
    return content


def test_an_empty_edit_in_the_middle_is_silence(tmp_path: Path) -> None:
    """ISO/IEC 14496-12, 8.6.6: nothing is played for its length. FFmpeg would repeat the start."""
    path = write(tmp_path / "cut.mp4", marked(6.0, [1.0, 3.0], 48_000), codec="aac", rate=48_000)
    delay = 1024 / 48_000
    path.write_bytes(with_edits(path.read_bytes(), [(2.0, delay), (3.0, -1), (2.0, 2.0 + delay)]))
    sound = decode(path).channels[0]
    assert onsets(sound) == pytest.approx([1.0, 6.0], abs=0.05)
    assert len(sound) / RATE == pytest.approx(7.0, abs=0.05)
    assert not sound[round(2.05 * RATE) : round(4.95 * RATE)].any()


def test_what_an_edit_leaves_out_is_not_played(tmp_path: Path) -> None:
    """A trimmed recording starts where its edit does."""
    path = write(tmp_path / "trimmed.m4a", marked(6.0, [1.0, 3.0], 48_000), codec="aac", rate=48_000)
    path.write_bytes(with_edits(path.read_bytes(), [(3.0, 2.5)]))
    assert onsets(decode(path).channels[0]) == pytest.approx([0.5], abs=0.05)


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp3", "libmp3lame"), ("a.aac", "aac"), ("a.ogg", "libopus"), ("a.ts", "aac")]
)
def test_joined_files_follow_one_another(tmp_path: Path, name: str, codec: str) -> None:
    """Joined byte by byte, as with `cat`: the clock of each starts again, and nothing is lost."""
    part = write(tmp_path / name, marked(3.0, [1.0], 48_000), codec=codec, rate=48_000).read_bytes()
    (tmp_path / name).write_bytes(part * 3)
    assert onsets(decode(tmp_path / name).channels[0]) == pytest.approx([1.0, 4.0, 7.0], abs=0.25)


def test_a_stream_may_have_started_hours_ago(tmp_path: Path) -> None:
    """The clock of a broadcast wraps after 26.5 hours, and the file starts at 0 all the same."""
    path = write_timed(
        tmp_path / "live.ts",
        marked(6.0, [1.0, 5.0], 48_000),
        codec="aac",
        rate=48_000,
        output_ts_offset="95440",
    )
    assert onsets(decode(path).channels[0]) == pytest.approx([1.0, 5.0], abs=0.06)


def test_a_track_that_starts_after_the_search_of_ffmpeg_is_found(tmp_path: Path) -> None:
    """An MPEG program stream has no list of its tracks, and FFmpeg searches 5 s only."""
    path = write_timed(
        tmp_path / "late.mpg",
        marked(4.0, [1.0], 48_000),
        codec="mp2",
        rate=48_000,
        late=9.0,
        film="mpeg1video",
        film_seconds=14.0,
    )
    sound = decode(path).channels[0]
    assert onsets(sound) == pytest.approx([10.0], abs=0.06)
    assert len(sound) / RATE == pytest.approx(14.0, abs=0.1)


def wav(samples: np.ndarray[tuple[int], np.dtype[np.int16]], *, stated: int) -> bytes:
    """A WAV file whose header states another number of bytes."""
    form = struct.pack("<HHIIHH", 1, 1, RATE, RATE * 2, 2, 16)
    header = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", stated)
    return b"RIFF" + struct.pack("<I", len(header) + stated) + header + samples.tobytes()


def test_a_header_that_states_less_than_the_file_has(tmp_path: Path) -> None:
    """A recorder that was killed leaves it so. All is decoded, and a warning states it."""
    (tmp_path / "killed.wav").write_bytes(wav(marked(6.0, [1.0, 5.0]), stated=RATE * 2 * 3))
    sound = decode(tmp_path / "killed.wav")
    assert onsets(sound.channels[0]) == [1.0, 5.0]
    (warning,) = sound.warnings
    assert "header states 3.0 s" in warning
    assert "6.0 s" in warning


def test_webm_files_that_were_joined_are_longer_than_the_first_header_states(tmp_path: Path) -> None:
    """Two recordings of a browser of 4 s each. A player that trusts the first header ends after one."""
    path = write(tmp_path / "x.webm", tone(4.0, 48_000), codec="libopus", rate=48_000)
    assert decode(path).warnings == ()
    path.write_bytes(path.read_bytes() * 2)
    sound = decode(path)
    assert len(sound.channels[0]) / RATE == pytest.approx(8.0, abs=0.1)
    (warning,) = sound.warnings
    assert warning.startswith("The file's header states 4.0 s of sound, but 8.0 s are there.")


def test_a_chunk_behind_the_sound_is_no_sound(tmp_path: Path) -> None:
    """Such as a list of the title and the artist."""
    content = wav(tone(3.0), stated=RATE * 2 * 3) + b"LIST" + struct.pack("<I", 90_000) + bytes(90_000)
    (tmp_path / "titled.wav").write_bytes(content)
    sound = decode(tmp_path / "titled.wav")
    assert (len(sound.channels[0]), sound.warnings) == (RATE * 3, ())


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("cut.wav", "pcm_s16le", {}),
        ("cut.aiff", "pcm_s16be", {}),
        ("cut.flac", "flac", {}),
        ("cut.mp3", "libmp3lame", {}),
        ("cut.m4a", "aac", {"movflags": "faststart"}),
        ("cut.mka", "aac", {}),
    ],
)
def test_a_header_that_states_more_than_the_file_has(
    tmp_path: Path, name: str, codec: str, options: dict[str, str]
) -> None:
    """An interrupted copy: what is there is decoded, and the answer states that it is incomplete."""
    path = write(tmp_path / name, np.tile(tone(1.0, 44_100), 12), codec=codec, rate=44_100, options=options)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    sound = decode(path)
    assert 4 < len(sound.channels[0]) / RATE < 8
    assert any("header states 12.0 s" in warning and "incomplete" in warning for warning in sound.warnings)


def test_a_gap_is_stated(tmp_path: Path) -> None:
    """Nothing is invented to fill it."""
    path = write_timed(
        tmp_path / "paused.webm",
        marked(6.0, [1.0, 5.0], 48_000),
        codec="libopus",
        rate=48_000,
        gap=(2.0, 4.0),
    )
    (warning,) = decode(path).warnings
    assert warning.startswith("The audio track has no sound for 2.0 s: from 2.0 s to 4.0 s")


def test_packets_that_cannot_be_decoded_are_stated(tmp_path: Path) -> None:
    """The sound around them keeps its place."""
    path = write(tmp_path / "damaged.m4a", marked(10.0, [1.0, 8.0], 44_100), codec="aac", rate=44_100)
    content = bytearray(path.read_bytes())
    start = content.index(b"mdat")
    middle = start + (content.index(b"moov") - start) // 2
    content[middle : middle + 300] = b"\xff" * 300
    path.write_bytes(content)
    sound = decode(path)
    assert onsets(sound.channels[0])[0] == pytest.approx(1.0, abs=0.05)
    assert onsets(sound.channels[0])[-1] == pytest.approx(8.0, abs=0.05)
    assert len(sound.channels[0]) / RATE == pytest.approx(10.0, abs=0.1)
    assert any("could not be decoded" in warning for warning in sound.warnings)


def joined(path: Path, *parts: Path) -> Path:
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("vorbis", 44_100, 2), ("vorbis", 16_000, 2)),
        (("vorbis", 16_000, 2), ("vorbis", 44_100, 2)),
        (("libopus", 48_000, 1), ("vorbis", 48_000, 2)),
        (("flac", 48_000, 1), ("libopus", 48_000, 2)),
    ],
)
def test_links_of_another_kind_are_decoded(
    tmp_path: Path, first: tuple[str, int, int], second: tuple[str, int, int]
) -> None:
    """A chained Ogg file, of which FFmpeg drops the links with another codec, rate or number of channels."""
    links = [
        write(tmp_path / f"{number}.ogg", marked(3.0, [1.0], rate), codec=codec, rate=rate, channels=channels)
        for number, (codec, rate, channels) in enumerate((first, second))
    ]
    sound = decode(joined(tmp_path / "chain.ogg", *links))
    assert onsets(sound.channels[0]) == pytest.approx([1.0, 4.0], abs=0.1)
    assert len(sound.channels[0]) / RATE == pytest.approx(6.0, abs=0.1)
    assert "2 recordings joined into one; 2 were transcribed" in sound.warnings[0]


def test_a_link_that_cannot_be_decoded_is_stated(tmp_path: Path) -> None:
    """With the seconds that are lost, as far as the sizes tell."""
    links = [
        write(tmp_path / f"{rate}.ogg", np.tile(tone(1.0, rate), 5), codec="vorbis", rate=rate, channels=2)
        for rate in (44_100, 16_000)
    ]
    links[1].write_bytes(links[1].read_bytes().replace(b"vorbis", b"orbits"))
    sound = decode(joined(tmp_path / "chain.ogg", *links))
    assert len(sound.channels[0]) / RATE == pytest.approx(5.0, abs=0.1)
    assert "2 recordings joined into one; 1 were transcribed" in sound.warnings[0]
    assert "s of sound is missing" in sound.warnings[1]


def test_an_mp4_file_behind_another_is_decoded(tmp_path: Path) -> None:
    """FFmpeg ends with the first one. Also if the index is first."""
    parts = [
        write(
            tmp_path / f"{rate}.m4a",
            marked(3.0, [1.0], rate),
            codec="aac",
            rate=rate,
            options={"movflags": flags} if flags else None,
        )
        for rate, flags in ((48_000, ""), (44_100, "faststart"), (16_000, ""))
    ]
    sound = decode(joined(tmp_path / "joined.m4a", *parts))
    assert onsets(sound.channels[0]) == pytest.approx([1.0, 4.0, 7.0], abs=0.1)
    assert "3 recordings joined into one; 3 were transcribed" in sound.warnings[0]


@pytest.mark.parametrize("placeholder", [False, True])
def test_a_wav_file_behind_another_is_decoded_at_its_own_rate(tmp_path: Path, placeholder: bool) -> None:
    """Also if the first one was piped and its header does not know its length."""
    parts = [
        write(tmp_path / f"{rate}.wav", marked(3.0, [1.0], rate), codec="pcm_s16le", rate=rate)
        for rate in (44_100, 16_000)
    ]
    if placeholder:
        content = bytearray(parts[0].read_bytes())
        at = content.index(b"data") + 4
        content[4:8] = content[at : at + 4] = b"\xff" * 4
        parts[0].write_bytes(content)
    sound = decode(joined(tmp_path / "joined.wav", *parts))
    assert onsets(sound.channels[0]) == pytest.approx([1.0, 4.0], abs=0.05)
    assert len(sound.channels[0]) / RATE == pytest.approx(6.0, abs=0.05)
    (warning,) = sound.warnings
    assert "2 recordings joined into one; 2 were transcribed" in warning


def test_joined_recordings_keep_their_channels_apart(tmp_path: Path) -> None:
    """A channel that one of them does not have is silent there."""
    parts = [
        write(
            tmp_path / f"{channels}.wav",
            marked(2.0, [1.0], 16_000),
            codec="pcm_s16le",
            rate=16_000,
            channels=channels,
        )
        for channels in (1, 2)
    ]
    first, second = decode(joined(tmp_path / "joined.wav", *parts), apart=True).channels
    assert (onsets(first), onsets(second)) == ([1.0, 3.0], [3.0])
