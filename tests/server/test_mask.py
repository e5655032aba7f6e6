"""Masked copies of recordings, decoded again by FFmpeg itself."""

from __future__ import annotations

import math
import tracemalloc
import wave
from pathlib import Path
from typing import Literal

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from recording import tone, write

from aai_async.server.redacted_audio import render
from aai_async.server.redacted_audio.messages import MaskOrder, Span

Sound = NDArray[np.float64]
SPANS = ((200, 400), (700, 750), (990, 5000))
DEMO = Path(__file__).parents[1] / "data" / "two_speakers.mp3"


def decoded(path: Path) -> tuple[Sound, int]:
    """All channels, as many rows, and the rate."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        resampler = av.AudioResampler(format="s16p", layout=stream.layout.name, rate=stream.rate)
        frames = [frame for decoded in container.decode(stream) for frame in resampler.resample(decoded)]
        frames += resampler.resample(None)
        return np.concatenate([frame.to_ndarray() for frame in frames], axis=1).astype(float), stream.rate


def masked(
    source: Path, format_: Literal["mp3", "wav"], spans: tuple[Span, ...] = SPANS, *, silent: bool = False
) -> Path:
    target = source.with_name("masked.part")
    render.mask(
        MaskOrder(source=str(source), target=str(target), track=1, format=format_, silent=silent, spans=spans)
    )
    return target


def part(sound: Sound, rate: int, start: int, stop: int) -> Sound:
    """Between two times in ms."""
    return sound[:, start * rate // 1000 : stop * rate // 1000]


def loudness(sound: Sound) -> float:
    return float(np.sqrt(np.square(sound).mean()))


def pitch(sound: Sound, rate: int) -> float:
    spectrum = np.abs(np.fft.rfft(sound[0]))
    return int(np.argmax(spectrum)) * rate / len(sound[0])


@pytest.mark.parametrize(
    ("name", "codec", "rate", "channels"),
    [
        ("sound.wav", "pcm_s16le", 16_000, 1),
        ("telephone.wav", "pcm_mulaw", 8000, 1),
        ("sound.flac", "flac", 44_100, 2),
        ("sound.mp3", "libmp3lame", 48_000, 2),
        ("sound.m4a", "aac", 22_050, 1),
        ("sound.webm", "libopus", 48_000, 2),
        ("sound.flac", "flac", 96_000, 1),
    ],
)
def test_a_wav_is_the_recording_itself_outside_of_the_spans(
    tmp_path: Path, name: str, codec: str, rate: int, channels: int
) -> None:
    """Sample by sample, at its own rate and with its own channels; silence inside of them is digital zero."""
    source = write(tmp_path / name, tone(1.0, rate), codec=codec, rate=rate, channels=channels)
    original, _ = decoded(source)
    copy, copied_rate = decoded(masked(source, "wav", silent=True))
    assert (copied_rate, copy.shape) == (rate, original.shape)
    for start, stop in ((0, 200), (400, 700), (750, 990)):
        assert np.array_equal(part(copy, rate, start, stop), part(original, rate, start, stop))
    for start, stop in SPANS:
        assert not part(copy, rate, start, stop).any()


@pytest.mark.parametrize("format_", ["mp3", "wav"])
@pytest.mark.parametrize(
    ("rate", "channels"), [(8000, 1), (16_000, 1), (22_050, 2), (44_100, 2), (48_000, 1)]
)
def test_a_beep_of_a_kilohertz_covers_the_spans(
    tmp_path: Path, format_: Literal["mp3", "wav"], rate: int, channels: int
) -> None:
    """And the rest is the recording, as nearly as the format has it: MP3 is a twentieth quieter."""
    source = write(tmp_path / "a.flac", tone(1.0, rate), codec="flac", rate=rate, channels=channels)
    original, _ = decoded(source)
    copy, copied_rate = decoded(masked(source, format_))
    assert (copied_rate, copy.shape[0]) == (rate, channels)
    assert copy.shape[1] / rate == pytest.approx(1.0, abs=0.08)
    # A frame's width from the edges, where MPEG smears.
    for start, stop in ((20, 150), (450, 650)):
        before, after = part(original, rate, start, stop), part(copy, rate, start, stop)
        assert loudness(after - before) < loudness(before) * 0.1
    covered = part(copy, rate, 250, 350)
    assert pitch(covered, rate) == pytest.approx(1000, abs=15)
    assert loudness(covered) == pytest.approx(6000 / math.sqrt(2), rel=0.1)


def test_silence_in_an_mp3(tmp_path: Path) -> None:
    """As silent as MPEG makes it."""
    source = write(tmp_path / "a.wav", tone(1.0), codec="pcm_s16le")
    copy, rate = decoded(masked(source, "mp3", silent=True))
    assert loudness(part(copy, rate, 260, 340)) < 30


@pytest.mark.parametrize(("rate", "expected"), [(96_000, 48_000), (40_000, 44_100), (7000, 8000)])
def test_an_mp3_has_the_next_rate_that_it_can_have(tmp_path: Path, rate: int, expected: int) -> None:
    """The pitch stays."""
    source = write(tmp_path / "a.wav", tone(1.0, rate), codec="pcm_s16le", rate=rate)
    copy, copied_rate = decoded(masked(source, "mp3", ()))
    assert copied_rate == expected
    assert pitch(part(copy, expected, 100, 600), expected) == pytest.approx(440, abs=5)


def test_an_mp3_of_many_channels_is_stereo(tmp_path: Path) -> None:
    """Which a WAV need not be."""
    source = tmp_path / "a.wav"
    with av.open(str(source), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=16_000, layout="5.1")
        assert isinstance(stream, av.AudioStream)
        frame = av.AudioFrame.from_ndarray(np.repeat(tone(1.0), 6)[None], format="s16", layout="5.1")
        frame.sample_rate = 16_000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert decoded(masked(source, "mp3"))[0].shape[0] == 2
    assert decoded(masked(source, "wav"))[0].shape[0] == 6


def test_the_times_are_those_of_the_words(tmp_path: Path) -> None:
    """In a real recording too: what is masked there is silent, and what is not is as it was."""
    original, rate = decoded(DEMO)
    source = tmp_path / "call.mp3"
    source.write_bytes(DEMO.read_bytes())
    copy, copied_rate = decoded(masked(source, "mp3", ((10_000, 12_000),), silent=True))
    assert (copied_rate, copy.shape[0]) == (rate, original.shape[0])
    assert loudness(part(copy, rate, 10_100, 11_900)) < 30
    for start, stop in ((1000, 9900), (12_100, 38_000)):
        before, after = part(original, rate, start, stop), part(copy, rate, start, stop)
        assert loudness(after - before) < loudness(before) * 0.2


def test_memory_does_not_grow_with_the_recording(tmp_path: Path) -> None:
    """Ten minutes of sound, 20 MB, pass through less than two."""
    source = write(tmp_path / "a.flac", tone(600.0), codec="flac")
    spans = tuple((at, at + 50) for at in range(0, 600_000, 100))
    tracemalloc.start()
    copy = masked(source, "wav", spans)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert copy.stat().st_size == pytest.approx(600 * 16_000 * 2, rel=0.01)
    assert peak < 2_000_000


def test_what_is_no_recording_raises(tmp_path: Path) -> None:
    """So that the child ends with a status that says so; a playlist is not followed to other files."""
    (tmp_path / "list").write_text("#EXTM3U\n#EXTINF:1,\n/etc/hostname\n")
    with pytest.raises(av.FFmpegError):
        masked(tmp_path / "list", "mp3")
    with wave.open(str(tmp_path / "empty.wav"), "wb") as empty:
        empty.setparams((1, 2, 16_000, 0, "NONE", ""))
    with pytest.raises(ValueError, match="no sound"):
        masked(tmp_path / "empty.wav", "wav")
