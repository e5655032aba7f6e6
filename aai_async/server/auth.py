"""
ASGI middleware that checks the Host header, the web page and the API key of each request.

It refuses a request before reading its body, and does not depend on the application.
"""

import re
import secrets
from typing import Final

import attrs
import msgspec
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aai_async.server.api_errors import INVALID_KEY

ALLOWED_HOSTS: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
"""
The accepted values of the Host header, without the port.

This blocks DNS rebinding: a web page whose host name resolves to this machine sends that name and is refused.
"""


_OF_OTHER_PAGES: Final = frozenset({"cross-site", "same-site"})
"""The values of `Sec-Fetch-Site` of requests that another web page has caused, also one on this machine."""


def json_response(status: int, body: object) -> Response:
    """Return a JSON response."""
    return Response(msgspec.json.encode(body), status, media_type="application/json")


def foreign(headers: Headers, *, is_page: bool = False) -> Response | None:
    """
    Return the refusal of a request that was sent to another host, or that another web page has caused.

    Args:
        headers: The headers of the request.
        is_page: Whether a link of another page may open it.

    Source: https://www.w3.org/TR/fetch-metadata/
    """
    host = headers.get("host", "")
    if _host(host) not in ALLOWED_HOSTS:
        return json_response(400, {"error": "Invalid host header"})
    is_link = is_page and headers.get("sec-fetch-dest") == "document"
    is_foreign = headers.get("sec-fetch-site") in _OF_OTHER_PAGES and not is_link
    if is_foreign or headers.get("origin", f"http://{host}").lower() != f"http://{host}".lower():
        return json_response(403, {"error": "Requests of other web pages are refused"})
    return None


@attrs.frozen
class Guard:
    """
    ASGI middleware in front of the whole server.

    Args:
        app: The application to protect.
        key: The required value of the `authorization` header, without any prefix.
        engine_name: The value of the header `x-local-engine`, which marks each response as a local one.
    """

    app: ASGIApp
    key: str = attrs.field(repr=False)
    engine_name: str

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request to the application, or refuse it."""

        async def send_signed(message: Message) -> None:
            if message["type"] == "http.response.start":
                signature = (b"x-local-engine", self.engine_name.encode("latin-1", "replace"))
                message["headers"] = [*message["headers"], signature]
            await send(message)

        reply = self._refusal(scope) if scope["type"] == "http" else None
        await (reply or self.app)(scope, receive, send_signed)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        refused = foreign(headers)
        if refused is not None:
            return refused
        if scope["path"].startswith("/v2/") and not self._knows(headers.getlist("authorization")):
            return json_response(401, {"error": INVALID_KEY})
        return None

    def _knows(self, keys: list[str]) -> bool:
        return len(keys) == 1 and secrets.compare_digest(keys[0].encode(), self.key.encode())


def _host(header: str) -> str:
    return re.sub(r":\d*$", "", header).lower()
