"""Cues written as SubRip and as WebVTT; no text can be taken for markup, for a time, or for another cue."""

from __future__ import annotations

import html
import re

from aai_async._answers.transcript import Transcript
from aai_async.formats._cues import MAX_CHARS, MAX_LINES, Cue, cues

_TAG = re.compile(r"<(?=[/a-zA-Z!])|\{(?=\\)")
"""What players take for markup in SubRip, which has no escapes."""

_HARMLESS = {"<": "‹", "{": "("}


def srt(
    transcript: Transcript,
    *,
    speakers: bool = False,
    max_chars: int = MAX_CHARS,
    max_lines: int = MAX_LINES,
    chars_per_caption: int | None = None,
) -> str:
    """
    Write a transcript as SubRip.

    Lines are broken where clauses end, and each cue stands for as long as it takes to be read, as
    broadcasters have it: at most 42 letters in two lines, 20 letters a second, five sixths of a second to
    seven. Where speech is quicker than that, the words come first.

    Args:
        transcript: A completed one.
        speakers: Whether the first cue of each turn begins with who speaks.
        max_chars: Letters in a line; only a longer word stands out.
        max_lines: Lines of a cue.
        chars_per_caption: Make cues as the service does, instead: of one line of at most so many letters.

    Raises:
        OptionsError: A measure below 1.
        AAIError: The transcript is not completed, or has no times.

    Source: https://www.assemblyai.com/docs/api-reference/transcripts/get-subtitles
    """
    made = cues(
        transcript,
        speakers=speakers,
        max_chars=max_chars,
        max_lines=max_lines,
        chars_per_caption=chars_per_caption,
        room_for_name=True,
    )
    return "".join(f"{number}\n{_as_srt(cue, chars_per_caption)}\n\n" for number, cue in enumerate(made, 1))


def _as_srt(cue: Cue, chars_per_caption: int | None) -> str:
    times = f"{_clock(cue.start, ',')} --> {_clock(cue.end, ',')}"
    # The others have the name in their first line already, where it takes its room.
    named = chars_per_caption is not None and cue.is_turn
    lines = (f"{cue.speaker}: {cue.lines[0]}",) if named else cue.lines
    return "\n".join((times, *map(_as_srt_line, lines)))


def _as_srt_line(line: str) -> str:
    line = _TAG.sub(lambda sign: _HARMLESS[sign[0]], line)
    # Repeated, for "--->" hides another one.
    while "-->" in line:
        line = line.replace("-->", "->")
    return line


def vtt(
    transcript: Transcript,
    *,
    speakers: bool = False,
    max_chars: int = MAX_CHARS,
    max_lines: int = MAX_LINES,
    chars_per_caption: int | None = None,
) -> str:
    """
    Write a transcript as WebVTT, as `srt` does.

    Args:
        transcript: A completed one.
        speakers: Whether each cue says who speaks, as a voice span, which players may show or style.
        max_chars: Letters in a line; only a longer word stands out.
        max_lines: Lines of a cue.
        chars_per_caption: Make cues as the service does, instead: of one line of at most so many letters.

    Raises:
        OptionsError: A measure below 1.
        AAIError: The transcript is not completed, or has no times.

    Source: https://www.w3.org/TR/webvtt1/
    """
    made = cues(
        transcript,
        speakers=speakers,
        max_chars=max_chars,
        max_lines=max_lines,
        chars_per_caption=chars_per_caption,
        room_for_name=False,
    )
    return "\n".join(("WEBVTT\n", *map(_as_vtt, made)))


def _as_vtt(cue: Cue) -> str:
    voice = f"<v {html.escape(cue.speaker, quote=False)}>" if cue.speaker else ""
    text = "\n".join(html.escape(line, quote=False) for line in cue.lines)
    return f"{_clock(cue.start, '.')} --> {_clock(cue.end, '.')}\n{voice}{text}\n"


def _clock(milliseconds: int, point: str) -> str:
    seconds, thousandths = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{point}{thousandths:03}"
