"""
What is measured against: the part of the `/v2` API that a batch needs, on loopback, for little CPU a request.

It recognises nothing. So many jobs run at once and take the same time each, the others wait for their turn,
and what it answers was rendered before. It keeps what only it can know: when each job was over, when it first
said so, and how many jobs were made.

It is one thread around `epoll` (Linux). Kept busy, it needs 35 µs of CPU for a look at a job, 55 for a
submit, 80 for a page of 200 jobs and 150 for an upload of 200 kB; with pauses in between up to twice as much.
Whoever measures with it prints what it has cost in that run.

    python benchmarks/fake_service.py [--port 0] [--slots 200] [--seconds 5] [--words 100]
    python benchmarks/fake_service.py --limit 2000 --window 30
    python benchmarks/fake_service.py --flaws mixed --share 0.05

It prints its port. `GET /_stats` tells what has happened, and `POST /_reset?slots=…&seconds=…` forgets it and
begins anew on other terms; neither is counted.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import functools
import json
import math
import os
import secrets
import select
import socket
import statistics
import struct
import time
from bisect import bisect_right
from collections import Counter
from email.utils import formatdate
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

import attrs
from flaws import KINDS, Flaw, Flaws

SAMPLE = Path(__file__).parents[1] / "tests" / "samples" / "get-transcript.completed.json"

LIFETIME = 3600.0
"""Seconds after which it ends if nobody has ended it."""

LARGEST_PAGE, USUAL_PAGE = 200, 10

LONGEST_LINE = 4096
"""Bytes that are looked through for the end of a line between two chunks."""

REPLY = b"\r\n".join(
    [b"HTTP/1.1 %b", b"date: %b", b"content-type: application/json", b"%bcontent-length: %d", b"", b"%b"]
)

BUFFER = memoryview(bytearray(256 * 1024))
"""What everything is read into, by all connections in turn."""


@attrs.frozen(kw_only=True)
class Terms:
    """What kind of service it is."""

    slots: int = attrs.field(default=200, converter=int)
    seconds: float = attrs.field(default=5.0, converter=float)
    words: int = attrs.field(default=100, converter=int)
    limit: int = attrs.field(default=0, converter=int)
    """Requests that it takes in a window, for 0 any number; one more is answered with 429."""
    window: float = attrs.field(default=30.0, converter=float)
    flaws: str = attrs.field(default="none", validator=attrs.validators.in_(KINDS))
    """What goes wrong with some requests, see `flaws.py`."""
    share: float = attrs.field(default=0.05, converter=float)
    """With how many of them."""


class Refused(Exception):  # noqa: N818 - a reply, not a fault
    """A request is not carried out."""

    def __init__(self, status: bytes, why: str, field: bytes = b"") -> None:
        super().__init__(status)
        self.status = status
        self.field = field
        """One more of the head of the reply, as a line."""
        self.content = json.dumps({"error": why}).encode()


class Broken(Exception):  # noqa: N818 - a reply that is none, not a fault of this program
    """The connection is reset, after half of a reply where there is one."""

    def __init__(self, content: bytes = b"") -> None:
        super().__init__()
        self.content = content


class Schedule:
    """
    When each job begins and ends, which follows from when it was made: no timer is needed.

    All take the same time and are taken in turn, so those that have begun, and those that have ended, are the
    first ones in the order in which they were made.
    """

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self.begins: list[float] = []
        self.ends: list[float] = []

    def add(self, now: float) -> None:
        """Take in one more job."""
        waits_for = len(self.ends) - self._terms.slots
        begins = max(now, self.ends[waits_for]) if waits_for >= 0 else now
        self.begins.append(begins)
        self.ends.append(begins + self._terms.seconds)

    def count(self, now: float) -> tuple[int, int]:
        """Count those that have ended, and those that have begun."""
        return bisect_right(self.ends, now), bisect_right(self.begins, now)


class Transcripts:
    """The answers, in bytes that need only be put together."""

    ID, AUDIO = "@id@", "@audio@"

    def __init__(self, words: int) -> None:
        spoken = [self._word(number) for number in range(words)]
        text = " ".join(str(word["text"]) for word in spoken)
        heard = {"text": text, "words": spoken, "confidence": 0.95, "audio_duration": words * 0.36}
        sample = json.loads(SAMPLE.read_bytes())
        # Every field that there is, the settings as they are there, and no result of the many other models.
        blank = {name: None if isinstance(value, list | dict) else value for name, value in sample.items()}
        blank |= {"id": self.ID, "audio_url": self.AUDIO, **dict.fromkeys(heard)}
        self._parts = {
            "queued": self._cut({**blank, "status": "queued"}),
            "processing": self._cut({**blank, "status": "processing"}),
            "completed": self._cut({**blank, "status": "completed", **heard}),
        }

    @staticmethod
    def _word(number: int) -> dict[str, object]:
        said = ("some", "words", "that", "nobody", "has", "ever", "spoken.")[number % 7]
        begins = 250 + 360 * number
        return {"text": said, "start": begins, "end": begins + 300, "confidence": 0.95217, "speaker": None}

    def _cut(self, document: dict[str, object]) -> tuple[bytes, bytes, bytes]:
        before, rest = json.dumps(document, separators=(",", ":")).split(f'"{self.ID}"')
        between, after = rest.split(f'"{self.AUDIO}"')
        return before.encode(), between.encode(), after.encode()

    def render(self, status: str, job_id: bytes, audio_url: bytes) -> bytes:
        """Give the whole answer."""
        before, between, after = self._parts[status]
        return b'%b"%b"%b%b%b' % (before, job_id, between, audio_url, after)


class Jobs:
    """All jobs, and the list of them."""

    def __init__(self, terms: Terms, base_url: str) -> None:
        self.schedule = Schedule(terms)
        self.audio_urls: list[bytes] = []
        """As JSON."""
        self.told: list[float] = []
        """When it first went out that a job is completed, or 0."""
        self.fetched: list[float] = []
        """When a completed transcript first went out, or 0."""
        self.most = 0
        """The largest number of jobs that had not ended, at any time."""
        self._transcripts = Transcripts(terms.words)
        self._base_url = base_url
        self._epoch = time.time() - time.monotonic()
        self._prefix = secrets.token_hex(4)
        self._ids: list[bytes] = []
        self._created: list[str] = []
        self._numbers: dict[bytes, int] = {}
        # What ends first was made first, so each of these grows at its end only.
        self._queued: list[bytes] = []
        self._processing: list[bytes] = []
        self._completed: list[bytes] = []

    def add(self, audio_url: str, now: float) -> bytes:
        """Make a job, and give it as it is then."""
        number = len(self._ids)
        job_id = f"{self._prefix}-0000-4000-8000-{number:012x}".encode()
        audio = json.dumps(audio_url).encode()
        self._ids.append(job_id)
        self._created.append(self._iso(now))
        self._numbers[job_id] = number
        self.audio_urls.append(audio)
        self.told.append(0.0)
        self.fetched.append(0.0)
        self.schedule.add(now)
        self.most = max(self.most, number + 1 - self.schedule.count(now)[0])
        self._queued.append(self._row(number, "queued"))
        return self._transcripts.render("queued", job_id, audio)

    def get(self, job_id: bytes, now: float) -> bytes:
        """
        Give a job as it is now.

        Raises:
            Refused: There is none of this id.
        """
        number = self._numbers.get(job_id)
        if number is None:
            raise Refused(b"404 Not Found", "Transcript lookup error, transcript id not found")
        status = "queued"
        if now >= self.schedule.ends[number]:
            status = "completed"
            self.told[number] = self.told[number] or now
            self.fetched[number] = self.fetched[number] or now
        elif now >= self.schedule.begins[number]:
            status = "processing"
        return self._transcripts.render(status, job_id, self.audio_urls[number])

    def page(self, query: dict[str, str], now: float) -> bytes:
        """
        Give a page of the list, newest first.

        Raises:
            Refused: It is asked for in a way that is not to be had here.
        """
        if query.keys() - {"limit", "status", "before_id"}:
            raise Refused(b"400 Bad Request", "Only limit, status and before_id are known here")
        made = len(self._ids)
        ended, begun = self.schedule.count(now)
        shares = {"completed": (0, ended), "processing": (ended, begun), "queued": (begun, made)}
        status = query.get("status")
        oldest, newest = shares.get(status, (0, 0)) if status else (0, made)
        if "before_id" in query:
            newest = min(newest, self._numbers.get(query["before_id"].encode(), 0))
        limit = min(int(query.get("limit", USUAL_PAGE)), LARGEST_PAGE)
        first = max(oldest, newest - limit)
        numbers = range(first, max(first, newest))
        return self._render_page(self._rows(numbers, now), numbers, query, has_older=first > oldest)

    def _rows(self, numbers: range, now: float) -> list[bytes]:
        """Give what the list says of some jobs, oldest first; it is then said."""
        first, end = numbers.start, numbers.stop
        ended, begun = self.schedule.count(now)
        for number in range(len(self._completed), ended):
            ended_at = self._iso(self.schedule.ends[number])
            self._completed.append(self._row(number, "completed", ended_at))
        for number in range(len(self._processing), begun):
            self._processing.append(self._row(number, "processing"))
        for number in range(first, min(end, ended)):
            if not self.told[number]:
                self.told[number] = now
        return [
            *self._completed[first : min(end, ended)],
            *self._processing[max(first, ended) : min(end, begun)],
            *self._queued[max(first, begun) : end],
        ]

    def _row(self, number: int, status: str, completed: str | None = None) -> bytes:
        job_id = self._ids[number].decode()
        row = {
            "id": job_id,
            "resource_url": f"{self._base_url}/v2/transcript/{job_id}",
            "status": status,
            "created": self._created[number],
            "completed": completed,
            "audio_url": json.loads(self.audio_urls[number]),
            "error": None,
        }
        return json.dumps(row, separators=(",", ":")).encode()

    def _render_page(
        self, rows: list[bytes], numbers: range, query: dict[str, str], *, has_older: bool
    ) -> bytes:
        details = {
            "limit": int(query.get("limit", USUAL_PAGE)),
            "result_count": len(rows),
            "current_url": self._url(query),
            "prev_url": self._url(query, before_id=self._ids[numbers[0]]) if has_older else None,
            "next_url": self._url(query, after_id=self._ids[numbers[-1]]) if rows else None,
        }
        return b'{"page_details":%b,"transcripts":[%b]}' % (
            json.dumps(details).encode(),
            b",".join(rows[::-1]),
        )

    def _url(self, query: dict[str, str], **other: bytes) -> str:
        kept = {name: value for name, value in query.items() if name not in {"before_id", "after_id"}}
        given = query if not other else {**kept, **{name: value.decode() for name, value in other.items()}}
        return f"{self._base_url}/v2/transcript?{urlencode(given)}"

    def _iso(self, moment: float) -> str:
        """Write a time as the service does: UTC, with microseconds, without a zone."""
        utc = dt.datetime.fromtimestamp(self._epoch + moment, dt.UTC)
        return utc.replace(tzinfo=None).isoformat(timespec="microseconds")


class Window:
    """How many requests are still taken in."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._taken = 0
        self._ends = 0.0

    def take(self, now: float) -> None:
        """
        Count one more.

        Raises:
            Refused: It is one too many.
        """
        if not self._terms.limit:
            return
        if now >= self._ends:
            self._taken, self._ends = 0, now + self._terms.window
        if self._taken == self._terms.limit:
            # In whole seconds, as the service says it.
            wait = math.ceil(self._ends - now)
            raise Refused(b"429 Too Many Requests", "Too Many Requests", b"retry-after: %d\r\n" % wait)
        self._taken += 1


