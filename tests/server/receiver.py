"""An endpoint on loopback that is told of transcripts, and answers what it was told to."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import anyio
import attrs
from anyio.abc import SocketAttribute, SocketStream
from anyio.streams.buffered import BufferedByteReceiveStream


@attrs.frozen
class Call:
    """One request as it came."""

    target: str
    headers: dict[str, str]
    body: Any
    time: float


@attrs.define
class Receiver:
    """
    What was received so far.

    `answers` are statuses, or a whole reply, or None for never; the last one is repeated.
    """

    port: int
    answers: Sequence[int | bytes | None]
    calls: list[Call] = attrs.field(factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/told"

    async def told(self, count: int) -> list[Call]:
        """Wait for that many calls."""
        with anyio.fail_after(60):
            while len(self.calls) < count:
                await anyio.sleep(0.01)
        return self.calls

    async def serve(self, stream: SocketStream) -> None:
        async with stream:
            received = BufferedByteReceiveStream(stream)
            try:
                head = (await received.receive_until(b"\r\n\r\n", 65536)).decode("latin-1").split("\r\n")
                headers = {
                    name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])
                }
                body = await received.receive_exactly(int(headers["content-length"]))
            except anyio.IncompleteRead:  # the caller ran out of time before it had sent its request
                return
            answer = self.answers[min(len(self.calls), len(self.answers) - 1)]
            self.calls.append(
                Call(head[0].split(" ")[1], headers, json.loads(body), time=anyio.current_time())
            )
            if answer is None:
                await anyio.sleep_forever()
            if isinstance(answer, int):
                answer = f"HTTP/1.1 {answer} So\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n".encode()
            if answer is not None:
                await stream.send(answer)


@asynccontextmanager
async def receiving(
    *answers: int | bytes | None, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[Receiver]:
    """A receiver that listens while the block lasts."""
    listener = await anyio.create_tcp_listener(local_host=host, local_port=port)
    receiver = Receiver(listener.extra(SocketAttribute.local_port), answers or (200,))  # noqa: S610 - no Django
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, receiver.serve)
        yield receiver
        tasks.cancel_scope.cancel()
