"""What happens in one run of the soak test, drawn from its seed: recordings, options, rounds of trouble."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import attrs

import aai_async as aai

WEBHOOK_SECRET = "webhook-secret-8f14e45fceea167a"
SIGNATURE = "signature-c4ca4238a0b92382"

_SIGNED = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=3600&X-Amz-SignedHeaders=host&X-Amz-Signature="

OPTIONS: tuple[Mapping[str, Any], ...] = (
    {},
    {"speaker_labels": True},
    {"punctuate": False, "language_code": "de"},
    {"speaker_labels": True, "speaker_options": {"min_speakers_expected": 2}},
    {"content_safety": True, "content_safety_confidence": 60},
    {
        "webhook_url": "https://hooks.test/done",
        "webhook_auth_header_name": "X-Secret",
        "webhook_auth_header_value": WEBHOOK_SECRET,
    },
    {"a_parameter_of_next_year": {"level": 3}},
)

_OF_A_COMMAND = (0, 0, 0, 1, 2, 4)
"""Options for which the command has flags, or takes them by `--set`."""

_NAMES = (
    "call.mp3",
    "call.wav",
    "call.mp3.wav",
    "a/call.mp3",
    "b/call.mp3",
    "a/call.wav",
    "call.json",
    "call.mp3.json",
    "b/a.call.mp3",
    "CALL.mp3",
    "c/call.mp3",
    "c/call.mp3.wav",
    "1.wav",
    "c/1.wav",
)
"""Files whose results must not take each other's place."""

NOT_ECHOED = frozenset(
    {
        "webhook_auth_header_value",
        "content_safety_confidence",
        "speaker_options",
        "a_parameter_of_next_year",
    }
)
"""Options that the service takes and shows nowhere."""

What: TypeAlias = Literal["run", "kill", "interrupt", "disk full", "outage", "two runs"]

_ROUNDS: Mapping[What, int] = {
    "run": 2,
    "kill": 5,
    "interrupt": 4,
    "disk full": 2,
    "outage": 1,
    "two runs": 1,
}


@attrs.frozen
class Recording:
    """A file of a folder, or an address that the service fetches by itself."""

    name: str
    is_address: bool
    is_stream: bool
    """Whether the library gets it as a stream, with its name as the key."""
    filler: int
    """Bytes of a file beyond what names it."""

    def source(self, run: str) -> str:
        """How it is given in a run: each time, an address has another signature."""
        return f"{self.name}?{_SIGNED}{SIGNATURE}{run}" if self.is_address else self.name

    def identity(self, version: int) -> str:
        """What its transcript says: which recording it is, and in which version."""
        return self.name if self.is_address else f"{self.name} version {version}"

    def content(self, version: int) -> bytes:
        """The bytes of its file."""
        return f"{self.identity(version)}\n".encode() + bytes(self.filler)


@attrs.frozen
class Item:
    """A recording and what is asked for it, as numbers of a plan."""

    recording: int
    options: int


@attrs.frozen(kw_only=True)
class Round:
    """One start of the batch, and what happens to it."""

    what: What
    edits: tuple[int, ...]
    """The files that were written with another content before."""
    items: tuple[Item, ...]
    at_request: int | None
    """The request at which it happens, counted from 1; or `None`, and it happens `after` seconds."""
    after: float
    is_processed: bool
    """Whether the service carries that request out."""
    is_answered: bool
    interrupts: int
    """How often Ctrl-C is pressed."""
    gap: float
    """Seconds between two of them, or of an outage."""
    room: int
    """Bytes that are left on the full disk."""
    jobs: int
    uploads: int


@attrs.frozen(kw_only=True)
class Plan:
    """All of one run."""

    seed: int
    rate: float
    """The share of requests that meet a fault."""
    lags: tuple[float, ...]
    """Seconds until the list shows a job, one of these for each."""
    skew: float
    """Seconds by which the `Date` of a reply is ahead of the times of jobs."""
    failing: frozenset[int]
    """Recordings whose first job ends in an error."""
    foreign: int
    """Jobs of others in the list."""
    by_content: bool
    is_command: bool
    """Whether it is the command `aai-async` that is run."""
    recordings: tuple[Recording, ...]
    items: tuple[Item, ...]
    rounds: tuple[Round, ...]

    def asked(self, item: Item) -> dict[str, Any]:
        """What is sent of the options of an item."""
        return aai.Options.from_dict(dict(OPTIONS[item.options])).payload()


