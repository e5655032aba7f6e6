"""The requests that a test server received."""

from __future__ import annotations

import email.utils
import fnmatch
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST_KEPT = 1 << 20
"""Maximum number of bytes of a request body that are kept for a test."""


@attrs.frozen(kw_only=True)
class ReceivedRequest:
    """A request that a `ScriptedServer` received."""

    method: str
    path: str
    query: str
    """The query string, without the question mark."""
    headers: Mapping[str, str]
    """The headers by lower-case name, without the API key."""
    body: bytes = attrs.field(repr=False)
    """The body, truncated after 1 MiB."""
    size: int
    """Size of the complete body, in bytes."""

    @property
    def json(self) -> Any:  # whatever the client has sent
        """The body, decoded as JSON."""
        return json.loads(self.body)


def recorded(app: ASGIApp, requests: list[ReceivedRequest]) -> ASGIApp:
    """Return an application that adds each of its requests to a list, also those that were aborted."""

    async def record(scope: Scope, receive: Receive, send: Send) -> None:
        body, size, is_noted = bytearray(), 0, False

        async def listen() -> Message:
            nonlocal size
            message = await receive()
            piece = message.get("body", b"")
            size += len(piece)
            body.extend(piece[: LARGEST_KEPT - len(body)])
            return message

        def note() -> None:
            nonlocal is_noted
            if not is_noted:
                requests.append(_received(scope, bytes(body), size))
            is_noted = True

        async def speak(message: Message) -> None:
            # Recorded before the response: a test may read the list as soon as it has the response.
            note()
            await send(message)

        try:
            await app(scope, listen, speak)
        finally:
            note()

    return record


def dated(app: ASGIApp) -> ASGIApp:
    """Return an application whose responses have the `Date` that a server with a port adds."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        async def speak(message: Message) -> None:
            if message["type"] == "http.response.start":
                date = email.utils.formatdate(usegmt=True).encode()
                message = {**message, "headers": [*message.get("headers", []), (b"date", date)]}
            await send(message)

        await app(scope, receive, speak)

    return serve


def fits(method: str, path: str, pattern: str) -> bool:
    """Whether a method and a path match a pattern such as `GET /v2/transcript/*`."""
    return fnmatch.fnmatchcase(f"{method} {path}", pattern)


def _received(scope: Scope, body: bytes, size: int) -> ReceivedRequest:
    """Return a request without its API key."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    headers.pop("authorization", None)
    return ReceivedRequest(
        method=scope["method"],
        path=scope["path"],
        query=scope["query_string"].decode("latin-1"),
        headers=headers,
        body=body,
        size=size,
    )
