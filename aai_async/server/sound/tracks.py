"""The audio tracks of a recording, and the order in which they are tried."""

from collections.abc import Sequence

from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition

from aai_async.server.engine import AudioTrack, EngineError

# Tracks for those who do not see the film or do not get the main one.
_SECONDARY = (
    Disposition.comment
    | Disposition.hearing_impaired
    | Disposition.visual_impaired
    | Disposition.clean_effects
)


def tracks_of(recording: InputContainer) -> tuple[AudioTrack, ...]:
    """Return all audio tracks in the order of the file, numbered from 1."""
    return tuple(_track(number, stream) for number, stream in enumerate(recording.streams.audio, start=1))


def candidates(
    recording: InputContainer, tracks: Sequence[AudioTrack], number: int | None
) -> list[AudioTrack]:
    """
    Return the tracks to try: the chosen one, or all that can be decoded, the default ones first.

    Raises:
        EngineError: The chosen track does not exist or cannot be decoded.
    """
    if number is None:
        streams = recording.streams.audio
        decodable = [track for track in tracks if track.is_decodable]
        return sorted(decodable, key=lambda track: _rank(streams[track.number - 1]))
    if not 1 <= number <= len(tracks):
        raise EngineError(
            f"audio_track is {number}, but the file has {described(tracks) or 'no audio track'}."
        )
    chosen = tracks[number - 1]
    if not chosen.is_decodable:
        raise EngineError(
            f"audio_track is {number}, which cannot be decoded. The file has {described(tracks)}."
        )
    return [chosen]


def described(tracks: Sequence[AudioTrack]) -> str:
    """Describe the tracks in one line, such as ``2 audio tracks: 1 (aac, eng), 2 (ac4, not decodable)``."""
    if not tracks:
        return ""
    noun = "audio track" if len(tracks) == 1 else "audio tracks"
    return f"{len(tracks)} {noun}: {', '.join(map(_described, tracks))}"


def _described(track: AudioTrack) -> str:
    facts = [track.codec, track.language, track.title, "" if track.is_decodable else "not decodable"]
    return f"{track.number} ({', '.join(fact for fact in facts if fact)})"


def _track(number: int, stream: AudioStream) -> AudioTrack:
    # Typed as always present by PyAV, but None without a decoder.
    context = getattr(stream, "codec_context", None)
    return AudioTrack(
        number=number,
        codec="unknown codec" if context is None else context.name,
        channels=None if context is None else context.channels or None,
        sample_rate=None if context is None else context.sample_rate or None,
        language=stream.language or None,
        title=stream.metadata.get("title"),
        is_decodable=context is not None,
    )


def _rank(stream: AudioStream) -> tuple[bool, bool]:
    disposition = stream.disposition
    return bool(disposition & _SECONDARY), not disposition & Disposition.default
