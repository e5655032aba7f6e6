"""Lists of names, as editors, shells and spreadsheets of all systems write them."""

from __future__ import annotations

import codecs
import os
import sys
from pathlib import Path

import pytest

from aai_async._cli.name_list import read_list

TEXT = "# calls of today\r\n\r\na b.mp3\r\n会議.mp3\r\n"
NAMES = ["a b.mp3", "会議.mp3"]


@pytest.mark.parametrize(
    "data",
    [
        TEXT.encode(),
        TEXT.replace("\r", "").encode(),
        codecs.BOM_UTF8 + TEXT.encode(),
        codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"),
        codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
        codecs.BOM_UTF32_LE + TEXT.encode("utf-32-le"),
        TEXT.encode("utf-16-le"),
        TEXT.encode("utf-16-be"),
        "\0".join([*NAMES, ""]).encode(),
        "\0".join(NAMES).encode(),
    ],
    ids=["crlf", "lf", "bom", "utf-16-le", "utf-16-be", "utf-32", "le", "be", "print0", "zeros"],
)
def test_a_list_has_a_name_in_each_line_however_it_is_written(tmp_path: Path, data: bytes) -> None:
    """With a byte order mark, the line ends of Windows, in UTF-16, or with zero bytes between the names."""
    listed = tmp_path / "list"
    listed.write_bytes(data)
    assert read_list(str(listed)) == NAMES


def test_names_may_be_quoted(tmp_path: Path) -> None:
    """As by Windows' "copy as path", a spreadsheet or `ls`; a file of this very name is meant, though."""
    listed = tmp_path / "list"
    quoted = tmp_path / '"'
    quoted.touch()
    lines = [
        '"C:\\calls\\a b.mp3"',
        '"\\\\server\\share\\a.mp3"',
        '"a ""b"".mp3"',
        "'it'\\''s.mp3'",
        " https://host.example/x ",
        '"https://host.example/y"',
        "'unclosed",
        "'a' 'b'",
    ]
    listed.write_text("\n".join([*lines, str(quoted)]), encoding="utf-8")
    assert read_list(str(listed)) == [
        "C:\\calls\\a b.mp3",
        "\\\\server\\share\\a.mp3",
        'a "b".mp3',
        "it's.mp3",
        "https://host.example/x",
        "https://host.example/y",
        "'unclosed",
        "'a' 'b'",
        str(quoted),
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="names are text there")
def test_names_need_not_be_text(tmp_path: Path) -> None:
    """Nor end where some take a line to end."""
    listed = tmp_path / "list"
    listed.write_bytes(b" a b.mp3\n\xff.mp3\nx\x0cy\xc2\x85z.mp3\n")
    assert read_list(str(listed)) == [" a b.mp3", os.fsdecode(b"\xff.mp3"), "x\x0cy\x85z.mp3"]


@pytest.mark.parametrize(
    "names", [["a.ts", "b.ts"], ["a.ts", "bb.ts"], ["1", "2", "3"], ["a", "会"], ["é.ts", "b.ts"]]
)
@pytest.mark.parametrize("end", ["", "\0"])
def test_short_names_between_zero_bytes_are_not_taken_for_utf_16(
    tmp_path: Path, names: list[str], end: str
) -> None:
    """However many of the bytes are zeros."""
    listed = tmp_path / "list"
    listed.write_bytes(("\0".join(names) + end).encode())
    assert read_list(str(listed)) == names


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("text", ["a", "会.ts\r\n", "1\r\n2\r\n3\r\n", "a.ts", "会議録音データ一覧.mp3"])
def test_a_short_list_in_utf_16_is_read(tmp_path: Path, text: str, encoding: str) -> None:
    """Also without a byte order mark."""
    listed = tmp_path / "list"
    listed.write_bytes(text.encode(encoding))
    assert read_list(str(listed)) == text.split()


def test_names_between_zero_bytes_are_taken_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program has written them: there are no comments, no quotes and no blanks around names."""
    monkeypatch.chdir(tmp_path)
    listed = tmp_path / "list"
    names = ["#1 take.mp3", '"a".mp3', '"b.mp3"', " c.mp3 ", "d\ne.mp3", " ", "https://host.example/x"]
    listed.write_bytes("\0".join([*names, ""]).encode())
    assert read_list(str(listed)) == names


def test_a_file_whose_name_begins_like_a_comment_is_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other lines that begin with `#` are comments; a blank or a quote before it makes it no comment."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "#1 take.mp3").touch()
    listed = tmp_path / "list"
    listed.write_text("#1 take.mp3\n#2 take.mp3\n'#3 take.mp3'\n./#4.mp3\n# b.mp3\n", encoding="utf-8")
    assert read_list(str(listed)) == ["#1 take.mp3", "#3 take.mp3", "./#4.mp3"]


@pytest.mark.skipif(sys.platform == "win32", reason="the encoding of a list is that of the system")
def test_a_list_in_latin_1_leads_to_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As old editors and spreadsheets write it; a file whose name has these very bytes is meant, though."""
    monkeypatch.chdir(tmp_path)
    very = os.fsdecode("für.mp3".encode("latin-1"))
    for name in ("café.mp3", "naïve.mp3", "für.mp3", very):
        Path(name).touch()
    listed = tmp_path / "list"
    listed.write_bytes("café.mp3\r\n naïve.mp3 \r\nfür.mp3\r\nmoût.mp3\r\n".encode("latin-1"))
    missing = os.fsdecode("moût.mp3".encode("latin-1"))
    assert read_list(str(listed)) == ["café.mp3", "naïve.mp3", very, missing]


def test_spaces_around_a_name_are_removed_where_that_leads_to_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Editors leave some at the ends of lines; a name can have them, too."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.mp3", "b.mp3", " b.mp3"):
        Path(name).touch()
    listed = tmp_path / "list"
    listed.write_text("a.mp3 \n b.mp3\n\tb.mp3\n c.mp3\n", encoding="utf-8")
    assert read_list(str(listed)) == ["a.mp3", " b.mp3", "b.mp3", " c.mp3"]
