"""The engine's children: started when needed, killed when cancelled, replaced when dead, never left."""

import gc
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from aai_async.server.api_errors import SERVER_FAILURE
from aai_async.server.engine import EngineError, SpeechRequest
from aai_async.server.engines import whisper
from aai_async.server.engines.whisper import WhisperEngine


@pytest.fixture(autouse=True)
def fake_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whisper, "WORKER", "fake_worker")


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[WhisperEngine]:
    engine = WhisperEngine(str(tmp_path), speakers=False)
    yield engine
    await engine.aclose()
    # Whatever was left open would warn now, and warnings are errors.
    gc.collect()


async def child_of(engine: WhisperEngine, audio: Path) -> int:
    """Have a recording transcribed and return which process did it."""
    return int((await engine.recognize(SpeechRequest(audio=audio))).words[0].text)


async def child_at_work(audio: Path) -> int:
    """Wait until some process has begun with a recording, and return which."""
    written = audio.with_suffix(".pid")
    await anyio.to_thread.run_sync(wait_until, lambda: written.exists() and written.read_text() != "")
    return int(written.read_text())


def lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


async def test_child_is_kept(engine: WhisperEngine, tmp_path: Path) -> None:
    """One child transcribes one recording after another, and ends with the engine."""
    first = await child_of(engine, tmp_path / "a")
    assert await child_of(engine, tmp_path / "b") == first
    await engine.aclose()
    assert not lives(first)


@pytest.mark.skipif(sys.platform == "win32", reason="sessions of POSIX")
async def test_ctrl_c_of_a_terminal_does_not_reach_the_child(engine: WhisperEngine, tmp_path: Path) -> None:
    """It is sent to the processes of the terminal, also to one that starts and ignores no signal yet."""
    child = await child_of(engine, tmp_path / "a")
    assert (os.getsid(child), os.getpgid(child)) == (child, child)


async def test_refusal_keeps_the_child(engine: WhisperEngine, tmp_path: Path) -> None:
    """A recording that cannot be transcribed is refused with its reason, and the child goes on."""
    first = await child_of(engine, tmp_path / "a")
    with pytest.raises(EngineError, match=r"^Audio duration is too short\.$"):
        await child_of(engine, tmp_path / "error")
    assert await child_of(engine, tmp_path / "b") == first


async def test_prints_do_no_harm(engine: WhisperEngine, tmp_path: Path) -> None:
    """What libraries print to standard output does not reach the protocol."""
    assert await child_of(engine, tmp_path / "noisy") == await child_of(engine, tmp_path / "b")


@pytest.mark.parametrize("death", ["crash", "bug"])
async def test_child_dies(engine: WhisperEngine, tmp_path: Path, death: str) -> None:
    """A child that dies at work fails that recording alone; the next gets a fresh child."""
    first = await child_of(engine, tmp_path / "a")
    with pytest.raises(EngineError, match=SERVER_FAILURE):
        await child_of(engine, tmp_path / death)
    assert await child_of(engine, tmp_path / "b") != first


async def test_child_dies_idle(engine: WhisperEngine, tmp_path: Path) -> None:
    """A child that was killed while idle is replaced, and no recording fails of it."""
    first = await child_of(engine, tmp_path / "a")
    os.kill(first, 9)
    with anyio.fail_after(60):
        while engine._idle[0].usable:  # nobody could set an event
            await anyio.sleep(0.01)
    assert await child_of(engine, tmp_path / "b") != first


async def test_bad_weights_replace_the_child(engine: WhisperEngine, tmp_path: Path) -> None:
    """Damaged weights are told as they are, and the next recording tries again with a fresh child."""
    first = await child_of(engine, tmp_path / "a")
    with pytest.raises(EngineError, match=r"^model\.bin is damaged$"):
        await child_of(engine, tmp_path / "weights")
    assert await child_of(engine, tmp_path / "b") != first


async def test_cancelled(engine: WhisperEngine, tmp_path: Path) -> None:
    """Cancelling kills the child at once; the next recording gets a fresh one."""
    async with anyio.create_task_group() as group:
        group.start_soon(child_of, engine, tmp_path / "sleep")
        first = await child_at_work(tmp_path / "sleep")
        group.cancel_scope.cancel()
    assert not lives(first)
    assert await child_of(engine, tmp_path / "b") != first


