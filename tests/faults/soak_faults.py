"""The random faults of the soak test: which request meets which, drawn from a seed."""

from __future__ import annotations

import asyncio
import random
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import faults
from fault_server import Exchange, Fault, Received, Reply
from soak_plan import Plan, Round

Make: TypeAlias = Callable[[random.Random], Fault]

_SLOW = frozenset({"hang", "drip for ever", "stop reading", "429 for a second", "drip"})
_MOST_SLOW = 4
"""Slow faults of one round: each may take as long as a timeout."""


def _either(draw: random.Random) -> bool:
    return draw.random() < 0.5


_COMMON: Mapping[str, tuple[int, Make]] = {
    "408": (2, lambda _: faults.status(408)),
    "429": (2, lambda _: faults.status(429)),
    "429 for a second": (1, lambda _: faults.status(429, headers={"Retry-After": "1"})),
    "429 for a day": (1, lambda _: faults.status(429, headers={"Retry-After": "86400"})),
    "500": (3, lambda draw: faults.status(500, processed=_either(draw))),
    "502": (3, lambda draw: faults.status(502, processed=_either(draw))),
    "503": (3, lambda draw: faults.status(503, processed=_either(draw))),
    "504": (3, lambda draw: faults.status(504, processed=_either(draw))),
    "204": (1, lambda draw: faults.status(204, processed=_either(draw))),
    "307": (1, lambda _: faults.redirect("https://elsewhere.test/")),
    "html": (2, lambda draw: faults.html(processed=_either(draw))),
    "empty json": (1, lambda draw: faults.reply_json({}, processed=_either(draw))),
    "reset before body": (2, lambda _: faults.reset_before_body()),
    "reset amid body": (2, lambda draw: faults.reset_amid_body(draw.randint(1, 20_000))),
    "reset after body": (4, lambda draw: faults.reset_after_body(processed=_either(draw))),
    "reset in reply head": (3, lambda draw: faults.reset_in_reply_head(processed=_either(draw))),
    "reset in reply body": (3, lambda draw: faults.reset_in_reply_body(processed=_either(draw))),
    "close": (3, lambda draw: faults.close(processed=_either(draw))),
    "cut": (3, lambda draw: faults.cut_body(processed=_either(draw))),
    "bad chunking": (1, lambda draw: faults.bad_chunking(processed=_either(draw))),
    "stale keep-alive": (2, lambda draw: faults.stale_keep_alive(draw.random() * 0.05, reset=_either(draw))),
    "reset when reused": (2, lambda _: faults.reset_when_reused()),
    "drip": (1, lambda _: faults.drip(0.002)),
    "drip for ever": (1, lambda draw: faults.drip_forever(processed=_either(draw))),
    "hang": (2, lambda draw: faults.hang(processed=_either(draw))),
    "100": (1, lambda _: faults.informational(100)),
    "103": (1, lambda _: faults.informational()),
    "HTTP/1.0": (1, lambda _: faults.http_1_0()),
    "odd headers": (1, lambda _: faults.odd_headers()),
    "gzip": (1, lambda _: faults.honest_gzip()),
    "twice": (4, lambda draw: _twice(draw.choice([0.0, 0.01, 0.05]))),
}

_OF_KIND: Mapping[str, Mapping[str, tuple[int, Make]]] = {
    "upload": {
        "413": (1, lambda draw: faults.early_413(lingering=_either(draw))),
        "stop reading": (1, lambda draw: faults.stop_reading(draw.randint(0, 10_000))),
        "402": (1, lambda _: faults.reply_json({"error": "Your current account balance is negative."}, 402)),
    },
    "submit": {
        "400": (1, lambda _: faults.reply_json({"error": "Something is wrong."}, 400)),
        "401": (1, lambda _: faults.reply_json({"error": "Authentication error"}, 401)),
        "402": (1, lambda _: faults.reply_json({"error": "Your current account balance is negative."}, 402)),
    },
    "get": {"404": (2, lambda _: faults.reply_json({"error": "Not found"}, 404))},
    "list": {},
}

_OF_ANOTHER = 4
"""How often, beside the others, a reply belongs to another request."""


def kind_of(request: Received) -> str:
    """Which of the four requests of a batch it is."""
    if request.method == "POST":
        return "upload" if request.path.endswith("/upload") else "submit"
    return "list" if request.path.rstrip("/").endswith("/transcript") else "get"


