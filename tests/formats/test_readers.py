"""What is written is read back whole by the readers of subtitles that people use."""

from __future__ import annotations

import html
import io
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import av
import pysubs2
import pytest
import srt as srt_parser
import webvtt
from hostile import hostile
from made import transcript

import aai_async as aai
from aai_async import formats
from aai_async.formats._spacing import visible
from aai_async.formats._subtitle_style import Overlap

# pysubs2 1.9 warns of each time that is part of a text, and reads the text whole.
pytestmark = pytest.mark.filterwarnings("ignore:Possible missed subtitle start")

Read = Callable[[str, Path], Sequence[tuple[int, int, str]]]
"""A reader of a text, with a folder for it: the start and end in ms and the text of each cue."""


def of_srt(text: str, folder: Path) -> list[tuple[int, int, str]]:
    cues = srt_parser.parse(text, ignore_errors=False)
    return [
        (round(1000 * c.start.total_seconds()), round(1000 * c.end.total_seconds()), c.content) for c in cues
    ]


def of_pysubs2(kind: str) -> Read:
    def read(text: str, folder: Path) -> list[tuple[int, int, str]]:
        cues = pysubs2.SSAFile.from_string(text, format_=kind)
        # Its plain text of WebVTT lacks what is in braces, so the text itself is compared.
        return [(c.start, c.end, c.plaintext if kind == "srt" else c.text.replace("\\N", "\n")) for c in cues]

    return read


def of_webvtt_py(kind: str) -> Read:
    def read(text: str, folder: Path) -> list[tuple[int, int, str]]:
        cues = webvtt.from_buffer(io.StringIO(text), format=kind).captions
        return [(_ms(cue.start), _ms(cue.end), re.sub("</?v[^>]*>", "", cue.raw_text)) for cue in cues]

    return read


def _ms(time: str) -> int:
    hours, minutes, seconds = time.split(":")
    return round(1000 * (int(hours) * 3600 + int(minutes) * 60 + float(seconds)))


def of_ffmpeg(kind: str) -> Read:
    """FFmpeg's demuxer, and its decoder: none of the packets is without a text."""

    def read(text: str, folder: Path) -> list[tuple[int, int, str]]:
        path = folder / f"subtitles.{kind}"
        path.write_text(text, encoding="utf-8")
        found = []
        with av.open(str(path)) as container:
            for packet in container.demux():
                if packet.size:
                    assert packet.pts is not None
                    assert packet.duration is not None
                    written = re.sub("</?v[^>]*>", "", bytes(packet).decode())
                    found.append((packet.pts, packet.pts + packet.duration, written))
        return found

    return read


def shown_by_ffmpeg(text: str, folder: Path) -> list[str]:
    """What the FFmpeg of this machine shows of WebVTT: the text of each cue in SubRip."""
    if (program := shutil.which("ffmpeg")) is None:
        pytest.skip("no FFmpeg")
    path = folder / "subtitles.vtt"
    path.write_text(text, encoding="utf-8")
    command = [program, "-nostdin", "-loglevel", "error", "-i", str(path), "-f", "srt", "-"]
    made = subprocess.run(command, capture_output=True, check=True).stdout.decode()
    return [cue.content for cue in srt_parser.parse(made)]


def unlike(text: str) -> str:
    """Text in which characters that look alike are the same, as SubRip has no escapes."""
    return text.translate(str.maketrans("‹›()", "<>{}")).replace("\u2060", "")


def expected(made: aai.Transcript) -> list[str]:
    return [text for word in made.words or () if (text := visible(word.text))]


def starts(made: aai.Transcript) -> list[int]:
    return [word.start for word in made.words or () if visible(word.text)]


TWO_DIGITS = {"pysubs2"}
"""Readers that know two digits of hours only, and drop the third; a recording has ten hours at most."""

SRT = {
    "srt": of_srt,
    "pysubs2": of_pysubs2("srt"),
    "webvtt-py": of_webvtt_py("srt"),
    "ffmpeg": of_ffmpeg("srt"),
}

