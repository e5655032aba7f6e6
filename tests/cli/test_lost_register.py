"""
A folder whose register of results was deleted, damaged or replaced.

Each recording has its result again under the same name, or the command says that it cannot be decided, before
anything is paid for.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from several_runs import Service

import aai_async as aai
from aai_async._cli.flags import Rendering
from aai_async._cli.inputs import named
from aai_async._cli.output_register import REGISTER
from aai_async._cli.restored_outputs import Claimant, RestoredOutputs
from aai_async._cli.result_evidence import word_characters
from aai_async._cli.result_files import save


@pytest.fixture
def anyio_backend() -> str:
    """The command runs in a process of its own, on asyncio."""
    return "asyncio"


DAYS = ["mon/call.mp3", "tue/call.mp3"]

BOTH = {"call.mp3.txt": "This is mon/call.mp3", "tue/call.mp3.txt": "This is tue/call.mp3"}


@pytest.fixture
async def calls(service: Service) -> Service:
    """A service after a run in which two recordings of one name had results."""
    service.make(*DAYS)
    assert (await service.run(*DAYS)).returncode == 0
    assert service.results == BOTH
    return service


def register_of(service: Service) -> Path:
    return service.folder / "out/.aai-async.names"


@pytest.mark.parametrize("damage", [b"garb", b"\ngarbage of a disk\n", b"\n\0\0\0", None])
async def test_a_damaged_or_deleted_register_is_restored_from_the_journal(
    service: Service, damage: bytes | None
) -> None:
    """An edited result keeps its name, nothing is paid again, and the repair is reported once."""
    service.make("m/a.mp3", "m/b.mp3")
    assert (await service.run("m")).returncode == 0
    (service.folder / "out/a.mp3.txt").write_text("Edited.")
    register = register_of(service)
    register.unlink() if damage is None else register.write_bytes(damage)
    done = await service.run("m")
    assert (done.returncode, b"2 names restored from the journal" in done.stderr) == (0, True), done.stderr
    assert service.results == {"a.mp3.txt": "Edited.", "b.mp3.txt": "This is m/b.mp3"}
    assert b"restored" not in (await service.run("m")).stderr
    assert service.jobs == 2


async def test_recordings_of_one_name_have_their_results_again(calls: Service) -> None:
    """The transcripts tell them apart, in a run with one of them and other options and formats."""
    assert (await calls.run(*DAYS, "-f", "srt", "--times", "--max-chars", "30")).returncode == 0
    register_of(calls).unlink()
    done = await calls.run("tue/call.mp3", "-l", "de", "-f", "txt,srt")
    assert (done.returncode, b"2 names restored" in done.stderr) == (0, True), done.stderr
    assert b"skipped, out/tue/call.mp3.{txt,srt} exist" in done.stderr
    again = await calls.run(*DAYS)
    assert (again.returncode, again.stderr.count(b"skipped, "), calls.jobs) == (0, 2, 2)
    assert calls.results == BOTH


async def test_an_edited_result_is_of_the_only_recording_that_can_have_it(calls: Service) -> None:
    """The result of the other one is recognised."""
    (calls.folder / "out/call.mp3.txt").write_text("Edited.")
    register_of(calls).unlink()
    assert (await calls.run(*DAYS)).returncode == 0
    assert (calls.results, calls.jobs) == (BOTH | {"call.mp3.txt": "Edited."}, 2)


async def test_a_new_recording_has_no_result_of_another_one(calls: Service) -> None:
    """It has the name of one that is in the journal, and not in the run."""
    register_of(calls).unlink()
    calls.make("wed/call.mp3")
    assert (await calls.run("wed/call.mp3")).returncode == 0
    assert (calls.results, calls.jobs) == (BOTH | {"wed/call.mp3.txt": "This is wed/call.mp3"}, 3)


async def test_a_run_from_another_folder_restores_the_names_too(calls: Service) -> None:
    """The journal has paths that are relative to the folder of the earlier run."""
    register_of(calls).unlink()
    done = await calls.command(
        "transcribe", str(calls.folder / "mon/call.mp3"), "-o", str(calls.folder / "out"), folder="tue"
    )
    assert (done.returncode, b"2 names restored" in done.stderr) == (0, True), done.stderr
    assert (await calls.run(*DAYS)).stderr.count(b"skipped, ") == 2
    assert (calls.results, calls.jobs) == (BOTH, 2)


async def test_a_changed_recording_is_not_done_after_a_loss_of_the_register(calls: Service) -> None:
    """The result of its earlier version is replaced, under the same name."""
    register_of(calls).unlink()
    (calls.folder / "mon/call.mp3").write_text("another call")
    assert (await calls.run(*DAYS)).returncode == 0
    assert (calls.results, calls.jobs) == (BOTH | {"call.mp3.txt": "another call"}, 3)


async def test_a_register_that_was_cut_is_completed(calls: Service) -> None:
    """Its last lines are missing, and no line is damaged."""
    register = register_of(calls)
    lines = register.read_bytes().splitlines(keepends=True)
    tue = next(line.split()[0] for line in lines if b"tue" in line)
    register.write_bytes(b"".join(line for line in lines if not line.startswith(tue)))
    done = await calls.run(*DAYS)
    assert (done.returncode, b"1 name restored from the journal" in done.stderr) == (0, True), done.stderr
    assert (calls.results, calls.jobs) == (BOTH, 2)


async def test_a_register_of_another_folder_mixes_nothing_up(calls: Service) -> None:
    """Each recording has its own text somewhere, and none is paid for again."""
    shutil.move(calls.folder / "out", calls.folder / "kept")
    assert (await calls.run("tue/call.mp3")).returncode == 0
    foreign = register_of(calls).read_bytes()
    shutil.rmtree(calls.folder / "out")
    shutil.move(calls.folder / "kept", calls.folder / "out")
    register_of(calls).write_bytes(foreign)
    assert (await calls.run(*DAYS)).returncode == 0
    again = await calls.run(*DAYS)
    assert (again.returncode, again.stderr.count(b"skipped, "), calls.jobs) == (0, 2, 3)
    assert set(calls.results.values()) == set(BOTH.values())


async def test_two_runs_at_once_restore_the_same_names(calls: Service) -> None:
    """Neither takes the name of the other's recording."""
    register_of(calls).unlink()
    calls.make("wed/call.mp3")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(calls.run, "mon/call.mp3", "--no-journal")
        tasks.start_soon(calls.run, "wed/call.mp3", "--no-journal")
    assert (calls.results, calls.jobs) == (BOTH | {"wed/call.mp3.txt": "This is wed/call.mp3"}, 3)


