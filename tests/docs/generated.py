"""
Write what the documentation shows of the program: its help pages and pictures, from the program itself.

    python tests/docs/generated.py

A test fails where what is there is not what this would write.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import subprocess
import sys
from pathlib import Path

import page_pictures
import subtitle_pictures

ROOT = Path(__file__).parents[2]
HELP = ROOT / "docs/cli.md"
FORMATS = ROOT / "docs/formats.md"
SERVER = ROOT / "docs/server.md"
COMPARE = ROOT / "docs/compare.md"
PICTURES = ROOT / "docs/pictures"

COMMANDS = (
    "transcribe",
    "get",
    "list",
    "delete",
    "search",
    "export",
    "convert",
    "compare",
    "index",
    "status",
    "resolve",
    "forget",
    "doctor",
    "voices list",
    "voices remove",
    "voices rename",
)

_HELP = re.compile(r"(<!-- help: ?(?P<command>\w*) -->\n```text\n).*?(```\n<!-- /help -->)", re.DOTALL)

_FORMAT_TABLE = re.compile(r"<!-- formats -->.*?<!-- /formats -->", re.DOTALL)

_PICTURE = re.compile(r"<!-- picture of \w* -->")
"""Of which pages the pictures are, beside them."""

_SUBTITLES = re.compile(r"<!-- films with subtitles \w* -->")
"""Of which subtitles the picture is, beside it."""


def help_page(command: str = "") -> str:
    """Return the help page of the program, or of one of its commands."""
    words = [sys.executable, "-m", "aai_async", *command.split(), "--help"]
    environment = {**os.environ, "COLUMNS": "100", "TERM": "dumb"}
    page = subprocess.run(words, capture_output=True, text=True, check=True, env=environment).stdout
    return "".join(f"{line.rstrip()}\n" for line in page.strip().splitlines())


def with_help_pages(text: str) -> str:
    """Put the help pages of today where a text shows some."""
    return _HELP.sub(lambda match: match[1] + help_page(match["command"]) + match[3], text)


def with_format_table(text: str) -> str:
    """Put the table of the registered formats where a text shows it."""
    from aai_async import formats  # noqa: PLC0415

    rows = "".join(f"| `{one.name}` | {one.summary} |\n" for one in formats.FORMATS.values())
    table = f"<!-- formats -->\n| Format | Content |\n|---|---|\n{rows}<!-- /formats -->"
    return _FORMAT_TABLE.sub(lambda _: table, text)


def terminal() -> str:
    """Draw the table that is shown at a terminal while a batch is at work, as SVG."""
    from rich.console import Console  # noqa: PLC0415

    from aai_async._progress.state import ProgressState, Row  # noqa: PLC0415
    from aai_async._progress.views import picture  # noqa: PLC0415

    rows = [
        Row("calls/monday/0412.mp3", 31.0, "uploading", 12_300_000, 48_100_000),
        Row("calls/monday/0413.mp3", 38.5, "uploading", 2_100_000, 2_400_000),
        Row("calls/monday/0409.mp3", 4.0, "processing", 8_200_000, 8_200_000),
        Row("calls/monday/0410.mp3", 9.0, "processing", 5_700_000, 5_700_000),
        Row("calls/monday/0411.mp3", 21.0, "queued", 6_600_000, 6_600_000),
    ]
    board = ProgressState(120, 0.0, dict(enumerate(rows)), 41, 1, 412_000_000, 37_260.0)
    console = Console(width=92, record=True, file=io.StringIO())
    console.print(
        picture(board, 24, "calls/monday/0413.mp3: upload failed, next attempt in 0.8 s: …", now=40.0)
    )
    svg = console.export_svg(title="aai-async transcribe calls -o transcripts --speaker-labels")
    # Without the fonts that it would fetch from elsewhere.
    return re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)


def mark_of(text: str) -> str:
    """Give what tells whether a picture is of a page."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def mark_of_pages() -> str:
    """Give the mark of all pages that are photographed."""
    return mark_of("".join(state.page for state in page_pictures.STATES.values()))


def mark_of_subtitles() -> str:
    """Give the mark of the subtitles that are photographed."""
    return mark_of("".join([subtitle_pictures.page(), *subtitle_pictures.tracks()]))


def mark_of_server_page() -> str:
    """Give the mark of the page of the local server."""
    parts = sorted((ROOT / "aai_async/server/web").glob("drop.*"))
    return mark_of("".join(part.read_text(encoding="utf-8") for part in parts))


def mark_of_comparison() -> str:
    """Give the mark of the page of a comparison."""
    return mark_of(page_pictures.compared())


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    (PICTURES / "terminal.svg").write_text(terminal())
    page_pictures.take(PICTURES)
    subtitle_pictures.take(PICTURES / "subtitles.png")
    page_pictures.take_server_page(PICTURES / "server-page.png")
    page_pictures.take_comparison(PICTURES / "comparison.png")
    of_comparison = f"<!-- picture of {mark_of_comparison()} -->"
    of_comparison = _PICTURE.sub(of_comparison, COMPARE.read_text(encoding="utf-8"))
    COMPARE.write_text(of_comparison, encoding="utf-8")
    of_server = f"<!-- picture of {mark_of_server_page()} -->"
    of_server = _PICTURE.sub(of_server, SERVER.read_text(encoding="utf-8"))
    SERVER.write_text(of_server, encoding="utf-8")
    marked = _PICTURE.sub(f"<!-- picture of {mark_of_pages()} -->", FORMATS.read_text(encoding="utf-8"))
    marked = _SUBTITLES.sub(f"<!-- films with subtitles {mark_of_subtitles()} -->", marked)
    FORMATS.write_text(with_format_table(marked), encoding="utf-8")
    HELP.write_text(with_help_pages(HELP.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
