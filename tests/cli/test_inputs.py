"""What was named becomes recordings: folders, patterns, addresses. What is left out is said."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

import pytest

from aai_async._cli.inputs import Found, find, named


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder like those that people have, which is also the working directory."""
    for name in ("b.mp3", "a.WAV", "notes.txt", ".hidden.mp3", "sub/c.m4a", "sub/deep/d.ogg", ".git/e.mp3"):
        make(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"sound")


def found(*given: str, recursive: bool = False) -> Found:
    return find(given, recursive=recursive)


def names(*given: str, recursive: bool = False) -> list[str]:
    return [recording.name for recording in found(*given, recursive=recursive).recordings]


def test_a_folder_is_its_recordings_in_the_order_of_their_names(folder: Path) -> None:
    """Notes and hidden files are not among them, whatever case a suffix has."""
    assert names(".") == ["a.WAV", "b.mp3"]
    assert names(str(folder)) == [str(folder / "a.WAV"), str(folder / "b.mp3")]


def test_a_folder_is_searched_to_the_bottom_only_when_asked_for(folder: Path) -> None:
    """But not the hidden ones."""
    assert names(".", recursive=True) == ["a.WAV", "b.mp3", "sub/c.m4a", "sub/deep/d.ogg"]


@pytest.mark.parametrize("name", ["", " "])
def test_an_empty_name_is_a_mistake_and_not_the_current_folder(folder: Path, name: str) -> None:
    """It can be a line of a list, in quotes."""
    assert names("b.mp3", name) == ["b.mp3"]
    assert [str(one) for one in found(name).mistakes] == [f"The name {name!r} is empty."]


SERVED = (
    "3ga 8svx aac ac3 aif aiff alac amr ape au dss flac flv m4a m4b m4p m4r mp3 mpga ogg oga mogg opus qcp "
    "tta voc wav wma wv webm mts m2ts ts mov mp2 mp4 m4v mxf"
)


@pytest.mark.parametrize("suffix", SERVED.split())
def test_every_suffix_of_the_services_list_is_a_recording(folder: Path, suffix: str) -> None:
    """Source: https://www.assemblyai.com/docs/faq."""
    make(folder / "of" / f"x.{suffix}")
    make(folder / "of" / f"Y.{suffix.upper()}")
    assert len(names("of")) == 2


def test_what_a_folder_has_beside_recordings_is_said(folder: Path) -> None:
    """Files by their suffixes, hidden ones, and the folders that were not searched."""
    assert found(".").ignored == [
        ".: skipped 1 file by suffix (.txt), 1 hidden recording, 1 subfolder (--recursive)"
    ]
    (said,) = found(".", recursive=True).ignored
    assert "1 hidden folder" in said


def test_a_linked_folder_is_searched_and_a_circle_of_links_ends(folder: Path) -> None:
    """Each folder once, by its own place rather than by a link to it; the circle is said."""
    make(folder.parent / f"{folder.name}-elsewhere" / "x.mp3")
    (folder / "a-link").symlink_to(folder.parent / f"{folder.name}-elsewhere")
    (folder / "again").symlink_to("sub")
    (folder / "sub" / "up").symlink_to("..")
    (folder / "sub" / "round").symlink_to(".")
    there = found(".", recursive=True)
    assert [one.name for one in there.recordings] == [
        "a.WAV",
        "b.mp3",
        "sub/c.m4a",
        "sub/deep/d.ogg",
        "a-link/x.mp3",
    ]
    assert "3 links to a folder that was already searched" in there.ignored[0]
    assert names("**/*.ogg") == ["sub/deep/d.ogg"]


def test_links_to_files_are_followed_and_dangling_ones_are_there_to_be_refused(folder: Path) -> None:
    """Not silently left out."""
    make(folder.parent / f"{folder.name}-x.mp3")
    (folder / "sub" / "y.mp3").symlink_to(folder.parent / f"{folder.name}-x.mp3")
    (folder / "sub" / "z.mp3").symlink_to("nowhere")
    assert names("sub") == ["sub/c.m4a", "sub/y.mp3", "sub/z.mp3"]


def test_what_is_in_a_folder_stands_where_it_stands_in_it(folder: Path) -> None:
    """So that results mirror the folder."""
    places = [recording.place for recording in found("sub", recursive=True).recordings]
    assert places == [PurePosixPath("c.m4a"), PurePosixPath("deep/d.ogg")]


