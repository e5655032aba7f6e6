"""
A loopback HTTP/1.1 server on raw sockets that breaks on purpose, in a thread of its own.

`FaultServer` listens and picks a fault for each request; `Exchange` is what a fault works with; `Service` is
the model of the API, without sockets, that answers where nothing is broken. The faults themselves are in
`faults`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import socket
import ssl
import struct
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from fnmatch import fnmatchcase
from http.client import responses
from typing import Any, Self, TypeAlias
from urllib.parse import parse_qsl, urlencode, urlsplit
from uuid import uuid4

_PIECE = 64 * 1024
_GONE = (OSError, EOFError, asyncio.LimitOverrunError)
"""What reading and writing raise once the client has gone away."""


@dataclass(eq=False)
class Received:
    """A request, from the moment its head is there; its body grows as it is read."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    """With names in lower case."""
    connection: int
    """Which connection it came over, counted from 1."""
    is_whole: bool = False
    """Whether the body was read to its end."""
    size: int = 0
    """Bytes of the body that were read."""
    _kept: bytearray = field(default_factory=bytearray, repr=False)

    @classmethod
    def from_head(cls, head: bytes, connection: int) -> Self:
        """Parse a request line and headers."""
        first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        url = urlsplit(target)
        return cls(method, url.path, dict(parse_qsl(url.query)), headers, connection)

    @property
    def body(self) -> bytes:
        """What was read of it so far, up to the server's `body_limit`."""
        return bytes(self._kept)

    @property
    def wants_close(self) -> bool:
        """Whether the client asked to end the connection after this request."""
        return self.headers.get("connection", "").lower() == "close"

    def matches(self, pattern: str) -> bool:
        """Whether it is what a pattern such as `GET /v2/transcript/*` says; `*` stands for slashes, too."""
        return fnmatchcase(f"{self.method} {self.path}", pattern)

    def grow(self, piece: bytes, limit: float) -> None:
        """Add what was read of the body, of which only so many bytes are kept."""
        self.size += len(piece)
        if len(self._kept) + len(piece) <= limit:
            self._kept += piece


