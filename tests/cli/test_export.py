"""`export`: each row of a journal has its own files, and is read once, whatever a batch does meanwhile."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from pathlib import Path, PurePosixPath

import pytest

import aai_async as aai
from aai_async._cli import journals
from aai_async._cli.command_flags import ExportFlags
from aai_async._cli.exit_status import ExitStatus
from aai_async._cli.export_outputs import RowOutputs
from aai_async._cli.flags import Rendering
from aai_async._cli.inputs import Recording, named
from aai_async._cli.output_flags import ReplacingOutputFlags
from aai_async._cli.outputs import Outputs
from aai_async._cli.places import in_tree
from aai_async._journal import compression, queries
from aai_async.server import LocalServer, ScriptedEngine
from aai_async.server.engine import SpeechRequest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="paths of POSIX")


@pytest.fixture
def anyio_backend() -> str:
    """The command runs on asyncio."""
    return "asyncio"


def heard(request: SpeechRequest) -> str:
    return f"{Path(request.audio).read_text()} in {request.language_code}."


@pytest.fixture
async def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[aai.Client]:
    monkeypatch.chdir(tmp_path)
    polling = aai.Polling(initial_delay=0.01, max_delay=0.01, min_list_interval=0.01)
    async with LocalServer(engine=ScriptedEngine(heard)) as server:
        async with aai.Client(server.key, base_url=server.base_url, polling=polling) as client:
            yield client


async def batch(
    client: aai.Client, names: Sequence[str], language: str = "en", journal: str = "calls.db"
) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        if not Path(name).exists():
            Path(name).write_text(name)
    options = aai.Options(language_code=language)
    async with aai.transcribe_all(client, list(names), options, journal=journal) as made:
        for outcome in await made.collect():
            outcome.unwrap()


async def export(folder: str = "out", *formats: str, force: bool = False) -> ExitStatus:
    wanted = Rendering(formats=[*formats] or ["txt"])
    return await exported(wanted, ReplacingOutputFlags(output_dir=folder, force=force))


async def exported(wanted: Rendering, output: ReplacingOutputFlags) -> ExitStatus:
    return await journals.export(ExportFlags(journal="calls.db", output=output, rendering=wanted))


def texts(folder: str = "out") -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text().strip() for path in Path(folder).rglob("*.txt")}


async def test_each_row_of_one_recording_has_its_own_file(
    client: aai.Client, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of other options, and of another version; the newest has the plain name, and keeps it."""
    await batch(client, ["x.mp3"])
    await batch(client, ["x.mp3"], "de")
    Path("x.mp3").write_text("changed")
    await batch(client, ["x.mp3"])
    assert await export() == ExitStatus.OK
    first = texts()
    assert first["x.mp3.txt"] == "changed in en."
    assert sorted(first.values()) == ["changed in en.", "x.mp3 in de.", "x.mp3 in en."]
    assert "3 written" in capsys.readouterr().err
    assert await export() == ExitStatus.OK
    assert "3 already there" in capsys.readouterr().err
    assert texts() == first
    await batch(client, ["x.mp3"], "fr")
    assert await export() == ExitStatus.OK
    assert "1 written" in capsys.readouterr().err
    assert {name: text for name, text in texts().items() if name in first} == first