def test_a_file_that_is_named_may_have_any_suffix_and_need_not_be_there(folder: Path) -> None:
    """Whether it is a recording, the service knows; that it is missing is checked later, with all others."""
    assert names("notes.txt", "missing") == ["notes.txt", "missing"]


def test_a_pattern_in_quotes_is_what_fits_it(folder: Path) -> None:
    """A shell that passes it on leaves it to the program; `**` goes deeper."""
    assert names("*.mp3") == ["b.mp3"]
    assert names("**/*.ogg") == ["sub/deep/d.ogg"]
    assert names("sub/*") == ["sub/c.m4a", "sub/deep/d.ogg"]
    assert names(f"{folder}/s?b/[a-c].*") == [f"{folder}/sub/c.m4a"]
    assert names("sub/../*.mp3") == ["sub/../b.mp3"]


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(folder: Path) -> None:
    make(folder / "x[1].mp3")
    assert names("x[1].mp3") == ["x[1].mp3"]


@pytest.mark.parametrize("name", ["calls [2026]", "a*b", "what?", "[ab]"])
def test_a_pattern_below_a_folder_with_brackets_in_its_name_fits(folder: Path, name: str) -> None:
    """What is there by this name is meant, and its name is no pattern."""
    make(folder / name / "x.mp3")
    make(folder / "a" / "y.mp3")
    assert names(f"{name}/*.mp3") == [f"{name}/x.mp3"]
    assert names(f"{folder}/{name}/**/*.mp3") == [f"{folder}/{name}/x.mp3"]


def test_brackets_in_a_pattern_that_fit_nothing_stand_for_themselves(folder: Path) -> None:
    make(folder / "take [1] of 3.mp3")
    assert names("take [1]*.mp3") == ["take [1] of 3.mp3"]


def test_what_is_named_twice_is_found_once(folder: Path) -> None:
    """Also by another way, or by a symbolic link."""
    (folder / "link.mp3").symlink_to("b.mp3")
    assert names("b.mp3", ".", "./b.mp3", "link.mp3") == ["b.mp3", "a.WAV"]


@pytest.mark.parametrize(
    ("given", "said"),
    [("*.opus", "No file matches"), ("empty", "No recording in the folder"), ("sub/deep/..", "No recording")],
)
def test_nothing_where_something_was_named_is_a_mistake(folder: Path, given: str, said: str) -> None:
    """Each is said, and what else was named is found all the same."""
    (folder / "empty").mkdir()
    (folder / "sub" / "c.m4a").unlink()
    there = found(given, "b.mp3", "*.flac")
    mistakes = [str(one) for one in there.mistakes]
    assert said in mistakes[0]
    assert mistakes[1:] == ["No file matches '*.flac'."]
    assert [one.name for one in there.recordings] == ["b.mp3"]


def test_a_folder_with_recordings_further_down_says_how_to_get_them(folder: Path) -> None:
    (folder / "sub" / "c.m4a").unlink()
    assert "--recursive" in str(found("sub").mistakes[0])


