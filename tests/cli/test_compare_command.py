"""`compare` prints error rates of transcripts and models, and writes pages that show the differences."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, get_args

import anyio
import pytest

from aai_async._cli import main
from aai_async._cli.flag_values import NormalizationName
from aai_async._command_lines import install_command
from aai_async.comparison import Normalization
from aai_async.server import EngineError, LocalServer, ScriptedEngine, WeightsError
from aai_async.server.engines.whisper import engine_name

pytest.importorskip("whisper_normalizer", reason="no extra `compare`")

KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["aai-async", "compare", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def write(name: str, text: str, **fields: Any) -> None:
    """Write a transcript that has a word each 300 ms."""
    words = [{"text": word, "start": 300 * at, "end": 300 * at + 280} for at, word in enumerate(text.split())]
    document = {"id": "1", "status": "completed", "language_code": "en_us", "text": text, "words": words}
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(json.dumps(document | fields), encoding="utf-8")


def rows(out: str) -> dict[str, list[str]]:
    """The cells of a table by the names of its rows."""
    lines = [re.split(" {2,}", line) for line in out.splitlines()]
    return {name: cells for name, *cells in lines if cells}


def test_a_transcript_is_compared_with_the_text_that_was_spoken(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One of four words is another, in the table and in JSON."""
    write("call.mp3.json", "The quick brown dog.")
    Path("call.txt").write_text("\ufeffthe quick brown fox", encoding="utf-8")
    assert run(monkeypatch, "call.mp3.json", "--reference", "call.txt") == 0
    out = capsys.readouterr().out
    assert "call.mp3.json against call.txt, normalization whisper-english" in out
    assert rows(out)["call.mp3"] == ["25.0 %", "4 words", "1", "0", "0"]
    assert run(monkeypatch, "call.mp3.json", "--reference", "call.txt", "--json") == 0
    one, total = map(json.loads, capsys.readouterr().out.splitlines())
    assert (one["recording"], one["error_rate"], one["substitutions"]) == ("call.mp3", 0.25, 1)
    assert (total["total"], total["interval"]) == (1, None)


