"""Every sample lies where a player plays it, whatever the container, the start, the gaps and the joins."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from recording import marked, onsets, write_timed

from aai_async.server.sound.decoding import RATE, decode


@attrs.frozen
class Kind:
    """A container with a codec that it commonly holds."""

    suffix: str
    codec: str
    rate: int = 48_000
    film: str | None = None
    keeps_start: bool = False
    """Whether the time of the file starts at 0 even if nothing is there."""
    options: dict[str, str] = attrs.field(factory=dict[str, str])

    def __str__(self) -> str:
        return "-".join(
            [self.suffix, self.codec, *([self.film] if self.film else []), *self.options.values()]
        )


KINDS = [
    Kind("mp4", "aac", film="mpeg4", keeps_start=True),
    Kind("mp4", "aac", keeps_start=True),
    Kind("mp4", "libopus", keeps_start=True, options={"movflags": "frag_keyframe+delay_moov"}),
    Kind("mov", "alac", keeps_start=True),
    Kind("3gp", "aac", keeps_start=True),
    Kind("mkv", "flac", film="mpeg4", keeps_start=True),
    Kind("mka", "libmp3lame", keeps_start=True),
    Kind("webm", "libopus", keeps_start=True),
    Kind("ogg", "libopus", keeps_start=True, options={"page_duration": "20000"}),
    Kind("flv", "aac", rate=44_100, film="flv1"),
    Kind("ts", "aac", film="mpeg2video"),
    Kind("ts", "mp2"),
    Kind("mpg", "mp2", film="mpeg1video"),
    Kind("vob", "ac3", film="mpeg2video"),
    Kind("wma", "wmav2", rate=44_100),
    Kind("nut", "aac", film="mpeg4"),
]

PRECISE = 0.06
"""Seconds: two of the longest frames of these codecs."""


def write_kind(folder: Path, kind: Kind, *, late: float, gap: tuple[float, float] | None) -> Path:
    return write_timed(
        folder / f"file.{kind.suffix}",
        marked(6.0, [1.0, 5.0], kind.rate),
        codec=kind.codec,
        rate=kind.rate,
        late=late,
        gap=gap,
        film=kind.film,
        film_seconds=late + 7.0,
        **kind.options,
    )


@pytest.mark.parametrize("kind", KINDS, ids=str)
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(late=st.floats(0, 8), gap=st.none() | st.tuples(st.floats(1.5, 2.5), st.floats(2.8, 4.7)))
def test_marks_lie_where_they_were_put(
    tmp_path: Path, kind: Kind, late: float, gap: tuple[float, float] | None
) -> None:
    """
    A tone lies where the encoder put it: after a late start, and after a gap of seconds.

    Where nothing is before the sound, a container whose clock starts anywhere starts with it.
    """
    sound = decode(write_kind(tmp_path, kind, late=late, gap=gap))
    start = late if kind.film or kind.keeps_start else 0.0
    assert onsets(sound.channels[0]) == pytest.approx([start + 1.0, start + 5.0], abs=PRECISE)
    end = late + 7.0 if kind.film else start + 6.0
    assert len(sound.channels[0]) / RATE == pytest.approx(end, abs=0.15)