class Service:
    """Answers requests, and counts them."""

    def __init__(self, terms: Terms, base_url: str) -> None:
        self._base_url = base_url
        self._terms = terms
        self._begin(terms)

    def _begin(self, terms: Terms) -> None:
        self._jobs = Jobs(terms, self._base_url)
        self._window = Window(terms)
        self._flaws = Flaws(terms.flaws, terms.share)
        self._flawed = 0
        self._counts = Counter[str]()
        self._began = self._last = 0.0
        self._cpu = time.process_time()
        self._received = 0
        self._connections = self._most_connections = 0

    def connected(self, count: int) -> None:
        """Take note of one more connection, which makes so many."""
        self._connections += 1
        self._most_connections = max(self._most_connections, count)

    def answer(self, method: bytes, target: bytes, body: Body) -> bytes:
        """
        Carry a request out, and give the content of the reply.

        Raises:
            Refused: It is not carried out, or that is what is said.
            Broken: It has no answer, or half of one.
        """
        path, _, query = target.partition(b"?")
        parameters = dict(parse_qsl(query.decode())) if query else {}
        if path.startswith(b"/_"):
            return self._control(method, path, parameters)
        now = self._last = time.monotonic()
        self._began = self._began or now
        try:
            self._window.take(now)
        except Refused:
            self._counts["refused"] += 1
            raise
        flaw = self._flaws.draw(method, path)
        content = b""
        if flaw is None or flaw.is_carried_out:
            content = self._perform(method, path, parameters, body, now)
        else:
            self._counts["flawed"] += 1
        if flaw is not None:
            self._flawed += 1
            self._spoil(flaw, content)
        return content

    def _spoil(self, flaw: Flaw, content: bytes) -> None:
        if flaw.status is None:
            raise Broken(content if flaw.is_cut else b"")
        refused = Refused(flaw.status, "", flaw.field)
        refused.content = flaw.content
        raise refused

    def _perform(
        self, method: bytes, path: bytes, parameters: dict[str, str], body: Body, now: float
    ) -> bytes:
        if method == b"GET" and path.startswith(b"/v2/transcript/"):
            self._counts["get"] += 1
            return self._jobs.get(path[len(b"/v2/transcript/") :], now)
        if path == b"/v2/transcript" and method == b"GET":
            self._counts["list"] += 1
            return self._jobs.page(parameters, now)
        if path == b"/v2/transcript" and method == b"POST":
            self._counts["submit"] += 1
            return self._submit(body.content, now)
        if path == b"/v2/upload" and method == b"POST":
            self._counts["upload"] += 1
            self._received += body.size
            upload_url = f"https://cdn.example.com/upload/{self._counts['upload']}"
            return json.dumps({"upload_url": upload_url}).encode()
        self._counts["unknown"] += 1
        raise Refused(b"404 Not Found", "Not found")

    def _submit(self, body: bytes, now: float) -> bytes:
        try:
            audio_url = json.loads(body)["audio_url"]
        except (ValueError, LookupError, TypeError):
            raise Refused(b"400 Bad Request", "audio_url is missing") from None
        return self._jobs.add(audio_url, now)

    def _control(self, method: bytes, path: bytes, parameters: dict[str, str]) -> bytes:
        if (method, path) == (b"POST", b"/_reset"):
            known = {name: value for name, value in parameters.items() if hasattr(self._terms, name)}
            # What is not given stays as it was on the command line.
            self._begin(attrs.evolve(self._terms, **known))
            return b"{}"
        if (method, path) == (b"GET", b"/_stats"):
            return json.dumps(self._stats()).encode()
        raise Refused(b"404 Not Found", "Not found")

    def _stats(self) -> dict[str, object]:
        ends, told, fetched = self._jobs.schedule.ends, self._jobs.told, self._jobs.fetched
        total = sum(self._counts.values())
        cpu = time.process_time() - self._cpu
        return {
            "requests": dict(self._counts),
            "total": total,
            "jobs": len(ends),
            "most_jobs": self._jobs.most,
            "doubled": len(ends) - len(set(self._jobs.audio_urls)),
            "received": self._received,
            "flawed": self._flawed,
            "connections": {"made": self._connections, "most": self._most_connections},
            "wall": self._last - self._began,
            # From the moment in which a job was over until a reply said so, and until one had the transcript.
            "told": spread(ends, told),
            "fetched": spread(ends, fetched),
            "cpu": cpu,
            "cpu_each": cpu / max(1, total),
        }


