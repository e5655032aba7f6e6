"""Applications as they are run: in several processes, and for callers who hang up."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import anyio
import httpx
import pytest
from fastapi import FastAPI, Request
from serving import free_port, served, until
from starlette.requests import ClientDisconnect

from aai_async import fastapi as web
from aai_async.fastapi import ClientDependency
from aai_async.server import SpeechRequest
from aai_async.testing import ScriptedServer

SECRET = {"x-webhook-secret": "a-secret-of-mine-01"}


@contextlib.contextmanager
def two_workers(
    service: ScriptedServer,
    inbox: Path,
    log: Path,
    app: str = "two_workers:app",
    folder: Path = Path(__file__).parent,
) -> Generator[str]:
    """Run an application in two processes, which log to a file, and give its address."""
    port = free_port()
    environment = os.environ | {
        "ASSEMBLYAI_API_KEY": service.key,
        "ASSEMBLYAI_BASE_URL": service.base_url,
        "INBOX": str(inbox),
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "PYTHONPATH": os.pathsep.join(sys.path),
        "WEBHOOK_SECRET": SECRET["x-webhook-secret"],
    }
    command = [sys.executable, "-m", "uvicorn", app, "--workers", "2", "--port", str(port)]
    with (
        log.open("wb") as output,
        subprocess.Popen(command, env=environment, cwd=folder, stderr=output) as process,
    ):
        try:
            until(lambda: _answers(environment["PUBLIC_URL"]))
            yield environment["PUBLIC_URL"]
        finally:
            process.terminate()


def _answers(url: str) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(url).status_code == 404
    return False


def test_a_wait_ends_by_a_notification_that_another_process_has_got(tmp_path: Path) -> None:
    """With three requests for each job; and no process handles one twice, however often it comes."""
    waited: dict[str, int] = {}

    def transcribe(number: int) -> None:
        answer = httpx.post(f"{url}/recordings", content=b"recording %d" % number, timeout=20).json()
        assert answer["text"] == "Hello there."
        waited[answer["id"]] = answer["process"]

    def handled(transcript_id: str) -> set[int]:
        return {int(path.suffix[1:]) for path in tmp_path.glob(f"{transcript_id}.*")}

    def is_crossed() -> bool:
        list(threads.map(transcribe, range(8)))
        return any(handled(one) - {process} for one, process in waited.items())

    with (
        ScriptedServer() as service,
        two_workers(service, tmp_path, tmp_path / "log") as url,
        ThreadPoolExecutor(8) as threads,
    ):
        service.hears("Hello there.", delay=0.2)
        until(is_crossed)
        assert len(service.requests) == 3 * len(waited)
        told = {"transcript_id": next(iter(waited)), "status": "completed"}
        answers = [httpx.post(f"{url}/webhook", json=told, headers=SECRET) for _ in range(20)]
    assert {answer.status_code for answer in answers} == {204}


@pytest.mark.skipif(sys.platform == "win32", reason="there are no Unix sockets")
def test_two_processes_share_one_cap_of_jobs(tmp_path: Path) -> None:
    """As the page shows it: both serve, and there are never more jobs than the cap."""
    page = (Path(__file__).parents[2] / "docs/fastapi.md").read_text(encoding="utf-8")
    [source] = re.findall(r"## Several workers, one cap\n.*?```python\n(.*?)```", page, re.DOTALL)
    assert "max_jobs=200" in source
    (tmp_path / "shared_app.py").write_text(source.replace("max_jobs=200", "max_jobs=3") + NAMES_ITS_PROCESS)
    in_progress, most = set[Path](), list[int]()

    async def heard(request: SpeechRequest) -> str:
        in_progress.add(request.audio)
        most.append(len(in_progress))
        await anyio.sleep(0.1)
        in_progress.discard(request.audio)
        return request.audio.read_text()

    def post(number: int) -> str:
        recording = b"recording %d" % number
        answer = httpx.post(f"{url}/recordings", files={"file": ("call.mp3", recording)}, timeout=30)
        assert answer.json()["text"] == recording.decode()
        return answer.headers["x-process"]

    def are_both_there() -> bool:
        processes.update(threads.map(post, range(12)))
        return len(processes) == 2

    processes = set[str]()
    with (
        ScriptedServer() as service,
        two_workers(service, tmp_path, tmp_path / "log", "shared_app:app", tmp_path) as url,
        ThreadPoolExecutor(12) as threads,
    ):
        service.hears(heard)
        until(are_both_there)
        assert service.count("POST /v2/transcript") == len(most)
    assert max(most) <= 3


NAMES_ITS_PROCESS = """

@app.middleware("http")
async def name_process(request, call_next):
    import os
    response = await call_next(request)
    response.headers["x-process"] = str(os.getpid())
    return response
"""


def test_a_job_is_deleted_when_its_caller_hangs_up() -> None:
    """As the server tells it, and not a test."""
    ended: list[BaseException] = []
    with ScriptedServer() as service:
        app = FastAPI(lifespan=web.lifespan(service.client))
        web.add_error_handlers(app)

        @app.post("/call")
        async def call(request: Request, client: ClientDependency) -> None:
            url = await client.upload(web.from_request(request))
            try:
                async with web.cancel_on_disconnect(request):
                    await client.transcribe(url, on_cancel="delete")
            except ClientDisconnect as error:
                ended.append(error)
                raise

        service.hears("Hello there.", delay=60)
        with served(app, free_port()) as browser:
            with contextlib.suppress(httpx.ReadTimeout):
                browser.post("/call", content=b"a recording", timeout=0.5)
            until(lambda: ended)
        assert service.count("DELETE *") == service.count("POST /v2/transcript") == 1


def test_what_went_wrong_stands_in_the_log_of_a_server_as_it_comes(tmp_path: Path) -> None:
    """Nobody has configured logging, and the answer does not say."""
    with ScriptedServer() as service:
        service.fault("POST /v2/upload", status=401)
        with two_workers(service, tmp_path, tmp_path / "log") as url:
            assert httpx.post(f"{url}/recordings", content=b"a recording").status_code == 500
            assert httpx.post(f"{url}/webhook", headers={"x-webhook-secret": "wrong"}).status_code == 401
    log = (tmp_path / "log").read_text()
    assert "The service answered 401" in log
    assert "The header x-webhook-secret is wrong" in log
