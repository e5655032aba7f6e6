"""
FastAPI integration: one client for each process, uploads, webhooks and error responses.

    app = FastAPI(lifespan=lifespan())
    add_error_handlers(app)
    app.include_router(webhook_router(secret=secret, on_event=inbox.put))

It needs the extra `fastapi`.
"""

from __future__ import annotations

from typing import Annotated

from aai_async._command_lines import install_command

try:
    from fastapi import Depends
except ImportError as error:
    raise ImportError(f"aai_async.fastapi needs FastAPI: {install_command('fastapi')}") from error

from aai_async._client import Client
from aai_async.fastapi.clients import client_dependency, client_of, client_of_connection, lifespan
from aai_async.fastapi.errors import add_error_handlers, error_response
from aai_async.fastapi.notifications import webhook_router
from aai_async.fastapi.recordings import cancel_on_disconnect, from_request, from_upload_file

ClientDependency = Annotated[Client, Depends(client_of_connection)]
"""The type of a parameter that receives the client: `async def transcribe(client: ClientDependency): …`."""

__all__ = [
    "ClientDependency",
    "add_error_handlers",
    "cancel_on_disconnect",
    "client_dependency",
    "client_of",
    "client_of_connection",
    "error_response",
    "from_request",
    "from_upload_file",
    "lifespan",
    "webhook_router",
]
