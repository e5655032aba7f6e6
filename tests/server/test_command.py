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
import pytest

from aai_async.server import LocalServer, ScriptedEngine, serve_forever
from aai_async.server.__main__ import main


@pytest.mark.skipif(sys.platform == "win32", reason="no POSIX signals")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_it_prints_where_it_is_and_ends_when_told_to(tmp_path: Path, sent: signal.Signals) -> None:
    """The line can be pasted into a shell; Ctrl-C and SIGTERM are an orderly end."""
    command = [sys.executable, "-m", "aai_async.server", "--engine", "scripted", "--key", "k$y"]
    with subprocess.Popen(
        [*command, "--directory", str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        line = process.stdout.readline()
        match = re.fullmatch(r"export ASSEMBLYAI_BASE_URL=(\S+) ASSEMBLYAI_API_KEY='k\$y'\n", line)
        assert match, line
        reply = httpx.get(f"{match[1]}/v2/transcript", headers={"authorization": "k$y"}, trust_env=False)
        assert reply.status_code == 200
        process.send_signal(sent)
        assert process.wait(10) == 0
        assert process.stderr.read() == ""
    assert (tmp_path / "transcripts.sqlite3").exists()


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


def test_an_interrupt_while_it_starts_is_an_orderly_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """As is one on Windows, where it always comes so."""

    def interrupted(*_arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("anyio.run", interrupted)
    assert main(["--engine", "scripted"]) == 0


def test_the_model_is_whispers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `--engine` it is Whisper, `--model` names which, and it works on as many jobs as the server."""
    asked = []

    def whisper(model: str, *, workers: int) -> ScriptedEngine:
        asked.append((model, workers))
        raise ValueError("enough")

    monkeypatch.setattr("aai_async.server.engines.whisper.WhisperEngine", whisper)
    assert main([]) == main(["--model", "tiny.en", "--parallel-jobs", "3"]) == 1
    assert asked == [("base", 1), ("tiny.en", 3)]


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

    with anyio.fail_after(10):
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
        with anyio.fail_after(10):
            await announced.wait()
        tasks.cancel_scope.cancel()
