"""A real sample of each format that the service lists is decoded, and of others that people have."""

from __future__ import annotations

from pathlib import Path

import attrs
import handmade
import numpy as np
import pytest
from recording import tone, write, write_timed

from aai_async._io.media import MEDIA_TYPES
from aai_async.server.sound.decoding import RATE, decode

DATA = Path(__file__).parents[2] / "data"

SECONDS = 2.0


@attrs.frozen
class Encoded:
    """A format that an encoder writes: the muxer's suffix, the codec, its rate, and the codec of the film."""

    muxer: str
    codec: str
    rate: int = 44_100
    film: str | None = None


AAC, ALAC, OPUS = Encoded("m4a", "aac"), Encoded("m4a", "alac"), Encoded("opus", "libopus", 48_000)

ENCODED = {
    ".aac": Encoded("aac", "aac"),
    ".ac3": Encoded("ac3", "ac3", 48_000),
    ".aif": Encoded("aif", "pcm_s16be"),
    ".aiff": Encoded("aiff", "pcm_s16be"),
    ".alac": ALAC,
    ".au": Encoded("au", "pcm_mulaw", 8000),
    ".avi": Encoded("avi", "libmp3lame", film="mpeg4"),
    ".caf": Encoded("caf", "alac"),
    ".flac": Encoded("flac", "flac"),
    ".flv": Encoded("flv", "libmp3lame", film="flv1"),
    ".m2ts": Encoded("m2ts", "ac3", 48_000, film="mpeg2video"),
    ".m4a": AAC,
    ".m4b": AAC,
    ".m4p": AAC,
    ".m4r": AAC,
    ".m4v": Encoded("mp4", "aac", film="mpeg4"),
    ".mka": Encoded("mka", "libmp3lame"),
    ".mkv": Encoded("mkv", "flac", film="mpeg4"),
    ".mogg": Encoded("ogg", "libopus", 48_000),
    ".mov": Encoded("mov", "pcm_s16le", film="mpeg4"),
    ".mp2": Encoded("mp2", "mp2"),
    ".mp3": Encoded("mp3", "libmp3lame"),
    ".mp4": Encoded("mp4", "aac", film="mpeg4"),
    ".mpeg": Encoded("mpeg", "mp2", film="mpeg1video"),
    ".mpg": Encoded("mpg", "mp2", film="mpeg2video"),
    ".mpga": Encoded("mp3", "libmp3lame"),
    ".mts": Encoded("m2ts", "ac3", 48_000, film="mpeg2video"),
    ".mxf": Encoded("mxf", "pcm_s16le", 48_000, film="mpeg2video"),
    ".oga": Encoded("oga", "flac"),
    ".ogg": Encoded("ogg", "libopus", 48_000),
    ".opus": OPUS,
    ".ts": Encoded("ts", "aac", film="mpeg2video"),
    ".tta": Encoded("tta", "tta"),
    ".voc": Encoded("voc", "pcm_u8", 11_025),
    ".wav": Encoded("wav", "pcm_s24le"),
    ".webm": Encoded("webm", "libopus", 48_000, film="libvpx"),
    ".wma": Encoded("wma", "wmav2"),
    ".wmv": Encoded("wmv", "wmav1", film="wmv2"),
    ".wv": Encoded("wv", "wavpack"),
    # What the service does not list, but people have.
    ".3g2": Encoded("3g2", "aac"),
    ".aifc": Encoded("aif", "pcm_s16be"),
    ".asf": Encoded("asf", "wmav2", film="wmv2"),
    ".eac3": Encoded("eac3", "eac3", 48_000),
    ".ec3": Encoded("eac3", "eac3", 48_000),
    ".f4a": AAC,
    ".f4v": Encoded("f4v", "aac"),
    ".g722": Encoded("g722", "g722", 16_000),
    ".m2a": Encoded("mp2", "mp2"),
    ".m2t": Encoded("m2t", "ac3", 48_000, film="mpeg2video"),
    ".mpa": Encoded("mp2", "mp2"),
    ".nut": Encoded("nut", "libmp3lame"),
    ".ogv": Encoded("ogv", "libopus", 48_000),
    ".rm": Encoded("rm", "ac3", 48_000),
    ".snd": Encoded("au", "pcm_mulaw", 8000),
    ".vob": Encoded("vob", "ac3", 48_000, film="mpeg2video"),
    ".w64": Encoded("w64", "pcm_s16le"),
    ".weba": Encoded("webm", "libopus", 48_000),
    ".wtv": Encoded("wtv", "mp2", 48_000, film="mpeg2video"),
}

HANDMADE = {
    ".8svx": handmade.svx(tone(SECONDS, 16_000), 16_000),
    ".ape": handmade.ape(SECONDS),
    ".dss": handmade.dss(SECONDS),
    ".qcp": handmade.qcp(SECONDS),
    ".awb": handmade.amr_wb(SECONDS),
    ".nist": handmade.sphere(tone(SECONDS, 16_000), 16_000),
    ".sph": handmade.sphere(tone(SECONDS, 16_000), 16_000),
}

STORED = {
    ".3ga": "tone.3gp",
    ".3gp": "tone.3gp",
    ".amr": "tone.amr",
    ".dts": "tone.dts",
    ".gsm": "tone.gsm",
    ".ra": "tone.ra",
    ".spx": "tone.spx",
}
"""Formats whose encoder is not in every build of FFmpeg that PyAV brings."""

SILENT = {".ape", ".awb", ".dss", ".qcp"}
"""Formats without an encoder, whose codecs are too complex to write a tone by hand."""


def content_of(suffix: str, folder: Path) -> bytes:
    if suffix in STORED:
        return (DATA / STORED[suffix]).read_bytes()
    return HANDMADE.get(suffix) or encode(folder / "made", ENCODED[suffix])


def encode(path: Path, kind: Encoded) -> bytes:
    source = path.with_suffix(f".{kind.muxer}")
    if kind.film is None:
        return write(source, tone(SECONDS, kind.rate), codec=kind.codec, rate=kind.rate).read_bytes()
    made = write_timed(
        source,
        tone(SECONDS, kind.rate),
        codec=kind.codec,
        rate=kind.rate,
        film=kind.film,
        film_seconds=SECONDS,
    )
    return made.read_bytes()


def test_there_is_a_sample_of_each_suffix_of_the_service() -> None:
    assert set(MEDIA_TYPES) <= {*ENCODED, *HANDMADE, *STORED}


@pytest.mark.parametrize("suffix", [*ENCODED, *HANDMADE, *STORED])
def test_a_sample_is_decoded(tmp_path: Path, suffix: str) -> None:
    """All of it, with its pitch, and nothing to warn of."""
    path = tmp_path / f"sample{suffix}"
    path.write_bytes(content_of(suffix, tmp_path))
    sound = decode(path)
    (samples,) = sound.channels
    assert len(samples) / RATE == pytest.approx(SECONDS, abs=0.15)
    assert sound.warnings == ()
    if suffix not in SILENT:
        spectrum = np.abs(np.fft.rfft(samples.astype(float)))
        assert float(np.argmax(spectrum)) * RATE / len(samples) == pytest.approx(440, abs=3)