async def test_cancelled_while_waiting(engine: WhisperEngine, tmp_path: Path) -> None:
    """A recording that is cancelled before its turn leaves the child to the one at work."""
    async with anyio.create_task_group() as group:
        group.start_soon(child_of, engine, tmp_path / "nap")
        first = await child_at_work(tmp_path / "nap")
        with anyio.move_on_after(0.05):
            await child_of(engine, tmp_path / "a")
    assert await child_of(engine, tmp_path / "b") == first


async def test_no_more_children_than_asked_for(tmp_path: Path) -> None:
    """Ten recordings at once share two children."""
    engine = WhisperEngine(str(tmp_path), workers=2, speakers=False)
    children: set[int] = set()

    async def one(name: str) -> None:
        children.add(await child_of(engine, tmp_path / name))

    async with anyio.create_task_group() as group:
        for number in range(10):
            group.start_soon(one, str(number))
    await engine.aclose()
    assert len(children) == 2
    assert not any(map(lives, children))


async def test_closed_at_work(engine: WhisperEngine, tmp_path: Path) -> None:
    """Closing the engine ends the child at work, fails its recording, and refuses the next."""
    async with anyio.create_task_group() as group:

        async def failing() -> None:
            with pytest.raises(EngineError, match=SERVER_FAILURE):
                await child_of(engine, tmp_path / "sleep")

        group.start_soon(failing)
        first = await child_at_work(tmp_path / "sleep")
        await engine.aclose()
    assert not lives(first)
    with pytest.raises(anyio.ClosedResourceError):
        await child_of(engine, tmp_path / "b")


async def test_speakers_not_served(engine: WhisperEngine, tmp_path: Path) -> None:
    """An engine without speakers says so, and starts no child for it."""
    with pytest.raises(EngineError, match="started without speakers"):
        await engine.recognize(SpeechRequest(audio=tmp_path, speaker_labels=True))


def test_no_workers() -> None:
    """An engine without workers would never answer, so it is refused."""
    with pytest.raises(ValueError, match="at least 1"):
        WhisperEngine(workers=0)


SCRIPT = """
import anyio, pathlib, sys
from aai_async.server.engine import SpeechRequest
from aai_async.server.engines import whisper
whisper.WORKER = "fake_worker"
print("the script runs", flush=True)
folder = pathlib.Path(sys.argv[1])
async def main():
    engine = whisper.WhisperEngine(str(folder), speakers=False)
    await engine.recognize(SpeechRequest(audio=folder / sys.argv[2]))
    await engine.aclose()
anyio.run(main)
"""


def run_script(folder: Path, recording: str) -> "subprocess.Popen[str]":
    (folder / "script.py").write_text(SCRIPT)
    path = os.pathsep.join([str(Path(__file__).parents[3]), str(Path(__file__).parent)])
    return subprocess.Popen(
        [sys.executable, folder / "script.py", folder, recording],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_unguarded_script(tmp_path: Path) -> None:
    """A script without ``if __name__ == "__main__"`` runs once, not again in each child."""
    with run_script(tmp_path, "a") as script:
        assert script.communicate(timeout=20)[0] == "the script runs\n"
    assert script.returncode == 0


def test_parent_dies(tmp_path: Path) -> None:
    """A child whose parent was killed ends by itself, even in the middle of a recording."""
    with run_script(tmp_path, "sleep") as script:
        written = tmp_path / "sleep.pid"
        wait_until(lambda: written.exists() and written.read_text() != "")
        child = int(written.read_text())
        script.kill()
        wait_until(lambda: not lives(child) or is_zombie(child))


def wait_until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_zombie(process: int) -> bool:
    """Tell whether it is dead and only not yet buried, where nobody adopts orphans."""
    status = Path(f"/proc/{process}/stat")
    return status.exists() and ") Z " in status.read_text()


def test_front_is_light() -> None:
    """Neither the engine nor the protocol's side of it loads what only the child needs."""
    code = (
        "import sys, aai_async.server.engines.whisper, aai_async.server.engines.scripted; "
        "print({'numpy', 'av', 'faster_whisper', 'onnx', 'onnxruntime', 'ctranslate2'} & set(sys.modules))"
    )
    root = Path(__file__).parents[3]
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert result.stdout == "set()\n"
