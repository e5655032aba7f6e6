"""
The child process of the Whisper engine: reads requests from standard input and writes replies to its output.

It exits when its input ends, so that it does not outlive its parent process.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from queue import SimpleQueue
from typing import BinaryIO, NoReturn

from aai_async.server.engine import EngineError, Recognition, SpeechRequest
from aai_async.server.engines.protocol import LENGTH_BYTES, Reply, WorkerSettings, decode, frame
from aai_async.server.weights import WeightsError

Recognize = Callable[[SpeechRequest], Recognition]
"""Transcribes one recording."""

ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1"}
"""For libraries that are loaded later: the matrices of NumPy are small, and its idle threads use a core."""

GRACE = 0.5
"""Time that an idle child gets to exit after the end of its input, in seconds."""


def main() -> None:
    """Run the child: its one argument is the settings, as JSON."""
    # A supervisor may signal all processes of a service; the parent ends its children itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    output = _claim_output()
    settings = decode(sys.argv[1].encode(), WorkerSettings)
    os.environ.update(ENVIRONMENT)
    if not settings.allow_download:
        os.environ["HF_HUB_OFFLINE"] = "1"
    requests: SimpleQueue[bytes | None] = SimpleQueue()
    # A separate file object: the interpreter could not exit while a thread waits in sys.stdin.
    source = os.fdopen(os.dup(0), "rb")
    threading.Thread(target=_listen, args=(source, requests, os._exit), daemon=True).start()
    serve(iter(requests.get, None), output, _load(settings))


def serve(requests: Iterator[bytes], output: BinaryIO, recognize: Recognize) -> None:
    """Serve requests until they end; an error that the recording did not cause ends the child."""
    for request in requests:
        try:
            reply = Reply(recognition=recognize(decode(request, SpeechRequest)))
        except EngineError as error:
            reply = Reply(error=str(error))
        except WeightsError as error:
            # This child is discarded, because a new one may find correct weights.
            reply = Reply(error=str(error), last=True)
        try:
            output.write(frame(reply))
            output.flush()
        except BrokenPipeError:
            # The parent process has exited.
            return


def _load(settings: WorkerSettings) -> Recognize:
    # Imported late: it takes most of a second, and HF_HUB_OFFLINE is read on import.
    from aai_async.server.engines.recognizer import Recognizer  # noqa: PLC0415

    try:
        return Recognizer(settings).recognize
    except WeightsError as error:
        return partial(_refuse, error)


def _refuse(error: WeightsError, _: SpeechRequest) -> NoReturn:
    raise error


def _claim_output() -> BinaryIO:
    """Reserve standard output for messages; redirect the output of libraries to standard error."""
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return output


def _listen(source: BinaryIO, inbox: "SimpleQueue[bytes | None]", leave: Callable[[int], None]) -> None:
    """Queue requests; at the end of input let an idle child exit, and stop a busy one."""
    while len(length := source.read(LENGTH_BYTES)) == LENGTH_BYTES:
        inbox.put(source.read(int.from_bytes(length, "big")))
    inbox.put(None)
    threading.Event().wait(GRACE)
    leave(1)


if __name__ == "__main__":
    main()
