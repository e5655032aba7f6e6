"""`forget`: a recording leaves a journal, and its results the folder that they were written to."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from local_runs import KEY, run, transcribe
from local_runs import server as server  # noqa: PLC0414 - a fixture

import aai_async as aai
from aai_async._cli import forgetting
from aai_async._cli.command_flags import ForgetFlags
from aai_async._cli.exit_status import ExitStatus
from aai_async.server import LocalServer

JOURNAL = Path("out/.aai-async.db")


@pytest.fixture
def anyio_backend() -> str:
    """The command runs on asyncio."""
    return "asyncio"


async def forget(names: list[str], folder: Path | None = None) -> ExitStatus:
    return await forgetting.forget(
        ForgetFlags(journal=str(JOURNAL), names=names, results_dirs=[] if folder is None else [str(folder)])
    )


def texts() -> list[str]:
    """The files in which something that was said can be read."""
    files = [path for path in Path("out").rglob("*") if path.is_file()]
    return sorted(str(path.relative_to("out")) for path in files if b"Secret" in path.read_bytes())


async def outcomes() -> dict[str, str | None]:
    async with aai.Journal.open(JOURNAL) as journal:
        return {str(outcome.source): outcome.transcript_id async for outcome in journal.outcomes()}


async def test_a_forgotten_recording_leaves_no_text_in_the_folder(server: LocalServer) -> None:
    """The others stay; and `delete` says what is where. The key is not needed."""
    await transcribe(server, "mon/call.mp3", "tue/call.mp3")
    ids = await outcomes()
    transcript_id = ids["mon/call.mp3"] or ""
    status, out, err = await run(server, "delete", transcript_id, "--yes")
    assert (status, out) == (0, f"{transcript_id}\n")
    assert "its result files: `aai-async forget JOURNAL ID" in err
    status, out, err = await run(server, "forget", str(JOURNAL), "mon/call.mp3", "--yes")
    assert (status, out) == (0, f"{transcript_id}  mon/call.mp3\n")
    assert "Removed out/call.mp3.txt" in err
    assert "1 row and 2 files removed" in err
    assert f"aai-async delete {transcript_id}" in err
    assert texts() == ["tue/call.mp3.json", "tue/call.mp3.txt"]
    assert list(await outcomes()) == ["tue/call.mp3"]
    assert b"mon/call" not in b"".join(path.read_bytes() for path in JOURNAL.parent.glob(".aai-async.db*"))


@pytest.mark.parametrize("is_absolute", [True, False])
async def test_a_recording_is_forgotten_by_its_path_from_another_folder(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch, is_absolute: bool
) -> None:
    """The journal lists it by its path from the folder of the run; rows of other options go, too."""
    name = str(Path("calls/y.mp3").absolute()) if is_absolute else "calls/y.mp3"
    await transcribe(server, name, "x.mp3", flags="-l en")
    await transcribe(server, name, flags="-l de --force")
    monkeypatch.chdir("calls")
    flags = ForgetFlags(journal="../out/.aai-async.db", names=["y.mp3"], results_dirs=[])
    assert await forgetting.forget(flags) == ExitStatus.OK
    monkeypatch.chdir("..")
    assert texts() == ["x.mp3.json", "x.mp3.txt"]
    assert list(await outcomes()) == ["x.mp3"]


@pytest.mark.parametrize("is_moved", [True, False])
async def test_a_moved_or_copied_recording_is_forgotten_with_its_text(
    server: LocalServer, is_moved: bool
) -> None:
    """Its row has the name of the first; the text is the same, so that it is removed under both names."""
    await transcribe(server, "calls/x.mp3", flags="--dedupe")
    if is_moved:
        Path("calls").rename("kalls")
    else:
        shutil.copytree("calls", "kalls")
    await transcribe(server, "kalls/x.mp3", flags="--dedupe")
    assert await forget(["kalls/x.mp3"]) == ExitStatus.OK
    assert texts() == []
    assert await outcomes() == {}


async def test_a_name_that_means_two_recordings_is_an_error(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One as the journal lists it, another as a path from this folder: nothing is removed of either."""
    await transcribe(server, "call.mp3", "calls/call.mp3")
    monkeypatch.chdir("calls")
    flags = ForgetFlags(journal="../out/.aai-async.db", names=["call.mp3"], results_dirs=[])
    with pytest.raises(aai.JournalError, match=r"two recordings: .*'calls/call\.mp3'.*Nothing was removed"):
        await forgetting.forget(flags)
    monkeypatch.chdir("..")
    assert (len(texts()), len(await outcomes())) == (4, 2)


