"""
Which file belongs to which recording: each has its own, in whatever company and order, and over several runs.

None lands outside of the folder.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import aai_async as aai
from aai_async._cli.flags import Rendering
from aai_async._cli.inputs import Recording, find, named
from aai_async._cli.output_register import REGISTER
from aai_async._cli.outputs import Outputs
from aai_async._cli.safe_names import folded, of_path

pytestmark = pytest.mark.skipif(os.name != "posix", reason="names of POSIX")


@pytest.fixture
def anyio_backend() -> str:
    """The command runs on asyncio."""
    return "asyncio"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def make(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(name.encode())


def said(name: str) -> str:
    """What is heard in a recording: which one it is."""
    return f"recording-{name.encode().hex()}"


def said_in(recording: Recording) -> aai.Transcript:
    word = {"text": said(recording.name), "start": 0, "end": 900, "confidence": 1.0, "speaker": None}
    whole = {"id": "one", "status": "completed", "text": said(recording.name), "words": [word]}
    return aai.Transcript.from_json(json.dumps(whole))


async def run(
    recordings: Sequence[Recording],
    *,
    formats: Sequence[str] = ("txt",),
    force: bool = False,
    out: str = "out",
) -> tuple[list[Recording], dict[str, list[str]]]:
    """Do what the command does, and give which recordings were transcribed, and the files of all."""
    outputs = Outputs(Path(out), Rendering(formats=[*formats]), is_forced=force)
    outputs.load()
    wanted = [one for one in recordings if not outputs.are_there(one)]
    outputs.name(wanted)
    assert await outputs.prepare(wanted) == []
    await outputs.claim(wanted)
    for recording in wanted:
        assert (await outputs.write(recording, said_in(recording))).errors == []
    paths = {one.name: [str(path) for path in outputs.paths(one).values()] for one in recordings}
    return wanted, paths


async def files(*names: str, formats: Sequence[str] = ("txt",)) -> list[str]:
    _, paths = await run([named(name) for name in names], formats=formats)
    return [path for name in names for path in paths[name]]


async def test_a_recording_gives_its_name_to_a_file_for_each_format(folder: Path) -> None:
    """With its suffix, so that another recording beside it changes nothing."""
    assert await files("calls/x.y.mp3", formats=["txt", "srt"]) == ["out/x.y.mp3.txt", "out/x.y.mp3.srt"]


async def test_recordings_that_differ_in_their_suffix_have_files_of_their_own(folder: Path) -> None:
    """Whatever they are, each is named by itself alone."""
    names = ["call.mp3", "call.wav", "call.mp3.wav", "call"]
    make(*names)
    assert await files(*names) == [f"out/{name}.txt" for name in names]
    assert [Path(f"out/{name}.txt").read_text() for name in names] == [f"{said(name)}\n" for name in names]


@pytest.mark.parametrize("order", [["mon/call.mp3", "tue/call.mp3"], ["tue/call.mp3", "mon/call.mp3"]])
@pytest.mark.parametrize("in_one_run", [True, False])
async def test_recordings_of_the_same_name_in_two_folders_have_files_of_their_own(
    folder: Path, order: list[str], in_one_run: bool
) -> None:
    """In one run and in two; and each finds its own again in any later one, in whatever company."""
    make(*order)
    first = await files(*order) if in_one_run else [*await files(order[0]), *await files(order[1])]
    # In one run they are named in the order of their paths.
    named_first = "mon/call.mp3" if in_one_run else order[0]
    assert first == ["out/call.mp3.txt" if name == named_first else f"out/{name}.txt" for name in order]
    assert [Path(path).read_text() for path in first] == [f"{said(name)}\n" for name in order]
    for again in (order, order[::-1], order[:1], order[1:]):
        transcribed, paths = await run([named(name) for name in again])
        assert transcribed == []
        assert [paths[name] for name in again] == [[first[order.index(name)]] for name in again]


async def test_recordings_in_folders_of_the_same_name_have_files_of_their_own(folder: Path) -> None:
    """Told by as many folders as it takes, up to two, and then by a mark."""
    names = [f"{year}/{month}/mon/call.mp3" for year in (2025, 2026) for month in (1, 2)]
    make(*names)
    paths = await files(*names)
    assert paths[:3] == ["out/call.mp3.txt", "out/mon/call.mp3.txt", "out/1/mon/call.mp3.txt"]
    assert paths[3] == "out/2/mon/call.mp3.txt"
    make("2027/1/mon/call.mp3")
    (path,) = await files("2027/1/mon/call.mp3")
    assert len(Path(path).name) == len("call.mp3-12345678.txt")


async def test_the_same_recording_is_found_again_however_it_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its folder, by itself, from elsewhere, through a linked folder; and where all of it was moved."""
    make("work/calls/a/x.mp3")
    Path("work/link").symlink_to("calls")
    monkeypatch.chdir("work")
    transcribed, paths = await run(find(["calls"], recursive=True).recordings)
    assert paths == {"calls/a/x.mp3": ["out/a/x.mp3.txt"]}
    for name in (
        "calls/a/x.mp3",
        "./calls/../calls/a/x.mp3",
        str(Path.cwd() / "calls/a/x.mp3"),
        "link/a/x.mp3",
    ):
        transcribed, paths = await run([named(name)])
        assert (transcribed, paths[name]) == ([], ["out/a/x.mp3.txt"])
    (folder / "work").rename(folder / "moved")
    monkeypatch.chdir(folder / "moved" / "calls" / "a")
    assert (await run([named("x.mp3")], out="../../out"))[0] == []


