"""Every Python block of the README and of `docs` runs as it stands, against the embedded server."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from anyio.from_thread import start_blocking_portal
from sybil.document import Document
from sybil.parsers.markdown import PythonCodeBlockParser

from aai_async.server import LocalServer

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = sorted((ROOT / "docs").glob("*.md"))


@pytest.fixture
def _service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What the README assumes: a key in the environment and a recording at hand."""
    shutil.copy(ROOT / "tests/data/two_speakers.mp3", tmp_path / "call.mp3")
    monkeypatch.chdir(tmp_path)
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(LocalServer()) as server:
        monkeypatch.setenv("ASSEMBLYAI_API_KEY", server.key)
        monkeypatch.setenv("ASSEMBLYAI_BASE_URL", server.base_url)
        monkeypatch.setenv("WEBHOOK_SECRET", "a-secret-of-mine-01")
        monkeypatch.setenv("PUBLIC_URL", "http://127.0.0.1:8000")
        yield


@pytest.mark.usefixtures("_service")
def test_every_python_block_of_the_readme_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """In order, as a reader would paste them."""
    document = Document.parse(str(README), PythonCodeBlockParser())
    blocks = list(document)
    for block in blocks:
        block.evaluate()
    assert len(blocks) >= 6
    printed = capsys.readouterr().out
    assert "Speaker B: " in printed
    assert "There is no file 'no-such-file.mp3'" in printed
    assert "2 of 3 completed, 1 failed" in printed
    assert "call.mp3 finished " in printed


@pytest.mark.usefixtures("_service")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_python_block_of_a_page_runs(page: Path) -> None:
    """In order, too; a page needs no other one."""
    blocks = list(Document.parse(str(page), PythonCodeBlockParser()))
    for block in blocks:
        block.evaluate()
    assert blocks


@pytest.mark.parametrize("page", [README, *PAGES], ids=lambda page: page.name)
def test_every_link_within_the_project_leads_somewhere(page: Path) -> None:
    """To a file, and where it names a heading, to one."""
    for file, heading in re.findall(r"\]\(((?!https?:)[^)#]*)(?:#([^)]*))?\)", page.read_text()):
        target = page.parent / file if file else page
        assert target.exists(), file
        if heading:
            titles = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE)
            slugs = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
            assert heading in slugs


def test_the_two_commands_of_the_readme_name_sessions_that_exist() -> None:
    """One does the main job, one passes the tests, and each sets up all that it needs."""
    commands = [line for line in README.read_text().splitlines() if line.startswith("python3 -m venv")]
    assert len(commands) == 2
    assert "\ndef demo(session" in (ROOT / "noxfile.py").read_text()
