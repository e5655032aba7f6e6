"""Any recording becomes 16 kHz mono sound, or an error in the service's words."""

import math
from contextlib import suppress
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from recording import tone, write

from aai_async.server.engine import EngineError
from aai_async.server.sound import frames, sections
from aai_async.server.sound.decoding import RATE, SHORTEST, Samples, decode

DEMO = Path(__file__).parents[2] / "data" / "two_speakers.mp3"


def mixed(path: Path) -> Samples:
    """The channels of a file, mixed."""
    return decode(path).channels[0]


def channels_of(path: Path) -> tuple[Samples, ...]:
    """The channels of a file, apart."""
    return decode(path, apart=True).channels


def write_video(path: Path) -> Path:
    """Encode a second of silent film."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=Fraction(10))
        stream.width = stream.height = 32
        for _ in range(10):
            container.mux(stream.encode(av.VideoFrame(32, 32, "yuv420p")))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("name", "codec", "rate"),
    [
        ("sound.wav", "pcm_s16le", 16_000),
        ("sound.wav", "pcm_f32le", 48_000),
        ("telephone.wav", "pcm_mulaw", 8_000),
        ("sound.flac", "flac", 44_100),
        ("sound.mp3", "libmp3lame", 44_100),
        ("sound.ogg", "libopus", 48_000),
        ("sound.m4a", "aac", 44_100),
        ("sound.aac", "aac", 44_100),
        ("sound.webm", "libopus", 48_000),
        ("sound.mka", "flac", 22_050),
        ("sound.aiff", "pcm_s16be", 11_025),
        ("sound.wma", "wmav2", 44_100),
        ("sound.mov", "aac", 48_000),
    ],
)
@pytest.mark.parametrize("channels", [1, 2])
def test_formats(tmp_path: Path, name: str, codec: str, rate: int, channels: int) -> None:
    """Each common container, codec, rate and channel count decodes to the sound that went in."""
    samples = mixed(write(tmp_path / name, tone(1.0, rate), codec=codec, rate=rate, channels=channels))
    assert len(samples) / RATE == pytest.approx(1.0, abs=0.1)
    spectrum = np.abs(np.fft.rfft(samples.astype(np.float64)))
    assert int(np.argmax(spectrum)) * RATE / len(samples) == pytest.approx(440, abs=2)
    assert float(np.std(samples)) == pytest.approx(8000 / math.sqrt(2), rel=0.15)


@pytest.mark.parametrize("name", ["sound.wav", "sound.ogg"])
def test_channels_are_kept_apart(tmp_path: Path, name: str) -> None:
    """Each gets its own samples, at the same rate and of the same length."""
    stereo = np.stack([tone(1.0, 48_000), np.zeros(48_000, np.int16)], axis=1).reshape(-1)
    codec = "pcm_s16le" if name == "sound.wav" else "libopus"
    path = write(tmp_path / name, stereo, codec=codec, rate=48_000, interleaved=True)
    left, right = channels_of(path)
    assert len(left) == len(right) == pytest.approx(RATE, abs=RATE // 10)
    assert float(np.std(left)) > 5000
    assert float(np.std(right)) < 500


def test_one_channel_is_one(tmp_path: Path) -> None:
    """A mono file is no special case."""
    (only,) = channels_of(write(tmp_path / "mono.wav", tone(1.0), codec="pcm_s16le"))
    assert np.array_equal(only, mixed(tmp_path / "mono.wav"))


def test_duration_of_the_demo() -> None:
    """The demo clip is as long as its description says."""
    assert len(mixed(DEMO)) / RATE == pytest.approx(38.13, abs=0.05)


@pytest.mark.parametrize("name", ["damaged.mp3", "damaged.aac"])
def test_damage_is_skipped(tmp_path: Path, name: str) -> None:
    """Damage in the middle costs what is damaged, not all that follows."""
    codec = "libmp3lame" if name.endswith("mp3") else "aac"
    content = bytearray(write(tmp_path / name, tone(10.0), codec=codec).read_bytes())
    content[len(content) // 4 : len(content) // 4 + 1500] = bytes(range(250)) * 6
    (tmp_path / name).write_bytes(content)
    assert len(mixed(tmp_path / name)) / RATE == pytest.approx(10.0, abs=1.0)


def test_cut_off(tmp_path: Path) -> None:
    """What is left of a torn recording is decoded, whatever its header promised."""
    path = write(tmp_path / "torn.mp3", tone(10.0), codec="libmp3lame")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    assert len(mixed(path)) / RATE == pytest.approx(3.3, abs=0.3)


def test_format_changes_midway(tmp_path: Path) -> None:
    """Recordings joined byte by byte decode to both, though rate and channels change."""
    first = write(tmp_path / "a.mp3", tone(2.0, 44_100), codec="libmp3lame", rate=44_100)
    second = write(tmp_path / "b.mp3", tone(2.0, 22_050), codec="libmp3lame", rate=22_050, channels=2)
    (tmp_path / "both.mp3").write_bytes(first.read_bytes() + second.read_bytes())
    assert len(mixed(tmp_path / "both.mp3")) / RATE == pytest.approx(4.0, abs=0.3)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b"",
            "Transcoding failed. File does not appear to contain audio. File type is inode/x-empty (empty).",
        ),
        (b"just a text\n" * 20, "File type is text/plain (ASCII text)."),
        ("Grüße\n".encode() * 20, "File type is text/plain (Unicode text, UTF-8 text)."),
        (b'{"error": "no such file"}', "File type is application/json (JSON text data)."),
        (bytes(range(256)) * 20, "File type is application/octet-stream (data)."),
        (b"\0" * 5000, "File type is application/octet-stream (data)."),
    ],
    ids=["empty", "text", "unicode", "json", "binary", "zeros"],
)
def test_not_audio(tmp_path: Path, content: bytes, message: str) -> None:
    """What is no recording is refused with its type."""
    (tmp_path / "file.mp3").write_bytes(content)
    with pytest.raises(EngineError) as caught:
        mixed(tmp_path / "file.mp3")
    assert str(caught.value).startswith("Transcoding failed. File does not appear to contain audio. ")
    assert str(caught.value).endswith(message)


def test_page(tmp_path: Path) -> None:
    """A web page is refused in the service's own words."""
    (tmp_path / "page").write_bytes(b"<!DOCTYPE html><html><body>404</body></html>")
    with pytest.raises(EngineError, match=r"^File does not appear to contain audio\. File type is text/html"):
        mixed(tmp_path / "page")