async def test_nothing_is_sent_if_it_cannot_be_decided_whose_a_result_is(calls: Service) -> None:
    """One of two results is edited, the other one is missing."""
    (calls.folder / "out/call.mp3.txt").write_text("Edited.")
    (calls.folder / "out/tue/call.mp3.txt").unlink()
    register_of(calls).unlink()
    for _ in range(2):
        done = await calls.run(*DAYS)
        assert (done.returncode, calls.jobs) == (2, 2), done.stderr
        assert done.stderr.count(b"may have results already: out/call.mp3.txt exists") == 2
        assert b"Move the file to another folder" in done.stderr
    assert calls.results == {"call.mp3.txt": "Edited."}
    (calls.folder / "out/call.mp3.txt").rename(calls.folder / "mine.txt")
    assert (await calls.run(*DAYS)).returncode == 0
    assert (calls.results, calls.jobs) == (BOTH, 2)


async def test_results_of_a_folder_without_a_journal_are_not_paid_for_again(service: Service) -> None:
    """Without its register, it is unknown whose they are; other recordings are transcribed where asked."""
    service.make("a.mp3", "b.mp3")
    assert (await service.run("a.mp3", "--no-journal")).returncode == 0
    register_of(service).unlink()
    names = ["a.mp3", "b.mp3", "--no-journal"]
    for flags, status, jobs in (
        ([], 2, 1),
        (["--dry-run"], 2, 1),
        (["--force"], 2, 1),
        (["--skip-bad"], 3, 2),
    ):
        done = await service.run(*names, *flags)
        assert (done.returncode, service.jobs) == (status, jobs), done.stderr
        assert b"'a.mp3' may have results already: out/a.mp3.txt exists" in done.stderr
    assert service.results == {"a.mp3.txt": "This is a.mp3", "b.mp3.txt": "This is b.mp3"}


async def test_a_damaged_register_is_an_error_without_a_journal(service: Service) -> None:
    """Nothing is paid for; the message says what to do."""
    service.make("m/a.mp3")
    assert (await service.run("m", "--no-journal")).returncode == 0
    register_of(service).write_bytes(b"garb")
    done = await service.run("m", "--no-journal")
    assert (done.returncode != 0, service.jobs) == (True, 1)
    assert b".aai-async.names' is damaged" in done.stderr
    assert b"Restore the file from a backup" in done.stderr
    assert list(service.results) == ["a.mp3.txt"]


async def test_an_export_finds_the_names_again(calls: Service) -> None:
    """A format is added beside the results of the recordings, and no result is written twice."""
    register_of(calls).unlink()
    done = await calls.command("export", "out", "-o", "out", "-f", "txt,md")
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.split()) == [b"out/call.mp3.md", b"out/tue/call.mp3.md"]
    assert "tue/call.mp3" in (calls.folder / "out/tue/call.mp3.md").read_text()
    assert (await calls.run(*DAYS)).stderr.count(b"skipped, ") == 2
    assert calls.results == BOTH


async def test_the_index_has_results_that_the_register_does_not_list(calls: Service) -> None:
    """They are found in memory: an index changes no register."""
    register_of(calls).unlink()
    done = await calls.command("index", "out")
    assert (done.returncode, b"2 listed." in done.stderr) == (0, True), done.stderr
    assert not register_of(calls).exists()


async def spoken_in(transcript_id: str) -> str:
    return {"one": "abc", "two": "abcd"}[transcript_id]


