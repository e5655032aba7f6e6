"""The command run several times into one folder: each recording has its own result, and is paid for once."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from several_runs import KEY, Service

from aai_async.server import LocalServer, ScriptedEngine


@pytest.fixture
def anyio_backend() -> str:
    """The command runs in a process of its own, on asyncio."""
    return "asyncio"


SIGNED = "https://b.s3.amazonaws.com/t.mp3?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature="


async def test_an_address_with_a_new_signature_has_the_result_of_before(tmp_path: Path) -> None:
    """It is paid for once, also without a journal, and also where one run names it with both signatures."""
    service = Service(tmp_path)
    service.engine = ScriptedEngine("What was said.", reads_recordings=False)
    async with LocalServer(engine=service.engine, key=KEY) as server:
        service.url = server.base_url
        for addresses in ([f"{SIGNED}1", f"{SIGNED}2"], [f"{SIGNED}3"]):
            done = await service.run(*addresses, "--no-journal")
            assert done.returncode == 0, done.stderr
    assert b"t.mp3: skipped, out/t.mp3.txt exists" in done.stderr
    assert service.jobs == 1
    assert list(service.results) == ["t.mp3.txt"]


MODES = pytest.mark.parametrize("mode", [[], ["--no-journal"]], ids=["journal", "no journal"])


@MODES
async def test_a_recording_that_joins_another_changes_nothing_of_it(
    service: Service, mode: list[str]
) -> None:
    """Whatever their names have in common, each has its own result, and none is paid for again."""
    names = ["x.mp3", "x.wav", "x.mp3.wav", "sub/x.mp3"]
    service.make(*names)
    for number in range(1, len(names) + 1):
        assert (await service.run(*names[:number], *mode)).returncode == 0
        assert service.jobs == number
    assert service.results == {f"{name}.txt": f"This is {name}" for name in names}


@MODES
async def test_folders_of_the_same_tree_do_not_share_results(service: Service, mode: list[str]) -> None:
    """Neither in one run nor in two, nor named from within each of them."""
    days = ["mon", "tue", "wed"]
    service.make(*(f"{day}/calls/x.mp3" for day in days))
    assert (await service.run("mon", "tue", "-r", *mode)).returncode == 0
    assert (await service.run("wed", "-r", *mode)).returncode == 0
    assert sorted(service.results.values()) == [f"This is {day}/calls/x.mp3" for day in days]
    again = await service.run(*days, "-r", *mode)
    assert (again.returncode, again.stderr.count(b"skipped, "), service.jobs) == (0, 3, 3)
    assert b"All 3 results exist: skipped." in again.stderr
    assert b"0 of 0" not in again.stderr


@MODES
async def test_an_empty_result_and_a_changed_recording_are_not_done(
    service: Service, mode: list[str]
) -> None:
    """The one was left by a power cut, the other is another recording by now; what is right stays."""
    service.make("empty.mp3", "changed.mp3", "right.mp3")
    names = ["empty.mp3", "changed.mp3", "right.mp3"]
    assert (await service.run(*names, *mode)).returncode == 0
    (service.folder / "out/empty.mp3.txt").write_bytes(b"")
    (service.folder / "changed.mp3").write_text("another one")
    os.utime(service.folder / "changed.mp3", ns=(0, 0))
    again = await service.run(*names, *mode)
    assert (again.returncode, again.stderr.count(b"skipped, ")) == (0, 1)
    assert service.results == {
        "empty.mp3.txt": "This is empty.mp3",
        "changed.mp3.txt": "another one",
        "right.mp3.txt": "This is right.mp3",
    }
    assert service.jobs == (5 if mode else 4)


def jobs_of(service: Service, *formats: str) -> set[str]:
    """Give which jobs the files of `x.mp3` are from, where each job says its number."""
    texts = [(service.folder / f"out/x.mp3.{name}").read_text() for name in formats]
    return {job for text in texts for job in re.findall(r"job \d+", text)}


@pytest.fixture
def counting(service: Service) -> Service:
    """A service of which each job has another text: its number."""
    service.answer = lambda _: f"This is job {service.jobs}"
    service.make("x.mp3")
    return service


GERMAN = ["--language", "de"]


@MODES
async def test_the_files_of_a_recording_are_from_one_job(counting: Service, mode: list[str]) -> None:
    """A format that is added with other options comes with new files in the other formats."""
    assert (await counting.run("x.mp3", *mode)).returncode == 0
    again = await counting.run("x.mp3", "-f", "txt,srt", *GERMAN, *mode)
    assert (again.returncode, counting.jobs) == (0, 2)
    assert jobs_of(counting, "txt", "srt") == {"job 2"}
    assert (await counting.run("x.mp3", "-f", "txt,srt", *GERMAN, *mode)).stderr.count(b"skipped, ") == 1


@MODES
async def test_a_format_of_an_earlier_job_is_not_taken_for_one_of_the_latest(
    counting: Service, mode: list[str]
) -> None:
    """Where the latest job has written fewer formats than the one before it, all are written again."""
    await counting.run("x.mp3", "-f", "txt,srt", *mode)
    await counting.run("x.mp3", "--force", *GERMAN, *mode)
    assert (jobs_of(counting, "txt"), jobs_of(counting, "srt")) == ({"job 2"}, {"job 1"})
    again = await counting.run("x.mp3", "-f", "txt,srt", *GERMAN, *mode)
    assert (again.returncode, counting.jobs) == (0, 3 if mode else 2)
    assert len(jobs_of(counting, "txt", "srt")) == 1


@MODES
async def test_formats_of_two_versions_of_a_recording_are_not_mixed(
    counting: Service, mode: list[str]
) -> None:
    """A format that was written before the recording was changed is out of date."""
    await counting.run("x.mp3", "-f", "txt,srt", *mode)
    (counting.folder / "x.mp3").write_text("another one")
    await counting.run("x.mp3", *mode)
    assert (await counting.run("x.mp3", "-f", "txt,srt", *mode)).returncode == 0
    assert len(jobs_of(counting, "txt", "srt")) == 1


async def test_what_was_corrected_by_hand_stays_as_long_as_its_transcript_does(counting: Service) -> None:
    """A format that is added keeps it; another transcript replaces it."""
    await counting.run("x.mp3")
    (counting.folder / "out/x.mp3.txt").write_text("mine")
    await counting.run("x.mp3", "-f", "txt,srt")
    assert ((counting.folder / "out/x.mp3.txt").read_text(), counting.jobs) == ("mine", 1)
    await counting.run("x.mp3", "-f", "txt,srt,vtt", *GERMAN)
    assert jobs_of(counting, "txt", "srt", "vtt") == {"job 2"}


@MODES
async def test_the_empty_subtitles_of_silence_are_a_result(service: Service, mode: list[str]) -> None:
    """A recording without speech is paid for once."""
    service.answer = lambda _: ""
    service.make("x.mp3")
    for _ in range(2):
        again = await service.run("x.mp3", "-f", "srt", *mode)
        assert ((service.folder / "out/x.mp3.srt").read_bytes(), service.jobs) == (b"", 1)
    assert again.stderr.count(b"skipped, ") == 1
    (service.folder / "out/x.mp3.srt").unlink()
    await service.run("x.mp3", "-f", "srt", *mode)
    assert ((service.folder / "out/x.mp3.srt").exists(), service.jobs) == (True, 2 if mode else 1)


async def test_what_is_read_from_standard_input_is_never_there_already(service: Service) -> None:
    """It is another recording each time, and takes the place of none."""
    for audio in (b"first", b"second"):
        assert (await service.run("-", audio=audio)).returncode == 0
    assert service.results == {"stdin.txt": "first", "stdin-2.txt": "second"}


async def test_nothing_is_written_outside_of_the_folder(service: Service) -> None:
    """Whatever a recording is called; results are private."""
    service.make("..mp3", "con.mp3", "a/b. /x.mp3")
    assert (await service.run("..mp3", "con.mp3", "a", "-r")).returncode == 0
    assert sorted(service.results) == ["..mp3.txt", "_con.mp3.txt", "b__/x.mp3.txt"]
    assert sorted(os.listdir(service.folder)) == ["..mp3", "a", "con.mp3", "out"]
    assert {path.stat().st_mode & 0o777 for path in (service.folder / "out").rglob("*.txt")} == {0o600}
    folders = [service.folder / "out", *(one for one in (service.folder / "out").rglob("*") if one.is_dir())]
    assert {path.stat().st_mode & 0o777 for path in folders} == {0o700}
