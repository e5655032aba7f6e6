"""
Files cut in half, as an interrupted copy leaves them: the answer states that they are incomplete.

The right value is the length of the recording before it was cut, where the header of the format states it.
"""

from __future__ import annotations

import re
import struct
from itertools import count
from pathlib import Path

import av
import numpy as np
import pytest
from recording import tone, write

from aai_async.server.engine import EngineError
from aai_async.server.sound.decoding import RATE, decode
from aai_async.server.sound.frame_sizes import frame_size

SECONDS = 12
FRAGMENTED = {"movflags": "frag_keyframe+empty_moov+default_base_moof", "frag_duration": "1000000"}

STATED = [
    ("x.aiff", "pcm_s16be", {}),
    ("x.asf", "libmp3lame", {}),
    ("x.au", "pcm_s16be", {}),
    ("x.avi", "libmp3lame", {}),
    ("x.caf", "pcm_s16le", {}),
    ("x.flac", "flac", {}),
    ("x.flv", "aac", {}),
    ("x.m4a", "aac", {"movflags": "faststart"}),
    ("x.mka", "aac", {}),
    ("x.mmf", "adpcm_yamaha", {}),
    ("x.mp3", "libmp3lame", {}),
    (
        "dash.mp4",
        "aac",
        {"movflags": "frag_keyframe+empty_moov+global_sidx+dash", "frag_duration": "1000000"},
    ),
    ("x.rm", "ac3", {}),
    ("x.sox", "pcm_s32le", {}),
    ("x.tta", "tta", {}),
    ("x.w64", "pcm_s16le", {}),
    ("x.wav", "pcm_s16le", {}),
    ("rf64.wav", "pcm_s16le", {"rf64": "always"}),
    ("x.webm", "libopus", {}),
    ("x.wma", "wmav2", {}),
    ("x.wv", "wavpack", {}),
]

UNSTATED = [
    ("x.aac", "aac", {}),
    ("x.ac3", "ac3", {}),
    ("x.eac3", "eac3", {}),
    ("x.mp2", "mp2", {}),
    ("x.mpg", "mp2", {}),
    ("x.oga", "flac", {}),
    ("x.ogg", "vorbis", {}),
    ("x.opus", "libopus", {}),
    ("x.ts", "aac", {}),
    ("x.voc", "pcm_u8", {}),
    ("fragments.mp4", "aac", FRAGMENTED),
    ("live.webm", "libopus", {"live": "1"}),
    ("untagged.mp3", "libmp3lame", {"write_xing": "0"}),
]


def recording(path: Path, codec: str, options: dict[str, str]) -> bytes:
    rate = {"libopus": 48_000, "ac3": 48_000, "eac3": 48_000}.get(codec, 44_100)
    channels = 2 if codec == "vorbis" else 1
    samples = np.tile(tone(1.0, rate), SECONDS)
    return write(path, samples, codec=codec, rate=rate, channels=channels, options=options).read_bytes()


@pytest.mark.parametrize(("name", "codec", "options"), [*STATED, *UNSTATED])
def test_a_whole_file_is_not_called_incomplete(
    tmp_path: Path, name: str, codec: str, options: dict[str, str]
) -> None:
    """As encoders write it."""
    recording(tmp_path / name, codec, options)
    assert decode(tmp_path / name).warnings == ()


