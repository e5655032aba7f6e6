"""`forget` removes copies of a text in every folder that is named, and reports what it has not searched."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from local_runs import run, transcribe
from local_runs import server as server  # noqa: PLC0414 - a fixture

import aai_async as aai
from aai_async._cli import forgetting
from aai_async._cli.command_flags import ForgetFlags
from aai_async._cli.exit_status import ExitStatus
from aai_async.server import LocalServer

JOURNAL = "out/.aai-async.db"

pytestmark = pytest.mark.parametrize("anyio_backend", ["asyncio"])


def texts() -> list[str]:
    """The files, in any folder, in which the text of the first recording can be read."""
    files = [path for path in Path().rglob("*") if path.is_file()]
    return sorted(path.as_posix() for path in files if b"Secret of a.mp3" in path.read_bytes())


async def forget(name: str, *folders: str, names: Sequence[str] = ()) -> ExitStatus:
    flags = ForgetFlags(journal=JOURNAL, names=[name, *names], results_dirs=list(folders))
    return await forgetting.forget(flags)


async def copied(server: LocalServer) -> None:
    """Transcribe two recordings, and write their results to three more folders."""
    await transcribe(server, "a.mp3", "b.mp3")
    for command in (
        ["export", JOURNAL, "-o", "exported", "-f", "srt,json"],
        ["convert", "out", "-o", "converted", "-f", "md,vtt"],
        ["convert", "out/a.mp3.json", "-f", "srt"],
    ):
        status, _, err = await run(server, *command)
        assert status == 0, err
    assert len(texts()) == 7


async def test_all_folders_that_are_named_are_searched_besides_that_of_the_journal(
    server: LocalServer,
) -> None:
    """Each removed file is named, and so is what can be left. The other recording keeps its files."""
    await copied(server)
    folders = ["-o", "exported", "-o", "converted"]
    status, _, err = await run(server, "forget", JOURNAL, "a.mp3", *folders, "--yes")
    assert (status, texts()) == (0, []), err
    removed = [line.removeprefix("Removed ") for line in err.splitlines() if line.startswith("Removed ")]
    assert sorted(removed) == [
        "converted/a.mp3.md",
        "converted/a.mp3.vtt",
        "exported/a.mp3.json",
        "exported/a.mp3.srt",
        "out/a.mp3.json",
        "out/a.mp3.srt",
        "out/a.mp3.txt",
    ]
    assert "1 row and 7 files removed." in err
    assert "Files were searched for in 'out', 'exported', 'converted'. Copies in other folders stay" in err
    assert sorted(path.name for path in Path("converted").glob("b.*")) == ["b.mp3.md", "b.mp3.vtt"]


async def test_a_folder_that_was_not_named_is_searched_by_the_same_command_later(server: LocalServer) -> None:
    """If nothing there shows whose a file is, since the journal knows no more, the file is named."""
    await copied(server)
    assert (await run(server, "forget", JOURNAL, "a.mp3", "--yes"))[0] == 0
    status, _, err = await run(server, "forget", JOURNAL, "a.mp3", "-o", "exported", "--yes")
    assert (status, "0 rows and 2 files removed." in err) == (0, True), err
    assert "No results of these recordings in 'out'." in err
    status, _, err = await run(server, "forget", JOURNAL, "a.mp3", "-o", "converted", "--yes")
    assert (status, "converted/a.mp3.md, converted/a.mp3.vtt. Remove those to forget" in err) == (1, True), (
        err
    )


async def test_a_folder_that_does_not_exist_is_wrong_usage(server: LocalServer) -> None:
    """A misspelt one would leave a text that is thought to be removed."""
    await copied(server)
    status, _, err = await run(server, "forget", JOURNAL, "a.mp3", "-o", "exportd", "--yes")
    assert (status, "There are no files in 'exportd'. Nothing was removed." in err) == (2, True), err
    assert len(texts()) == 7


async def test_the_index_is_written_again_without_the_text(server: LocalServer) -> None:
    """Or removed, if it would list nothing; a page of the same name that is no index stays."""
    await transcribe(server, "a.mp3", "b.mp3", formats="html")
    assert "out/index.html" in texts()
    status, _, err = await run(server, "forget", JOURNAL, "a.mp3", "--yes")
    assert (status, texts()) == (0, []), err
    assert "Wrote out/index.html without them, 1 listed." in err
    assert "b.mp3" in Path("out/index.html").read_text(encoding="utf-8")
    status, _, err = await run(server, "forget", JOURNAL, "b.mp3", "--yes")
    assert (status, "Removed out/index.html: " in err, Path("out/index.html").exists()) == (0, True, False), (
        err
    )
    await transcribe(server, "a.mp3", formats="txt")
    Path("out/index.html").write_text("mine")
    assert (await run(server, "forget", JOURNAL, "a.mp3", "--yes"))[0] == 0
    assert Path("out/index.html").read_text() == "mine"


async def test_another_journal_that_can_have_the_recording_is_named(server: LocalServer) -> None:
    """With the command that erases it there."""
    await copied(server)
    Path("out/.aai-async-local.db").write_bytes(Path(JOURNAL).read_bytes())
    status, _, err = await run(server, "forget", JOURNAL, "a.mp3", "--yes")
    assert status == 0, err
    assert (
        "Another journal can have the recordings too: `aai-async forget out/.aai-async-local.db a.mp3`" in err
    )


async def test_a_folder_of_other_files_beside_a_journal_is_not_one_of_results(server: LocalServer) -> None:
    """If the results are elsewhere, a file there that has the name of one does not stop the erasure."""
    Path("a.mp3").write_text("a.mp3")
    command = ["transcribe", "a.mp3", "-o", "out", "--journal", "calls.db"]
    assert (await run(server, *command))[0] == 0
    Path("a.mp3.txt").write_text("A note.")
    status, _, err = await run(server, "forget", "calls.db", "a.mp3", "-o", "out", "--yes")
    assert (status, texts(), Path("a.mp3.txt").exists()) == (0, [], True), err
    assert "searched for in 'out'." in err


async def test_results_beside_a_journal_are_known_by_their_content_without_the_register(
    server: LocalServer,
) -> None:
    """With and without -o; a file that nothing shows to be a result stays, and is named."""
    Path("out").mkdir()
    await transcribe(server, "a.mp3", "b.mp3", flags="--journal out/calls.db", formats="txt")
    assert (await run(server, "export", "out/calls.db", "-o", "exported", "-f", "srt"))[0] == 0
    Path("out/.aai-async.names").unlink()
    status, _, err = await run(server, "forget", "out/calls.db", "a.mp3", "-o", "exported", "--yes")
    assert (status, texts()) == (0, []), err
    assert "searched for in 'out', 'exported'." in err
    Path("out/.aai-async.names").unlink()
    Path("out/b.mp3.txt").write_text("A note.")
    status, _, err = await run(server, "forget", "out/calls.db", "b.mp3", "-o", "exported", "--yes")
    assert (status, Path("out/b.mp3.txt").exists(), Path("exported/b.mp3.srt").exists()) == (0, True, False)
    assert "Nothing shows whether these are results, so they stay: out/b.mp3.txt." in err
    assert "searched for in 'exported'." in err


async def test_a_folder_with_several_names_is_searched_once(server: LocalServer) -> None:
    """A link to it, and the folder of the journal, too."""
    await copied(server)
    Path("link").symlink_to("exported")
    folders = ["-o", "exported", "-o", "converted/", "-o", "converted", "-o", "link", "-o", "./out"]
    status, _, err = await run(server, "forget", JOURNAL, "a.mp3", *folders, "--yes")
    assert (status, texts()) == (0, []), err
    assert "searched for in 'out', 'link', 'converted'." in err
    assert "No results of these recordings" not in err


async def test_an_erasure_that_fails_in_between_names_what_it_removed(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It writes the index again, since a rerun finds none; the rerun removes the others, with the row."""
    await transcribe(server, "a.mp3", "b.mp3", "c.mp3", formats="html")
    assert (await run(server, "export", JOURNAL, "-o", "exported", "-f", "srt"))[0] == 0
    remove = Path.unlink

    def refused(path: Path, missing_ok: bool = False) -> None:
        if path.parent.name == "exported":
            raise PermissionError(13, "Permission denied")
        remove(path, missing_ok)

    with monkeypatch.context() as context:
        context.setattr(Path, "unlink", refused)
        with pytest.raises(aai.SaveError, match=r"exported/a\.mp3\.srt' cannot be removed"):
            await forget("a.mp3", "exported")
    err = capsys.readouterr().err
    assert "Removed out/a.mp3.html\n" in err
    assert "Wrote out/index.html without them, 2 listed." in err
    assert "removed." not in err
    assert await forget("a.mp3", "exported") == ExitStatus.OK
    assert "1 row and 1 file removed." in capsys.readouterr().err
    assert texts() == []