VTT = {"pysubs2": of_pysubs2("vtt"), "webvtt-py": of_webvtt_py("vtt"), "ffmpeg": of_ffmpeg("vtt")}


@pytest.mark.parametrize("hours", [0, 100])
@pytest.mark.parametrize("reader", SRT)
def test_subrip_is_read_back_whole(reader: str, hours: int, tmp_path: Path) -> None:
    made = hostile(hours)
    cues = SRT[reader](formats.srt(made), tmp_path)
    assert [unlike(text).replace("\n", " ") for *_, text in cues] == [unlike(text) for text in expected(made)]
    assert (hours and reader in TWO_DIGITS) or [start for start, *_ in cues] == starts(made)
    assert all(end > start for start, end, _ in cues)


@pytest.mark.parametrize("hours", [0, 100])
@pytest.mark.parametrize("reader", VTT)
def test_webvtt_is_read_back_whole(reader: str, hours: int, tmp_path: Path) -> None:
    made = hostile(hours)
    cues = VTT[reader](formats.vtt(made), tmp_path)
    shown = [html.unescape(text).replace("\n", " ").replace("\u2060", "") for *_, text in cues]
    assert shown == expected(made)
    assert (hours and reader in TWO_DIGITS) or [start for start, *_ in cues] == starts(made)


@pytest.mark.parametrize("reader", SRT)
@pytest.mark.parametrize("overlap", ["cues", "dashes"])
def test_odd_names_do_not_cost_a_cue_of_subrip(reader: str, overlap: Overlap, tmp_path: Path) -> None:
    made = hostile(named=True)
    cues = SRT[reader](formats.srt(made, speakers=True, overlap=overlap), tmp_path)
    assert len(cues) == len(expected(made))
    shown = unlike(" ".join(text for *_, text in cues)).replace("\n", " ")
    assert all(unlike(text) in shown for text in (*expected(made), "--> x", "& Co", "王芳", "<b>Bob</b>"))


@pytest.mark.parametrize("reader", VTT)
def test_odd_names_do_not_cost_a_cue_of_webvtt(reader: str, tmp_path: Path) -> None:
    made = hostile(named=True)
    cues = VTT[reader](formats.vtt(made, speakers=True), tmp_path)
    assert len(cues) == len(expected(made))


def test_webvtt_py_reads_the_names(tmp_path: Path) -> None:
    cues = webvtt.from_buffer(io.StringIO(formats.vtt(hostile(named=True), speakers=True))).captions
    voices = [html.unescape(cue.voice or "") for cue in cues[:5]]
    assert voices == ["Speaker A", "<b>Bob</b>", "a > b", "--> x", "& Co"]


def test_ffmpeg_shows_no_part_of_an_odd_name(tmp_path: Path) -> None:
    """FFmpeg 5 would take a named reference or a brace in a tag for text."""
    plain = of_names(["A"] * len(ODD_NAMES))
    odd = of_names(ODD_NAMES)
    shown = shown_by_ffmpeg(formats.vtt(odd, speakers=True), tmp_path)
    assert (
        shown == shown_by_ffmpeg(formats.vtt(plain, speakers=True), tmp_path) == ["Hello."] * len(ODD_NAMES)
    )


def test_a_name_in_webvtt_has_no_character_of_markup() -> None:
    """Each reader of the standard reads the references by number as the characters."""
    made = formats.vtt(of_names(ODD_NAMES), speakers=True)
    written = re.findall(r"<v (.*?)>Hello\.", made)
    assert [html.unescape(name) for name in written] == list(ODD_NAMES)
    assert all(re.fullmatch(r"([^&<>{}]|&#\d+;)*", name) for name in written)


ODD_NAMES = ("R&D", "a < b", "a > b", "{up}", "&amp;", "--> x", "</v>")


def of_names(names: Sequence[str]) -> aai.Transcript:
    """A word of each speaker."""
    return transcript(
        [
            {"text": "Hello.", "start": 2000 * at, "end": 2000 * at + 1000, "speaker": name}
            for at, name in enumerate(names)
        ]
    )
