"""Applications as they are run: in several processes, and for callers who hang up."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
from fastapi import FastAPI, Request
from serving import free_port, served, until
from starlette.requests import ClientDisconnect

from aai_async import fastapi as web
from aai_async.fastapi import ClientDependency
from aai_async.testing import ScriptedServer

SECRET = {"x-webhook-secret": "a-secret-of-mine-01"}


@contextlib.contextmanager
def two_workers(service: ScriptedServer, inbox: Path, log: Path) -> Generator[str]:
    """Run the application in two processes, which log to a file, and give its address."""
    port = free_port()
    environment = os.environ | {
        "ASSEMBLYAI_API_KEY": service.key,
        "ASSEMBLYAI_BASE_URL": service.base_url,
        "INBOX": str(inbox),
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "WEBHOOK_SECRET": SECRET["x-webhook-secret"],
    }
    command = [sys.executable, "-m", "uvicorn", "two_workers:app", "--workers", "2", "--port", str(port)]
    with (
        log.open("wb") as output,
        subprocess.Popen(command, env=environment, cwd=Path(__file__).parent, stderr=output) as process,
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