def spread(ends: list[float], reached: list[float]) -> dict[str, float]:
    """Sum up how long something took that not all may have reached."""
    delays = sorted(then - end for end, then in zip(ends, reached, strict=True) if then)
    if not delays:
        return {"count": 0}
    p95 = delays[math.ceil(0.95 * len(delays)) - 1]
    return {"count": len(delays), "mean": statistics.fmean(delays), "p95": p95, "worst": delays[-1]}


class Body:
    """What is still to come of a body, and what is kept of it."""

    def __init__(self, size: int | None, *, is_kept: bool) -> None:
        self._is_chunked = size is None
        self._left = size or 0
        self._line = b""
        self._is_last = False
        self._is_kept = is_kept
        self.content = b""
        self.size = 0
        self.is_whole = size == 0

    def take(self, data: memoryview) -> memoryview:
        """Take what belongs to it, and give back what does not."""
        while data and not self.is_whole:
            data = self._skip(data) if self._left else self._frame(data)
        return data

    def _skip(self, data: memoryview) -> memoryview:
        taken = min(self._left, len(data))
        if self._is_kept:
            self.content += data[:taken]
        self.size += taken
        self._left -= taken
        self.is_whole = not self._left and not self._is_chunked
        return data[taken:]

    def _frame(self, data: memoryview) -> memoryview:
        """Read a line between two chunks: the size of the next, what ends one, or a trailer."""
        line, found, _ = bytes(data[:LONGEST_LINE]).partition(b"\n")
        self._line += line
        if found:
            self._end_line(self._line.rstrip(b"\r"))
            self._line = b""
        return data[len(line) + len(found) :]

    def _end_line(self, line: bytes) -> None:
        if self._is_last:
            self.is_whole = not line
        elif line:
            self._left = int(line.partition(b";")[0], 16)
            self._is_last = not self._left