@pytest.mark.parametrize(("name", "codec", "options"), STATED)
def test_the_length_that_the_header_states_is_named(
    tmp_path: Path, name: str, codec: str, options: dict[str, str]
) -> None:
    """All of the length before the cut, whatever FFmpeg estimates from the size of the file."""
    content = recording(tmp_path / name, codec, options)
    (tmp_path / name).write_bytes(content[: len(content) // 2])
    stated = re.match(r"The file's header states (\d+\.\d) s, but", decode(tmp_path / name).warnings[0])
    assert stated is not None
    assert float(stated[1]) == pytest.approx(SECONDS, abs=0.1)


@pytest.mark.parametrize(("name", "codec", "options"), UNSTATED)
def test_a_file_that_breaks_off_within_a_packet_is_incomplete(
    tmp_path: Path, name: str, codec: str, options: dict[str, str]
) -> None:
    """Of a format whose header states no length; the place of the cut is what there is of sound."""
    content = recording(tmp_path / name, codec, options)
    (tmp_path / name).write_bytes(content[: len(content) // 2 + 5])
    sound = decode(tmp_path / name)
    found = re.fullmatch(
        r"The file breaks off after (\d+\.\d) s, within a packet: it is incomplete", sound.warnings[0]
    )
    assert found is not None
    assert float(found[1]) == pytest.approx(len(sound.channels[0]) / RATE, abs=0.1)
    assert float(found[1]) == pytest.approx(SECONDS / 2, abs=1.1)


def test_a_dictation_that_breaks_off_within_a_packet_is_incomplete(tmp_path: Path) -> None:
    """AMR, which not every build of FFmpeg encodes. RFC 4867, 5: frames of one size behind a name."""
    content = (Path(__file__).parents[2] / "data" / "tone.amr").read_bytes()
    (tmp_path / "x.amr").write_bytes(content)
    assert decode(tmp_path / "x.amr").warnings == ()
    (tmp_path / "x.amr").write_bytes(content[:-3])
    (warning,) = decode(tmp_path / "x.amr").warnings
    assert warning.startswith("The file breaks off after")


def test_flac_from_a_pipe_that_breaks_off_within_a_frame_is_incomplete(tmp_path: Path) -> None:
    """The encoder could not go back to write the length. Source: RFC 9639, 8.2: 36 bits, 0 if unknown."""
    path, content = tmp_path / "x.flac", bytearray(recording(tmp_path / "whole.flac", "flac", {}))
    content[21:26] = bytes([content[21] & 0xF0, 0, 0, 0, 0])
    path.write_bytes(content)
    assert decode(path).warnings == ()
    path.write_bytes(content[: len(content) * 6 // 10])
    warning = decode(path).warnings[0]
    assert re.fullmatch(r"The file breaks off after [67]\.\d s, within a packet: it is incomplete", warning)


def test_an_mp4_file_without_its_index_was_interrupted(tmp_path: Path) -> None:
    """FFmpeg and recorders write the index at the end: half of such a file cannot be decoded."""
    content = recording(tmp_path / "whole.m4a", "aac", {})
    (tmp_path / "x.m4a").write_bytes(content[: len(content) // 2])
    with pytest.raises(
        EngineError, match=r"its index \(the box moov\) is missing: the recording or a copy was"
    ):
        decode(tmp_path / "x.m4a")


def test_an_ogg_file_without_its_last_page_is_incomplete(tmp_path: Path) -> None:
    """RFC 3533, 6: the last page of a stream has a flag. A file cut between pages has none."""
    content = recording(tmp_path / "x.opus", "libopus", {})
    (tmp_path / "x.opus").write_bytes(content[: content.rindex(b"OggS", 0, len(content) // 2)])
    (warning,) = decode(tmp_path / "x.opus").warnings
    assert "without the mark of its end: it is incomplete" in warning


def test_the_length_in_the_header_of_fragments_is_named(tmp_path: Path) -> None:
    """ISO/IEC 14496-12, 8.8.2: the box `mehd` has the length of all fragments, in the movie's units."""
    content = recording(tmp_path / "x.mp4", "aac", FRAGMENTED)
    movie, extension = content.index(b"moov") - 4, content.index(b"mvex") - 4
    (timescale,) = struct.unpack_from(">I", content, content.index(b"mvhd") + 16)
    box = struct.pack(">I4sII", 16, b"mehd", 0, SECONDS * timescale)
    content = content[: extension + 8] + box + content[extension + 8 :]
    for place in (movie, extension):
        (size,) = struct.unpack_from(">I", content, place)
        content = content[:place] + struct.pack(">I", size + len(box)) + content[place + 4 :]
    # Between two fragments, so that nothing else shows the cut.
    (tmp_path / "x.mp4").write_bytes(content[: content.rindex(b"moof", 0, len(content) // 2) - 4])
    (warning,) = decode(tmp_path / "x.mp4").warnings
    assert "header states 12.0 s" in warning


@pytest.mark.parametrize("name", ["x.mka", "live.webm"])
def test_a_damaged_middle_is_no_broken_end(tmp_path: Path, name: str) -> None:
    """What is behind it is there, so the end is not missing."""
    live = {"live": "1"} if name == "live.webm" else {}
    content = bytearray(recording(tmp_path / name, "libopus", live))
    middle = len(content) // 2
    content[middle : middle + 3000] = bytes(3000)
    (tmp_path / name).write_bytes(content)
    sound = decode(tmp_path / name)
    assert len(sound.channels[0]) / RATE == pytest.approx(SECONDS, abs=0.1)
    assert not any("breaks off" in warning for warning in sound.warnings)


@pytest.mark.parametrize(
    ("name", "codec", "rate"),
    [
        *(("x.mp3", "libmp3lame", rate) for rate in (44_100, 48_000, 32_000, 22_050, 16_000, 8000)),
        *(("x.mp2", "mp2", rate) for rate in (44_100, 48_000, 32_000, 22_050)),
        *(("x.ac3", "ac3", rate) for rate in (48_000, 44_100, 32_000)),
        *(("x.eac3", "eac3", rate) for rate in (48_000, 44_100, 32_000)),
        ("x.aac", "aac", 44_100),
    ],
)
def test_the_size_of_a_frame_is_that_of_an_encoder(tmp_path: Path, name: str, codec: str, rate: int) -> None:
    """Each frame but the first, which may be a tag, has as many bytes as its header says."""
    path = write(tmp_path / name, tone(2.0, rate), codec=codec, rate=rate)
    with av.open(str(path)) as recording:
        stream = recording.streams.audio[0]
        assert isinstance(stream, av.AudioStream)
        kind = stream.codec_context.codec.canonical_name
        packets = [bytes(packet) for packet in recording.demux(stream) if packet.size]
    wrong = [number for number, packet in zip(count(), packets) if frame_size(kind, packet) != len(packet)]
    assert len(packets) > 10
    assert wrong in ([], [0])
