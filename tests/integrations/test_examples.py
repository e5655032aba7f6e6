"""The applications of the README: served by uvicorn, beside the embedded server, which really calls them."""

from __future__ import annotations

import contextlib
import re
import socket
import sys
import threading
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
import uvicorn

from aai_async.testing import ScriptedServer

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
APPLICATIONS = [
    block for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "FastAPI(" in block
]
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
def served(source: str) -> Generator[httpx.Client]:
    """Serve an application on a port of this machine, and give a browser of it."""
    module = ModuleType("application_of_the_readme")
    sys.modules[module.__name__] = module  # where FastAPI looks for what annotations mean
    exec(compile(source, "README.md", "exec"), vars(module))  # noqa: S102 - our own
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(vars(module)["app"], log_config=None, timeout_graceful_shutdown=2)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            with httpx.Client(
                base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=10
            ) as browser:
                yield browser
        finally:
            server.should_exit = True
            thread.join()
            del sys.modules[module.__name__]


def until(found: Any) -> Any:  # whatever it gives
    """Ask until the answer is something."""
    deadline = time.monotonic() + 15
    while not (answer := found()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return answer


def test_there_are_three() -> None:
    assert len(APPLICATIONS) == 3


def test_an_upload_ends_on_a_page_when_the_webhook_has_come(service: ScriptedServer) -> None:
    """One upload, one submit, one look, when the service has called; a call without the secret is refused."""
    service.hears("What was said.", delay=0.2)
    with served(APPLICATIONS[0]) as browser:
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


def test_progress_is_told_as_events(service: ScriptedServer) -> None:
    """From the first status to the last, also to who comes late."""
    service.hears("What was said.", delay=0.2)
    with served(APPLICATIONS[1]) as browser:
        transcript_id = browser.post("/recordings", files=FORM).json()
        for _ in range(2):
            answer = browser.get(f"/recordings/{transcript_id}/events")
            assert answer.headers["content-type"].startswith("text/event-stream")
            statuses = re.findall(r'^data: "(\w+)"$', answer.text, re.MULTILINE)
            assert statuses[0] in {"queued", "processing"}
            assert statuses[-1] == "completed"
        assert browser.get("/recordings/7c2d/events").status_code == 404


def test_a_worker_pays_once_although_it_is_started_again(service: ScriptedServer, tmp_path: Path) -> None:
    """What was under way when it stopped is taken up."""
    service.hears("What was said.", delay=1.0)
    with served(APPLICATIONS[2]) as browser:
        assert browser.post("/recordings/monday.wav", files=FORM).status_code == 202
        until(lambda: service.count("POST /v2/transcript"))
    text = tmp_path / "texts" / "monday.wav.txt"
    assert not text.exists()
    with served(APPLICATIONS[2]):
        until(text.exists)
    assert text.read_text() == "What was said."
    assert service.count("POST /v2/transcript") == 1