class Stored(aai.Source):
    """A recording of a database, under a name of its own."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def open(self) -> None:
        self.size = len(self.name.encode())

    async def identity(self) -> bytes:
        return self.name.encode()

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        yield self.name.encode()


async def test_names_that_no_file_can_have_do_not_keep_rows_from_their_files(client: aai.Client) -> None:
    """A NUL in the name, in a folder or in the URI of an object, no name, and a name that is too long."""
    names = ["call\0one", "a\0b/call", "s3://bucket/k\0x", "n" * 300, "\0", "//", "fine"]
    async with aai.transcribe_all(client, [Stored(name) for name in names], journal="calls.db") as made:
        for outcome in await made.collect():
            outcome.unwrap()
    assert await export("out", "txt", "html") == ExitStatus.OK
    assert {"call_one.txt", "a_b/call.txt", "k_x.txt", "fine.txt"} <= texts().keys()
    assert len(texts()) == len(list(Path("out").rglob("*.html"))) == len(names)


async def test_recordings_of_the_same_name_have_files_of_their_own(client: aai.Client) -> None:
    """And none lies outside of the folder."""
    await batch(client, ["mon/call.mp3", "tue/call.mp3", "call.wav", "..mp3"])
    await export()
    assert texts() == {
        "mon/call.mp3.txt": "mon/call.mp3 in en.",
        "tue/call.mp3.txt": "tue/call.mp3 in en.",
        "call.wav.txt": "call.wav in en.",
        "..mp3.txt": "..mp3 in en.",
    }
    assert not [name for name in os.listdir() if name.endswith(".txt")]


@pytest.mark.parametrize("parent", ["", "calls/2026/", "/calls/"], ids=["here", "below", "absolute"])
async def test_the_results_of_a_tree_are_in_its_folders(
    client: aai.Client, tmp_path: Path, parent: str
) -> None:
    """Below the folder that all recordings have in common; the files of one folder are in no other one."""
    calls = f"{tmp_path}{parent}" if parent.startswith("/") else parent
    await batch(client, [f"{calls}mon/call.mp3", f"{calls}mon/old/call.mp3", f"{calls}tue/call.mp3"])
    await export()
    assert sorted(texts()) == ["mon/call.mp3.txt", "mon/old/call.mp3.txt", "tue/call.mp3.txt"]
    await batch(client, [f"{calls}mon/x.mp3", f"{calls}mon/y.mp3"], journal="mon.db")
    await journals.export(ExportFlags(journal="mon.db", output=ReplacingOutputFlags(output_dir="mon-out")))
    assert sorted(texts("mon-out")) == ["x.mp3.txt", "y.mp3.txt"]


async def test_an_export_has_the_folders_of_the_run(client: aai.Client) -> None:
    """They begin below the folder that was passed, also if the recordings have more folders in common."""
    names = ["calls/a/mon/x.mp3", "calls/a/tue/x.mp3"]
    Path("out").mkdir()
    await batch(client, names, journal="out/.aai-async.db")
    recordings = [Recording(name, PurePosixPath(name).relative_to("calls")) for name in names]
    outputs = Outputs(Path("out"), Rendering())
    outputs.name(recordings)
    await outputs.prepare(recordings)
    await outputs.claim(recordings)
    flags = ExportFlags(journal="out/.aai-async.db", output=ReplacingOutputFlags(output_dir="more"))
    assert await journals.export(flags) == ExitStatus.OK
    assert sorted(texts("more")) == ["a/mon/x.mp3.txt", "a/tue/x.mp3.txt"]


def test_results_of_objects_and_of_files_have_trees_of_their_own() -> None:
    """And a URL has no folder, nor has a name that is not the path of a file."""
    names = [
        "s3://b/calls/mon/x.mp3",
        "s3://b/calls/tue/x.mp3",
        "/calls/mon/x.mp3",
        "../y/x.mp3",
        "https://example.com/mon/x.mp3",
        "-",
    ]
    places = [str(one.place) for one in in_tree([named(name) for name in names])]
    assert places == ["mon/x.mp3", "tue/x.mp3", "x.mp3", "x.mp3", "x.mp3", "-"]


@pytest.mark.parametrize("order", ["as-listed", "reversed"])
async def test_names_do_not_depend_on_what_was_first(client: aai.Client, order: str) -> None:
    """
    Neither on which recording was begun or named first; `transcribe` gives the same names.

    The right names: in the order of the paths, each has the shortest one that is free.
    """
    names = ["call.mp3", "mon/call.mp3", "tue/call.mp3", "x/tue/call.mp3"]
    given = names if order == "as-listed" else names[::-1]
    for name in given:
        await batch(client, [name])
    await export()
    assert texts() == {
        "call.mp3.txt": "call.mp3 in en.",
        "mon/call.mp3.txt": "mon/call.mp3 in en.",
        "tue/call.mp3.txt": "tue/call.mp3 in en.",
        "x/tue/call.mp3.txt": "x/tue/call.mp3 in en.",
    }
    outputs = Outputs(Path("results"), Rendering())
    outputs.name([named(name) for name in given])
    assert [str(outputs.paths(named(name))["txt"]) for name in names] == [
        f"results/{name}.txt" for name in names
    ]


async def test_a_row_that_a_batch_adds_meanwhile_is_left_for_the_next_time(
    client: aai.Client, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All is of one moment, and no row has the name of another."""
    await batch(client, ["a.mp3", "b.mp3"])
    write = Outputs.write

    async def write_while_a_batch_goes_on(self: Outputs, one: Recording, of: aai.Transcript) -> object:
        if not Path("c.mp3").exists():
            await batch(client, ["c.mp3", "a.mp3"], "de")
        return await write(self, one, of)

    monkeypatch.setattr(Outputs, "write", write_while_a_batch_goes_on)
    assert await export() == ExitStatus.OK
    assert texts() == {"a.mp3.txt": "a.mp3 in en.", "b.mp3.txt": "b.mp3 in en."}
    assert "2 written" in capsys.readouterr().err
    await export()
    assert len(texts()) == 4