async def test_a_file_of_unknown_origin_is_not_taken_for_a_result(folder: Path) -> None:
    """It stays as it is, and the recording has another file."""
    make("x.mp3")
    Path("out").mkdir()
    Path("out/x.mp3.srt").write_text("mine")
    (path,) = await files("x.mp3")
    assert path != "out/x.mp3.txt"
    assert Path("out/x.mp3.srt").read_text() == "mine"


async def test_a_recording_that_is_named_like_a_result_is_not_overwritten(folder: Path) -> None:
    """Where results are written beside the recordings."""
    make("x.mp3", "x.mp3.txt")
    _, paths = await run([named("x.mp3"), named("x.mp3.txt")], out=".")
    assert Path("x.mp3.txt").read_text() == "x.mp3.txt"
    assert len({*paths["x.mp3"], *paths["x.mp3.txt"], "x.mp3.txt"}) == 3


async def test_an_empty_file_is_no_result(folder: Path) -> None:
    """It was left by a power cut, say."""
    make("x.mp3", "y.mp3")
    Path("out").mkdir()
    Path("out/y.mp3.txt").touch()
    first = await files("x.mp3", "y.mp3")
    assert first == ["out/x.mp3.txt", "out/y.mp3.txt"]
    Path("out/x.mp3.txt").write_bytes(b"")
    assert (await run([named("x.mp3")]))[0] == [named("x.mp3")]
    assert Path("out/x.mp3.txt").read_text() == f"{said('x.mp3')}\n"


async def test_a_recording_that_was_changed_is_another_one(folder: Path) -> None:
    """A recorder numbers from one again, say. Its result takes the place of the old one."""
    make("x.mp3")
    await files("x.mp3")
    Path("x.mp3").write_bytes(b"another one")
    os.utime("x.mp3", ns=(0, 0))
    Path("out/x.mp3.txt").write_text("old")
    assert (await run([named("x.mp3")]))[0] == [named("x.mp3")]
    assert Path("out/x.mp3.txt").read_text() == f"{said('x.mp3')}\n"
    assert (await run([named("x.mp3")]))[0] == []


async def test_a_recording_that_is_gone_is_not_needed_where_its_results_are(folder: Path) -> None:
    make("x.mp3")
    await files("x.mp3")
    Path("x.mp3").unlink()
    assert (await run([named("x.mp3")]))[0] == []


async def test_what_was_corrected_by_hand_stays_while_a_format_is_added(folder: Path) -> None:
    """Unless all is to be written again."""
    make("x.mp3")
    await files("x.mp3")
    Path("out/x.mp3.txt").write_text("mine")
    await run([named("x.mp3")], formats=["txt", "srt", "json"])
    assert Path("out/x.mp3.txt").read_text() == "mine"
    assert Path("out/x.mp3.json").exists()
    await run([named("x.mp3")], force=True)
    assert Path("out/x.mp3.txt").read_text() == f"{said('x.mp3')}\n"


async def test_names_that_a_file_system_may_take_for_one_are_told_apart(folder: Path) -> None:
    """By case, and by how an accent is written; in one run and in two."""
    names = [
        "a/X.mp3",
        "b/x.mp3",
        "c/\u00e9.mp3",
        "d/e\u0301.mp3",
        "e/\u00c9.mp3",
        "f/stra\u00dfe.mp3",
        "g/STRASSE.mp3",
    ]
    make(*names)
    paths = await files(*names[::2])
    paths += await files(*names[1::2])
    assert len({folded(path) for path in paths}) == len(names)