def _twice(gap: float) -> Fault:
    """The right reply, and once more so many seconds later: as if it was the next request's."""

    async def fault(exchange: Exchange) -> None:
        reply = await exchange.answer()
        await asyncio.sleep(gap)
        await exchange.send(reply.render())

    return fault


@dataclass(eq=False)
class Moment:
    """A request at which the test interferes: the server waits until it has, or answers before."""

    at_request: int
    is_processed: bool
    is_answered: bool
    is_fatal: bool
    """Whether nobody is there any more who could get the answer."""
    reached: threading.Event = field(default_factory=threading.Event)
    acted: threading.Event = field(default_factory=threading.Event)

    @classmethod
    def of(cls, this: Round) -> Moment | None:
        """Give that of a round, if it has one."""
        if this.at_request is None or this.what == "run":
            return None
        return cls(this.at_request, this.is_processed, this.is_answered, is_fatal=this.what == "kill")

    async def __call__(self, exchange: Exchange) -> None:
        """Be a fault."""
        await exchange.read_body()
        reply = exchange.process() if self.is_processed or not self.is_fatal else None
        if reply and self.is_answered:
            await exchange.send(reply.render())
        self.reached.set()
        # After its answer, a request of which nothing is known yet may come over the same connection.
        while not (self.is_answered or self.acted.is_set()):
            await asyncio.sleep(0.002)
        if self.is_fatal:
            await exchange.hang()
        elif reply and not self.is_answered:
            await exchange.send(reply.render())


class Trouble:
    """What becomes of each request: a fault for all of a `FaultServer`."""

    def __init__(self, plan: Plan, note: Callable[[str], None]) -> None:
        self._plan = plan
        self._note = note
        self._seen = Counter[str]()
        self._replies: dict[str, list[Reply]] = {}
        self._slow = 0
        self._requests = 0
        self.round = ""
        self.rate = plan.rate
        self.moment: Moment | None = None
        self.injected = Counter[str]()
        """How often each fault was met."""

    def begin(self, run: str, *, rate: float, moment: Moment | None) -> None:
        """Go on with another run."""
        self.round, self.rate, self.moment = run, rate, moment
        self._requests = self._slow = 0
        self._seen.clear()
        self._replies.clear()

    async def __call__(self, exchange: Exchange) -> None:
        """Be a fault."""
        self._requests += 1
        kind = kind_of(exchange.request)
        self._seen[kind] += 1
        number = f"{kind} {self._seen[kind]}"
        if self.moment and self._requests == self.moment.at_request:
            self._note(f"{number}: moment")
            await self.moment(exchange)
            return
        # Of the number of this request alone: so the next draws are the same, whatever comes between.
        draw = random.Random(f"{self._plan.seed} {self.round} {number}")  # noqa: S311 - seeded, on purpose
        name, fault = self._drawn(kind, draw)
        self._note(f"{number}: {exchange.request.method} {exchange.request.path}: {name}")
        await fault(exchange)

    def _drawn(self, kind: str, draw: random.Random) -> tuple[str, Fault]:
        if draw.random() >= self.rate:
            return "normal", self._normal(kind)
        table = {**_COMMON, **_OF_KIND[kind]}
        weights = [weight for weight, _ in table.values()]
        name = draw.choices([*table, "of another"], [*weights, _OF_ANOTHER])[0]
        if name == "of another":
            return self._of_another(kind, draw)
        if name in _SLOW:
            self._slow += 1
            if self._slow > _MOST_SLOW:
                return "normal", self._normal(kind)
        self.injected[name] += 1
        return name, table[name][1](draw)

    def _normal(self, kind: str) -> Fault:
        async def fault(exchange: Exchange) -> None:
            reply = await exchange.answer()
            self._replies.setdefault(kind, []).append(reply)

        return fault

    def _of_another(self, kind: str, draw: random.Random) -> tuple[str, Fault]:
        """Give a reply that has been given to another request of this kind."""
        # An old page of the list is a list that lags, which is drawn elsewhere.
        replies = [] if kind == "list" else self._replies.get(kind, [])
        if not replies:
            return "normal", self._normal(kind)
        reply, is_processed = draw.choice(replies), _either(draw)
        self.injected["of another"] += 1

        async def fault(exchange: Exchange) -> None:
            await exchange.read_body()
            if is_processed:
                exchange.process()
            await exchange.send(reply.render())

        return f"of another: {reply.body[:120]!r}", fault