async def test_a_folder_is_listed_as_often_for_many_names_as_for_one(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It can have very many files."""
    await transcribe(server, "a.mp3", "b.mp3", "c.mp3", "d.mp3", formats="txt")
    listed: list[str] = []
    scandir = os.scandir

    def noted(path: str = ".") -> object:
        listed.append(os.fspath(path))
        return scandir(path)

    with monkeypatch.context() as context:
        context.setattr(os, "scandir", noted)
        assert await forget("a.mp3") == ExitStatus.OK
        of_one = listed.count("out")
        assert await forget("b.mp3", names=["c.mp3", "d.mp3"]) == ExitStatus.OK
    assert (of_one > 0, listed.count("out")) == (True, 2 * of_one)


async def test_what_fails_after_an_erasure_is_a_line(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Such as a look for other journals on a drive that fails: the recording is erased."""
    await transcribe(server, "a.mp3", formats="txt")
    exists = Path.exists

    def failing(path: Path) -> bool:
        if path.name == ".aai-async-local.db":
            raise OSError(5, "Input/output error")
        return exists(path)

    with monkeypatch.context() as context:
        context.setattr(Path, "exists", failing)
        assert await forget("a.mp3") == ExitStatus.OK
    err = capsys.readouterr().err
    assert "1 row and 1 file removed." in err
    assert "Input/output error.\n" in err
    assert "The service keeps its transcripts" in err


async def test_the_page_of_another_recording_whose_name_is_longer_does_not_stop_an_erasure(
    server: LocalServer,
) -> None:
    """Its title shows whose it is."""
    pytest.importorskip("whisper_normalizer", reason="no extra `compare`")
    await transcribe(server, "calls/a", "calls/a.mp3", formats="json")
    assert (await run(server, "compare", "out", "out", "-o", "compared"))[0] == 0
    status, _, err = await run(server, "forget", JOURNAL, "calls/a", "-o", "compared", "--yes")
    assert status == 0, err
    assert not Path("compared/a.html").exists()
    assert Path("compared/a.mp3.html").exists()


async def test_the_pages_of_comparisons_are_removed_or_named(server: LocalServer) -> None:
    """Those with the name of a model in theirs can be of several recordings, so the user removes them."""
    pytest.importorskip("whisper_normalizer", reason="no extra `compare`")
    await transcribe(server, "a.mp3", "b.mp3")
    assert (await run(server, "compare", "out", "out", "-o", "one"))[0] == 0
    Path("more").mkdir()
    for name in ("a.mp3.json", "b.mp3.json"):
        Path("more", name).write_bytes(Path("out", name).read_bytes())
    assert (await run(server, "compare", "out", "out", "more", "-o", "two"))[0] == 0
    pages = ["two/a.mp3.more.html", "two/a.mp3.out.html"]
    command = ["forget", JOURNAL, "a.mp3", "-o", "one", "-o", "more", "-o", "two", "--yes"]
    status, _, err = await run(server, *command)
    assert (status, "Nothing was removed" in err, len(texts())) == (1, True, 6), err
    assert [page for page in pages if page in err] == pages
    for page in pages:
        Path(page).unlink()
    status, _, err = await run(server, *command)
    assert (status, texts()) == (0, []), err
    assert (Path("one/b.mp3.html").exists(), Path("two/b.mp3.out.html").exists()) == (True, True)