DOCUMENTED_LAG = 0.5
"""Seconds: what is below is found by the client, whose looks are scaled to last longer."""

ENDLESS_LAG = 1e9


def plan_of(seed: int) -> Plan:
    """Draw what happens; the same for the same seed, on both event loops."""
    draw = random.Random(seed)  # noqa: S311 - a seed is what it is for
    recordings = tuple(_recording(draw, number) for number in range(draw.randint(3, 14)))
    is_command = draw.random() < 0.3
    items = _items(draw, recordings, is_command=is_command)
    lag = draw.choice([0.0, 0.0, 0.05, 0.2, DOCUMENTED_LAG])
    hidden = (ENDLESS_LAG,) if draw.random() < 0.1 else ()
    return Plan(
        seed=seed,
        rate=draw.choice([0.0, 0.02, 0.05, 0.1, 0.2, 0.3]),
        lags=(0.0, lag, lag, *hidden),
        skew=draw.choice([0.0, 0.0, 0.0, 4.0, -4.0]),
        failing=frozenset(number for number in range(len(recordings)) if draw.random() < 0.05),
        foreign=draw.choice([0, 0, 3, 250]),
        by_content=draw.random() < 0.2,
        is_command=is_command,
        recordings=recordings,
        items=items,
        rounds=tuple(_round(draw, recordings, items) for _ in range(draw.randint(3, 6))),
    )


def _recording(draw: random.Random, number: int) -> Recording:
    is_address = draw.random() < 0.35
    name = f"https://media.test/{number}/call.mp3" if is_address else _NAMES[number]
    is_stream = not is_address and draw.random() < 0.15
    return Recording(name, is_address, is_stream, draw.choice([0, 100, 5_000, 200_000]))


def _items(draw: random.Random, recordings: tuple[Recording, ...], *, is_command: bool) -> tuple[Item, ...]:
    common = draw.choice(_OF_A_COMMAND)
    options = [common] if is_command else [0, 0, 0, *range(len(OPTIONS))]
    items = [Item(number, draw.choice(options)) for number in range(len(recordings))]
    # Some recordings come twice, with the same options or with others.
    items += [
        Item(item.recording, draw.choice([item.options, *options]))
        for item in draw.sample(items, draw.randint(0, min(4, len(items))))
    ]
    draw.shuffle(items)
    return tuple(items)


def _round(draw: random.Random, recordings: tuple[Recording, ...], items: tuple[Item, ...]) -> Round:
    what = draw.choices(list(_ROUNDS), list(_ROUNDS.values()))[0]
    # What has a key is known by that, whatever its content.
    files = [number for number, one in enumerate(recordings) if not (one.is_address or one.is_stream)]
    is_partial = draw.random() < 0.15
    some = draw.sample(items, draw.randint(1, len(items)) if is_partial else len(items))
    return Round(
        what=what,
        edits=tuple(number for number in files if draw.random() < 0.1),
        items=tuple(some),
        at_request=draw.randint(1, 3 * len(items)) if draw.random() < 0.6 else None,
        after=draw.choice([0.0, 0.02, 0.1, 0.3]) + draw.random() * 0.3,
        is_processed=draw.random() < 0.6,
        is_answered=draw.random() < 0.5,
        interrupts=draw.choice([1, 1, 2, 2, 3]),
        gap=draw.choice([0.0, 0.001, 0.02, 0.2, 0.6]),
        room=draw.choice([0, 4096, 20_000, 60_000, 150_000]),
        jobs=draw.choice([1, 3, 400]),
        uploads=draw.choice([1, 2, 8]),
    )


def said(identity: str, options: Mapping[str, Any]) -> str:
    """The text of the transcript of a recording with these options, which no other has."""
    shown = {**options}
    if "webhook_auth_header_value" in shown:
        shown["webhook_auth_header_value"] = "a secret"
    return f"{identity}: {json.dumps(shown, sort_keys=True)}"
