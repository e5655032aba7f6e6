"""What can be known of a page before a recording is paid for is checked then."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import typer

import aai_async as aai
from aai_async import formats
from aai_async._cli import rendering
from aai_async._cli.flag_values import Overlap, SubtitleStyle, check_names
from aai_async._cli.flags import Rendering
from aai_async._cli.inputs import Recording, named
from aai_async._io.media import MEDIA_TYPES, media_type

SAID = aai.Transcript.from_json(b'{"id": "one", "status": "completed", "text": "What was said."}')

PAGE = Rendering(formats=["txt", "html"])
WHOLE_PAGE = Rendering(formats=["txt", "html"], embed_audio=True)


@pytest.mark.parametrize("suffix", sorted(MEDIA_TYPES))
def test_a_recording_of_each_suffix_can_be_put_into_a_page(tmp_path: Path, suffix: str) -> None:
    """By a table of our own: that of the system calls `.mts` a model, and not all systems have it."""
    path = tmp_path / f"x{suffix.upper()}"
    path.write_bytes(b"sound")
    rendering.check(WHOLE_PAGE, named(str(path)), 5)
    page = rendering.text(WHOLE_PAGE, "html", SAID, named(str(path)), tmp_path)
    assert f'src="data:{MEDIA_TYPES[suffix]};base64,c291bmQ="' in page


@pytest.mark.parametrize("name", ["x.unknown", "x"])
def test_a_recording_without_a_known_suffix_can_be_put_into_a_page(name: str) -> None:
    assert formats.data_url(b"sound", media_type(name)).startswith("data:audio/mpeg;")


@pytest.mark.parametrize(
    ("name", "size", "said"),
    [
        ("https://user:secret@host.example/x.mp3", None, "is not a file on this machine"),
        ("-", None, "is not a file on this machine"),
        ("x.mov", 300_000_000, "a page can contain 256,000,000"),
    ],
)
def test_what_cannot_be_put_into_a_page_is_refused_before(name: str, size: int | None, said: str) -> None:
    """Unless no page, or one with a link, was asked for."""
    with pytest.raises(aai.OptionsError, match=said) as caught:
        rendering.check(WHOLE_PAGE, Recording(name, named("x").place), size)
    assert "secret" not in str(caught.value)
    rendering.check(PAGE, named(name), size)
    rendering.check(Rendering(formats=["txt"], embed_audio=True), named(name), size)


def test_an_address_that_a_page_could_not_play_is_refused_before() -> None:
    """Say that its host has a letter that no host has."""
    rendering.check(PAGE, named("https://bücher.example/ä.mp3"), None)
    with pytest.raises(aai.OptionsError):
        rendering.check(PAGE, named("https://a\\b.example/x.mp3"), None)


@pytest.mark.skipif(os.name != "posix", reason="names of POSIX")
@pytest.mark.parametrize(
    "name", ["a:b.mp3", "#x?.mp3", "ä 日.mp3", "\udcff.mp3", "javascript:alert(1).mp3", "..mp3"]
)
def test_a_file_of_any_name_is_linked_from_its_page(tmp_path: Path, name: str) -> None:
    """As a path that a browser takes for one."""
    (tmp_path / name).write_bytes(b"sound")
    page = rendering.text(PAGE, "html", SAID, named(str(tmp_path / name)), tmp_path / "out")
    assert 'src="../' in page
    assert 'src="file:///' in rendering.text(PAGE, "html", SAID, named(str(tmp_path / name)))


def test_the_flags_of_subtitles_and_tables_reach_their_formats() -> None:
    """The BBC's 37 columns, two speakers in a cue with dashes, and a byte order mark."""
    words = [
        {"text": "word", "start": at * 300, "end": at * 300 + 280, "speaker": "A", "channel": None}
        for at in range(30)
    ]
    words.append({"text": "Yes.", "start": 3000, "end": 3900, "speaker": "B", "channel": None})
    body = {"id": "one", "status": "completed", "language_code": "en", "text": None, "words": words}
    made = aai.Transcript.from_json(json.dumps(body))
    flags = Rendering(subtitle_style=SubtitleStyle.BBC, overlap=Overlap.DASHES, csv_bom=True)
    subtitles = rendering.text(flags, "srt", made, named("x.mp3"))
    assert max(map(len, subtitles.splitlines())) <= 37
    assert "\n- Yes.\n" in subtitles
    assert rendering.text(flags, "csv", made, named("x.mp3")).startswith("\ufeffstart,")
    service = Rendering(subtitle_style=SubtitleStyle.SERVICE)
    assert 42 < max(map(len, rendering.text(service, "srt", made, named("x.mp3")).splitlines())) <= 70
    assert max(map(len, rendering.text(Rendering(), "srt", made, named("x.mp3")).splitlines())) <= 42


@pytest.mark.parametrize("style", [None, *SubtitleStyle])
def test_limits_that_are_passed_win_over_those_of_the_style(style: SubtitleStyle | None) -> None:
    """Without them, each style keeps its own."""
    words = [{"text": "word", "start": at * 300, "end": at * 300 + 280} for at in range(30)]
    body = {"id": "one", "status": "completed", "language_code": "en", "text": None, "words": words}
    flags = Rendering(subtitle_style=style, max_chars=20, max_lines=1)
    blocks = rendering.text(flags, "srt", aai.Transcript.from_json(json.dumps(body)), named("x.mp3")).split(
        "\n\n"
    )
    spoken = [block.splitlines()[2:] for block in blocks if block]
    assert all(len(lines) == 1 and len(lines[0]) <= 20 for lines in spoken)


def test_the_names_of_speakers_reach_the_formats_that_show_them() -> None:
    """Also a name with an equals sign."""
    words = [{"text": "Yes.", "start": 0, "end": 300, "speaker": "A"}]
    turn = {"text": "Yes.", "start": 0, "end": 300, "speaker": "A", "words": words}
    body = {"id": "one", "status": "completed", "text": "Yes.", "words": words, "utterances": [turn]}
    made = aai.Transcript.from_json(json.dumps(body))
    flags = Rendering(named_speakers=["A = Anna=B"])
    assert rendering.text(flags, "txt", made, named("x.mp3")) == "Anna=B: Yes.\n"
    assert "Anna=B: Yes." in rendering.text(flags, "srt", made, named("x.mp3"))
    assert json.loads(rendering.text(flags, "json", made, named("x.mp3"))) == body


@pytest.mark.parametrize("value", ["A", "=Anna", "A= ", "A=\u200b", "A=\u2800"])
def test_a_name_without_a_label_is_refused(value: str) -> None:
    """With an example."""
    with pytest.raises(typer.BadParameter, match="A=Anna"):
        check_names([value])
