"""Which file belongs to which recording: no two have the same, and none lands outside of the folder."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aai_async._cli.outputs import Outputs
from aai_async._cli.recordings import Recording, named
from aai_async._cli.rendering import Rendering

FOLDER = Path("out")


def files(*names: str, formats: tuple[str, ...] = ("txt",)) -> list[str]:
    outputs = Outputs.of([named(name) for name in names], FOLDER, Rendering(formats=formats))
    return [str(path) for name in names for path in outputs.paths(named(name)).values()]


def test_a_recording_gives_its_name_to_a_file_for_each_format() -> None:
    assert files("calls/x.y.mp3", formats=("txt", "srt")) == ["out/x.y.txt", "out/x.y.srt"]


def test_two_of_the_same_name_are_told_apart_by_their_folders() -> None:
    """And only as far as it takes."""
    assert files("/calls/a/x.mp3", "/calls/b/x.mp3", "/calls/y.mp3") == [
        "out/a/x.txt",
        "out/b/x.txt",
        "out/y.txt",
    ]


def test_two_that_differ_in_their_suffix_keep_it() -> None:
    assert files("/c/x.mp3", "/c/x.wav") == ["out/x.mp3.txt", "out/x.wav.txt"]


def test_two_that_differ_in_the_case_of_letters_are_told_apart() -> None:
    """Some file systems take them for one."""
    assert files("/a/X.mp3", "/b/x.mp3") == ["out/a/X.txt", "out/b/x.txt"]


def test_addresses_that_differ_in_their_query_alone_are_told_apart() -> None:
    first, second = files("https://h.example/a.mp3?x=1", "https://h.example/a.mp3?x=2")
    assert first != second


def test_a_name_that_is_too_long_for_a_suffix_is_shortened() -> None:
    """To one that is still its own."""
    first, second = files(f"/a/{'x' * 250}1.mp3", f"/a/{'x' * 250}2.mp3")
    assert first != second
    assert len(Path(first).name.encode()) < 255


@pytest.mark.parametrize("name", ["..", "/", "../../etc/x.mp3", "https://h.example/..%2f..%2fx.mp3"])
def test_no_name_leads_out_of_the_folder(name: str) -> None:
    (path,) = files(name)
    assert ".." not in Path(path).parts
    assert Path(path).parts[0] == "out"


PARTS = st.text("abAB.é", min_size=1, max_size=3).filter(lambda part: part.strip("."))
PATHS = st.lists(PARTS, min_size=1, max_size=4).map("/".join)


@given(st.lists(PATHS, min_size=1, max_size=12, unique=True))
def test_whatever_recordings_are_called_none_has_the_file_of_another(names: list[str]) -> None:
    """Nor one that a file system would take for it."""
    recordings = [
        Recording(
            name, PurePosixPath(name).relative_to(PurePosixPath(name).parent), PurePosixPath(f"/{name}")
        )
        for name in names
    ]
    outputs = Outputs.of(recordings, FOLDER, Rendering(formats=("txt",)))
    paths = [str(outputs.paths(one)["txt"]) for one in recordings]
    assert len({path.casefold() for path in paths}) >= len({name.casefold() for name in names})
