"""States what is in a file but was not decoded: nothing is lost in silence."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs
from av.container import InputContainer

from aai_async.server.engine import AudioTrack
from aai_async.server.sound.broken_ends import is_broken_off, lacks_end_mark
from aai_async.server.sound.containers import has_lame_tag
from aai_async.server.sound.edit_lists import Span
from aai_async.server.sound.frames import TrackDecoder
from aai_async.server.sound.levels import QuietChannel
from aai_async.server.sound.stated_ends import stated_asf_end, stated_movie_end, stated_size
from aai_async.server.sound.tags import trailing_tags
from aai_async.server.sound.tracks import described

_STATES_LENGTH = (
    *("aiff", "ape", "au", "caf", "flac", "flv", "mov", "matroska", "mxf", "rm", "tta", "w64", "wav", "wv"),
)
"""Containers whose headers state the length. FFmpeg estimates that of others."""

_STATES_BYTES = ("aiff", "au", "caf", "voc", "w64", "wav")
"""Containers whose headers state where the sound ends, which a recorder that was killed leaves wrong."""

_MARKS_CUT = ("flv", "mov", "voc")
"""Containers whose packets all have a size that is right, even if a recorder was killed."""

_LEAST_LOST = 0.1
"""Seconds of damaged packets that are worth a warning: a stream often starts within a packet."""

_LEAST_MISSING = 1.0
"""Seconds of gaps, or between a stated and a real length, that are worth a warning."""


@attrs.frozen(kw_only=True)
class Reading:
    """How the reading of a track went. Times are in seconds."""

    gaps: tuple[Span, ...]
    """Parts without sound between frames."""

    lost: tuple[tuple[float, float], ...]
    """Place and length of each packet that could not be decoded."""

    skipped: tuple[tuple[float, float], ...]
    """Place and length of each part of damaged data that was skipped."""

    end: float
    """The end that was reached."""

    stated: float | None
    """The end that the header states, if it does."""

    unread: float
    """Length of the sound after the end that the header states."""

    ignores_length: bool
    """Whether that sound was decoded too."""

    cancelled: float = 0.0
    """Time during which the channels cancelled each other."""

    low: float = 0.0
    """Time during which a subwoofer's channel had more than low sounds."""

    quiet: tuple[QuietChannel, ...] = ()
    """Channels whose voice the mix may lose."""

    is_broken_off: bool = False
    """Whether the file ends within a part of its format."""

    lacks_end_mark: bool = False
    """Whether the file has no mark at its end, although its format has one."""

    is_longer: bool = False
    """Whether there is more sound than the header states, as in WebM files that were joined byte by byte."""

    has_short_header: bool = False
    """Whether to decode again without regard to the header."""


def read_result(
    path: Path, recording: InputContainer, decoder: TrackDecoder, *, ignores_length: bool
) -> Reading:
    """Compare what was decoded with what the file contains and its header states."""
    name = recording.format.name
    unread = _unread(path, decoder) if name in _STATES_BYTES and not ignores_length else 0.0
    size = stated_size(path, name)
    stated = _stated(path, recording, decoder, size)
    return Reading(
        gaps=tuple(decoder.timeline.gaps),
        lost=tuple(decoder.lost),
        skipped=tuple(decoder.filled),
        end=decoder.end,
        stated=stated,
        unread=unread,
        ignores_length=ignores_length,
        is_broken_off=(decoder.is_cut and name.startswith(_MARKS_CUT))
        # FLAC states no sizes of its frames, and one that is cut off cannot be decoded.
        or (decoder.is_last_lost and name == "flac")
        or size is not None
        or is_broken_off(path, name, decoder.last_packet),
        lacks_end_mark=name == "ogg" and lacks_end_mark(path),
        is_longer=name.startswith("matroska") and stated is not None and _is_less(stated, decoder.end),
        has_short_header=name == "wav" and unread > 0,
    )


def warnings_about(reading: Reading) -> Iterator[str]:
    """State what is missing from a track."""
    if reading.ignores_length and reading.stated is not None:
        yield _more_than_stated(reading.stated, reading.end)
    elif reading.unread:
        yield f"The file's header ends before {reading.unread:.1f} s of data, which were not transcribed"
    elif reading.stated is not None and _is_less(reading.end, reading.stated):
        yield (
            f"The file's header states {reading.stated:.1f} s, but the file ends after {reading.end:.1f} s: "
            "it is incomplete"
        )
    elif reading.is_broken_off:
        yield f"The file breaks off after {reading.end:.1f} s, within a packet: it is incomplete"
    elif reading.lacks_end_mark:
        yield (
            f"The file ends after {reading.end:.1f} s without the mark of its end: it is incomplete, or a "
            "part of a live stream"
        )
    elif reading.is_longer and reading.stated is not None:
        yield _more_than_stated(reading.stated, reading.end)
    yield from _about_parts(reading)


def warnings_about_joined(sizes: Sequence[int], seconds: Sequence[float | None]) -> Iterator[str]:
    """
    State that a file consists of joined recordings, and which were lost.

    Args:
        sizes: The bytes of each recording.
        seconds: The length of each recording; `None` if it could not be decoded.
    """
    heard = [(size, length) for size, length in zip(sizes, seconds, strict=True) if length is not None]
    rate = sum(size for size, _ in heard) / max(sum(length for _, length in heard), 1e-3)
    lost = sum(sizes) - sum(size for size, _ in heard)
    yield (
        f"The file is {len(sizes)} recordings joined into one; {len(heard)} were transcribed, but "
        "players may play the first alone"
    )
    if lost:
        yield f"About {lost / rate:.1f} s of sound is missing because the other recordings cannot be decoded"