@pytest.mark.parametrize(
    "playlist",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:40\n#EXTINF:38,\nfile://{}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile '{}'\n",
    ],
    ids=["hls", "concat"],
)
def test_playlists_open_nothing(tmp_path: Path, playlist: str) -> None:
    """An uploaded playlist cannot make the server read other files."""
    (tmp_path / "list.m3u8").write_text(playlist.format(DEMO))
    with pytest.raises(EngineError, match="does not appear to contain audio"):
        mixed(tmp_path / "list.m3u8")


def test_video_without_sound(tmp_path: Path) -> None:
    """A film without sound is refused with the name of its container."""
    with pytest.raises(EngineError, match=r"contain audio.*QuickTime / MOV"):
        mixed(write_video(tmp_path / "silent.mp4"))


def test_header_only(tmp_path: Path) -> None:
    """A wav that ends after its header is refused."""
    path = write(tmp_path / "header.wav", tone(1.0), codec="pcm_s16le")
    path.write_bytes(path.read_bytes()[:78])
    with pytest.raises(EngineError, match="contain audio"):
        mixed(path)


def test_m4a_without_its_index(tmp_path: Path) -> None:
    """An m4a that was cut off before its index is refused."""
    path = write(tmp_path / "torn.m4a", tone(5.0), codec="aac")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(EngineError, match="contain audio"):
        mixed(path)


@pytest.mark.parametrize(("seconds", "enough"), [(0.159, False), (0.16, True)])
def test_shortest(tmp_path: Path, seconds: float, enough: bool) -> None:
    """160 ms are enough, less is not."""
    path = write(tmp_path / "short.wav", tone(seconds), codec="pcm_s16le")
    if enough:
        assert len(mixed(path)) == SHORTEST
        return
    with pytest.raises(EngineError, match=r"^Audio duration is too short\.$"):
        mixed(path)


