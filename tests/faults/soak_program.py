"""The batch of the soak test, in a process of its own that ends as Python ends; it notes what it is given."""

from __future__ import annotations

import faulthandler
import json
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NoReturn

import anyio
import batch_program

import aai_async as aai
from aai_async import _cli
from aai_async._cli import app as app  # noqa: PLC0414 - loaded once, for all that are forked
from aai_async._cli import clients
from aai_async._jobs import submission

KEY = "0123456789abcdef0123456789abcdef"

LOOKS = 0.8
"""Seconds for which the list is looked through, instead of a quarter of a minute."""


def client_of(order: dict[str, Any]) -> aai.Client:
    """Make the client of an order, which waits little, and note that the process may be interrupted."""
    # Python and its event loop have started, so from now on an interrupt is the library's.
    Path(order["ready"]).touch()
    return aai.Client(
        KEY,
        base_url=order["url"],
        retry=aai.Retry(initial_delay=0.01, max_delay=0.1, max_retry_after=5.0),
        polling=aai.Polling(
            initial_delay=0.01,
            pace=0.02,
            max_delay=0.1,
            min_list_interval=0.01,
            unreachable_after=order["unreachable_after"],
        ),
        timeouts=aai.Timeouts(**order["timeouts"]),
    )


def _item(source: str, options: dict[str, Any], key: str | None) -> aai.Item:
    return aai.Item(_streamed(source) if key else source, aai.Options.from_dict(options), key=key)


async def _streamed(path: str) -> AsyncIterator[bytes]:
    async with await anyio.open_file(path, "rb") as file:
        while piece := await file.read(10_000):
            yield piece


async def transcribe(order: dict[str, Any]) -> None:
    """Do a batch, and note what it gives, a line each."""
    items = [_item(**described) for described in order["items"]]
    with Path(order["notes"]).open("a", buffering=1) as notes:  # noqa: ASYNC230 - nothing waits for it

        def note(**what: object) -> None:
            notes.write(json.dumps({"run": order["run"], **what}) + "\n")

        def hear(event: aai.Event) -> None:
            if isinstance(event, aai.Submitted):
                note(index=event.index, submitted=event.transcript_id)

        try:
            async with client_of(order) as client:
                batch = aai.transcribe_all(client, items, on_event=hear, **order["batch"])
                async with batch:
                    async for outcome in batch:
                        note(**_described(outcome))
        except aai.AAIError as error:
            note(raised=type(error).__name__, cause=type(error.__cause__).__name__, why=str(error))


def _described(outcome: aai.Outcome) -> dict[str, Any]:
    described: dict[str, Any] = {"index": outcome.index, "id": outcome.transcript_id}
    if outcome.transcript is not None:
        return described | {"text": outcome.transcript.text}
    error = outcome.error
    return described | {"error": type(error).__name__, "why": str(error)}


def command(order: dict[str, Any]) -> NoReturn:
    """Be the command `aai-async`, with clients that wait little."""
    notes = os.open(order["notes"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(notes, 1)
    os.chdir(order["in"])
    sys.argv = ["aai-async", *order["command"]]
    vars(clients)["Client"] = lambda **_: client_of(order)
    os.environ["ASSEMBLYAI_API_KEY"] = KEY
    sys.exit(_cli.main())


def carry_out(order: dict[str, Any]) -> NoReturn:
    """Do what is ordered, in this process, and end it as Python ends."""
    # Both may have been told to be ignored by the shell that runs the tests.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    output = os.open(order["output"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(output, 2)
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    _log_to(order["log"])
    longest = sum(submission._CHECK_DELAYS)
    vars(submission)["_CHECK_DELAYS"] = tuple(wait * LOOKS / longest for wait in submission._CHECK_DELAYS)
    try:
        if "command" in order:
            command(order)
        anyio.run(transcribe, order, backend=order["backend"])
    finally:
        # What Python says of an interrupt while it ends is not about the library.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(0)


def _log_to(path: str) -> None:
    handler = logging.FileHandler(path)
    handler.setFormatter(logging.Formatter("%(relativeCreated)d %(levelname)s %(message)s"))
    logger = logging.getLogger("aai_async")
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)


if __name__ == "__main__":
    batch_program.main(carry_out)