async def test_standard_input_is_another_recording_each_time(folder: Path) -> None:
    """Its result is new, and replaces none."""
    for path in ("out/stdin.txt", "out/stdin-2.txt", "out/stdin-3.txt"):
        transcribed, paths = await run([*find(["-"], recursive=False).recordings])
        assert (len(transcribed), paths["-"]) == (1, [path])


async def test_addresses_that_differ_in_their_query_alone_are_told_apart(folder: Path) -> None:
    """And nothing of the query stands in the folder."""
    names = ["https://h.example/a.mp3?token=secret1", "https://h.example/a.mp3?token=secret2"]
    first, second = await files(*names)
    assert first == "out/a.mp3.txt"
    assert first != second
    assert b"secret" not in Path("out", REGISTER).read_bytes()
    assert "secret" not in "".join(os.listdir("out"))


async def test_a_name_that_is_too_long_for_a_suffix_is_shortened(folder: Path) -> None:
    """To one that is still its own, and cut between two characters."""
    first, second, third = await files(f"a/{'x' * 250}1.mp3", f"a/{'x' * 250}2.mp3", f"a/{'é' * 124}.mp3")
    assert first != second
    assert all(len(os.fsencode(Path(path).name)) < 255 for path in (first, second, third))


@pytest.mark.parametrize(
    "name", ["..", "/", "../../etc/x.mp3", "https://h.example/..%2f..%2fx.mp3", "..mp3", "...", "a/..mp3"]
)
async def test_no_name_leads_out_of_the_folder(folder: Path, name: str) -> None:
    (path,) = await files(name)
    assert ".." not in Path(path).parts
    assert Path(path).parts[0] == "out"


async def test_a_link_that_leads_out_of_the_folder_is_refused_before_anything_is_sent(folder: Path) -> None:
    make("calls/a/x.mp3")
    Path("out").mkdir()
    Path("elsewhere").mkdir()
    Path("out/a").symlink_to("../elsewhere")
    outputs = Outputs(Path("out"), Rendering())
    recordings = find(["calls"], recursive=True).recordings
    outputs.name(recordings)
    (error,) = await outputs.prepare(recordings)
    assert "a link leads out of it" in str(error)
    assert os.listdir("elsewhere") == []


@pytest.mark.parametrize("obstacle", ["a folder", "a file"])
async def test_what_is_in_the_way_of_a_result_is_found_before_anything_is_sent(
    folder: Path, obstacle: str
) -> None:
    """A folder where a file is to be written, or a file where a folder is needed."""
    make("calls/a/x.mp3")
    outputs = Outputs(Path("out"), Rendering())
    recordings = find(["calls"], recursive=True).recordings
    outputs.name(recordings)
    if obstacle == "a folder":
        Path("out/a/x.mp3.txt").mkdir(parents=True)
    else:
        make("out/a")
    (error,) = await outputs.prepare(recordings)
    assert isinstance(error, aai.SaveError)


async def test_results_are_private_and_replace_a_link(folder: Path) -> None:
    """Recordings may be confidential, and a link may have been laid by somebody else."""
    make("x.mp3", "victim")
    Path("out").mkdir()
    Path("out/x.mp3.txt").symlink_to("../victim")
    outputs = Outputs(Path("out"), Rendering())
    outputs._stems[named("x.mp3")] = named("x.mp3").place
    await outputs.write(named("x.mp3"), said_in(named("x.mp3")))
    assert Path("victim").read_text() == "victim"
    assert Path("out/x.mp3.txt").lstat().st_mode == 0o100600
    assert Path("out", REGISTER).stat().st_mode & 0o777 == 0o600


async def test_one_format_that_fails_does_not_take_the_others_along(folder: Path) -> None:
    """What is wrong with it is given, and the others are written."""
    make("x.mp3")
    recording = named("x.mp3")
    outputs = Outputs(Path("out"), Rendering(formats=["html", "txt", "json"], embed_audio=True))
    outputs.name([recording])
    assert await outputs.prepare([recording]) == []
    await outputs.claim([recording])
    Path("x.mp3").unlink()
    written = await outputs.write(recording, said_in(recording))
    assert [Path(path).name for path in written.new] == ["x.mp3.txt", "x.mp3.json"]
    assert [type(error) for error in written.errors] == [aai.OptionsError]


