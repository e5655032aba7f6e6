"""What was named becomes recordings: folders, patterns, addresses, lists."""

from __future__ import annotations

import os
import sys
from pathlib import Path, PurePosixPath

import pytest

from aai_async._cli.recordings import NothingFoundError, find, named, read_list


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder like those that people have, which is also the working directory."""
    for name in ("b.mp3", "a.WAV", "notes.txt", ".hidden.mp3", "sub/c.m4a", "sub/deep/d.ogg", ".git/e.mp3"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"sound")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(*given: str, recursive: bool = False) -> list[str]:
    return [recording.name for recording in find(given, recursive=recursive)]


def test_a_folder_is_its_recordings_in_the_order_of_their_names(folder: Path) -> None:
    """Notes and hidden files are not among them, whatever case a suffix has."""
    assert names(".") == ["a.WAV", "b.mp3"]
    assert names(str(folder)) == [str(folder / "a.WAV"), str(folder / "b.mp3")]


def test_a_folder_is_searched_to_the_bottom_only_when_asked_for(folder: Path) -> None:
    """But not the hidden ones."""
    assert names(".", recursive=True) == ["a.WAV", "b.mp3", "sub/c.m4a", "sub/deep/d.ogg"]


def test_what_is_in_a_folder_stands_where_it_stands_in_it(folder: Path) -> None:
    """So that results mirror the folder."""
    places = [recording.place for recording in find(["sub"], recursive=True)]
    assert places == [PurePosixPath("c.m4a"), PurePosixPath("deep/d.ogg")]


def test_a_file_that_is_named_may_have_any_suffix_and_need_not_be_there(folder: Path) -> None:
    """Whether it is a recording, the service knows; that it is missing is told with the others' results."""
    assert names("notes.txt", "missing") == ["notes.txt", "missing"]


def test_a_pattern_in_quotes_is_what_fits_it(folder: Path) -> None:
    """A shell that passes it on leaves it to the program; `**` goes deeper."""
    assert names("*.mp3") == ["b.mp3"]
    assert names("**/*.ogg") == ["sub/deep/d.ogg"]


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(folder: Path) -> None:
    (folder / "x[1].mp3").write_bytes(b"sound")
    assert names("x[1].mp3") == ["x[1].mp3"]


def test_what_is_named_twice_is_found_once(folder: Path) -> None:
    """Also by another way, or by a symbolic link."""
    (folder / "link.mp3").symlink_to("b.mp3")
    assert names("b.mp3", ".", "./b.mp3", "link.mp3") == ["b.mp3", "a.WAV"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("*.opus", "No file fits"),
        ("empty", "no recording in the folder"),
        ("sub/deep/..", "no recording"),
    ],
)
def test_nothing_where_something_was_named_is_told(folder: Path, given: str, said: str) -> None:
    """Before anything is sent."""
    (folder / "empty").mkdir()
    (folder / "sub" / "c.m4a").unlink()
    with pytest.raises(NothingFoundError, match=said):
        find([given], recursive=False)


def test_a_folder_with_recordings_further_down_says_how_to_get_them(folder: Path) -> None:
    (folder / "sub" / "c.m4a").unlink()
    with pytest.raises(NothingFoundError, match="--recursive"):
        find(["sub"], recursive=False)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read every folder")
def test_a_folder_that_cannot_be_read_is_told(folder: Path) -> None:
    (folder / "sub").chmod(0)
    try:
        with pytest.raises(NothingFoundError, match="cannot be read: Permission denied"):
            find(["sub"], recursive=True)
    finally:
        (folder / "sub").chmod(0o755)


def test_an_address_is_named_by_its_last_part() -> None:
    """And nothing of it can lead out of a folder."""
    (recording,) = find(["https://host.example/calls/../a%2Fb:c.mp3?token=secret"], recursive=False)
    assert recording.is_address
    assert recording.place == PurePosixPath("a_b_c.mp3")
    assert recording.whole == PurePosixPath("host.example/calls/a_b_c.mp3")


def test_an_address_without_a_path_is_named_by_its_host() -> None:
    assert named("https://host.example").place == PurePosixPath("host.example")


def test_a_list_has_a_name_in_each_line(tmp_path: Path) -> None:
    """Empty lines and remarks are passed over; a name may have spaces, and be no text."""
    listed = tmp_path / "list"
    listed.write_bytes(b"# calls of today\n\na b.mp3\r\n https://host.example/x\n\xff.mp3\n")
    expected = ["a b.mp3", " https://host.example/x", os.fsdecode(b"\xff.mp3")]
    assert read_list(str(listed)) == (expected if sys.platform != "win32" else expected[:2])
