"""Cues as SubRip and WebVTT. The text is escaped, so it cannot be markup, a time or another cue."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping

from aai_async._models.transcript import Transcript
from aai_async.formats._cues import Cue, CueLayout, Part
from aai_async.formats._names import renamed
from aai_async.formats._registry import Format
from aai_async.formats._subtitle_style import Overlap, SubtitleStyle, check_overlap, limits_of

_LOOKALIKES = str.maketrans({"<": "‹", "{": "(", "}": ")"})
"""
The characters that begin markup or commands for players in SubRip, which has no escapes.

Some readers drop the text behind a "<" that begins no tag, and that within braces.
"""

_SAFE = re.compile(r"[^<>{}&\\:]*")
"""Most lines, in which no reader finds anything else than text."""

_REFERENCE = re.compile(r"(?<=&)(?=#?\w+;)")
"""Where text could be read as a character of HTML."""

_BACKSLASH = re.compile(r"(?<=\\)(?=[Nnh])")
"""Where text could be read as a line break or a space of SubStation Alpha."""

_NAME_REFERENCES = {ord(character): f"&#{ord(character)};" for character in "&<>{}"}
"""
The characters of a name in WebVTT that are written as references.

They are written by number: FFmpeg 5 takes `&amp;` and braces within a tag for text.
"""

_TIME = re.compile(r"(?<=\d:\d\d)(?=[.,]\d)")
"""Where text could be read as a time."""


def srt(
    transcript: Transcript,
    *,
    speakers: bool = False,
    style: SubtitleStyle | None = None,
    max_chars: int | None = None,
    max_lines: int | None = None,
    chars_per_caption: int | None = None,
    overlap: Overlap = "cues",
    names: Mapping[str, str] | None = None,
) -> str:
    """
    Return a transcript as SubRip.

    Lines are broken at the ends of clauses by the rules of the language, and each cue is shown long enough to
    be read, by broadcasters' rules: at most two lines of 42 columns, 20 per second, 0.833 s to 7 s. If speech
    is faster than that, the cues follow the speech. Each cue begins within 0.3 s of its first word. Turns
    that are too short to be read alone share a cue with dashes.

    Args:
        transcript: A completed transcript.
        speakers: Whether the first cue of each turn begins with the speaker.
        style: The published limits to follow: `"netflix"`, with those of the language; `"bbc"`; or
            `"service"`, which creates cues as the service does. By default Netflix's for English.
        max_chars: Maximum columns of a line, instead of those of the style; only a longer word exceeds it. A
            wide character, such as a Chinese one, takes two columns.
        max_lines: Maximum lines of a cue, instead of those of the style.
        chars_per_caption: Create cues as the service does: one line of at most this number of characters.
        overlap: Whether simultaneous speech has a cue for each speaker, or a cue with a line for each speaker
            after a dash, for players that show one cue at a time.
        names: Names of the speakers by label, such as `{"A": "Anna"}`.

    Raises:
        OptionsError: A limit is below 1, or there is no such style.
        AAIError: The transcript is not completed, or has no times.

    Source: https://www.assemblyai.com/docs/api-reference/transcripts/get-subtitles
    """
    limits = limits_of(
        style,
        transcript.language_code,
        max_chars=max_chars,
        max_lines=max_lines,
        chars_per_caption=chars_per_caption,
    )
    check_overlap(overlap)
    layout = CueLayout(
        limits=limits,
        speakers=speakers,
        overlap=overlap,
        room_for_name=True,
        language_code=transcript.language_code,
    )
    return "".join(
        f"{number}\n{_as_srt(cue)}\n\n"
        for number, cue in enumerate(layout.cues(renamed(transcript, names)), 1)
    )


def _as_srt(cue: Cue) -> str:
    times = f"{_clock(cue.start, ',')} --> {_clock(cue.end, ',')}"
    lines = (line for part in cue.parts for line in part.lines)
    return "\n".join((times, *map(_as_srt_line, lines)))


def _as_srt_line(line: str) -> str:
    """Write what readers would take for markup with similar characters."""
    if _SAFE.fullmatch(line):
        return line
    return _plain(_REFERENCE.sub("\N{WORD JOINER}", line.translate(_LOOKALIKES).replace("-->", "--›")))


def _plain(line: str) -> str:
    """Join what some readers take for markup of another format, or for the two times of a cue."""
    line = _BACKSLASH.sub("\N{WORD JOINER}", line)
    return _TIME.sub("\N{WORD JOINER}", line) if len(_TIME.findall(line)) > 1 else line


def vtt(
    transcript: Transcript,
    *,
    speakers: bool = False,
    style: SubtitleStyle | None = None,
    max_chars: int | None = None,
    max_lines: int | None = None,
    chars_per_caption: int | None = None,
    overlap: Overlap = "cues",
    names: Mapping[str, str] | None = None,
) -> str:
    """
    Return a transcript as WebVTT, with the rules of `srt`.

    Args:
        transcript: A completed transcript.
        speakers: Whether each cue has the speaker as a voice span, which players can show or style.
        style: The published limits to follow: `"netflix"`, with those of the language; `"bbc"`; or
            `"service"`, which creates cues as the service does. By default Netflix's for English.
        max_chars: Maximum columns of a line, instead of those of the style; only a longer word exceeds it. A
            wide character, such as a Chinese one, takes two columns.
        max_lines: Maximum lines of a cue, instead of those of the style.
        chars_per_caption: Create cues as the service does: one line of at most this number of characters.
        overlap: Whether simultaneous speech has a cue for each speaker, or a cue with a line for each speaker
            after a dash, for players that show one cue at a time.
        names: Names of the speakers by label, such as `{"A": "Anna"}`.

    Raises:
        OptionsError: A limit is below 1, or there is no such style.
        AAIError: The transcript is not completed, or has no times.

    Source: https://www.w3.org/TR/webvtt1/
    """
    limits = limits_of(
        style,
        transcript.language_code,
        max_chars=max_chars,
        max_lines=max_lines,
        chars_per_caption=chars_per_caption,
    )
    check_overlap(overlap)
    layout = CueLayout(
        limits=limits,
        speakers=speakers,
        overlap=overlap,
        room_for_name=False,
        language_code=transcript.language_code,
    )
    return "\n".join(("WEBVTT\n", *map(_as_vtt, layout.cues(renamed(transcript, names)))))


def _as_vtt(cue: Cue) -> str:
    end = "</v>" if len(cue.parts) > 1 else ""
    text = "\n".join(_as_vtt_part(part, end) for part in cue.parts)
    return f"{_clock(cue.start, '.')} --> {_clock(cue.end, '.')}\n{text}\n"


def _as_vtt_part(part: Part, end: str) -> str:
    text = "\n".join(html.escape(_plain(line), quote=False) for line in part.lines)
    return f"<v {part.speaker.translate(_NAME_REFERENCES)}>{text}{end}" if part.speaker else text


def _clock(milliseconds: int, point: str) -> str:
    seconds, thousandths = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{point}{thousandths:03}"


FORMATS = (
    Format(
        "srt",
        srt,
        "SubRip subtitles with speakers: at most two lines of 42 columns, broken where clauses end, shown "
        "long enough to be read; see [Subtitles](#subtitles)",
    ),
    Format("vtt", vtt, "WebVTT subtitles by the same rules, with speakers as voice spans"),
)