class Connection:
    """A connection, and how far its requests have been read and its replies been written."""

    def __init__(self, peer: socket.socket, service: Service, poll: select.epoll) -> None:
        self._peer = peer
        self._service = service
        self._poll = poll
        self._head = b""
        self._request = (b"", b"")
        self._body: Body | None = None
        self._unsent = b""
        self._events = select.EPOLLIN
        self._is_last = False
        """Whether the request is the last one."""
        self._is_answered = False
        self.is_over = False

    def handle(self, event: int) -> None:
        """Read what there is, and write what has not gone out."""
        try:
            if event & select.EPOLLOUT:
                self._flush()
            if event & ~select.EPOLLOUT:
                self._read()
        except OSError:
            self.is_over = True

    def _read(self) -> None:
        count = self._peer.recv_into(BUFFER)
        self.is_over = not count
        data = BUFFER[:count]
        while data and not self._is_answered and not self.is_over:
            data = self._read_head(data) if self._body is None else self._body.take(data)
            if self._body is not None and self._body.is_whole:
                self._reply(self._body)
                self._body, self._is_answered = None, self._is_last

    def _read_head(self, data: memoryview) -> memoryview:
        known = len(self._head)
        self._head += data
        head, found, _ = self._head.partition(b"\r\n\r\n")
        if not found:
            return BUFFER[:0]
        self._head = b""
        method, target, _ = head.split(b" ", 2)
        fields = head.lower()
        self._request = (method, target)
        self._is_last = field(fields, b"connection") == b"close"
        is_chunked = field(fields, b"transfer-encoding") == b"chunked"
        size = None if is_chunked else int(field(fields, b"content-length") or 0)
        self._body = Body(size, is_kept=not target.startswith(b"/v2/upload"))
        if field(fields, b"expect") == b"100-continue":
            self._send(b"HTTP/1.1 100 Continue\r\n\r\n")
        return data[len(head) + len(found) - known :]

    def _reply(self, body: Body) -> None:
        method, target = self._request
        try:
            content = self._service.answer(method, target, body)
            self._send(REPLY % (b"200 OK", date_of(int(time.time())), b"", len(content), content))
        except Refused as refused:
            self._send(
                REPLY
                % (
                    refused.status,
                    date_of(int(time.time())),
                    refused.field,
                    len(refused.content),
                    refused.content,
                )
            )
        except Broken as broken:
            if broken.content:
                whole = REPLY % (
                    b"200 OK",
                    date_of(int(time.time())),
                    b"",
                    len(broken.content),
                    broken.content,
                )
                self._peer.send(whole[: len(whole) // 2])
            # Lingering for no time means RST.
            self._peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.is_over = True

    def close(self) -> None:
        """Let the other side go."""
        self._peer.close()

    def _send(self, data: bytes) -> None:
        self._unsent += data
        self._flush()

    def _flush(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._unsent = self._unsent[self._peer.send(self._unsent) :]
        # It takes one that reads slowly to leave something here.
        events = select.EPOLLIN | select.EPOLLOUT if self._unsent else select.EPOLLIN
        if events != self._events:
            self._events = events
            self._poll.modify(self._peer, events)
        self.is_over = self.is_over or (self._is_answered and not self._unsent)


def field(head: bytes, name: bytes) -> bytes:
    """Give a field of a head, both in lower case."""
    return head.partition(b"\r\n" + name + b":")[2].partition(b"\r\n")[0].strip()


@functools.lru_cache(1)
def date_of(second: int) -> bytes:
    return formatdate(second, usegmt=True).encode()


def serve(listener: socket.socket, service: Service) -> None:
    """Answer for an hour at the most."""
    ends = time.monotonic() + LIFETIME
    connections: dict[int, Connection] = {}
    with select.epoll() as poll:
        poll.register(listener, select.EPOLLIN)
        while time.monotonic() < ends:
            for number, event in poll.poll(1.0):
                connection = connections.get(number)
                if connection is None:
                    accept(listener, service, poll, connections)
                else:
                    connection.handle(event)
                    if connection.is_over:
                        connections.pop(number).close()


def accept(
    listener: socket.socket, service: Service, poll: select.epoll, connections: dict[int, Connection]
) -> None:
    """Take in all who wait to be connected."""
    with contextlib.suppress(BlockingIOError):
        while True:
            peer, _ = listener.accept()
            peer.setblocking(False)
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            poll.register(peer, select.EPOLLIN)
            connections[peer.fileno()] = Connection(peer, service, poll)
            service.connected(len(connections))


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve as much of the API as a batch needs.")
    parser.add_argument("--host", default="127.0.0.1", help="the address that it listens on")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--core", type=int, help="the only core that it runs on")
    for each in attrs.fields(Terms):
        parser.add_argument(f"--{each.name}", type=type(each.default), default=each.default)
    arguments = vars(parser.parse_args())
    if arguments["core"] is not None:
        os.sched_setaffinity(0, {arguments["core"]})
    terms = Terms(**{each.name: arguments[each.name] for each in attrs.fields(Terms)})
    with socket.create_server((arguments["host"], arguments["port"]), backlog=4096) as listener:
        listener.setblocking(False)
        port = listener.getsockname()[1]
        print(port, flush=True)
        serve(listener, Service(terms, f"http://{arguments['host']}:{port}"))


if __name__ == "__main__":
    main()
