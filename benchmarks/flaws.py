"""
What goes wrong with some of the requests to `fake_service.py`: which of them, and how.

A fixed seed decides, so that each client and each round gets the same share of the same flaws.
"""

from __future__ import annotations

import random

import attrs


@attrs.frozen
class Flaw:
    """What becomes of a request."""

    status: bytes | None
    """What is answered; `None` if the connection is reset instead."""
    is_carried_out: bool = False
    field: bytes = b""
    """One more line of the head of the reply."""
    content: bytes = b""
    """The body of the reply."""
    is_cut: bool = False
    """Whether the right answer is sent, but only half of it."""


SAID = b'{"error": "Try again later"}'

RETRY_AFTER = b"retry-after: 1\r\n"

MIXED = (
    Flaw(b"500 Internal Server Error"),
    Flaw(b"500 Internal Server Error", is_carried_out=True),
    Flaw(b"502 Bad Gateway"),
    Flaw(b"503 Service Unavailable", content=SAID),
    Flaw(b"504 Gateway Timeout"),
    Flaw(b"429 Too Many Requests", content=SAID),
    Flaw(b"429 Too Many Requests", content=SAID, field=RETRY_AFTER),
    Flaw(None),
    Flaw(None, is_carried_out=True),
    Flaw(None, is_carried_out=True, is_cut=True),
)

KINDS: dict[str, tuple[Flaw, ...]] = {
    "none": (),
    "mixed": MIXED,
    "500": (Flaw(b"500 Internal Server Error"),),
    "429": (Flaw(b"429 Too Many Requests", content=SAID, field=RETRY_AFTER),),
}
"""The flaws by name: mixed ones on all requests, the others on submits alone."""


class Flaws:
    """Picks the requests with which something goes wrong."""

    def __init__(self, kind: str, share: float) -> None:
        self._flaws = KINDS[kind]
        self._is_for_submits = kind != "mixed"
        self._share = share if self._flaws else 0.0
        self._chance = random.Random(8)

    def draw(self, method: bytes, path: bytes) -> Flaw | None:
        """Give what goes wrong with a request; `None` for nothing."""
        is_meant = not self._is_for_submits or (method, path) == (b"POST", b"/v2/transcript")
        if not is_meant or self._chance.random() >= self._share:
            return None
        return self._chance.choice(self._flaws)
