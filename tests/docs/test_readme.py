"""Every Python block of the README runs as it stands, against the embedded server and a real recording."""

from __future__ import annotations

import re
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pages
import pytest
from anyio.from_thread import start_blocking_portal

from aai_async.server import LocalServer

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"


@pytest.fixture
def _service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What the README assumes: a key in the environment and a recording at hand."""
    shutil.copy(ROOT / "tests/data/two_speakers.mp3", tmp_path / "call.mp3")
    monkeypatch.chdir(tmp_path)
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(LocalServer()) as server:
        monkeypatch.setenv("ASSEMBLYAI_API_KEY", server.key)
        monkeypatch.setenv("ASSEMBLYAI_BASE_URL", server.base_url)
        yield


@pytest.mark.usefixtures("_service")
def test_every_python_block_of_the_readme_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """Each by itself, as a reader would paste it."""
    assert pages.run(README) == 2
    printed = capsys.readouterr().out
    assert "Speaker B: " in printed
    assert "no-such-file.mp3" in printed
    assert "1 of 2 completed, 1 failed" in printed


def test_the_readme_is_short() -> None:
    """The rest is in the pages that it links to."""
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 150


def test_the_links_of_the_readme_are_absolute_once_there_is_a_home_page() -> None:
    """The index shows them elsewhere than the repository does."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    links = re.findall(r"\]\(([^)]+)\)", README.read_text(encoding="utf-8"))
    assert links
    if project.get("urls"):
        assert [link for link in links if not link.startswith("https://")] == []


def test_the_two_commands_of_the_readme_name_sessions_that_exist() -> None:
    """One does the main job, one passes the tests, and each sets up all that it needs."""
    commands = [
        line for line in README.read_text(encoding="utf-8").splitlines() if line.startswith("python3 -m venv")
    ]
    assert len(commands) == 2
    assert "\ndef demo(session" in (ROOT / "noxfile.py").read_text(encoding="utf-8")
