"""`python -m aai_async.server`."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import anyio
import httpx
import pexpect
import pytest

import aai_async
from aai_async.server import EngineError, LocalServer, ScriptedEngine, serve_forever
from aai_async.server.__main__ import DEFAULT_PORT, main
from aai_async.server.kept_key import key_path
from aai_async.server.serve import PortInUseError

FAST = aai_async.Polling(initial_delay=0.01, max_delay=0.01)


@pytest.mark.skipif(sys.platform == "win32", reason="no POSIX signals")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_it_prints_where_it_is_and_ends_when_told_to(tmp_path: Path, sent: signal.Signals) -> None:
    """The line can be pasted into a shell; Ctrl-C and SIGTERM are an orderly end."""
    command = [
        sys.executable,
        "-m",
        "aai_async.server",
        "--port",
        "0",
        "--engine",
        "scripted",
        "--key",
        "k$y",
    ]
    with subprocess.Popen(
        [*command, "--directory", str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        line = process.stdout.readline()
        match = re.fullmatch(r"export ASSEMBLYAI_BASE_URL=(\S+) ASSEMBLYAI_API_KEY='k\$y'\n", line)
        assert match, line
        # A shell that sources the output takes it for a comment.
        assert process.stdout.readline() == f"# The page for recordings: {match[1]}/#key=k%24y\n"
        reply = httpx.get(f"{match[1]}/v2/transcript", headers={"authorization": "k$y"}, trust_env=False)
        assert reply.status_code == 200
        process.send_signal(sent)
        assert process.wait(10) == 0
        assert process.stderr.read() == ""
    assert (tmp_path / "transcripts.sqlite3").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
def test_a_terminal_shows_the_address_of_the_page() -> None:
    """With the key in its fragment, after the line for the other terminal."""
    arguments = ["-m", "aai_async.server", "--port", "0", "--engine", "scripted", "--key", "k$y"]
    process = pexpect.spawn(sys.executable, arguments, encoding="utf-8", timeout=60)
    process.expect(r"export ASSEMBLYAI_BASE_URL=(\S+) ")
    assert process.match is not None
    base_url = process.match[1]
    process.expect_exact(f"{base_url}/#key=k%24y\r\n")
    process.expect_exact("Ctrl-C stops the server.")
    process.sendintr()
    process.expect(pexpect.EOF)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--host", "0.0.0.0"], "loopback"),  # noqa: S104
        (["--key", ""], "printable"),
        (["--port", "70000"], "port must be"),
        (["--parallel-jobs", "0"], "parallel_jobs must be at least 1, not 0"),
        (["--engine", "whisper", "--model", "no such model"], "no such model"),
    ],
)
def test_what_cannot_be_served_is_one_sentence(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    """And status 1, without a traceback."""
    assert main(["--engine", "scripted", *arguments]) == 1
    assert message in capsys.readouterr().err


def test_a_port_in_use_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    """The address is in it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert main(["--engine", "scripted", "--port", str(taken.getsockname()[1])]) == 1
    assert "Cannot listen on 127.0.0.1" in capsys.readouterr().err


