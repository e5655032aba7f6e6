"""The command line at a terminal: the table that is kept up to date, Ctrl-C, names that would steer it."""

from __future__ import annotations

import io
import re
import sys
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import anyio
import pyte
import pytest
from anyio import to_thread
from rich.console import Console, ConsoleRenderable, RenderHook

from aai_async._progress.state import ProgressState
from aai_async._progress.views import LiveTable
from aai_async.server import LocalServer, ScriptedEngine

if sys.platform == "win32":
    pytest.skip("no pseudo-terminals", allow_module_level=True)

from terminal import Terminal

KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def anyio_backend() -> str:
    """The command runs in a process of its own, on asyncio."""
    return "asyncio"


@pytest.fixture
def recordings(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "calls"
    folder.mkdir()
    paths = [folder / f"{number}.mp3" for number in range(4)]
    for path in paths:
        path.write_bytes(path.name.encode() * 1000)
    return paths


@pytest.fixture
async def environment() -> AsyncIterator[dict[str, str]]:
    engine = ScriptedEngine("What was said.", delay=2.0)
    async with LocalServer(engine=engine, key=KEY, parallel_jobs=2) as server:
        yield {"ASSEMBLYAI_API_KEY": KEY, "ASSEMBLYAI_BASE_URL": server.base_url}


async def test_a_table_shows_what_is_under_way_and_makes_room_for_the_results(
    recordings: list[Path], environment: dict[str, str]
) -> None:
    """What is left at the end are lines for what became of each, and no table."""

    def scenario() -> tuple[int, str]:
        with Terminal(
            "transcribe", str(recordings[0].parent), "-o", str(recordings[0].parents[1]), **environment
        ) as terminal:
            terminal.wait_for("recording", "stage", "0 of 4 completed", "processing")
            terminal.wait_for("of 4 completed", "left")
            return terminal.end(), terminal.shown

    status, shown = await to_thread.run_sync(scenario)
    assert status == 0, shown
    assert "✓ 4/4" in shown
    assert "stage" not in shown
    assert "4 of 4 completed, 0 failed" in shown


async def test_the_first_interrupt_lets_what_is_under_way_end(
    recordings: list[Path], environment: dict[str, str], tmp_path: Path
) -> None:
    """It says so, and the exit status is 130, for the others are not done; run again, the rest is."""
    order = ["transcribe", *map(str, recordings), "-o", str(tmp_path), "--jobs", "2", "--uploads", "2"]

    def scenario() -> tuple[int, str]:
        with Terminal(*order, **environment) as terminal:
            terminal.wait_for("processing")
            terminal.interrupt()
            terminal.wait_for("Ctrl-C again stops at once")
            return terminal.end(), terminal.shown

    status, shown = await to_thread.run_sync(scenario)
    assert status == 130, shown
    done = list(tmp_path.glob("*.txt"))
    assert len(done) in {1, 2, 3}

    def again() -> tuple[int, str]:
        with Terminal(*order, **environment) as terminal:
            return terminal.end(), terminal.shown

    status, shown = await to_thread.run_sync(again)
    assert status == 0, shown
    assert len(list(tmp_path.glob("*.txt"))) == 4
    assert f"{len(done)} skipped" in shown


async def test_the_second_interrupt_stops_at_once_and_nothing_is_paid_twice(
    recordings: list[Path], tmp_path: Path
) -> None:
    """The journal knows the jobs, and the same command takes them up."""
    engine = ScriptedEngine("What was said.", delay=4.0)
    async with LocalServer(engine=engine, key=KEY, parallel_jobs=4) as server:
        environment = {"ASSEMBLYAI_API_KEY": KEY, "ASSEMBLYAI_BASE_URL": server.base_url}
        order = ["transcribe", str(recordings[0].parent), "-o", str(tmp_path)]

        def scenario() -> tuple[int, str]:
            with Terminal(*order, **environment) as terminal:
                terminal.wait_for("processing")
                terminal.interrupt()
                terminal.wait_for("Ctrl-C again")
                terminal.interrupt()
                return terminal.end(), terminal.shown

        status, shown = await to_thread.run_sync(scenario)
        assert status == 130, shown
        assert "Run the same command again" in re.sub(r"\s+", " ", shown)
        assert not list(tmp_path.glob("*.txt"))
        with anyio.fail_after(60):
            ended = await to_thread.run_sync(lambda: _status_of(order, environment))
        assert ended == 0
        assert len(list(tmp_path.glob("*.txt"))) == 4
        assert len(engine.requests) == 4


def _status_of(order: list[str], environment: dict[str, str]) -> int:
    with Terminal(*order, **environment) as terminal:
        return terminal.end()


async def test_a_name_cannot_steer_the_terminal(environment: dict[str, str], tmp_path: Path) -> None:
    """What would be an escape sequence, a line break or the other direction is shown as it is written."""
    path = tmp_path / "a\x1b[2Jb\nc\u202ed.mp3"
    path.write_bytes(b"sound")

    def scenario() -> tuple[int, str]:
        with Terminal("transcribe", str(path), **environment) as terminal:
            return terminal.end(), terminal.shown

    status, shown = await to_thread.run_sync(scenario)
    assert status == 0, shown
    assert r"a\x1b[2Jb\nc\u202ed.mp3" in shown.replace("\n", "")
    assert "What was said." in shown


async def test_colours_are_left_out_where_nobody_wants_them(
    recordings: list[Path], environment: dict[str, str]
) -> None:
    """https://no-color.org."""

    def scenario() -> bool:
        with Terminal("transcribe", str(recordings[0]), NO_COLOR="1", **environment) as terminal:
            terminal.wait_for("processing")
            return terminal.has_colours

    assert not await to_thread.run_sync(scenario)


class _Screen(io.StringIO):
    """Standard error that is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_table_that_begins_after_an_echoed_interrupt_is_removed_as_a_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The terminal shows ^C in the line of the cursor, and the table is as wide as the terminal."""
    written = _Screen()
    monkeypatch.setattr(sys, "stderr", written)
    for name, value in {"COLUMNS": "100", "LINES": "24", "TERM": "xterm-256color"}.items():
        monkeypatch.setenv(name, value)
    state = ProgressState(1, 0.0)
    state.start(0, "call.mp3", 0.0)
    written.write("^C")
    with LiveTable(state):
        pass
    screen = pyte.Screen(100, 24)
    pyte.Stream(screen).feed(written.getvalue().replace("\n", "\r\n"))
    assert "call.mp3" in written.getvalue()
    assert [line for line in screen.display if line.strip()] == []


class _Refreshing(RenderHook):
    """Refreshes the table in another thread, between the position of a line above it and its writing."""

    def __init__(self, console: Console, refresh: Callable[[], None]) -> None:
        self._console = console
        self._refresh = refresh

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        if threading.current_thread() is threading.main_thread():
            self._console.pop_render_hook()
            thread = threading.Thread(target=self._refresh)
            thread.start()
            # It has to wait for the line, so it does not end here.
            thread.join(0.2)
        return renderables


def test_a_line_above_a_table_that_is_refreshed_meanwhile_leaves_no_table_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The refresh of Rich's thread has another height than the table that the line replaces."""
    written = _Screen()
    monkeypatch.setattr(sys, "stderr", written)
    for name, value in {"COLUMNS": "100", "LINES": "24", "TERM": "xterm-256color"}.items():
        monkeypatch.setenv(name, value)
    state = ProgressState(2, 0.0)
    with LiveTable(state) as table:
        state.start(0, "a.mp3", 0.0)
        state.start(1, "b.mp3", 0.0)
        table._console.push_render_hook(_Refreshing(table._console, table._live.refresh))
        table.print("✓ 1/2 a.mp3 2 s")
    screen = pyte.Screen(100, 24)
    pyte.Stream(screen).feed(written.getvalue().replace("\n", "\r\n"))
    shown = [line.rstrip() for line in screen.display if line.strip()]
    assert shown == ["✓ 1/2 a.mp3 2 s"]


def test_a_table_leaves_standard_output_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Results are written there while it is shown, also where that is a pipe."""
    monkeypatch.setattr(sys, "stderr", _Screen())
    with LiveTable(ProgressState(1, 0.0)):
        sys.stdout.write("What was said.")
    assert capsys.readouterr().out == "What was said."