@dataclass(frozen=True)
class Reply:
    """A reply as it goes over the wire; nothing is added to it when it is rendered."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    version: str = "HTTP/1.1"

    @classmethod
    def of(cls, status: int, body: bytes, content_type: str = "application/json") -> Self:
        """A reply with the headers that every one has."""
        headers = (
            ("Date", formatdate(usegmt=True)),
            ("Content-Type", content_type),
            ("Content-Length", str(len(body))),
        )
        return cls(status, headers, body)

    @classmethod
    def json(cls, value: object, status: int = 200) -> Self:
        """A reply that says a value."""
        return cls.of(status, json.dumps(value).encode())

    def without_header(self, name: str) -> Self:
        """The same without a header."""
        return replace(self, headers=tuple(one for one in self.headers if one[0].lower() != name.lower()))

    def adding_header(self, name: str, value: str) -> Self:
        """The same with one more header, be there one of that name or not."""
        return replace(self, headers=(*self.headers, (name, value)))

    def with_header(self, name: str, value: str) -> Self:
        """The same with a header in place of the one of that name."""
        return self.without_header(name).adding_header(name, value)

    def with_body(self, body: bytes) -> Self:
        """The same with another body and its length."""
        return replace(self, body=body).with_header("Content-Length", str(len(body)))

    def head(self) -> bytes:
        """The status line, the headers and the blank line."""
        lines = [f"{self.version} {self.status} {responses.get(self.status, 'Unknown')}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    def render(self) -> bytes:
        """All of it."""
        return self.head() + self.body


@dataclass(eq=False)
class Job:
    """A transcript that was asked for, and would be billed."""

    id: str
    audio_url: str
    options: dict[str, Any]
    created: datetime
    listed_from: float
    """When the list begins to show it, in `time.monotonic`."""
    looks: int = 0
    """How often it was looked at, by its id or in the list."""
    completed: datetime | None = None
    error: str | None = None
    is_deleted: bool = False
    text: str = "What was said."

    @property
    def status(self) -> str:
        """The word of the service for how far it got."""
        if self.error:
            return "error"
        if self.completed:
            return "completed"
        return "processing" if self.looks else "queued"

    @property
    def shown_url(self) -> str:
        """The `audio_url` that the service says."""
        return "http://deleted_by_user" if self.is_deleted else self.audio_url


@dataclass(eq=False)
class Service:
    """
    What the API does when nothing is broken: uploads, jobs, the list, and what is made of a transcript.

    It believes any key, and its list follows `limit` and `before_id` alone.
    """

    url: str = "http://testserver"
    """Its own address, which it says in its replies."""
    looks_until_done: int = 1
    """The look that finds a job completed; huge for never."""
    fault_of: Callable[[bytes], str | None] = lambda _: None
    """Why the job of a recording fails."""
    length_of: Callable[[bytes], float | None] = lambda _: None
    """The length of a recording in seconds, which comes with the model that ran."""
    listing_lag: float = 0.0
    """Seconds until a new job is listed; infinity for never."""
    clock_lag: timedelta = timedelta()
    """By how much the times of jobs are behind the dates of replies."""
    unechoed: frozenset[str] = frozenset()
    """Options that no answer shows."""
    jobs: list[Job] = field(default_factory=list)
    """Oldest first, the deleted ones among them."""
    uploads: dict[str, bytes] = field(default_factory=dict)

    def jobs_of(self, audio_url: str) -> list[Job]:
        """The jobs that were made for an address, oldest first."""
        return [job for job in self.jobs if job.audio_url == audio_url]

    def answer(self, request: Received) -> Reply:
        """Carry a request out."""
        parts = request.path.strip("/").split("/")
        if parts[0] == "v2" and not request.headers.get("authorization"):
            return Reply.json({"error": "Authentication error, API token missing/invalid"}, 401)
        return self._route(request, parts)

    def _route(self, request: Received, parts: list[str]) -> Reply:
        match [request.method, *parts]:
            case ["POST", "v2", "upload"]:
                return self._upload(request.body)
            case ["POST", "v2", "transcript"]:
                return self._submit(request.body)
            case ["GET", "v2", "transcript"]:
                return self._list(request.query)
            case [method, "v2", "transcript", job_id, *part]:
                return self._of_job(method, job_id, "/".join(part), request.query)
            case ["GET", "files", "masked.mp3"]:
                return Reply.of(200, b"ID3" + bytes(1021), "audio/mpeg")
        return _not_found()

    def _upload(self, body: bytes) -> Reply:
        url = f"http://cdn.test/upload/{len(self.uploads) + 1}-{uuid4().hex}"
        self.uploads[url] = body
        return Reply.json({"upload_url": url})

    def _submit(self, body: bytes) -> Reply:
        try:
            options = json.loads(body)
            audio_url = options.pop("audio_url")
        except (ValueError, LookupError, AttributeError):
            return Reply.json({"error": "Invalid endpoint schema, please refer to documentation"}, 400)
        listed_from = time.monotonic() + self.listing_lag
        job = Job(str(uuid4()), audio_url, options, datetime.now(UTC) - self.clock_lag, listed_from)
        self.jobs.append(job)
        return Reply.json({**self._echo(job), "id": job.id, "status": "queued", "audio_url": audio_url})

    def _of_job(self, method: str, job_id: str, part: str, query: dict[str, str]) -> Reply:
        job = next((job for job in self.jobs if job.id == job_id), None)
        if job is None:
            return _unknown_job()
        match method, part:
            case "GET", "":
                return self._look(job)
            case "DELETE", "":
                return self._delete(job)
            case "GET", _:
                return self._part(job, part, query)
        return _not_found()

    def _work(self, job: Job) -> None:
        """Go on with a job, which happens when it is looked at."""
        job.looks += 1
        if job.looks >= self.looks_until_done and job.completed is None:
            job.completed = datetime.now(UTC)
            job.error = self.fault_of(self.uploads.get(job.audio_url, b""))

    def _look(self, job: Job) -> Reply:
        self._work(job)
        if job.is_deleted:
            return Reply.json(_tombstone(job))
        said = {"text": job.text, "words": []} if job.completed else {"text": None, "words": None}
        own = {"id": job.id, "status": job.status, "audio_url": job.audio_url, "error": job.error}
        return Reply.json({**self._echo(job), **own, **said, **self._length(job)})

    def _length(self, job: Job) -> dict[str, Any]:
        length = self.length_of(self.uploads.get(job.audio_url, b"")) if job.completed else None
        models = job.options.get("speech_models") or [None]
        return {} if length is None else {"audio_duration": length, "speech_model_used": models[0]}

    def _echo(self, job: Job) -> dict[str, Any]:
        return {name: value for name, value in job.options.items() if name not in self.unechoed}

    def _delete(self, job: Job) -> Reply:
        if job.is_deleted:
            return _unknown_job()
        job.is_deleted = True
        job.completed = job.completed or datetime.now(UTC)
        return Reply.json(_tombstone(job))

    def _part(self, job: Job, part: str, query: dict[str, str]) -> Reply:
        match part:
            case "sentences" | "paragraphs":
                return Reply.json(_segments(job, part))
            case "srt":
                return Reply.of(200, f"1\n00:00:00,000 --> 00:00:01,000\n{job.text}\n".encode(), "text/plain")
            case "vtt":
                return Reply.of(
                    200, f"WEBVTT\n\n00:00.000 --> 00:01.000\n{job.text}\n".encode(), "text/plain"
                )
            case "word-search":
                return Reply.json(_matches(job, query.get("words", "").split(",")))
            case "redacted-audio":
                url = f"{self.url}/files/masked.mp3"
                return Reply.json({"status": "redacted_audio_ready", "redacted_audio_url": url})
        return _not_found()

    def _list(self, query: dict[str, str]) -> Reply:
        limit = min(int(query.get("limit", "10")), 200)
        now = time.monotonic()
        jobs, before_id = self.jobs[::-1], query.get("before_id")
        ids = [job.id for job in jobs]
        if before_id is not None and before_id not in ids:
            return _unknown_job()
        start = 0 if before_id is None else ids.index(before_id) + 1
        older = [job for job in jobs[start:] if job.listed_from <= now]
        page, has_newer = older[:limit], any(job.listed_from <= now for job in jobs[:start])
        details = {
            "limit": limit,
            "result_count": len(page),
            "current_url": self._list_url(limit, before_id=before_id),
            # The previous page is the older one.
            "prev_url": self._list_url(limit, before_id=page[-1].id) if len(older) > limit else None,
            "next_url": self._list_url(limit, after_id=page[0].id) if page and has_newer else None,
        }
        return Reply.json({"page_details": details, "transcripts": [self._row(job) for job in page]})

    def _list_url(self, limit: int, **others: str | None) -> str:
        query = {"limit": str(limit)} | {name: value for name, value in others.items() if value}
        return f"{self.url}/v2/transcript?{urlencode(query)}"

    def _row(self, job: Job) -> dict[str, Any]:
        self._work(job)
        return {
            "id": job.id,
            "resource_url": f"{self.url}/v2/transcript/{job.id}",
            "status": job.status,
            "created": _time(job.created),
            "completed": job.completed and _time(job.completed),
            "audio_url": job.shown_url,
            "error": job.error,
        }


def _not_found() -> Reply:
    return Reply.json({"error": "Not found"}, 404)


def _unknown_job() -> Reply:
    return Reply.json({"error": "Transcript lookup error, transcript id not found"}, 400)


def _time(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds")


def _tombstone(job: Job) -> dict[str, Any]:
    said = {"text": "Deleted by user.", "words": None, "error": None}
    return {"id": job.id, "status": job.status, "audio_url": job.shown_url, **said}


def _segments(job: Job, kind: str) -> dict[str, Any]:
    segment = {"text": job.text, "start": 0, "end": 1000, "confidence": 0.9, "words": []}
    return {"id": job.id, "confidence": 0.9, "audio_duration": 1, kind: [segment]}


def _matches(job: Job, words: list[str]) -> dict[str, Any]:
    matches = [{"text": word, "count": 0, "timestamps": [], "indexes": []} for word in words]
    return {"id": job.id, "total_count": 0, "matches": matches}


class _Connection:
    """A client that is connected."""

    def __init__(
        self,
        number: int,
        own: socket.socket,
        reader: asyncio.StreamReader,
        protocol: asyncio.StreamReaderProtocol,
        transport: asyncio.Transport,
    ) -> None:
        self.number = number
        self.reader = reader
        self.is_over = False
        self.next_fault: Fault | None = None
        self._socket = own
        self._transport = transport
        self._writer = asyncio.StreamWriter(transport, protocol, reader, asyncio.get_running_loop())
        # So that `send` ends only when all of it is with the kernel, and nothing is lost by a reset.
        transport.set_write_buffer_limits(0)

    @classmethod
    async def open(cls, number: int, own: socket.socket, tls: ssl.SSLContext | None) -> Self:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(_PIECE, loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        transport, _ = await loop.connect_accepted_socket(lambda: protocol, own, ssl=tls)
        return cls(number, own, reader, protocol, transport)

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    def stop_reading(self) -> None:
        # A small window, so that the client is stuck after kilobytes and not after megabytes.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._transport.pause_reading()

    def reset(self) -> None:
        self.is_over = True
        # Lingering for no time means RST.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    async def close(self) -> None:
        self.is_over = True
        self._writer.close()
        with suppress(OSError, TimeoutError):
            # Over TLS a client that is idle may never say good-bye.
            async with asyncio.timeout(0.3):
                await self._writer.wait_closed()
        self.abort()

    def abort(self) -> None:
        self._transport.abort()

    async def gone(self) -> None:
        """Wait until its socket is closed, however it ended."""
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


class _BodyReader:
    """The body of one request, whichever way it is framed."""

    def __init__(self, reader: asyncio.StreamReader, headers: dict[str, str]) -> None:
        self._reader = reader
        self._is_chunked = "chunked" in headers.get("transfer-encoding", "").lower()
        self._left = 0 if self._is_chunked else int(headers.get("content-length", "0"))
        self.is_whole = not self._is_chunked and not self._left

    async def read(self, most: int) -> bytes:
        """Some of it, or nothing at its end."""
        if self._is_chunked and not self._left and not self.is_whole:
            await self._begin_chunk()
        if self.is_whole:
            return b""
        piece = await self._reader.read(min(most, self._left))
        if not piece:
            raise EOFError
        self._left -= len(piece)
        if not self._left:
            await self._end_piece()
        return piece

    async def _begin_chunk(self) -> None:
        line = await self._reader.readuntil(b"\r\n")
        self._left = int(line.partition(b";")[0], 16)
        if not self._left:
            self.is_whole = True
            while await self._reader.readuntil(b"\r\n") != b"\r\n":
                pass

    async def _end_piece(self) -> None:
        if self._is_chunked:
            await self._reader.readexactly(2)
        else:
            self.is_whole = True


class Exchange:
    """
    One request and what becomes of it: what a fault works with.

    If it is not over when the fault returns, the rest of the body is read and the connection goes on.
    """

    def __init__(
        self, request: Received, service: Service, connection: _Connection, body_limit: float
    ) -> None:
        self.request = request
        self.service = service
        self._connection = connection
        self._body = _BodyReader(connection.reader, request.headers)
        self._body_limit = body_limit
        request.is_whole = self._body.is_whole

    @property
    def is_over(self) -> bool:
        """Whether the connection was closed or reset."""
        return self._connection.is_over

    async def read_some(self, count: int) -> bytes:
        """Read that many more bytes of the body, or as many as are left."""
        pieces = bytearray()
        while len(pieces) < count and (piece := await self._read(count - len(pieces))):
            pieces += piece
        return bytes(pieces)

    async def read_body(self) -> bytes:
        """Read the body to its end; gives what is kept of all of it."""
        while await self._read(_PIECE):
            pass
        return self.request.body

    def process(self) -> Reply:
        """Carry the request out, once its body was read; sends nothing."""
        if not self.request.is_whole:
            raise RuntimeError("A request is carried out only once its whole body was read.")
        return self.service.answer(self.request)

    async def answer(self) -> Reply:
        """Do what a server does that is not broken."""
        await self.read_body()
        reply = self.process()
        await self.send(reply.render())
        return reply

    async def send(self, data: bytes) -> None:
        """Send bytes, and wait until they are with the kernel."""
        await self._connection.send(data)

    def then(self, fault: Fault) -> None:
        """Have the next request on this connection meet a fault, before any rule."""
        self._connection.next_fault = fault

    def reset(self) -> None:
        """End the connection by RST."""
        self._connection.reset()

    async def close(self) -> None:
        """End the connection by FIN; where the client sent what was not read, the kernel makes it RST."""
        await self._connection.close()

    async def hang(self) -> None:
        """Do nothing until the client is gone or the server stops; what still arrives is thrown away."""
        while await self._connection.reader.read(_PIECE):
            pass
        await self.close()

    async def stop_reading(self) -> None:
        """Do nothing and take nothing more until the server stops; not even that the client is gone."""
        self._connection.stop_reading()
        await asyncio.Event().wait()

    async def _read(self, most: int) -> bytes:
        piece = await self._body.read(most)
        self.request.grow(piece, self._body_limit)
        self.request.is_whole = self._body.is_whole
        return piece


Fault: TypeAlias = Callable[[Exchange], Awaitable[None]]
"""What becomes of a request."""


async def _normally(exchange: Exchange) -> None:
    await exchange.answer()


@dataclass(eq=False)
class _Rule:
    pattern: str
    faults: deque[Fault]
    is_endless: bool = False

    def next_for(self, request: Received) -> Fault | None:
        if not self.faults or not request.matches(self.pattern):
            return None
        return self.faults[0] if self.is_endless else self.faults.popleft()


class FaultServer:
    """
    A server that answers as the service does, but for the requests that were told to meet a fault.

    It stops by itself after `lifetime` seconds. An error that is not the client's going away, such as a bug
    in a fault, is raised when the block ends. Of each body it keeps `body_limit` bytes, or a little less,
    and counts all of them.
    """

    def __init__(
        self, *, tls: ssl.SSLContext | None = None, lifetime: float = 1500.0, body_limit: float = math.inf
    ) -> None:
        self.url = ""
        self.service = Service()
        self.connections = 0
        """TCP connections that were accepted so far."""
        self.open_connections = 0
        """Those that have not ended."""
        self.requests: list[Received] = []
        """In the order in which their heads came."""
        self._address = ("127.0.0.1", 0)
        self._tls = tls
        self._lifetime = lifetime
        self._body_limit = body_limit
        self._rules: list[_Rule] = []
        self._clients: set[asyncio.Task[None]] = set()
        self._failures: list[Exception] = []
        self._lock = threading.Lock()

    def on(self, pattern: str, *faults: Fault) -> None:
        """Have the next requests that match meet these faults, one each; later ones are answered."""
        with self._lock:
            self._rules.append(_Rule(pattern, deque(faults)))

    def always(self, pattern: str, fault: Fault) -> None:
        """Have every request that matches meet a fault."""
        with self._lock:
            self._rules.append(_Rule(pattern, deque([fault]), is_endless=True))

    def count(self, pattern: str) -> int:
        """How many requests came that match."""
        return sum(request.matches(pattern) for request in tuple(self.requests))

    def go_down(self) -> None:
        """Refuse connections and cut those that are open, as in an outage, until `come_up`."""
        asyncio.run_coroutine_threadsafe(self._go_down(), self._loop).result(5)

    def come_up(self) -> None:
        """Accept connections again, at the same address."""
        asyncio.run_coroutine_threadsafe(self._come_up(), self._loop).result(5)

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        # No coroutine: the test that starts it may have a loop of its own running in this thread.
        self._listen()
        self._address = self._listener.getsockname()
        scheme = "https" if self._tls else "http"
        self.url = self.service.url = f"{scheme}://127.0.0.1:{self._address[1]}"
        self._is_stopped = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="fault-server", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        # At the end of its lifetime it has closed its loop already.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._is_stopped.set)
        self._thread.join(timeout=5)
        if self._failures and error is None:
            raise self._failures[0]

    def _run(self) -> None:
        # What the loop has to say is about clients that went away.
        self._loop.set_exception_handler(lambda _loop, _context: None)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _come_up(self) -> None:
        self._listen()

    def _listen(self) -> None:
        self._listener = socket.create_server(self._address, backlog=1024)
        self._listener.setblocking(False)
        # Not by a task, which loses the socket that it is given in the moment when it is cancelled.
        self._loop.add_reader(self._listener, self._accept)

    async def _go_down(self) -> None:
        if self._listener.fileno() >= 0:
            self._loop.remove_reader(self._listener)
            self._listener.close()
        # One that was accepted just now must begin, or nobody closes its socket.
        await asyncio.sleep(0)
        for client in self._clients:
            client.cancel()

    async def _serve(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._lifetime):
                await self._is_stopped.wait()
        await self._go_down()
        await asyncio.gather(*self._clients, return_exceptions=True)
        # The transports close their sockets in the next rounds of the loop.
        await asyncio.sleep(0.01)

    def _accept(self) -> None:
        try:
            accepted, _ = self._listener.accept()
        except OSError:
            # It changed its mind, or the process has no file descriptor left for now.
            time.sleep(0.001)
            return
        accepted.setblocking(False)
        self.connections += 1
        client = self._loop.create_task(self._welcome(accepted, self.connections))
        self._clients.add(client)
        client.add_done_callback(self._clients.discard)

    async def _welcome(self, accepted: socket.socket, number: int) -> None:
        self.open_connections += 1
        try:
            connection = await _Connection.open(number, accepted, self._tls)
            try:
                await self._converse(connection)
            finally:
                connection.abort()
                await connection.gone()
        except _GONE:
            pass
        except Exception as error:  # noqa: BLE001 - it belongs to the thread of the test
            self._failures.append(error)
        finally:
            self.open_connections -= 1

    async def _converse(self, connection: _Connection) -> None:
        while not connection.is_over:
            head = await connection.reader.readuntil(b"\r\n\r\n")
            request = Received.from_head(head, connection.number)
            exchange = Exchange(request, self.service, connection, self._body_limit)
            self.requests.append(request)
            await self._fault_for(request, connection)(exchange)
            if not connection.is_over:
                await exchange.read_body()
            if request.wants_close and not connection.is_over:
                await connection.close()

    def _fault_for(self, request: Received, connection: _Connection) -> Fault:
        if fault := connection.next_fault:
            connection.next_fault = None
            return fault
        with self._lock:
            found = (rule.next_for(request) for rule in self._rules)
            return next((fault for fault in found if fault), _normally)
