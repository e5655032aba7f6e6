"""
A server that listens: the application on a real loopback port, in a thread with an event loop of its own.

It owns the socket, the key and the directory, and their end. What is answered is the business of `app`.
"""

import logging
import os
import secrets
import signal
import socket
import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import anyio
import uvicorn
from anyio import to_thread
from anyio.abc import TaskStatus
from anyio.from_thread import start_blocking_portal
from starlette.types import ASGIApp

from aai_async.server.app import Limits, open_app
from aai_async.server.engine import Engine
from aai_async.server.policy import DEFAULT_MODELS, SubmissionPolicy
from aai_async.server.store import DirectoryError

_LAST_PORT: Final = 65535
_BACKLOG: Final = 2048

# Seconds that a reply in progress gets at the end, before it is cut off.
_GRACE: Final = 2

# Else logging's last resort would print tracebacks of connections that are cut off at the end.
logging.getLogger("uvicorn.error").addHandler(logging.NullHandler())

# Seconds that an idle connection is kept: longer than clients keep theirs, so that they close first.
_KEEP_ALIVE: Final = 75


class ServerStartError(Exception):
    """The server cannot listen where it was told to."""


class LocalServer:
    """
    The service on this machine: `async with LocalServer() as server:`, from asyncio or trio.

    It listens on loopback only and runs in a thread of its own, so it answers while the caller computes.
    Where there is no event loop, `with LocalServer() as server:` does the same.

    Args:
        engine: What recognises speech, by default Whisper. The server closes it at the end.
        host: A loopback address.
        port: 0 takes a free one.
        key: The API key to ask for; by default one is made up.
        directory: Where uploads, transcripts and redacted audio are kept. By default a temporary one, removed
            at the end. With the same directory the next server knows the finished transcripts, runs what was
            queued and goes on with webhooks and redacted audio; what was being worked on ends in `error`.
        parallel_jobs: How many jobs are worked on at once; the others are queued and throttled.
        upload_bytes: The largest upload to accept.
        strict: Whether models, parameters, keys and values that the server does not know are refused with
            status 400, and what was probably meant. By default they are recorded, echoed and logged once.
        speech_models: The models of a job that names none; at the service, the account decides.
        middleware: Given the server's ASGI application, makes the one that is served in its place.

    Raises:
        ValueError: The host is not a loopback address, or another argument is out of range.
    """

    key: Final[str]
    """The API key that clients must send."""

    def __init__(
        self,
        *,
        engine: Engine | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        key: str | None = None,
        directory: str | Path | None = None,
        parallel_jobs: int = 1,
        upload_bytes: int = Limits().upload_bytes,
        strict: bool = False,
        speech_models: Sequence[str] = DEFAULT_MODELS,
        middleware: Callable[[ASGIApp], ASGIApp] | None = None,
    ) -> None:
        if parallel_jobs < 1:
            raise ValueError(f"parallel_jobs must be at least 1, not {parallel_jobs}")
        if not 0 <= port <= _LAST_PORT:
            raise ValueError(f"port must be between 0 and {_LAST_PORT}, not {port}")
        self.key = _checked_key(secrets.token_hex(16) if key is None else key)
        self.policy: Final = SubmissionPolicy(strict=strict, speech_models=speech_models)
        self._engine = engine
        self._address = _loopback(host)
        self._port = port
        self._directory = directory
        self._limits = Limits(upload_bytes=upload_bytes, parallel_jobs=parallel_jobs)
        self._middleware = middleware
        self._resources = ExitStack()
        self._turn = threading.Lock()
        self._entered = False
        self._stopped = False

    @property
    def base_url(self) -> str:
        """Where it listens, such as ``http://127.0.0.1:49152``; the port is known once it has started."""
        host = f"[{self._address}]" if ":" in self._address else self._address
        return f"http://{host}:{self._port}"

    def __enter__(self) -> Self:
        self._enter_once()
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    async def __aenter__(self) -> Self:
        self._enter_once()
        try:
            await to_thread.run_sync(self._start)
        except BaseException:
            # Cancelled, perhaps, while the thread goes on starting: it must end before we may leave.
            await self._stop_surely()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop_surely()

    def _enter_once(self) -> None:
        if self._entered:
            raise ServerStartError("a LocalServer can be entered once; make another one")
        self._entered = True

    def _start(self) -> None:
        with self._turn:
            # Stopped before it started: it was cancelled while this waited for a thread.
            if not self._stopped:
                self._listen()

    async def _stop_surely(self) -> None:
        with anyio.CancelScope(shield=True):
            try:
                await to_thread.run_sync(self._stop)
            finally:
                # asyncio's own cancel() reaches through the shield, and the first call may be running still:
                # this one waits for it and finds nothing left to do.
                await to_thread.run_sync(self._stop)

    def _stop(self) -> None:
        with self._turn:
            self._stopped = True
            self._resources.close()

    def _listen(self) -> None:
        # Here, in a thread: the default engine looks for its weights on disk.
        engine = self._engine or _whisper(self._limits.parallel_jobs)
        enter = self._resources.enter_context
        directory = _private(self._directory or enter(tempfile.TemporaryDirectory(prefix="aai-async-")))
        listener = enter(_bound(self._address, self._port))
        self._port = listener.getsockname()[1]
        portal = enter(start_blocking_portal("asyncio"))
        served, stop = portal.start_task(self._serve, engine, listener, directory)
        # Undone in reverse: stop, wait for the end, and only then close portal, socket and directory.
        self._resources.callback(served.result)
        self._resources.callback(stop)

    async def _serve(
        self,
        engine: Engine,
        listener: socket.socket,
        directory: Path,
        *,
        task_status: TaskStatus[Callable[[], None]],
    ) -> None:
        async with open_app(
            engine,
            key=self.key,
            directory=directory,
            limits=self._limits,
            base_url=self.base_url,
            policy=self.policy,
        ) as app:
            server = uvicorn.Server(
                uvicorn.Config(
                    self._middleware(app) if self._middleware else app,
                    http="h11",
                    ws="none",
                    lifespan="off",
                    log_config=None,
                    access_log=False,
                    server_header=False,
                    # Nobody stands between loopback and us who could say where a request comes from.
                    proxy_headers=False,
                    timeout_keep_alive=_KEEP_ALIVE,
                    timeout_graceful_shutdown=_GRACE,
                )
            )

            def stop() -> None:
                server.should_exit = True

            # The socket listens already: a request sent from now on waits in it until it is accepted.
            task_status.started(stop)
            await server.serve(sockets=[listener])


