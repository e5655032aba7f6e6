"""What the documentation shows of the program is what it is: `python tests/docs/generated.py` makes it so."""

from __future__ import annotations

import generated
import page_pictures
import pytest


def test_the_page_of_the_command_line_shows_the_help_pages_of_today() -> None:
    text = generated.HELP.read_text(encoding="utf-8")
    assert "<!-- help: transcribe -->" in text
    assert generated.with_help_pages(text) == text


def test_the_page_of_the_formats_lists_the_registered_ones() -> None:
    text = generated.FORMATS.read_text(encoding="utf-8")
    assert "| `srt` | SubRip subtitles" in text
    assert generated.with_format_table(text) == text


def test_the_picture_of_the_terminal_is_of_today() -> None:
    assert (generated.PICTURES / "terminal.svg").read_text() == generated.terminal()


def test_the_pictures_of_the_page_are_of_today() -> None:
    """Told by what the pages were made of, for browsers draw them a little differently."""
    text = generated.FORMATS.read_text(encoding="utf-8")
    assert f"<!-- picture of {generated.mark_of_pages()} -->" in text
    for name in page_pictures.STATES:
        assert (generated.PICTURES / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert f"](pictures/{name}.png)" in text


def test_the_picture_of_subtitles_is_of_today() -> None:
    text = generated.FORMATS.read_text(encoding="utf-8")
    assert f"<!-- films with subtitles {generated.mark_of_subtitles()} -->" in text
    assert (generated.PICTURES / "subtitles.png").read_bytes().startswith(b"\x89PNG")


def test_the_picture_of_the_servers_page_is_of_today() -> None:
    text = generated.SERVER.read_text(encoding="utf-8")
    assert f"<!-- picture of {generated.mark_of_server_page()} -->" in text
    assert (generated.PICTURES / "server-page.png").read_bytes().startswith(b"\x89PNG")


def test_the_picture_of_a_comparison_is_of_today() -> None:
    pytest.importorskip("whisper_normalizer", reason="no extra `compare`")
    text = generated.COMPARE.read_text(encoding="utf-8")
    assert f"<!-- picture of {generated.mark_of_comparison()} -->" in text
    assert (generated.PICTURES / "comparison.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("command", generated.COMMANDS)
def test_every_command_and_every_flag_says_what_it_is_for(command: str) -> None:
    page = generated.help_page(command)
    flags = [line for line in page.splitlines() if line.startswith("  -")]
    assert flags
    bare = [
        line for at, line in enumerate(page.splitlines()) if line.startswith("  -") and not says(page, at)
    ]
    assert bare == []


def says(page: str, at: int) -> bool:
    """Whether there is a text beside a flag, or below it."""
    line, *below = page.splitlines()[at:]
    return "  " in line.strip() or bool(below and below[0].startswith(" " * 20))