def warnings_about_tracks(
    tracks: Sequence[AudioTrack], number: int, passed: Sequence[int], chosen: int | None
) -> Iterator[str]:
    """State which tracks were not transcribed, unless one was chosen."""
    if len(tracks) > 1 and chosen is None:
        remark = (
            f" because {_listed(passed)} {'is' if len(passed) == 1 else 'are'} "
            "silent, much quieter or damaged"
            if passed
            else ""
        )
        yield (
            f"Only audio track {number} was transcribed{remark}; audio_track chooses another. The file has "
            f"{described(tracks)}"
        )


def _about_parts(reading: Reading) -> Iterator[str]:
    skipped = _sum(reading.skipped)
    if skipped >= _LEAST_LOST:
        yield (
            f"About {skipped:.1f} s of sound is missing because the data is damaged, the first at "
            f"{reading.skipped[0][0]:.1f} s"
        )
    lost = _sum(reading.lost)
    is_long = lost > skipped and lost >= _LEAST_LOST
    if is_long or (reading.lost and not lost and not skipped):
        yield (
            f"{_seconds(lost)} in {_packets(len(reading.lost))} could not be "
            f"decoded, the first at {reading.lost[0][0]:.1f} s"
        )
    missing = sum(end - start for start, end in reading.gaps)
    if missing >= _LEAST_MISSING:
        start, end = reading.gaps[0]
        more = f", and in {len(reading.gaps) - 1} more gaps" if len(reading.gaps) > 1 else ""
        yield f"The audio track has no sound for {missing:.1f} s: from {start:.1f} s to {end:.1f} s{more}"
    if reading.cancelled:
        yield (
            f"For {reading.cancelled:.1f} s the channels have opposite phases and would cancel each other; "
            "there one was inverted, or the loudest one alone was transcribed"
        )
    if reading.low:
        yield (
            f"For {reading.low:.1f} s the channel that the file names as the subwoofer's (LFE) sounds like a "
            "voice; there it was transcribed with the others"
        )
    for channel in reading.quiet:
        yield (
            f"Channel {channel.number} is {channel.decibels:.0f} dB quieter than the loudest one and holds "
            "other sound, so a voice in it may be missing; multichannel transcribes each channel by itself"
        )


def _sum(parts: Sequence[tuple[float, float]]) -> float:
    return sum(length for _, length in parts)


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s of sound" if seconds else "Sound of unknown length"


def _packets(number: int) -> str:
    return f"{number} packet{'s' if number > 1 else ''}"


def _listed(numbers: Sequence[int]) -> str:
    return f"track{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"


def _more_than_stated(stated: float, end: float) -> str:
    return (
        f"The file's header states {stated:.1f} s of sound, but {end:.1f} s are there. "
        "All of it was transcribed; players may end earlier"
    )


def _is_less(end: float, stated: float) -> bool:
    return stated - end > max(_LEAST_MISSING, stated / 50)


def _stated(path: Path, recording: InputContainer, decoder: TrackDecoder, size: int | None) -> float | None:
    """Return the end that the header states, or `None` if it states none."""
    name = recording.format.name
    if name == "asf":
        return stated_asf_end(path)
    if size is not None:
        return _counted_end(recording) or decoder.sound_end * size / max(decoder.bytes_read, 1)
    if name.startswith("mov") and (end := stated_movie_end(path)) is not None:
        return end
    # FFmpeg takes another tag behind the sound for sound. A file that has it is not cut off anyway.
    is_stated = name.startswith(_STATES_LENGTH) or (has_lame_tag(recording) and not trailing_tags(path))
    return _film_end(recording) if is_stated else None


def _counted_end(recording: InputContainer) -> float | None:
    """Return the end by the number of frames in the header of an AVI file."""
    if recording.format.name != "avi":
        return None
    streams = [*recording.streams.audio, *recording.streams.video]
    return max(float(stream.frames * (stream.time_base or 0)) for stream in streams) or None


def _film_end(recording: InputContainer) -> float | None:
    """Return the end of sound and film by the header; other tracks, such as chapters, may be longer."""
    streams = [*recording.streams.audio, *recording.streams.video]
    ends = [
        float(((stream.start_time or 0) + stream.duration) * stream.time_base)
        for stream in streams
        if stream.duration is not None and stream.time_base is not None
    ]
    if ends:
        return max(ends)
    return None if recording.duration is None else recording.duration / 1e6


def _unread(path: Path, decoder: TrackDecoder) -> float:
    """Return the seconds of sound after the last packet, if it is not another part of the file's format."""
    rest = path.stat().st_size - decoder.bytes_read
    if decoder.sound_end <= 0 or decoder.bytes_read <= 0:
        return 0.0
    seconds = rest / (decoder.bytes_read / decoder.sound_end)
    return seconds if seconds >= _LEAST_MISSING and not _is_chunk(path, decoder.bytes_read) else 0.0


def _is_chunk(path: Path, position: int) -> bool:
    """Whether a chunk such as ``LIST`` starts there: four printable characters and a length."""
    with path.open("rb") as file:
        file.seek(position + position % 2)
        name = file.read(4)
    return name != b"RIFF" and all(0x20 <= byte < 0x7F for byte in name)
