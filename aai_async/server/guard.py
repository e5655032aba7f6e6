"""
The door: which hosts a request may name, and that it brings the key.

It answers before a byte of the body is read, and knows nothing of what lies behind.
"""

import re
import secrets
from typing import Final

import attrs
import msgspec
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aai_async.server.refusal import INVALID_KEY

ALLOWED_HOSTS: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
"""
What the Host header may say, port aside.

A page of the web that points its own name at this machine sends that name, and is turned away.
"""


def json_response(status: int, body: object) -> Response:
    """A reply in JSON."""
    return Response(msgspec.json.encode(body), status, media_type="application/json")


@attrs.frozen
class Guard:
    """
    ASGI middleware in front of the whole server.

    Args:
        app: What is guarded.
        key: What the `authorization` header must say, without any prefix.
        engine_name: Told in the header `x-local-engine` of every reply: this is not the service.
    """

    app: ASGIApp
    key: str = attrs.field(repr=False)
    engine_name: str

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, or refuse it."""

        async def send_signed(message: Message) -> None:
            if message["type"] == "http.response.start":
                signature = (b"x-local-engine", self.engine_name.encode("latin-1", "replace"))
                message["headers"] = [*message["headers"], signature]
            await send(message)

        reply = self._refusal(scope) if scope["type"] == "http" else None
        await (reply or self.app)(scope, receive, send_signed)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if _host(headers.get("host", "")) not in ALLOWED_HOSTS:
            return json_response(400, {"error": "Invalid host header"})
        if scope["path"].startswith("/v2/") and not self._knows(headers.getlist("authorization")):
            return json_response(401, {"error": INVALID_KEY})
        return None

    def _knows(self, keys: list[str]) -> bool:
        return len(keys) == 1 and secrets.compare_digest(keys[0].encode(), self.key.encode())


def _host(header: str) -> str:
    return re.sub(r":\d*$", "", header).lower()
