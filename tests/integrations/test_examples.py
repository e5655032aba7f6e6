"""The applications of the documentation: served by uvicorn beside the embedded server, which calls them."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from types import ModuleType

import httpx
import pytest
from serving import free_port, served, until

from aai_async.testing import ScriptedServer

PAGE = (Path(__file__).parents[2] / "docs/fastapi.md").read_text(encoding="utf-8")
APPLICATIONS = [block for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "FastAPI(" in block]
FORM = {"file": ("call.mp3", b"a recording")}


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ScriptedServer]:
    """The service, as the environment names it, and a folder to work in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WEBHOOK_SECRET", "a-secret-of-mine-01")
    with ScriptedServer() as service:
        monkeypatch.setenv("ASSEMBLYAI_BASE_URL", service.base_url)
        monkeypatch.setenv("ASSEMBLYAI_API_KEY", service.key)
        yield service


@contextlib.contextmanager
def run(source: str, monkeypatch: pytest.MonkeyPatch) -> Generator[httpx.Client]:
    """Serve an application, and give a browser of it."""
    port = free_port()
    monkeypatch.setenv("PUBLIC_URL", f"http://127.0.0.1:{port}")
    module = ModuleType("application_of_the_page")
    sys.modules[module.__name__] = module  # where FastAPI looks for what annotations mean
    exec(compile(source, "fastapi.md", "exec"), vars(module))  # noqa: S102 - our own
    try:
        with served(vars(module)["app"], port) as browser:
            yield browser
    finally:
        del sys.modules[module.__name__]


def test_there_are_five() -> None:
    assert len(APPLICATIONS) == 5


def test_an_upload_ends_on_a_page_when_the_webhook_has_come(
    service: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One upload, one submit, one look, when the service has called; a call without the secret is refused."""
    service.hears("What was said.", delay=0.2)
    with run(APPLICATIONS[0], monkeypatch) as browser:
        answer = browser.post("/recordings", files=FORM)
        assert answer.status_code == 202
        assert browser.get(answer.json()["page"]).status_code == 404
        forged = {"transcript_id": answer.json()["id"], "status": "completed"}
        assert browser.post("/webhook", json=forged).status_code == 401
        page = until(lambda: (got := browser.get(answer.json()["page"])).status_code == 200 and got.text)
    assert "What was said." in page
    assert [f"{one.method} {one.path}" for one in service.requests] == [
        "POST /v2/upload",
        "POST /v2/transcript",
        f"GET /v2/transcript/{answer.json()['id']}",
    ]


def test_a_body_that_is_uploaded_is_answered_with_its_text(
    service: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.hears("What was said.")
    with run(APPLICATIONS[1], monkeypatch) as browser:
        assert browser.post("/transcripts", content=b"a recording").json() == {"text": "What was said."}


def test_progress_is_told_as_events(service: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the first status to the last, also to who comes late."""
    service.hears("What was said.", delay=0.2)
    with run(APPLICATIONS[2], monkeypatch) as browser:
        transcript_id = browser.post("/recordings", files=FORM).json()
        for _ in range(2):
            answer = browser.get(f"/recordings/{transcript_id}/events")
            assert answer.headers["content-type"].startswith("text/event-stream")
            statuses = re.findall(r'^data: "(\w+)"$', answer.text, re.MULTILINE)
            assert statuses[0] in {"queued", "processing"}
            assert statuses[-1] == "completed"
            assert len(set(statuses)) == len(statuses)
        assert browser.get("/recordings/7c2d/events").status_code == 404


def test_a_worker_pays_once_although_it_is_started_again(
    service: ScriptedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was under way when it stopped is taken up."""
    service.hears("What was said.", delay=1.0)
    with run(APPLICATIONS[3], monkeypatch) as browser:
        answer = browser.post("/recordings", files=FORM)
        assert answer.status_code == 202
        until(lambda: service.count("POST /v2/transcript"))
    text = tmp_path / "texts" / f"{answer.json()}.txt"
    assert not text.exists()
    with run(APPLICATIONS[3], monkeypatch):
        until(text.exists)
    assert text.read_text() == "What was said."
    assert service.count("POST /v2/transcript") == 1


def test_those_who_follow_a_job_that_is_lost_are_told(
    service: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the application goes on."""
    with run(APPLICATIONS[2], monkeypatch) as browser:
        service.fault("GET /v2/transcript*", status=401)
        transcript_id = browser.post("/recordings", files=FORM).json()
        assert browser.get(f"/recordings/{transcript_id}/events").text.endswith('data: "lost"\n\n')
        other = browser.post("/recordings", files=FORM).json()
        assert browser.get(f"/recordings/{other}/events").text.endswith('data: "completed"\n\n')
