"""The pages of the documentation, the code in them, and the service that it runs against."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from buckets import make_bucket
from sybil.document import Document
from sybil.parsers.markdown import PythonCodeBlockParser

from aai_async.testing import ScriptedServer

if TYPE_CHECKING:
    from aai_async.server import Recognition, SpeechRequest

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
DOCS = ROOT / "docs"
DATA = ROOT / "tests/data"

PAGES = sorted(
    path
    for path in DOCS.glob("*.md")
    if "```python\n" in path.read_text(encoding="utf-8") and path.name not in {"engines.md", "ray.md"}
)
"""Those with code that runs here; that of the others is run as programs: `test_ray_page`, `test_engines`."""


def run(path: Path) -> int:
    """
    Run every Python block of a page, each by itself as a reader would paste it, and give their number.

    They run in order in one folder: some read the journal of an earlier one.
    """
    document = Document.parse(str(path), PythonCodeBlockParser())
    blocks = list(document)
    for block in blocks:
        document.namespace.clear()
        block.evaluate()
    return len(blocks)


@contextlib.contextmanager
def service(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[ScriptedServer]:
    """
    What the pages assume: a key in the environment, and a recording in the folder.

    The service answers at once, with the real transcript of the recording.
    """
    shutil.copy(DATA / "two_speakers.mp3", folder / "call.mp3")
    monkeypatch.chdir(folder)
    with ScriptedServer() as server:
        server.hears(_two_speakers)
        monkeypatch.setenv("ASSEMBLYAI_API_KEY", server.key)
        monkeypatch.setenv("ASSEMBLYAI_BASE_URL", server.base_url)
        monkeypatch.setenv("WEBHOOK_SECRET", "a-secret-of-mine-01")
        monkeypatch.setenv("PUBLIC_URL", "http://127.0.0.1:8000")
        yield server


def fill_bucket(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the bucket of the pages, with a recording for each day, unless an earlier page has made it."""
    bucket = make_bucket("calls", endpoint, monkeypatch)
    for day in ("monday", "tuesday"):
        bucket.put(f"{day}.mp3", (DATA / "two_speakers.mp3").read_bytes())


def _two_speakers(request: SpeechRequest) -> Recognition:
    from aai_async.server import Recognition, RecognizedWord  # noqa: PLC0415 - an extra

    document: dict[str, Any] = json.loads((DATA / "two_speakers.transcript.json").read_bytes())
    words = tuple(
        RecognizedWord(
            text=word["text"],
            start=word["start"],
            end=word["end"],
            confidence=word["confidence"],
            speaker=word["speaker"] if request.speaker_labels else None,
        )
        for word in document["words"]
    )
    return Recognition(
        words=words, language_code="en", audio_duration=document["audio_duration"], engine="scripted"
    )