def served_by(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> list[LocalServer]:
    """The servers that a command line starts, one after the other where the port of the first is in use."""
    served: list[LocalServer] = []

    def run(_function: object, server: LocalServer, _announce: object) -> None:
        served.append(server)
        if len(served) == 1 and server._port == DEFAULT_PORT:
            raise PortInUseError("in use")

    monkeypatch.setattr("anyio.run", run)
    assert main(["--engine", "scripted", *arguments]) == 0
    return served


def test_the_port_is_the_same_each_time_unless_it_is_in_use(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """So what was exported in a terminal stays true; the line that it prints has the other port."""
    first, second = served_by([], monkeypatch)
    assert (first._port, second._port) == (DEFAULT_PORT, 0)
    assert f"Port {DEFAULT_PORT} is in use" in capsys.readouterr().err
    assert [server._port for server in served_by(["--port", "0"], monkeypatch)] == [0]


def test_the_key_is_kept_for_its_owner_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that others could read is replaced."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    key = served_by(["--port", "0"], monkeypatch)[0].key
    assert served_by(["--port", "0"], monkeypatch)[0].key == key
    path = key_path()
    assert path.read_text().strip() == key
    assert [one.name for one in path.parent.iterdir()] == [path.name]
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o600
        path.chmod(0o644)
        assert served_by(["--port", "0"], monkeypatch)[0].key not in {key, ""}


def test_a_given_key_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be the key of something else."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert served_by(["--port", "0", "--key", "given"], monkeypatch)[0].key == "given"
    assert list(tmp_path.iterdir()) == []


def test_where_no_key_can_be_kept_it_is_a_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The server starts nevertheless."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    assert served_by(["--port", "0"], monkeypatch)[0].key
    assert "The API key cannot be kept" in capsys.readouterr().err


async def test_each_job_is_a_line(caplog: pytest.LogCaptureFixture) -> None:
    """Without what was said, and without URLs, which may be signed."""

    def spoken(recording: object) -> str:
        if not done:
            done.append(recording)
            return "A secret."
        raise EngineError("cannot read https://host/x?signature=secret")

    done: list[object] = []
    caplog.set_level("INFO", "aai_async.server")
    async with LocalServer(engine=ScriptedEngine(spoken)) as server:
        async with aai_async.Client(server.key, base_url=server.base_url, polling=FAST) as client:
            first = await client.transcribe(b"a recording")
            with pytest.raises(aai_async.TranscriptError) as failed:
                await client.transcribe(b"another recording")
    lines = [one.getMessage() for one in caplog.records if one.name.startswith("aai_async.server.job")]
    assert [line.split()[:2] for line in lines] == [
        [first.id, "completed:"],
        [failed.value.transcript_id, "error:"],
    ]
    assert "secret" not in "".join(lines).lower()


def test_an_interrupt_while_it_starts_is_an_orderly_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """As is one on Windows, where it always comes so."""

    def interrupted(*_arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("anyio.run", interrupted)
    assert main(["--engine", "scripted"]) == 0


def test_the_model_is_whispers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `--engine` it is Whisper, with the model, the jobs and the voices of the command."""
    asked = []

    def whisper(model: str, *, workers: int, voices: str | None) -> ScriptedEngine:
        asked.append((model, workers, voices))
        raise ValueError("enough")

    monkeypatch.setattr("aai_async.server.engines.whisper.WhisperEngine", whisper)
    assert main([]) == main(["--model", "tiny.en", "--parallel-jobs", "3", "--voices", "v.json"]) == 1
    assert asked == [("base", 1, None), ("tiny.en", 3, "v.json")]


def test_the_limit_of_parallel_jobs_is_the_accounts(monkeypatch: pytest.MonkeyPatch) -> None:
    """`--parallel-jobs` reaches the server itself; by default it is one."""
    served: list[LocalServer] = []

    def run(_function: object, server: LocalServer, _announce: object) -> None:
        served.append(server)

    monkeypatch.setattr("anyio.run", run)
    assert main(["--engine", "scripted"]) == main(["--engine", "scripted", "--parallel-jobs", "4"]) == 0
    assert [server._limits.parallel_jobs for server in served] == [1, 4]


@pytest.mark.parametrize(("flags", "strict"), [([], False), (["--strict"], True)])
def test_strictness_is_a_flag(monkeypatch: pytest.MonkeyPatch, flags: list[str], strict: bool) -> None:
    """By default, names that the server does not know are taken."""
    served: list[LocalServer] = []

    def run(_function: object, server: LocalServer, _announce: object) -> None:
        served.append(server)

    monkeypatch.setattr("anyio.run", run)
    assert main(["--engine", "scripted", *flags]) == 0
    assert served[0].policy.strict is strict


@pytest.mark.skipif(sys.platform == "win32", reason="no POSIX signals")
async def test_it_serves_until_a_signal_comes() -> None:
    """For whoever builds another command around it."""
    server = LocalServer(engine=ScriptedEngine())
    seen = []

    def announce(server: LocalServer) -> None:
        seen.append(server.base_url)
        os.kill(os.getpid(), signal.SIGTERM)

    with anyio.fail_after(60):
        await serve_forever(server, announce)
    assert seen == [server.base_url]


async def test_without_signals_it_serves_until_it_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows, where Ctrl-C is a cancellation."""

    def unsupported(*_signals: signal.Signals) -> None:
        raise NotImplementedError

    monkeypatch.setattr("anyio.open_signal_receiver", unsupported)
    announced = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(serve_forever, LocalServer(engine=ScriptedEngine()), lambda _server: announced.set())
        with anyio.fail_after(60):
            await announced.wait()
        tasks.cancel_scope.cancel()