async def test_a_register_that_cannot_be_written_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder is read-only, for example: the names are restored in memory only, and nothing is sent."""
    monkeypatch.chdir(tmp_path)
    Path("x.mp3.txt").write_text("A. B. C.")
    outputs = RestoredOutputs(Path(), Rendering())
    await outputs.restore([Claimant(named("x.mp3"), ("one",), frozenset())], spoken_in)
    opened = os.open

    def read_only(path: str, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_WRONLY:
            raise OSError(30, "Read-only file system")
        return opened(path, flags, mode)

    with monkeypatch.context() as context:
        context.setattr(os, "open", read_only)
        with pytest.raises(aai.SaveError, match=r"names' cannot be used: Read-only file system"):
            await outputs.save_repair()


@pytest.mark.parametrize("order", [1, -1])
async def test_a_text_that_begins_like_another_one_is_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: int
) -> None:
    """The file of the longer text is not given to the recording of the shorter one."""
    monkeypatch.chdir(tmp_path)
    Path("x.mp3.txt").write_text("A: abcd")
    claimants = [
        Claimant(named("a/x.mp3"), ("one",), frozenset()),
        Claimant(named("b/x.mp3"), ("two",), frozenset()),
    ]
    outputs = RestoredOutputs(Path(), Rendering())
    await outputs.restore(claimants[::order], spoken_in)
    assert [outputs.unknown(one.recording) for one in claimants] == [[], []]
    assert outputs.paths(named("b/x.mp3")) == {"txt": "x.mp3.txt"}


@pytest.mark.parametrize("content", ['{"id": "other"}', "abc"])
async def test_a_file_that_names_another_transcript_is_not_given_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    """It stays unknown, also where only one recording can have it; damaged JSON names none."""
    monkeypatch.chdir(tmp_path)
    Path("x.mp3.json").write_text(content)
    outputs, recording = RestoredOutputs(Path(), Rendering()), named("x.mp3")
    await outputs.restore([Claimant(recording, ("one",), frozenset())], spoken_in)
    if content == "abc":
        assert outputs.unknown(recording) == []
        return
    with pytest.raises(aai.SourceError, match=r"may have results already: x\.mp3\.json exists"):
        outputs.check_known(recording)


async def test_a_file_that_comes_while_a_folder_is_watched_is_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder of the results is read again for each recording that arrives."""
    monkeypatch.chdir(tmp_path)
    Path("out").mkdir()
    Path("out/other.txt").touch()
    outputs, recording = RestoredOutputs(Path("out"), Rendering()), named("x.mp3")
    outputs.check_known(recording)
    Path("out/x.mp3.txt").write_text("mine")
    outputs.refresh([recording])
    with pytest.raises(aai.SourceError, match=r"may have results already: out/x\.mp3\.txt exists"):
        outputs.check_known(recording)


FOLDERS = st.lists(st.sampled_from(["a", "b", "ab"]), max_size=3)
PATHS = st.tuples(FOLDERS, st.sampled_from(["x.mp3", "X.mp3", "y.mp3"])).map(
    lambda one: "/".join((*one[0], one[1]))
)


@settings(deadline=None)
@given(st.lists(PATHS, min_size=1, max_size=7, unique=True), st.data())
def test_no_recording_is_given_the_result_of_another_one(names: list[str], data: st.DataObject) -> None:
    """Whatever files were edited or removed; a result that was not touched is found again."""
    before, folder = Path.cwd(), Path(tempfile.mkdtemp())
    touched = {name: data.draw(st.sampled_from(["", "", "edited", "removed"])) for name in names}
    try:
        os.chdir(folder)
        anyio.run(_check_restored, data.draw(st.permutations(names)), touched)
    finally:
        os.chdir(before)
        shutil.rmtree(folder)


async def _check_restored(names: list[str], touched: dict[str, str]) -> None:
    texts = {name: f"This is {'abcdefg'[number] * (number + 1)}" for number, name in enumerate(names)}
    first = RestoredOutputs(Path("out"), Rendering())
    recordings = {name: named(name) for name in names}
    written: dict[str, Path] = {}
    for recording in recordings.values():
        # In runs of their own, so that their order decides about the names.
        first.name([recording])
        assert await first.prepare([recording]) == []
        await first.claim([recording])
        path = written[recording.name] = Path(first.paths(recording)["txt"])
        await save(path, texts[recording.name].encode())
        first.load()
    for name, change in touched.items():
        if change == "removed":
            written[name].unlink()
        elif change == "edited":
            written[name].write_text("Edited.")
    Path("out", REGISTER).unlink()
    again = RestoredOutputs(Path("out"), Rendering())
    claimants = [Claimant(recordings[name], (name,), frozenset()) for name in sorted(names)]

    async def spoken_in(name: str) -> str:
        return word_characters(texts[name])

    await again.restore(claimants, spoken_in)
    for name, recording in recordings.items():
        if recording in again._stems:
            assert Path(again.paths(recording)["txt"]) == written[name]
        else:
            assert touched[name]