async def test_files_are_not_removed_without_the_row_of_a_result_that_could_not_be_written(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The register does not know that row, so from another folder only its id names it."""
    await transcribe(server, "calls/y.mp3", flags="--no-journal")
    written = texts()
    flags = ["--journal", str(JOURNAL), "-f", "txt", "--force"]
    assert (await run(server, "transcribe", "calls/y.mp3", *flags))[0] == 0
    monkeypatch.chdir("calls")
    with pytest.raises(aai.JournalError, match=r"Not in the journal .*'y\.mp3'"):
        await forgetting.forget(ForgetFlags(journal="../out/.aai-async.db", names=["y.mp3"], results_dirs=[]))
    monkeypatch.chdir("..")
    assert texts()[-2:] == written
    assert list(await outcomes()) == ["calls/y.mp3"]


async def test_somebody_is_asked_before_a_recording_is_forgotten(server: LocalServer) -> None:
    """Where nobody can be, nothing is done."""
    await transcribe(server, "call.mp3")
    status, _, err = await run(server, "forget", str(JOURNAL), "call.mp3")
    assert status == 2
    assert "--yes" in err
    assert len(texts()) == 2


async def test_a_name_that_neither_the_journal_nor_the_register_knows_is_an_error(
    server: LocalServer,
) -> None:
    """Nothing is removed, also of the others."""
    await transcribe(server, "call.mp3")
    status, out, err = await run(server, "forget", str(JOURNAL), "call.mp3", "typo.mp3", "--yes")
    assert (status, out) == (1, "")
    assert "Not in the journal" in err
    assert "'typo.mp3'" in err
    assert len(texts()) == 2
    assert list(await outcomes()) == ["call.mp3"]
    status, _, err = await run(server, "forget", "missing.db", "call.mp3", "--yes")
    assert (status, "There is no journal" in err) == (1, True)
    assert not Path("missing.db.lock").exists()


async def test_results_of_another_row_stay_where_one_row_is_forgotten_by_its_id(server: LocalServer) -> None:
    """The file of a recording may be of other options by now."""
    await transcribe(server, "call.mp3", flags="-l en")
    (first,) = (await outcomes()).values()
    await transcribe(server, "call.mp3", flags="-l de --force")
    assert await forget([first or ""]) == ExitStatus.OK
    assert texts() == ["call.mp3.json", "call.mp3.txt"]
    assert "in de" in Path("out/call.mp3.txt").read_text()
    (second,) = (await outcomes()).values()
    assert await forget([second or ""]) == ExitStatus.OK
    assert texts() == []


async def test_results_in_another_folder_are_removed_where_it_is_named(
    server: LocalServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also when the journal has forgotten the recording already; exported ones, too."""
    await transcribe(server, "call.mp3")
    (transcript_id,) = (await outcomes()).values()
    assert (await run(server, "export", str(JOURNAL), "-o", "more"))[0] == 0
    assert (await run(server, "get", transcript_id or "", "-o", "got"))[0] == 0
    assert await forget(["call.mp3"]) == ExitStatus.OK
    assert await forget(["call.mp3"], Path("more")) == ExitStatus.OK
    assert not Path("more/call.mp3.txt").exists()
    assert await forget([transcript_id or ""], Path("got")) == ExitStatus.OK
    assert [path.name for path in Path("got").iterdir()] == [".aai-async.names"]
    capsys.readouterr()
    with pytest.raises(aai.JournalError):
        await forget(["call.mp3"], Path("more"))


async def test_a_file_that_cannot_be_removed_keeps_its_row(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that the same command removes both in the end."""
    await transcribe(server, "call.mp3")

    def refused(path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as context:
        context.setattr(Path, "unlink", refused)
        with pytest.raises(aai.SaveError, match=r"call\.mp3\.\w+' cannot be removed: Permission denied"):
            await forget(["call.mp3"])
    assert list(await outcomes()) == ["call.mp3"]
    assert await forget(["call.mp3"]) == ExitStatus.OK
    assert texts() == []


async def test_nothing_is_removed_with_a_damaged_register(server: LocalServer) -> None:
    """It could not say which files to remove; the next run repairs it."""
    await transcribe(server, "call.mp3")
    Path("out/.aai-async.names").write_bytes(b"garb")
    with pytest.raises(aai.SaveError, match=r"names' is damaged.*Nothing was sent or removed"):
        await forget(["call.mp3"])
    assert (len(texts()), list(await outcomes())) == (2, ["call.mp3"])
    await transcribe(server, "call.mp3")
    assert await forget(["call.mp3"]) == ExitStatus.OK
    assert texts() == []


async def test_nothing_is_removed_while_a_batch_uses_the_journal(server: LocalServer) -> None:
    """Neither rows nor files; a rerun helps, as the exit status says."""
    await transcribe(server, "call.mp3")
    async with aai.Client(KEY, base_url=server.base_url) as client:
        async with aai.transcribe_all(client, [], journal=str(JOURNAL)):
            status, _, err = await run(server, "forget", str(JOURNAL), "call.mp3", "--yes")
    assert status == ExitStatus.RETRY
    assert "Another batch uses this journal" in err
    assert len(texts()) == 2


async def test_only_transcripts_of_the_service_are_to_be_deleted_there(server: LocalServer) -> None:
    """An embedded server that has ended has none. A name that is no text is given as it is shown."""
    name = os.fsdecode(b"calls/\xff.mp3")
    Path("calls").mkdir()
    Path(name).write_text("sound")
    await transcribe(server, name)
    status, out, err = await run(server, "forget", "out", "calls/\\xff.mp3", "--yes")
    assert (status, out.split()[1]) == (0, "calls/\\xff.mp3")
    assert "The service keeps its transcripts until you delete them" in err
    async with (
        aai.Client(KEY, base_url=server.base_url) as client,
        aai.transcribe_all(client, ["b.mp3"], journal=aai.Journal("b.db", of_embedded_server=True)) as batch,
    ):
        Path("b.mp3").write_text("b")
        await batch.collect()
    status, _, err = await run(server, "forget", "b.db", "b.mp3", "--yes")
    assert (status, "1 row and 0 files removed." in err) == (0, True)
    assert "service keeps" not in err


async def test_a_forgotten_recording_is_transcribed_again_as_a_new_one(server: LocalServer) -> None:
    """Under its name of before."""
    await transcribe(server, "call.mp3")
    await forget(["call.mp3"])
    await transcribe(server, "call.mp3")
    assert texts() == ["call.mp3.json", "call.mp3.txt"]


REGISTER = Path("out/.aai-async.names")


async def test_a_recording_is_forgotten_with_its_files_after_a_loss_of_the_register(
    server: LocalServer,
) -> None:
    """They are recognised by the transcript in the journal; those of the other recording stay."""
    await transcribe(server, "mon/call.mp3", "tue/call.mp3")
    REGISTER.unlink()
    status, _, err = await run(server, "forget", "out", "mon/call.mp3", "--yes")
    assert (status, "1 row and 2 files removed" in err) == (0, True), err
    assert texts() == ["tue/call.mp3.json", "tue/call.mp3.txt"]
    await transcribe(server, "tue/call.mp3")
    assert await forget(["tue/call.mp3"]) == ExitStatus.OK
    assert texts() == []


async def test_nothing_is_forgotten_while_it_is_unknown_whose_files_stay(server: LocalServer) -> None:
    """One was edited, and could be of either recording: the error names it."""
    await transcribe(server, "mon/call.mp3", "tue/call.mp3")
    for path in ("out/call.mp3.json", "out/tue/call.mp3.json", "out/tue/call.mp3.txt"):
        Path(path).unlink()
    Path("out/call.mp3.txt").write_text("Secret, edited.")
    REGISTER.unlink()
    status, out, err = await run(server, "forget", "out", "mon/call.mp3", "--yes")
    assert (status, out) == (1, "")
    assert "Nothing was removed" in err
    assert "whose these files are: out/call.mp3.txt." in err
    assert (texts(), len(await outcomes())) == (["call.mp3.txt"], 2)
    Path("out/call.mp3.txt").unlink()
    assert await forget(["mon/call.mp3"]) == ExitStatus.OK
    assert list(await outcomes()) == ["tue/call.mp3"]
