"""`convert` writes transcripts in other formats, without a key or a connection."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest
from docx import Document

from aai_async._cli import main

SPOKEN = Path(__file__).parents[1] / "data/two_speakers.transcript.json"


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["aai-async", "convert", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("call.mp3").write_bytes(b"sound")
    Path("call.mp3.json").write_bytes(SPOKEN.read_bytes())
    return Path("call.mp3.json")


def test_a_transcript_is_written_beside_its_file(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In each format, under the name of the recording, which a page plays."""
    assert run(monkeypatch, str(file), "-f", "srt,html,docx", "--name", "A=Anna") == 0
    assert capsys.readouterr().out.split() == ["call.mp3.srt", "call.mp3.html", "call.mp3.docx"]
    assert "Anna" in Path("call.mp3.srt").read_text()
    page = Path("call.mp3.html").read_text()
    assert ' src="call.mp3"' in page
    assert "<title>call.mp3" in page
    document = Document(io.BytesIO(Path("call.mp3.docx").read_bytes()))
    assert document.paragraphs[0].text == "call.mp3"


def test_what_exists_is_replaced_only_where_that_is_asked_for(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No format is written then; a folder takes them, and is created."""
    Path("call.mp3.srt").write_text("edited")
    assert run(monkeypatch, str(file), "-f", "txt,srt") == 1
    assert "call.mp3.srt exists: pass --force to replace it, or write to" in capsys.readouterr().err
    assert (Path("call.mp3.srt").read_text(), Path("call.mp3.txt").exists()) == ("edited", False)
    assert run(monkeypatch, str(file), "-f", "txt,srt", "-o", "out") == 0
    assert run(monkeypatch, str(file), "-f", "srt", "--force") == 0
    assert Path("call.mp3.srt").read_bytes() == Path("out/call.mp3.srt").read_bytes()
    assert run(monkeypatch, str(file), "-f", "txt,srt", "-o", "out") == 1
    assert "out/call.mp3.{txt,srt} exist: pass --force to replace them" in capsys.readouterr().err


def test_what_is_no_transcript_is_named_and_the_others_are_written(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without its content; a job that has not ended has nothing to write."""
    Path("notes.json").write_text("A secret.")
    Path("queued.json").write_text(json.dumps({"id": "1", "status": "queued"}))
    assert run(monkeypatch, "notes.json", "queued.json", "missing.json", str(file), "-f", "md") == 3
    err = capsys.readouterr().err
    assert "'notes.json' is not a transcript as the format json writes it. `transcribe -f json` writes" in err
    assert "queued.json: The transcript 1 is 'queued'" in err
    assert "No such file or folder: 'missing.json'." in err
    assert "secret" not in err
    assert Path("call.mp3.md").read_text().startswith("# call.mp3\n")


def test_results_in_one_folder_have_the_folders_of_their_files(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """So two files of one name do not replace each other's results, nor does the same file twice."""
    names = ["mon/call.mp3.json", "tue/call.mp3.json"]
    for name in names:
        Path(name).parent.mkdir()
        Path(name).write_bytes(file.read_bytes())
    assert run(monkeypatch, *names, "-f", "txt", "-o", "out", "--force") == 0
    written = sorted(path.as_posix() for path in Path("out").rglob("*.txt"))
    assert written == ["out/mon/call.mp3.txt", "out/tue/call.mp3.txt"]
    assert run(monkeypatch, str(file), str(file), "-f", "txt", "--force") == 3
    assert "call.mp3.json: It has the same results as call.mp3.json" in capsys.readouterr().err


@pytest.mark.parametrize("flags", [(), ("-o", "out")], ids=["beside", "folder"])
@pytest.mark.parametrize("name", ["missing.json", "notes.json", ".json", "mon/.json", "..json", "...json"])
def test_a_name_that_is_of_no_transcript_is_wrong_usage(
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    flags: tuple[str, ...],
) -> None:
    """Also one that has nothing before its suffix, which no recording can have."""
    Path("mon").mkdir()
    Path("notes.json").write_text("A secret.")
    for one in (".json", "mon/.json", "..json", "...json"):
        Path(one).write_bytes(SPOKEN.read_bytes())
    assert run(monkeypatch, name, *flags) == 2
    err = capsys.readouterr().err
    assert (f"'{name}'" in err, "Traceback" in err, "secret" in err) == (True, False, False), err
    assert not list(Path().rglob("*.txt"))