async def serve_forever(server: LocalServer, announce: Callable[[LocalServer], None]) -> None:
    """
    Run `server` until the process is told to stop (Ctrl-C, SIGTERM).

    Args:
        server: One that was not entered yet.
        announce: Called once, when it listens.
    """
    try:
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async with server:
                announce(server)
                await anext(signals)
    except NotImplementedError:
        # Windows: the loop takes no signals, and Ctrl-C arrives as a cancellation.
        async with server:
            announce(server)
            await anyio.sleep_forever()


def _private(directory: str | Path) -> Path:
    path = Path(directory).expanduser()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise DirectoryError(f"cannot keep transcripts in {path}: {error.strerror}") from error
    return path


def _whisper(workers: int) -> Engine:
    # Here and not above, so that a server with another engine needs nothing of this one.
    from aai_async.server.engines.whisper import WhisperEngine  # noqa: PLC0415

    return WhisperEngine(workers=workers)


def _bound(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    # The protocol is named, which socket.create_server does not: asyncio switches Nagle's algorithm off only
    # where it reads TCP, and with it on every small reply waits 40 ms for the client's acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":  # pragma: no branch
            # So that a restart need not wait for the last one's connections to be forgotten.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise ServerStartError(f"cannot listen on {address} port {port}: {error}") from error
    return listener


def _loopback(host: str) -> str:
    try:
        address = str(ip_address("127.0.0.1" if host == "localhost" else host.strip("[]")))
    except ValueError:
        address = ""
    if address not in {"127.0.0.1", "::1"}:
        raise ValueError(
            f"host {host!r} will not do: the local server listens on loopback only, 127.0.0.1 or ::1, "
            "because what it does it does for whoever reaches it"
        )
    return address


def _checked_key(key: str) -> str:
    if not key or not all("!" <= letter <= "~" for letter in key):
        raise ValueError("the key must be printable ASCII without spaces")
    return key
