"""An application of several processes, whose inbox is a folder that all of them see."""

from __future__ import annotations

import os
from pathlib import Path

import anyio
from fastapi import FastAPI, Request

from aai_async.fastapi import ClientDependency, add_error_handlers, from_request, lifespan, webhook_router
from aai_async.webhook import Notification, WebhookSecret

secret = WebhookSecret(os.environ["WEBHOOK_SECRET"])


class FolderInbox:
    """Notifications as empty files; which process has put them there stands in their names."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, notification: Notification) -> None:
        """Fail where this process has handled it before."""
        (self._folder / f"{notification.transcript_id}.{os.getpid()}").touch(exist_ok=False)

    async def wait_for(self, transcript_id: str) -> None:
        """Return when any process has put it there."""
        while not any(self._folder.glob(f"{transcript_id}.*")):
            await anyio.sleep(0.02)


inbox = FolderInbox(Path(os.environ["INBOX"]))
app = FastAPI(lifespan=lifespan())
add_error_handlers(app)
app.include_router(webhook_router(secret=secret, on_event=inbox.put))


@app.post("/recordings")
async def transcribe(request: Request, client: ClientDependency) -> dict[str, object]:
    """Wait for a notification, whichever process it comes to."""
    options = secret.options(f"{os.environ['PUBLIC_URL']}/webhook")
    transcript = await client.transcribe(from_request(request), options, notifications=inbox)
    return {"id": transcript.id, "text": transcript.text, "process": os.getpid()}
