"""What readers of subtitles, tables and Markdown could take for something else than speech."""

from __future__ import annotations

from typing import Any

from made import transcript

import aai_async as aai

TEXTS = (
    *(
        "a < b",
        "a > b",
        "a & b",
        "AT&T",
        "&lt;",
        "&amp;amp;",
        "&#60;b&#62;",
        "--> ->",
        "--->",
        "<",
        "&",
        "<3",
    ),
    *("00:00:01,000", "1", "42", "2", "1\n00:00:00,000 --> 00:00:01,000", "00:01.000 --> 00:02.000"),
    *("<b>bold</b>", "<i", "</v>", "<v Bob>", "<00:00:01.000>", "<c.red>", "<ruby>", "a<b>c", "<!-- c -->"),
    *("{\\an8}up", "{y:i}", "{", "}", "\\N", "\\h", "\\", "<font color=red>"),
    *("NOTE this", "STYLE", "REGION", "WEBVTT", "- dash", "…", "“q”", "[music]", "♪ la ♪", "#", "100%"),
    *(
        "a\u2028b",
        "a\r\n\r\n3",
        "\ufeffx",
        "x" * 60,
        "👩‍👧",
        "שלום",
        "12. 5",
        "東京、",
        "=1+1",
        "@x",
        "+1",
        "-1",
        '"a","b"',
    ),
)

NAMES = (
    "A",
    "<b>Bob</b>",
    "a > b",
    "--> x",
    "& Co",
    "Ann: Lee",
    "1",
    "Ö\nx",
    "{\\an8}",
    "</v>",
    "王芳",
    "שלום",
)

HOUR = 3_600_000


def hostile(hours: int = 0, *, named: bool = False) -> aai.Transcript:
    """All texts, one each three seconds, the second half after a number of hours; the names in turn."""
    words: list[dict[str, Any]] = []
    for at, text in enumerate(TEXTS):
        start = at * 3000 + (hours * HOUR if at > len(TEXTS) // 2 else 0)
        speaker = NAMES[at % len(NAMES)] if named else "A"
        words.append({"text": text, "start": start, "end": start + 1500, "speaker": speaker})
    return transcript(words)