async def test_a_journal_without_a_log_does_not_hold_up_the_batch_that_writes_it(
    client: aai.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where SQLite has its older way, as on some network drives, a reader would keep others from writing."""
    await batch(client, ["a.mp3", "b.mp3"])
    with sqlite3.connect("calls.db") as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()
    write = Outputs.write

    async def write_meanwhile(self: Outputs, one: Recording, of: aai.Transcript) -> object:
        other = sqlite3.connect("calls.db", timeout=0)
        with other:
            other.execute(
                "INSERT INTO jobs (position, source, options, state) VALUES (9, 'c.mp3', 1, 'pending')"
            )
        other.close()
        return await write(self, one, of)

    monkeypatch.setattr(Outputs, "write", write_meanwhile)
    assert await export() == ExitStatus.OK
    assert len(texts()) == 2


async def test_each_transcript_is_read_once(client: aai.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """And not only for its name."""
    await batch(client, [f"{number}.mp3" for number in range(30)])
    read: list[int] = []
    decompressed = compression.decompressed

    def counted(content: bytes, dictionary: bytes) -> bytes:
        read.append(len(content))
        return decompressed(content, dictionary)

    monkeypatch.setattr(queries, "decompressed", counted)
    assert await export() == ExitStatus.OK
    assert len(read) == 30


async def test_a_format_is_added_beside_the_results_of_a_run(client: aai.Client) -> None:
    """Whose files stay, and which it does not transcribe again for it."""
    await batch(client, ["calls/a/x.mp3"])
    recording = Recording("calls/a/x.mp3", named("a").place / "x.mp3")
    outputs = Outputs(Path("out"), Rendering())
    outputs.name([recording])
    await outputs.prepare([recording])
    await outputs.claim([recording])
    async with aai.Journal.open("calls.db") as journal:
        (outcome,) = [one async for one in journal.outcomes()]
    await outputs.write(recording, outcome.unwrap())
    Path("out/a/x.mp3.txt").write_text("mine")
    assert await export("out", "txt", "csv") == ExitStatus.OK
    assert sorted(os.listdir("out/a")) == ["x.mp3.csv", "x.mp3.txt"]
    assert Path("out/a/x.mp3.txt").read_text() == "mine"
    again = Outputs(Path("out"), Rendering())
    again.load()
    assert again.are_there(named("calls/a/x.mp3"))


async def test_a_run_does_not_take_a_row_of_another_version_for_its_result(client: aai.Client) -> None:
    """An exported file is of the row, and not of the recording as it is now."""
    await batch(client, ["x.mp3"])
    await export()
    outputs = Outputs(Path("out"), Rendering())
    outputs.load()
    assert not outputs.are_there(named("x.mp3"))


async def test_results_that_a_journal_has_not_kept_are_counted(
    client: aai.Client, capsys: pytest.CaptureFixture[str]
) -> None:
    """And a journal that is gone is an error."""
    await batch(client, ["a.mp3", "b.mp3"])
    with sqlite3.connect("calls.db") as connection:
        connection.execute("DELETE FROM results WHERE job = 1")
    connection.close()
    assert await export() == ExitStatus.OK
    said = capsys.readouterr().err
    assert "1 written" in said
    assert "1 without a result" in said
    Path("calls.db").unlink()
    with pytest.raises(aai.JournalError):
        await export()


async def test_what_cannot_be_written_is_said_and_the_others_are(
    client: aai.Client, capsys: pytest.CaptureFixture[str]
) -> None:
    """A page that is to hold a recording that is gone, say; the other formats of it are written."""
    await batch(client, ["a.mp3", "b.mp3"])
    Path("a.mp3").unlink()
    rendering = Rendering(formats=["html", "txt"], embed_audio=True)
    assert await exported(rendering, ReplacingOutputFlags(output_dir="out")) == ExitStatus.PARTIAL
    assert "a.mp3" in capsys.readouterr().err
    assert sorted(path.name for path in Path("out").glob("*.mp3.*")) == [
        "a.mp3.txt",
        "b.mp3.html",
        "b.mp3.txt",
    ]
    shutil.rmtree("out")
    Path("out").touch()
    with pytest.raises(aai.SaveError):
        await RowOutputs(Path("out"), Rendering()).name_rows([(named("b.mp3"), "b")])


async def test_two_results_do_not_go_to_standard_output_in_a_format_for_one(
    client: aai.Client, capsys: pytest.CaptureFixture[str]
) -> None:
    """One does, whatever else is in the journal without a result."""
    await batch(client, ["a.mp3"])
    with sqlite3.connect("calls.db") as connection:
        connection.execute(
            "INSERT INTO jobs (position, source, options, state) VALUES (1, 'b', 1, 'pending')"
        )
    connection.close()
    assert await exported(Rendering(formats=["json"]), ReplacingOutputFlags()) == ExitStatus.OK
    assert json.loads(capsys.readouterr().out)["text"] == "a.mp3 in en."


async def test_a_row_has_the_name_that_an_interrupted_run_has_given_its_recording(client: aai.Client) -> None:
    """The run has written down the name, and no result."""
    await batch(client, ["x.mp3"])
    outputs = Outputs(Path("out"), Rendering())
    outputs.name([named("x.mp3")])
    await outputs.prepare([named("x.mp3")])
    await outputs.claim([named("x.mp3")])
    await export()
    assert texts() == {"x.mp3.txt": "x.mp3 in en."}
    await export("out", "txt", "csv")
    assert sorted(path.name for path in Path("out").glob("x*")) == ["x.mp3.csv", "x.mp3.txt"]


async def test_a_result_that_an_export_replaces_is_still_that_of_the_run(client: aai.Client) -> None:
    """It is of the same version of the recording."""
    await batch(client, ["x.mp3"])
    async with aai.Journal.open("calls.db") as journal:
        (outcome,) = [one async for one in journal.outcomes()]
    outputs = Outputs(Path("out"), Rendering())
    outputs.name([named("x.mp3")])
    await outputs.prepare([named("x.mp3")])
    await outputs.claim([named("x.mp3")])
    await outputs.write(named("x.mp3"), outcome.unwrap())
    await export("out", "txt", "csv", force=True)
    again = Outputs(Path("out"), Rendering(formats=["txt", "csv"]))
    again.load()
    assert again.are_there(named("x.mp3"))
