"""Which track is decoded, and how its channels become one."""

from __future__ import annotations

import wave
from pathlib import Path

import av
import numpy as np
import pytest
from recording import tone, write

from aai_async.server.engine import EngineError
from aai_async.server.sound.decoding import RATE, Samples, decode

SILENCE = np.zeros(RATE, np.int16)


def write_tracks(path: Path, *tracks: Samples, default: int | None = None) -> Path:
    with av.open(str(path), "w") as container:
        streams = []
        for number, _ in enumerate(tracks, start=1):
            stream = container.add_stream("flac", rate=RATE, layout="mono")
            assert isinstance(stream, av.AudioStream)
            stream.disposition = (
                av.stream.Disposition.default if number == default else av.stream.Disposition(0)
            )
            stream.metadata["language"] = "ger" if number == 2 else "eng"
            streams.append(stream)
        for stream, samples in zip(streams, tracks, strict=True):
            for start in range(0, len(samples), 4096):
                frame = av.AudioFrame.from_ndarray(
                    samples[None, start : start + 4096], format="s16", layout="mono"
                )
                frame.rate, frame.pts = RATE, start
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    return path


def write_channels(path: Path, *channels: Samples) -> Path:
    """A WAV file whose channels have no names."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(len(channels))
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.stack(channels, axis=1).tobytes())
    return path


def level(samples: Samples) -> float:
    return float(np.std(samples[RATE // 10 : -RATE // 10]))


def pitch(samples: Samples) -> float:
    spectrum = np.abs(np.fft.rfft(samples.astype(float)))
    return float(np.argmax(spectrum)) * RATE / len(samples)


# Tracks


def test_the_default_track_is_decoded(tmp_path: Path) -> None:
    """The one that a player plays; the others are named, and how to choose them is stated."""
    sound = decode(write_tracks(tmp_path / "film.mkv", tone(1.0), tone(2.0), default=2))
    assert (sound.track, len(sound.channels[0])) == (2, 2 * RATE)
    assert [(track.number, track.codec, track.language) for track in sound.tracks] == [
        (1, "flac", "eng"),
        (2, "flac", "ger"),
    ]
    (warning,) = sound.warnings
    assert warning == (
        "Only audio track 2 was transcribed; audio_track chooses another. The file has 2 audio tracks: "
        "1 (flac, eng), 2 (flac, ger)"
    )


def test_a_silent_track_gives_way(tmp_path: Path) -> None:
    """As in a recording of a screen, whose first track is of a microphone that is off."""
    sound = decode(write_tracks(tmp_path / "screen.mkv", SILENCE, tone(1.0), default=1))
    assert (sound.track, level(sound.channels[0]) > 5000) == (2, True)
    assert "because track 1 is silent" in sound.warnings[0]


@pytest.mark.parametrize("noise", [10, 30, 300])
def test_a_track_with_faint_noise_gives_way(tmp_path: Path, noise: int) -> None:
    """As of a microphone that is off but amplified; the louder track is 20 dB or more above it."""
    hiss = np.random.default_rng(0).normal(0, noise, RATE).astype(np.int16)
    sound = decode(write_tracks(tmp_path / "screen.mkv", hiss, tone(1.0), hiss, default=1))
    assert (sound.track, level(sound.channels[0]) > 5000) == (2, True)
    assert "because track 1 is silent, much quieter or damaged" in sound.warnings[0]


@pytest.mark.parametrize("others", [0, 1, 5])
def test_a_quiet_voice_is_kept_beside_tracks_that_are_no_louder(tmp_path: Path, others: int) -> None:
    """A quiet default track is still the default one."""
    quiet = (tone(1.0) // 20).astype(np.int16)
    sound = decode(write_tracks(tmp_path / "film.mkv", quiet, (quiet * others).astype(np.int16), default=1))
    assert (sound.track, level(sound.channels[0]) > 200) == (1, True)
    assert "Only audio track 1 was transcribed;" in sound.warnings[0]


def test_faint_noise_alone_is_decoded(tmp_path: Path) -> None:
    """There is nothing better."""
    hiss = np.random.default_rng(0).normal(0, 30, RATE).astype(np.int16)
    assert decode(write_tracks(tmp_path / "screen.mkv", SILENCE, hiss)).track == 2
    assert decode(write_tracks(tmp_path / "screen.mkv", hiss, SILENCE)).track == 1


def test_silence_in_all_tracks_is_silence(tmp_path: Path) -> None:
    sound = decode(write_tracks(tmp_path / "silent.mkv", SILENCE, SILENCE))
    assert (sound.track, level(sound.channels[0])) == (1, 0)


def test_a_track_can_be_chosen(tmp_path: Path) -> None:
    """Even if it is silent; nothing is to be warned of then."""
    path = write_tracks(tmp_path / "film.mkv", tone(1.0), SILENCE)
    sound = decode(path, track=2)
    assert (sound.track, level(sound.channels[0]), sound.warnings) == (2, 0, ())


def test_a_track_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """With those that are."""
    path = write_tracks(tmp_path / "film.mkv", tone(1.0), tone(1.0))
    with pytest.raises(
        EngineError, match=r"^audio_track is 3, but the file has 2 audio tracks: 1 \(flac, eng\), 2 "
    ):
        decode(path, track=3)


def test_a_track_without_a_decoder_is_stated(tmp_path: Path) -> None:
    """As the only one it fails the job; beside another it is named."""
    path = write_tracks(tmp_path / "film.mkv", tone(1.0))
    path.write_bytes(path.read_bytes().replace(b"A_FLAC", b"A_NONE"))
    with pytest.raises(
        EngineError, match=r"It contains 1 audio track: 1 \(unknown codec, eng, not decodable\)"
    ):
        decode(path)
    with pytest.raises(EngineError, match=r"^audio_track is 1, which cannot be decoded"):
        decode(path, track=1)
    path = write_tracks(tmp_path / "film.mkv", tone(1.0), tone(1.0))
    path.write_bytes(path.read_bytes().replace(b"A_FLAC", b"A_NONE", 1))
    sound = decode(path)
    assert (sound.track, level(sound.channels[0]) > 5000) == (2, True)
    assert "1 (unknown codec, eng, not decodable)" in sound.warnings[0]


# Channels


@pytest.mark.parametrize("count", [2, 3, 4, 6, 8])
def test_no_microphone_is_lost(tmp_path: Path, count: int) -> None:
    """
    Channels without names are averaged.

    FFmpeg would take the third of three and the fourth of six for a subwoofer, and leave it out.
    """
    for speaking in range(count):
        channels = [tone(1.0) if number == speaking else SILENCE for number in range(count)]
        mixed = decode(write_channels(tmp_path / "desk.wav", *channels)).channels[0]
        assert level(mixed) == pytest.approx(8000 / np.sqrt(2) / count, rel=0.02)


def test_opposite_phases_do_not_cancel(tmp_path: Path) -> None:
    """As with a wrongly soldered cable: one channel is transcribed, and the answer states it."""
    sound = decode(write_channels(tmp_path / "cable.wav", tone(3.0), -tone(3.0)))
    assert level(sound.channels[0]) == pytest.approx(8000 / np.sqrt(2), rel=0.02)
    assert sound.warnings[0].startswith("For 3.0 s the channels have opposite phases")


def test_a_track_is_chosen_by_all_of_its_sound(tmp_path: Path) -> None:
    """Whatever part is transcribed: a default track whose speech begins later is not silent."""
    speech = np.concatenate([np.zeros(2 * RATE, np.int16), tone(2.0)])
    path = write_tracks(tmp_path / "film.mkv", speech, tone(4.0), default=1)
    assert decode(path, end=1000).track == 1


LAYOUTS = {
    "5.1(side)": ["FL", "FR", "FC", "LFE", "SL", "SR"],
    "7.1": ["FL", "FR", "FC", "LFE", "BL", "BR", "SL", "SR"],
}


def write_loudspeakers(path: Path, layout: str, channels: dict[str, Samples]) -> Path:
    """A recording whose channels have the names of loudspeakers; those not given are silent."""
    length = len(next(iter(channels.values())))
    names = LAYOUTS[layout]
    samples = np.stack([channels.get(name, np.zeros(length, np.int16)) for name in names], axis=1)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("flac", rate=RATE, layout=layout)
        assert isinstance(stream, av.AudioStream)
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples).reshape(1, -1), format="s16", layout=layout
        )
        frame.rate, frame.pts = RATE, 0
        fifo = av.AudioFifo()
        fifo.write(frame)
        while piece := fifo.read(4096, partial=True):
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("layout", "pair"),
    [
        ("7.1", "SL SR"),
        ("7.1", "BL SR"),
        ("5.1(side)", "SL SR"),
        ("5.1(side)", "FL SR"),
        ("5.1(side)", "FL FR"),
    ],
)
def test_opposite_phases_in_any_pair_do_not_cancel(tmp_path: Path, layout: str, pair: str) -> None:
    """Also beside another voice, whose power alone would hide that they cancel each other."""
    first, second = pair.split()
    voice = np.random.default_rng(0).normal(0, 3000, 3 * RATE).astype(np.int16)
    other = {"FC": np.random.default_rng(1).normal(0, 3000, 3 * RATE).astype(np.int16)}
    for beside in ({}, other):
        sound = decode(
            write_loudspeakers(tmp_path / "pair.flac", layout, {first: voice, second: -voice, **beside})
        )
        assert np.corrcoef(sound.channels[0], voice)[0, 1] > 0.6
        assert sound.warnings[0].startswith("For 3.0 s the channels have opposite phases")


def test_an_inverted_microphone_among_others_is_heard(tmp_path: Path) -> None:
    """Channels without names: a third voice does not hide that two cancel each other."""
    voice, other = np.random.default_rng(0).normal(0, 3000, (2, 2 * RATE)).astype(np.int16)
    sound = decode(write_channels(tmp_path / "desk.wav", voice, other, -voice))
    assert np.corrcoef(sound.channels[0], voice)[0, 1] > 0.6
    assert sound.warnings[0].startswith("For 2.0 s the channels have opposite phases")


def test_three_channels_that_cancel_each_other_leave_the_loudest(tmp_path: Path) -> None:
    """No two of them do."""
    voice = tone(2.0)
    sound = decode(write_channels(tmp_path / "desk.wav", voice, -voice // 2, -voice // 2))
    assert level(sound.channels[0]) == pytest.approx(level(voice), rel=0.02)
    assert sound.warnings[0].startswith("For 2.0 s the channels have opposite phases")


@pytest.mark.parametrize("layout", list(LAYOUTS))
def test_a_voice_in_the_channel_of_the_subwoofer_is_heard(tmp_path: Path, layout: str) -> None:
    """A recorder of many tracks writes a layout, too; alone or beside another voice."""
    voice, other = np.random.default_rng(0).normal(0, 3000, (2, 3 * RATE)).astype(np.int16)
    for channels in ({"LFE": voice}, {"LFE": voice, "FL": other}):
        sound = decode(write_loudspeakers(tmp_path / "recorder.flac", layout, channels))
        assert np.corrcoef(sound.channels[0], voice)[0, 1] > 0.5
        (warning,) = sound.warnings
        assert warning.startswith("For 3.0 s the channel that the file names as the subwoofer's (LFE)")


def test_the_low_sounds_of_a_subwoofer_are_left_out(tmp_path: Path) -> None:
    """As in any mix of a film, and without a remark."""
    thunder = (8000 * np.sin(2 * np.pi * 60 * np.arange(3 * RATE) / RATE)).astype(np.int16)
    sound = decode(write_loudspeakers(tmp_path / "film.flac", "5.1(side)", {"LFE": thunder, "FC": tone(3.0)}))
    assert pitch(sound.channels[0]) == pytest.approx(440, abs=1)
    assert np.abs(np.fft.rfft(sound.channels[0].astype(float)))[180] < 1000
    assert sound.warnings == ()


def test_unrelated_channels_are_averaged(tmp_path: Path) -> None:
    """Two people who speak at once do not cancel each other, and nothing is to be warned of."""
    noise = np.random.default_rng(0).normal(0, 3000, (2, 2 * RATE)).astype(np.int16)
    assert decode(write_channels(tmp_path / "two.wav", *noise)).warnings == ()


def voice(seed: int, level: float, silent_until: float = 1.0) -> Samples:
    """Four seconds of noise that begin late, as a person does who is asked something."""
    samples = np.random.default_rng(seed).normal(0, level, 4 * RATE)
    samples[: round(silent_until * RATE)] = 0
    return samples.astype(np.int16)


@pytest.mark.parametrize("decibels", [25, 40, 50])
def test_a_voice_that_the_mix_loses_is_named(tmp_path: Path, decibels: int) -> None:
    """A call whose far side is that much quieter than the near one: what finds it is said."""
    far = voice(1, 5000 / 10 ** (decibels / 20))
    (warning,) = decode(write_channels(tmp_path / "call.wav", voice(0, 5000), far)).warnings
    assert warning.startswith(f"Channel 2 is {decibels} dB quieter than the loudest one")
    assert "multichannel transcribes each channel by itself" in warning
    assert decode(write_channels(tmp_path / "call.wav", voice(0, 5000), far), apart=True).warnings == ()


@pytest.mark.parametrize(
    "other",
    [
        voice(1, 1500),
        voice(0, 5000) // 30,
        voice(1, 50, silent_until=0),
        np.zeros(4 * RATE, np.int16),
    ],
    ids=["10 dB quieter", "the same sound", "even noise", "silence"],
)
def test_a_channel_that_loses_nothing_is_not_named(tmp_path: Path, other: Samples) -> None:
    """A voice that is heard in the mix, an echo, the noise of a microphone that nobody uses, and nothing."""
    assert decode(write_channels(tmp_path / "call.wav", voice(0, 5000), other)).warnings == ()


def test_channels_that_appear_midway_are_kept(tmp_path: Path) -> None:
    """A file that changes from one channel to two: the second channel starts then, and no sound is double."""
    parts = [
        write(tmp_path / f"{channels}.mp3", tone(2.0), codec="libmp3lame", channels=channels).read_bytes()
        for channels in (1, 2)
    ]
    (tmp_path / "both.mp3").write_bytes(b"".join(parts))
    first, second = decode(tmp_path / "both.mp3", apart=True).channels
    assert len(first) == len(second) == pytest.approx(4 * RATE, abs=RATE // 4)
    assert level(second[: RATE * 3 // 2]) == 0
    assert level(second[RATE * 5 // 2 :]) > 5000
    assert pitch(first) == pytest.approx(440, abs=2)


def test_ten_hours_are_those_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not of its channels added up."""
    monkeypatch.setattr("aai_async.server.sound.frames.LONGEST", 3)
    path = write_channels(tmp_path / "calls.wav", *[tone(2.0)] * 4)
    assert [len(channel) for channel in decode(path, apart=True).channels] == [2 * RATE] * 4
    with pytest.raises(EngineError, match=r"^Audio duration is too long$"):
        decode(write_channels(tmp_path / "long.wav", tone(4.0)))
