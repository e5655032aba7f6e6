"""Cues as SubRip and WebVTT. The text is escaped, so it cannot be markup, a time or another cue."""

from __future__ import annotations

import html
import re

from aai_async._models.transcript import Transcript
from aai_async.formats._cues import MAX_CHARS, MAX_LINES, Cue, cues

_TAG = re.compile(r"<(?=[/a-zA-Z!])|\{(?=\\)")
"""Markup for players in SubRip, which has no escapes."""

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
    Return a transcript as SubRip.

    Lines are broken at the ends of clauses, and each cue is shown long enough to be read, by broadcasters'
    rules: at most two lines of 42 characters, 20 characters per second, 0.833 s to 7 s. If speech is faster
    than that, the cues follow the speech.

    Args:
        transcript: A completed transcript.
        speakers: Whether the first cue of each turn begins with the speaker.
        max_chars: Maximum characters of a line; only a longer word exceeds it.
        max_lines: Maximum lines of a cue.
        chars_per_caption: Create cues as the service does: one line of at most this number of characters.

    Raises:
        OptionsError: A limit is below 1.
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
    # In other cues, the first line already contains the name and was laid out with it.
    named = chars_per_caption is not None and cue.is_turn
    lines = (f"{cue.speaker}: {cue.lines[0]}",) if named else cue.lines
    return "\n".join((times, *map(_as_srt_line, lines)))


def _as_srt_line(line: str) -> str:
    line = _TAG.sub(lambda sign: _HARMLESS[sign[0]], line)
    # Repeated, because "--->" contains another arrow.
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
    Return a transcript as WebVTT, with the rules of `srt`.

    Args:
        transcript: A completed transcript.
        speakers: Whether each cue has the speaker as a voice span, which players can show or style.
        max_chars: Maximum characters of a line; only a longer word exceeds it.
        max_lines: Maximum lines of a cue.
        chars_per_caption: Create cues as the service does: one line of at most this number of characters.

    Raises:
        OptionsError: A limit is below 1.
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
