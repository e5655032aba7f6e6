"""
What does a FastAPI application cost that passes recordings on, and how soon does it know of a webhook?

The application is served by uvicorn in a process of its own, and passes all on to `fake_service.py`. It tells
its peak memory above the level before, what it has written to disk, and how long its loop was held: in all,
and by no more than the CPU that its process has used meanwhile. In turn: one upload of 200 MB as a body, and
one as a form, which Starlette itself keeps on disk; 200 uploads of 1 MB at once; and 200 webhooks, from the
moment before each is sent until `Client.wait` has ended, the look that fetches the transcript included.

    python benchmarks/web.py
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import Any

import httpx
from batch import control, served
from fastapi import FastAPI, Request, UploadFile

import aai_async as aai
from aai_async.fastapi import ClientDependency, from_request, from_upload_file, lifespan, webhook_router
from aai_async.webhook import WebhookSecret

SECRET = WebhookSecret("a-secret-of-mine-01")
HEADERS = {SECRET.header_name: SECRET.value}
TICK = 0.001
LARGE, SMALL, MANY = 200_000_000, 1_000_000, 200


# The application


inbox = aai.Inbox()
held: list[tuple[float, float]] = []
ended: dict[str, float] = {}
tasks: set[asyncio.Task[None]] = set()


async def feel() -> None:
    """Feel how long the loop is held: in all, and at most by the process itself."""
    while True:
        began, cpu = time.perf_counter(), time.process_time()
        await asyncio.sleep(TICK)
        late = time.perf_counter() - began - TICK
        held.append((late, min(late, time.process_time() - cpu)))


@contextlib.asynccontextmanager
async def live(app: FastAPI) -> AsyncGenerator[None]:
    async with lifespan(lambda: aai.Client("a" * 32))(app):
        task = asyncio.create_task(feel())
        yield
        task.cancel()


app = FastAPI(lifespan=live)
app.include_router(webhook_router(secret=SECRET, on_event=inbox.put))


@app.post("/raw")
async def raw(request: Request, client: ClientDependency) -> None:
    await client.upload(from_request(request))


@app.post("/form")
async def form(file: UploadFile, client: ClientDependency) -> None:
    await client.upload(from_upload_file(file))


@app.post("/jobs")
async def job(client: ClientDependency) -> str:
    made = await client.submit("https://example.com/call.mp3")

    async def wait() -> None:
        await client.wait(made.id, notifications=inbox)
        ended[made.id] = time.time()

    task = asyncio.create_task(wait())
    tasks.add(task)
    task.add_done_callback(tasks.discard)
    return made.id


@app.get("/ended/{transcript_id}")
async def when(transcript_id: str) -> float | None:
    return ended.get(transcript_id)


@app.post("/reset")
async def reset() -> None:
    held.clear()
    Path("/proc/self/clear_refs").write_text("5")


@app.get("/cost")
async def cost() -> dict[str, float]:
    return {
        "peak": kilobytes("VmHWM"),
        "now": kilobytes("VmRSS"),
        "written": float(re.search(r"write_bytes: (\d+)", Path("/proc/self/io").read_text())[1]),  # type: ignore[index]
        "held": max((late for late, _ in held), default=0.0),
        "held by us": max((ours for _, ours in held), default=0.0),
    }


def kilobytes(name: str) -> float:
    return float(re.search(rf"{name}:\s+(\d+)", Path("/proc/self/status").read_text())[1])  # type: ignore[index]


# Who uses it


async def measured(browser: httpx.AsyncClient, name: str, uploads: list[dict[str, Any]], path: str) -> None:
    await browser.post("/reset")
    before = (await browser.get("/cost")).json()
    began = time.perf_counter()
    for answer in await asyncio.gather(*(browser.post(path, **upload) for upload in uploads)):
        answer.raise_for_status()
    wall = time.perf_counter() - began
    after = (await browser.get("/cost")).json()
    print(
        f"| {name} | {wall:.1f} | +{(after['peak'] - before['now']) / 1024:.0f} MiB "
        f"| {(after['written'] - before['written']) / 1e6:.0f} MB "
        f"| {1000 * after['held']:.0f} ms / {1000 * after['held by us']:.0f} ms |",
        flush=True,
    )


async def pieces(size: int) -> AsyncIterator[bytes]:
    piece = bytes(1 << 16)
    for _ in range(size // len(piece)):
        yield piece


async def use(base_url: str) -> None:
    limits = httpx.Limits(max_connections=MANY)
    async with httpx.AsyncClient(base_url=base_url, timeout=120, limits=limits) as browser:
        while True:
            with contextlib.suppress(httpx.ConnectError):
                await browser.get("/ended/x")
                break
            await asyncio.sleep(0.1)
        await browser.post("/raw", content=bytes(SMALL))
        await browser.post("/form", files={"file": ("a.mp3", bytes(SMALL))})
        print("| what | wall s | peak memory | written to disk | loop held, in all / by its own CPU |")
        print("|---|---|---|---|---|")
        await measured(browser, "200 MB as a body", [{"content": pieces(LARGE)}], "/raw")
        await measured(browser, "200 MB in a form", [{"files": {"file": ("a.mp3", bytes(LARGE))}}], "/form")
        small = bytes(SMALL)
        await measured(browser, "200 bodies of 1 MB", [{"content": small} for _ in range(MANY)], "/raw")
        forms = [{"files": {"file": ("a.mp3", small)}} for _ in range(MANY)]
        await measured(browser, "200 forms of 1 MB", forms, "/form")
        delays = [await delay(browser) for _ in range(MANY)]
        print(
            f"\n{MANY} webhooks: the wait has ended {1000 * statistics.median(delays):.0f} ms after the call "
            f"began in the median, {1000 * statistics.quantiles(delays, n=20)[-1]:.0f} ms at the 95th "
            f"percentile, {1000 * max(delays):.0f} ms at worst."
        )


async def delay(browser: httpx.AsyncClient) -> float:
    """Give the seconds from a webhook to the end of the wait."""
    transcript_id = (await browser.post("/jobs")).json()
    await asyncio.sleep(0.1)
    began = time.time()
    body = {"transcript_id": transcript_id, "status": "completed"}
    (await browser.post("/webhook", json=body, headers=HEADERS)).raise_for_status()
    while (end := (await browser.get(f"/ended/{transcript_id}")).json()) is None:  # noqa: ASYNC110 - elsewhere
        await asyncio.sleep(0.005)
    return float(end) - began


def main() -> None:
    with served(None) as base_url:
        control(base_url, "_reset", seconds="0.01")
        environment = os.environ | {"ASSEMBLYAI_BASE_URL": base_url}
        options = ["--port", "8765", "--log-level", "warning", "--timeout-keep-alive", "60"]
        command = [sys.executable, "-m", "uvicorn", "web:app", *options]
        with subprocess.Popen(command, env=environment, cwd=Path(__file__).parent) as process:
            try:
                asyncio.run(use("http://127.0.0.1:8765"))
            finally:
                process.terminate()


if __name__ == "__main__":
    main()
