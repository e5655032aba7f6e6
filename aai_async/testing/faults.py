"""The faults that a test sets, and the responses that they make."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, TypeAlias

import attrs

from aai_async.testing.received import fits

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

Cut: TypeAlias = Literal["request", "response"]
"""What is lost when a connection is closed: the request, or only the response to it."""


@attrs.define(kw_only=True, eq=False)
class Fault:
    """A fault of matching requests."""

    pattern: str
    passes: int
    """Number of matching requests that are served normally first."""
    left: int
    """Number of matching requests that are then affected."""
    status: int | None
    headers: Mapping[str, str]
    text: str
    delay: float
    cut: Cut | None
    was_used: bool = False


class Faults:
    """The faults of one server; the test and the server can run in different threads."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._turn = threading.Lock()

    def add(self, fault: Fault) -> None:
        """Add a fault, after those that are there."""
        with self._turn:
            self._faults.append(fault)

    def drop(self) -> list[str]:
        """Remove all faults and return the patterns of those that affected no request."""
        with self._turn:
            unused = [fault.pattern for fault in self._faults if not fault.was_used]
            self._faults.clear()
            return unused

    def next_for(self, method: str, path: str) -> Fault | None:
        """Return the fault that affects a request, and count the request in each matching one."""
        with self._turn:
            found = None
            for fault in self._faults:
                if fault.left and fits(method, path, fault.pattern):
                    if fault.passes:
                        fault.passes -= 1
                    elif found is None:
                        fault.left -= 1
                        fault.was_used = True
                        found = fault
            return found


async def respond(fault: Fault, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """
    Respond to a request as its fault requires, or leave the response without its body.

    A response that is never completed makes the server close the connection.
    """
    if fault.cut == "response":
        await app(scope, receive, _without_body(send))
    elif fault.cut == "request":
        await _discard(receive)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]})
    elif fault.status is None:
        await app(scope, receive, send)
    else:
        await _discard(receive)
        headers = {"content-type": "application/json", **fault.headers}
        raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": fault.status, "headers": raw})
        await send({"type": "http.response.body", "body": fault.text.encode()})


async def _discard(receive: Receive) -> None:
    # The whole body first: a response in the middle of an upload may reach the client as another error.
    while (await receive()).get("more_body"):
        pass


def _without_body(send: Send) -> Send:
    async def send_start(message: Message) -> None:
        if message["type"] == "http.response.start":
            await send(message)

    return send_start