def test_a_folder_that_cannot_be_read_is_said_and_does_not_stop_the_rest(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither one that was named nor one further down."""
    scandir = os.scandir

    def guarded(path: str) -> object:
        if Path(path).name == "sub":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    for there in (found(".", recursive=True), found("sub", ".")):
        assert [one.name for one in there.recordings] == ["a.WAV", "b.mp3"]
        assert there.mistakes == []
        assert there.unreadable == [
            f"The folder {there.unreadable[0].split(chr(39))[1]!r} cannot be read: Permission denied."
        ]
    assert found("**/*.ogg").unreadable == ["The folder 'sub' cannot be read: Permission denied."]


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("https://host.example/calls/../a%2Fb:c.mp3?token=secret", "a_b_c.mp3"),
        ("https://host.example", "host.example"),
        ("https://host.example/calls/", "calls"),
        ("https://host.example/%2e%2e/x.mp3", "x.mp3"),
        ("https://host.example/x.mp3/%2e%2e", "x.mp3"),
        ("https://host.example/%2e%2e%2f", "host.example"),
        ("https://host.example/..%2f..%2fx.mp3", "x.mp3"),
        ("https://host.example/..%5cx.mp3", "x.mp3"),
        ("https://host.example/%2e", "host.example"),
        ("https://host.example/ ../. .", "host.example"),
        ("https://user:secret@host.example/", "host.example"),
        ("https://host.example/con.mp3", "_con.mp3"),
        ("https://[bad", "address"),
    ],
)
def test_an_address_is_named_by_its_last_part(address: str, place: str) -> None:
    """Decoded, without anything that could lead out of a folder, and without what lets others in."""
    (recording,) = found(address).recordings
    assert recording.is_address
    assert recording.place == PurePosixPath(place)
    assert "secret" not in recording.shown


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("..mp3", "..mp3"),
        ("...", "..."),
        ("a/../../x.mp3", "x.mp3"),
        ("/", "_"),
        ("NUL.mp3", "_NUL.mp3"),
        ("com1", "_com1"),
        ("lpt¹.x.mp3", "_lpt¹.x.mp3"),
        ("aux .mp3", "_aux .mp3"),
        ("console.mp3", "console.mp3"),
        ("com10.mp3", "com10.mp3"),
    ],
)
def test_a_file_keeps_its_name_unless_a_system_could_not_hold_it(name: str, place: str) -> None:
    """The names of Windows' devices are none."""
    assert named(name).place == PurePosixPath(place)


def test_folders_that_windows_would_take_for_others_are_renamed(folder: Path) -> None:
    """It drops dots and spaces at the end, so that "..." would be the folder itself."""
    for name in ("x...", "a. ", "con", "b"):
        make(folder / "odd" / name / "x.mp3")
    places = [str(one.place) for one in found("odd", recursive=True).recordings]
    assert places == ["a__/x.mp3", "b/x.mp3", "_con/x.mp3", "x___/x.mp3"]


@pytest.mark.parametrize(
    "name",
    [
        "http//bob:hunter2@a.example/typo.mp3?sig=SECRET",
        "https:/bob:hunter2@a.example/typo.mp3?sig=SECRET",
        "https/a.example/typo.mp3?sig=SECRET",
    ],
)
def test_an_address_without_its_colon_shows_no_secret(name: str) -> None:
    """It is searched for as a pattern, because of its question mark."""
    [mistake] = map(str, find([name], recursive=False).mistakes)
    assert "a.example/typo.mp3" in mistake
    assert "hunter2" not in mistake
    assert "SECRET" not in mistake
    assert "A URL begins with https://" in mistake


@pytest.mark.parametrize("names", [["real.flac", "link.flac"], ["link.flac", "real.flac"], ["."], ["*.flac"]])
def test_a_link_to_a_recording_that_is_there_is_named(
    names: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file has the result, whatever the order; the link is not left out in silence."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "real.flac").write_bytes(b"a recording")
    (tmp_path / "link.flac").symlink_to("real.flac")
    found = find([*names, "real.flac", "./real.flac"], recursive=True)
    [kept] = found.recordings
    assert Path(kept.name).name == "real.flac"
    [line] = found.ignored
    assert "link.flac" in line
    assert line.endswith(f"the same file as {kept.name}, through a link")


def test_a_name_that_no_file_can_have_is_a_recording_or_a_mistake(folder: Path) -> None:
    """It may be too long, or have a NUL, which only a URI can write."""
    assert names("n" * 300, "b.mp3") == ["n" * 300, "b.mp3"]
    assert [str(one) for one in found("file:///a%00b.mp3").mistakes] == [
        "file:///a%00b.mp3 names no file: %00 can be in no path."
    ]


def test_a_file_has_the_place_in_the_order_of_the_links_that_it_replaces(folder: Path) -> None:
    """Each of two links is named, also where a folder lists the file between them."""
    make(folder / "sub" / "real.mp3")
    for link in ("a.mp3", "z.mp3"):
        (folder / "sub" / link).symlink_to("real.mp3")
    there = found("sub")
    assert [one.name for one in there.recordings] == ["sub/real.mp3", "sub/c.m4a"]
    assert [line for line in there.ignored if "link" in line] == [
        f"sub/{link}: the same file as sub/real.mp3, through a link" for link in ("a.mp3", "z.mp3")
    ]


def test_of_two_links_to_a_file_elsewhere_the_first_one_has_the_result(folder: Path) -> None:
    """The file is not among the recordings, so the result is named after a link."""
    make(folder.parent / f"{folder.name}-elsewhere.mp3")
    for link in ("x.mp3", "y.mp3"):
        (folder / "sub" / link).symlink_to(folder.parent / f"{folder.name}-elsewhere.mp3")
    there = found("sub")
    assert [one.name for one in there.recordings] == ["sub/c.m4a", "sub/x.mp3"]
    assert "sub/y.mp3: the same file as sub/x.mp3, through a link" in there.ignored
