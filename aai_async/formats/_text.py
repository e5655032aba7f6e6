"""A transcript as plain text."""

from __future__ import annotations

from collections.abc import Mapping

from aai_async._models.transcript import Transcript
from aai_async.formats._names import renamed
from aai_async.formats._registry import Format
from aai_async.formats._spacing import one_line
from aai_async.formats._turns import Turn, clock, completed, name_before, paragraphs, turns


def txt(
    transcript: Transcript,
    *,
    speakers: bool | None = None,
    times: bool = False,
    names: Mapping[str, str] | None = None,
) -> str:
    """
    Return a transcript as plain text: one line for each paragraph, or for each turn if speakers are named.

    Args:
        transcript: A completed transcript.
        speakers: Whether to prefix lines with the speaker; by default if speakers were separated.
        times: Whether to prefix lines with timestamps.
        names: Names of the speakers by label, such as `{"A": "Anna"}`.

    Raises:
        AAIError: The transcript is not completed.
    """
    transcript = renamed(completed(transcript), names)
    named = bool(transcript.utterances) if speakers is None else speakers
    lines = [_line(turn, named, times) for turn in (turns if named else paragraphs)(transcript)]
    if not lines:
        lines = [one_line(transcript.text or "")]
    return ("\n" if named else "\n\n").join(lines) + "\n"


def _line(turn: Turn, named: bool, times: bool) -> str:
    time = f"[{clock(turn.start)}] " if times else ""
    name = f"{name_before(turn.speaker, turn.text)}: " if named and turn.speaker else ""
    return f"{time}{name}{turn.text}"


FORMATS = (
    Format(
        "txt",
        txt,
        "paragraphs, or one line per turn; with speakers and times",
        is_concatenable=True,
        needs_heading=True,
    ),
)
