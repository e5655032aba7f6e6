"""
A program that transcribes a folder's worth of recordings with a journal, to be killed.

Run by itself it reads one order a line, and forks for each: so a batch begins in the moment when it is asked
for, and not when Python and all libraries are loaded. It answers with the id of the process, and, when that
has ended, with how.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import anyio
import trio as trio  # noqa: PLC0414 - loaded once, for all that are forked
from anyio import to_thread

import aai_async as aai
from aai_async._jobs import submission

KEY = "0123456789abcdef0123456789abcdef"


async def transcribe(order: dict[str, Any]) -> None:
    """Do a batch, and note what it tells, a line each."""
    if order.get("threads"):
        to_thread.current_default_thread_limiter().total_tokens = order["threads"]
    with Path(order["notes"]).open("a", buffering=1) as notes:  # noqa: ASYNC230 - nothing waits for it

        def note(**what: object) -> None:
            notes.write(json.dumps(what) + "\n")

        def hear(event: aai.Event) -> None:
            if isinstance(event, aai.Submitted):
                note(submitted=event.transcript_id)

        client = aai.Client(
            KEY,
            base_url=order["url"],
            retry=aai.Retry(initial_delay=0.01),
            polling=aai.Polling(initial_delay=0.01, max_delay=0.05, min_list_interval=0.01),
            timeouts=aai.Timeouts(**order.get("timeouts", {})),
        )
        try:
            async with client:
                batch = aai.transcribe_all(client, order["files"], journal=order["journal"], on_event=hear)
                async with batch:
                    note(began=True)
                    async for outcome in batch:
                        note(
                            finished=outcome.transcript_id,
                            is_completed=outcome.transcript is not None,
                            error=type(outcome.error).__name__ if outcome.error else None,
                            said=str(outcome.error),
                        )
                    note(resumed=batch.summary.resumed)
        except aai.AAIError as error:
            note(raised=type(error).__name__, cause=type(error.__cause__).__name__, said=str(error))


def carry_out(order: dict[str, Any]) -> None:
    """Do what is ordered."""
    # Whoever runs the tests in the background of a shell has told all their processes to ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # The looks for a job whose answer was lost, a fiftieth as far apart.
    vars(submission)["_CHECK_DELAYS"] = tuple(wait / 50 for wait in submission._CHECK_DELAYS)
    while order.get("go") and not Path(order["go"]).exists():
        time.sleep(0.002)
    anyio.run(transcribe, order, backend=order["backend"])


def carry_out_and_leave(order: dict[str, Any]) -> NoReturn:
    """Do what is ordered, in this process, and leave it without what Python does at its end."""
    try:
        carry_out(order)
        os._exit(0)
    except KeyboardInterrupt:
        os._exit(130)
    except BaseException:  # noqa: BLE001 - it must not go on as another mother
        traceback.print_exc()
        os._exit(1)


def main(do: Callable[[dict[str, Any]], NoReturn] = carry_out_and_leave) -> None:
    """Fork for each order."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            do(json.loads(line))
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