async def test_two_runs_at_the_same_time_agree_on_whose_a_name_is(folder: Path) -> None:
    """Whichever has written it down first has it."""
    make("mon/call.mp3", "tue/call.mp3")
    both = [Outputs(Path("out"), Rendering()) for _ in range(2)]
    recordings = [named("mon/call.mp3"), named("tue/call.mp3")]
    for outputs, recording in zip(both, recordings, strict=True):
        outputs.load()
        outputs.name([recording])
        await outputs.prepare([recording])
    for outputs, recording in zip(both, recordings, strict=True):
        await outputs.claim([recording])
    paths = [outputs.paths(one)["txt"] for outputs, one in zip(both, recordings, strict=True)]
    assert paths == ["out/call.mp3.txt", "out/tue/call.mp3.txt"]


async def test_a_register_that_was_torn_by_a_power_cut_is_read_as_far_as_it_goes(folder: Path) -> None:
    """What cannot be read leads nowhere, and what is added stands in lines of its own."""
    make("x.mp3", "y.mp3")
    await files("x.mp3")
    register = Path("out", REGISTER)
    junk = b"junk\nab - - %2Fetc%2Fpasswd\nab - - ..%2Fx\n\xff\xfe - - x\n\nab 1-2 - to"
    register.write_bytes(register.read_bytes() + junk)
    assert await files("x.mp3", "y.mp3") == ["out/x.mp3.txt", "out/y.mp3.txt"]
    assert (await run([named("x.mp3"), named("y.mp3")]))[0] == []


async def test_a_register_that_is_a_link_is_refused(folder: Path) -> None:
    make("victim")
    Path("out").mkdir()
    Path("out", REGISTER).symlink_to("../victim")
    with pytest.raises(aai.SaveError, match="cannot be used"):
        Outputs(Path("out"), Rendering()).load()


PARTS = st.text("abAB.éÉ\u0301 ", min_size=1, max_size=3)
NAMES = st.sampled_from(["", ".mp3", ".wav", ".mp3.wav", ".txt", ".mp3.txt"])
PATHS = st.tuples(st.lists(PARTS, min_size=1, max_size=3), NAMES).map(lambda one: "/".join(one[0]) + one[1])
RUNS = st.lists(
    st.tuples(st.lists(st.integers(0, 9), min_size=1, max_size=6, unique=True), st.booleans()),
    min_size=1,
    max_size=4,
)


@settings(deadline=None)
@given(st.lists(PATHS, min_size=1, max_size=10, unique=True), RUNS)
def test_over_several_runs_each_recording_has_its_own_result(
    paths: list[str], runs: list[tuple[list[int], bool]]
) -> None:
    """
    None is transcribed twice, none has the file of another one, also where case and accents do not count.

    Each keeps its name. The runs have any of the recordings, in any order, by themselves or by their folder.
    """
    before, whole = Path.cwd(), Path(tempfile.mkdtemp())
    try:
        os.chdir(whole)
        anyio.run(_check_runs, [name for name in (f"in/{path}" for path in paths) if _is_made(name)], runs)
    finally:
        os.chdir(before)
        shutil.rmtree(whole)


def _is_made(name: str) -> bool:
    if not {"..", "."}.isdisjoint(name.split("/")):
        return False
    try:
        make(name)
    except OSError:  # a file where another has a folder
        return False
    return True


async def _check_runs(there: list[str], runs: list[tuple[list[int], bool]]) -> None:
    results: dict[str, str] = {}
    for chosen, is_by_name in runs if there else []:
        names = [there[number % len(there)] for number in chosen]
        recordings = [named(name) for name in names] if is_by_name else _in_folders_of(names, there)
        recordings = list({one.name: one for one in recordings}.values())
        transcribed, paths = await run(recordings)
        assert {one.name for one in transcribed} == {one.name for one in recordings} - results.keys()
        for recording in recordings:
            (path,) = paths[recording.name]
            assert results.setdefault(recording.name, path) == path
            assert Path(path).read_text() == f"{said(recording.name)}\n"
    assert len({folded(path) for path in results.values()}) == len(results)
    assert all(Path(path).resolve().is_relative_to(Path("out").resolve()) for path in results.values())


def _in_folders_of(names: list[str], there: list[str]) -> list[Recording]:
    """Give what a search of the folders would, had all files the suffix of a recording."""
    folders = dict.fromkeys(str(Path(name).parents[-3]) if name.count("/") > 1 else name for name in names)
    return [
        Recording(name, of_path(os.path.relpath(name, folder))) if name != folder else named(name)
        for folder in folders
        for name in there
        if f"{name}/".startswith(f"{folder}/")
    ]