def test_two_folders_are_compared_by_the_names_of_their_recordings(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a total and its interval; what has no counterpart is named, and the status is 3."""
    for number in range(3):
        write(f"old/mon/{number}.mp3.json", "one small step for man")
        write(
            f"new/mon/{number}.mp3.json", "one small step for a man" if number else "one small step for man"
        )
    write("new/more.mp3.json", "hello")
    write("old/gone.mp3.json", "hello")
    assert run(monkeypatch, "old", "new") == 3
    out, err = capsys.readouterr()
    assert "new against old" in out
    assert rows(out)["mon/1.mp3"][0] == "20.0 %"
    assert "total of 3 word comparisons" in out
    assert "13.3 %" in next(line for line in out.splitlines() if line.startswith("total"))
    assert "95 % confidence interval by words: 0.0 % to 20.0 %; too narrow for so few recordings" in out
    assert "new/more.mp3.json: there is no reference for it." in err
    assert "old/gone.mp3.json: new has no transcript for it." in err


def test_two_models_are_compared_with_the_same_texts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each has its table, and the last line says how certain it is which of them is better."""
    for number in range(4):
        write(f"old/{number}.mp3.json", "one small stop for man")
        write(f"new/{number}.mp3.json", "one small step for man")
        Path("texts").mkdir(exist_ok=True)
        Path(f"texts/{number}.txt").write_text("One small step for man.")
    assert run(monkeypatch, "old", "new", "--reference", "texts") == 0
    out = capsys.readouterr().out
    assert "old against texts" in out
    assert "new against texts" in out
    assert "new is better than old in 100% of 1,000 draws of 4 recordings" in out


def test_two_models_with_the_same_errors_are_equally_good(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In no draw is one of them better, so the line states how those are counted."""
    for number in range(4):
        for folder in ("old", "new"):
            write(f"{folder}/{number}.mp3.json", "one small stop for man")
        Path("texts").mkdir(exist_ok=True)
        Path(f"texts/{number}.txt").write_text("One small step for man.")
    assert run(monkeypatch, "old", "new", "--reference", "texts") == 0
    line = (
        "new is better than old in 50% of 1,000 draws of 4 recordings; a draw with equal rates counts half."
    )
    assert line in capsys.readouterr().out


def test_pages_show_the_differences_and_play_the_recording(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One for each recording, which is linked or embedded; a page of another program stays."""
    write("old/a.mp3.json", "one small step")
    write("new/a.mp3.json", "one small stop")
    Path("new/a.mp3").write_bytes(b"sound")
    assert run(monkeypatch, "old", "new", "-o", "out") == 0
    page = Path("out/a.mp3.html").read_text(encoding="utf-8")
    assert ' src="../new/a.mp3"' in page
    assert ">stop</a>" in page
    assert run(monkeypatch, "old", "new", "-o", "out", "--embed-audio") == 0
    assert "data:audio/mpeg;base64,c291bmQ=" in Path("out/a.mp3.html").read_text(encoding="utf-8")
    Path("out/a.mp3.html").write_text("mine")
    assert run(monkeypatch, "old", "new", "-o", "out") == 1
    assert "is another file, which stays" in capsys.readouterr().err
    assert Path("out/a.mp3.html").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.json"], "Pass two transcripts"),
        (["a.json", "--reference", "none.txt"], "No such file or folder: 'none.txt'"),
        (["missing.json", "a.json"], "No such file or folder: 'missing.json'"),
        (["a.json", "folder"], "either files of transcripts, or folders"),
        (["folder", "folder"], "'folder' has no transcripts"),
        (["a.json", "--reference", "empty.txt"], "The reference has no words"),
        (["a.json", "--reference", "latin.txt"], "is not text in UTF-8"),
        (["a.json", "--reference", "russian.txt"], "in the Cyrillic script and the transcript in the Latin"),
        (["a.json", "--reference", "folder"], "has no reference for 'a': a text 'a.txt'"),
        (["a.json", "empty.txt"], "is not a transcript"),
        (["a.json", "a.json", "--embed-audio"], "pass a folder for them with -o"),
        (["a.json", "a.json", "--speaker-labels"], "need a --model"),
        (["a.mp3", "--model", "a", "--model", "b"], "pass it with -o"),
        (["a.mp3", "--model", "a", "-o", "out"], "Pass a second --model"),
        (["a.mp3", "--model", "a", "--model", "A", "-o", "out"], "must have another name"),
        (["-", "--model", "a", "--model", "b", "-o", "out"], "can be read only once"),
        (["a.mp3", "--model", "a", "--reference", "none", "-o", "out"], "Nothing was sent"),
        (["a.mp3", "--model", "a", "--reference", "empty.txt", "-o", "out"], "no words. Nothing was sent"),
        (["a.mp3", "--model", "a", "--reference", "latin.txt", "-o", "out"], "in UTF-8. Nothing was sent"),
        (["a.mp3", "b.mp3", "--model", "a", "--reference", "russian.txt", "-o", "out"], "is one text"),
        (["a.mp3", "--model", "a", "--reference", "folder", "-o", "out"], "for 'a.mp3': a text 'a.mp3.txt'"),
        (["a.mp3", "--model", "a", "--reference", "folder", "-o", "out", "--dry-run"], "Nothing was sent"),
        (["a.json", "a.json", "--dry-run"], "are for --model"),
        (["a.mp3", "--local", "-o", "out"], "Pass a second --model"),
        (["a.mp3", "--local", "--model", "a"], "pass it with -o"),
        (["a.mp3", "--local", "--model", "whisper-base", "-o", "out"], "must have another name"),
        (
            ["a.mp3", "--local", "--reference", "a.json", "--prices", "p", "-o", "out"],
            "--local costs nothing",
        ),
        (["a.mp3", "--local", "--model", "a", "-o", "out"], "There is no API key"),
        (["a.mp3", "--local", "--reference", "empty.txt", "-o", "out"], "no words. Nothing was sent"),
        (["a.mp3", "none.mp3", "--model", "a", "--model", "b", "-o", "out"], "or leave them out"),
    ],
)
def test_what_cannot_be_compared_is_explained(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    """Before anything is sent."""
    write("a.json", "how are you doing today")
    Path("folder").mkdir()
    for name in ("a.mp3", "b.mp3"):
        Path(name).write_bytes(b"sound")
    Path("empty.txt").write_text("")
    Path("latin.txt").write_bytes("höre".encode("latin-1"))
    Path("russian.txt").write_text("Как поживаете вы сегодня", encoding="utf-8")
    if "--local" in arguments:
        monkeypatch.delenv("ASSEMBLYAI_API_KEY", raising=False)
    else:
        monkeypatch.setenv("ASSEMBLYAI_API_KEY", KEY)
    assert run(monkeypatch, *arguments) in {1, 2, 4}
    assert not Path("out").exists()
    err = capsys.readouterr().err
    assert message in " ".join(err.replace("│", " ").split())


def test_a_missing_extra_is_named_before_anything_is_sent(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the command that installs it."""
    monkeypatch.setitem(sys.modules, "lap", None)
    Path("a.mp3").write_bytes(b"sound")
    assert run(monkeypatch, "a.mp3", "--model", "a", "--model", "b", "-o", "out") == 4
    assert install_command("compare") in capsys.readouterr().err


def test_the_flag_has_the_names_of_the_library() -> None:
    """The command line does not import it to show them."""
    assert tuple(one.value for one in NormalizationName) == get_args(Normalization)


def test_several_warnings_of_a_comparison_are_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each a sentence, without its full stop."""
    write("a.json", "Как поживаете вы сегодня", language_code="ru")
    write("b.json", "how are you doing today")
    assert run(monkeypatch, "a.json", "b.json") == 0
    line = capsys.readouterr().err.splitlines()[0]
    assert line.endswith(
        "in the Latin one; warning: The reference is in the language 'ru', and the transcript in 'en'"
    )


class Models:
    """A service with two models: the second one mishears a word."""

    def __init__(self) -> None:
        self.engine = ScriptedEngine(self._answer)
        self.url = ""

    def _answer(self, request: object) -> str:
        return "One small step." if len(self.engine.requests) <= 2 else "One small stop."

    async def compare(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, "-m", "aai_async", "compare", *arguments]
        environment = os.environ | {"ASSEMBLYAI_API_KEY": KEY, "ASSEMBLYAI_BASE_URL": self.url}
        return await anyio.run_process(command, check=False, env=environment)


@pytest.fixture
async def models() -> AsyncIterator[Models]:
    found = Models()
    async with LocalServer(engine=found.engine, key=KEY) as server:
        found.url = server.base_url
        yield found


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_two_models_transcribe_the_same_recordings_once(models: Models) -> None:
    """A second run compares what is there, and sends nothing."""
    Path("calls").mkdir()
    for name in ("a.mp3", "b.mp3"):
        Path("calls", name).write_bytes(name.encode())
    arguments = ("calls", "--model", "new-1", "--model", "old-2", "-o", "out")
    first = await models.compare(*arguments)
    assert first.returncode == 0, first.stderr
    assert "old-2 against new-1" in first.stdout.decode()
    assert "33.3 %" in next(line for line in first.stdout.decode().splitlines() if line.startswith("total"))
    assert b"and not old-2" in first.stderr
    assert len(models.engine.requests) == 4
    page = Path("out/a.mp3.html").read_text(encoding="utf-8")
    assert ' src="../calls/a.mp3"' in page
    second = await models.compare(*arguments)
    assert (second.returncode, second.stdout) == (0, first.stdout)
    assert len(models.engine.requests) == 4


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_recording_without_a_reference_is_named_before_anything_is_sent(models: Models) -> None:
    """And a preview shows the files and the price of each model."""
    Path("calls").mkdir()
    Path("texts").mkdir()
    for name in ("a.mp3", "b.mp3"):
        Path("calls", name).write_bytes(name.encode())
    Path("texts/a.txt").write_text("One small step.")
    Path("prices.toml").write_text(
        'date = 2026-11-01\nsource = "a contract"\ncurrency = "USD"\n[models]\nnew-1 = 1\nold-2 = 2\n'
    )
    arguments = ("calls", "--model", "new-1", "--model", "old-2", "--reference", "texts", "-o", "out")
    shown = await models.compare(*arguments, "--prices", "prices.toml", "--dry-run")
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.decode().count("calls/a.mp3") == 2
    err = shown.stderr.decode()
    assert "b.mp3: there is no reference for it." in err
    assert err.index("new-1:") < err.index("2 recordings") < err.index("old-2:")
    assert err.count("prices of 2026-11-01") == 2
    assert (models.engine.requests, Path("out").exists()) == ([], False)
    Path("texts/a.txt").write_text("...")
    refused = await models.compare(*arguments)
    assert b"has no words. Nothing was sent." in refused.stderr
    assert models.engine.requests == []


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_two_models_of_an_embedded_server_are_refused(models: Models) -> None:
    """It runs one, whatever is requested, so there would be no difference."""
    Path("a.mp3").write_bytes(b"sound")
    engine = ScriptedEngine("Hello.")
    engine.name = "whisper-base"
    async with LocalServer(engine=engine, key=KEY) as server:
        models.url = server.base_url
        refused = await models.compare("a.mp3", "--model", "new-1", "--model", "old-2", "-o", "out")
    assert refused.returncode == 4
    assert b"which runs whisper-base whatever --model is" in refused.stderr
    assert b"--local-model NAME" in refused.stderr
    assert (engine.requests, Path("out").exists()) == ([], False)


class Machine:
    """A service, and the engines of this machine, which note in what order they are used."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, refusal: str | None = None) -> None:
        self.used: list[str] = []
        self.refusal = refusal
        self.service = ScriptedEngine(self._at_service)
        monkeypatch.setattr("aai_async.server.WhisperEngine", self._engine)
        monkeypatch.setenv("ASSEMBLYAI_API_KEY", KEY)

    def _at_service(self, _: object) -> str:
        self.used.append("service")
        return "One small step."

    def _engine(self, model: str, *, voices: None) -> ScriptedEngine:
        if model not in {"base", "tiny.en"}:
            raise WeightsError(f"No such model: {model!r}")

        def answer(_: object) -> str:
            self.used.append(model)
            if self.refusal is not None:
                raise EngineError(self.refusal)
            return "One small stop."

        engine = ScriptedEngine(answer)
        engine.name = engine_name(model)
        return engine

    def compare(self, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
        with LocalServer(engine=self.service, key=KEY) as server:
            monkeypatch.setenv("ASSEMBLYAI_BASE_URL", server.base_url)
            return run(monkeypatch, *arguments)


def test_a_model_of_the_service_is_compared_with_one_of_this_machine(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Which transcribes first, because it costs nothing; a second run transcribes nothing."""
    Path("a.mp3").write_bytes(b"sound")
    machine = Machine(monkeypatch)
    arguments = ("a.mp3", "--model", "scripted", "--local-model", "tiny.en", "-o", "out")
    assert machine.compare(monkeypatch, *arguments) == 0
    out = capsys.readouterr().out
    assert "whisper-tiny.en against scripted" in out
    assert rows(out)["a.mp3"][0] == "33.3 %"
    assert machine.used == ["tiny.en", "service"]
    assert sorted(path.name for path in Path("out").iterdir()) == [
        "a.mp3.html",
        "scripted",
        "whisper-tiny.en",
    ]
    assert machine.compare(monkeypatch, *arguments) == 0
    assert machine.used == ["tiny.en", "service"]


def test_models_of_this_machine_are_compared_without_a_key(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With each other, or one of them with what was spoken."""
    Path("a.mp3").write_bytes(b"sound")
    Path("a.txt").write_text("One small step.")
    machine = Machine(monkeypatch)
    monkeypatch.delenv("ASSEMBLYAI_API_KEY")
    assert run(monkeypatch, "a.mp3", "--local", "--local-model", "tiny.en", "-o", "out") == 0
    assert "whisper-tiny.en against whisper-base" in capsys.readouterr().out
    assert run(monkeypatch, "a.mp3", "--local", "--reference", "a.txt", "-o", "out") == 0
    assert "whisper-base against a.txt" in capsys.readouterr().out
    assert machine.used == ["base", "tiny.en"]


@pytest.mark.parametrize("flags", [(), ("--dry-run",)], ids=["transcribed", "preview"])
def test_all_models_of_this_machine_are_known_before_one_is_used(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], flags: tuple[str, ...]
) -> None:
    """Also those after others that would take hours, and before the service is paid."""
    Path("a.mp3").write_bytes(b"sound")
    machine = Machine(monkeypatch)
    models = ("--model", "scripted", "--local", "--local-model", "tiny.en", "--local-model", "tiny.fr")
    assert machine.compare(monkeypatch, "a.mp3", *models, "-o", "out", *flags) == 4
    assert "No such model: 'tiny.fr'" in capsys.readouterr().err
    assert (machine.used, Path("out").exists()) == ([], False)


def test_a_recording_without_any_transcript_is_in_the_exit_status(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are compared."""
    Path("calls").mkdir()
    Path("calls/a.mp3").write_bytes(b"sound")
    Path("calls/b.mp3").write_bytes(b"")
    Machine(monkeypatch)
    assert run(monkeypatch, "calls", "--local", "--local-model", "tiny.en", "-o", "out") == 3
    assert Path("out/a.mp3.html").exists()


def test_nothing_is_paid_for_that_this_machine_cannot_transcribe(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """There would be nothing to compare it with."""
    Path("a.mp3").write_bytes(b"sound")
    machine = Machine(monkeypatch, refusal="No audio was found in the file.")
    assert machine.compare(monkeypatch, "a.mp3", "--model", "new-1", "--local", "-o", "out") == 1
    assert "No audio was found" in capsys.readouterr().err
    assert machine.used == ["base"]


def test_a_preview_shows_that_this_machine_is_free(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And the price of the service."""
    Path("a.mp3").write_bytes(b"sound")
    Machine(monkeypatch)
    Path("prices.toml").write_text(
        'date = 2026-11-01\nsource = "a contract"\ncurrency = "USD"\n[models]\nnew-1 = 1\n'
    )
    prices = ("--prices", "prices.toml", "--dry-run")
    assert run(monkeypatch, "a.mp3", "--model", "new-1", "--local", "-o", "out", *prices) == 0
    lines = capsys.readouterr().err.splitlines()
    assert "USD" in lines[lines.index("new-1:") + 1]
    assert "free of charge on this machine" in lines[lines.index("whisper-base:") + 1]