def test_longest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Decoding stops once there is more than the service takes."""
    monkeypatch.setattr(frames, "LONGEST", 1)
    with pytest.raises(EngineError, match=r"^Audio duration is too long$"):
        mixed(write(tmp_path / "long.wav", tone(5.0), codec="pcm_s16le"))


@given(content=st.binary(max_size=400), start=st.sampled_from([b"", b"RIFF", b"ID3", b"OggS", b"fLaC"]))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_arbitrary_bytes(tmp_path: Path, start: bytes, content: bytes) -> None:
    """Whatever the bytes, there is sound or an EngineError."""
    (tmp_path / "file").write_bytes(start + content)
    with suppress(EngineError):
        assert len(mixed(tmp_path / "file")) >= SHORTEST


@given(
    name=st.sampled_from(
        [("a.wav", "pcm_s16le"), ("a.mp3", "libmp3lame"), ("a.m4a", "aac"), ("a.flac", "flac")]
    ),
    damage=st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=40)), max_size=6),
)
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_arbitrary_damage(tmp_path: Path, name: tuple[str, str], damage: list[tuple[float, bytes]]) -> None:
    """Wherever a recording is damaged, there is sound or an EngineError."""
    original = tmp_path / name[0]
    if not original.exists():
        write(original, tone(0.5), codec=name[1])
    content = bytearray(original.read_bytes())
    for place, wrong in damage:
        at = int(place * len(content))
        content[at : at + len(wrong)] = wrong
    (tmp_path / "damaged").write_bytes(content)
    with suppress(EngineError):
        assert len(mixed(tmp_path / "damaged")) >= SHORTEST


def test_window() -> None:
    """A window in ms is a slice of samples, and never reaches beyond the end."""
    samples = tone(2.0)
    assert sections.window(samples, 0, None) == slice(0, 32_000)
    assert sections.window(samples, 500, 1500) == slice(8_000, 24_000)
    assert sections.window(samples, 500, 9_999) == slice(8_000, 32_000)


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        (2_000, None, "audio_start_from is 2000 ms, but the audio is only 2000 ms long"),
        (1_990, None, "Audio duration is too short"),
        (500, 400, "Audio duration is too short"),
    ],
)
def test_bad_window(start: int, end: int | None, message: str) -> None:
    """A window with nothing in it is refused."""
    with pytest.raises(EngineError, match=message):
        sections.window(tone(2.0), start, end)


def test_the_parts_with_sound_are_found() -> None:
    """A gap without any noise is none; a pause of a speaker, in which a room is heard, is."""
    samples = np.concatenate([np.zeros(RATE, np.int16), tone(2.0), np.zeros(3 * RATE, np.int16), tone(1.0)])
    samples[5 * RATE] = 2
    assert sections.sounding(samples, slice(0, len(samples))) == [(1.0, 3.0), (5.0, 5.01), (6.0, 7.0)]
    assert sections.sounding(samples, slice(2 * RATE, 4 * RATE)) == [(2.0, 3.0)]
    assert sections.sounding(np.zeros(RATE, np.int16), slice(0, RATE)) == []


def test_sections_cut_at_silence() -> None:
    """A long recording is cut where it is quiet."""
    samples = np.concatenate([tone(9.0), np.zeros(RATE // 2, np.int16), tone(9.0)])
    first, second = sections.sections(samples, slice(0, len(samples)), longest=10, search=4)
    assert 9.0 <= first.stop / RATE <= 9.5
    assert (first.start, first.stop, second.stop) == (0, second.start, len(samples))


@given(start=st.integers(0, 3 * RATE), length=st.integers(1, 20 * RATE))
@settings(deadline=None, max_examples=50)
def test_sections_cover_the_window(start: int, length: int) -> None:
    """Sections follow one another through the whole window, none too long."""
    samples = np.zeros(start + length, np.int16)
    cuts = list(sections.sections(samples, slice(start, start + length), longest=3, search=1))
    assert (cuts[0].start, cuts[-1].stop) == (start, start + length)
    assert all(one.stop == following.start for one, following in pairwise(cuts))
    assert all(0 < cut.stop - cut.start <= 3 * RATE for cut in cuts)
