"""
A server that serves the application on a loopback port, in a thread with its own event loop.

It owns the socket, the key and the directory, and releases them at the end. The module `app` makes the
responses.
"""

import errno
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
from urllib.parse import quote

import anyio
import httpx
import uvicorn
from anyio import to_thread
from anyio.abc import TaskStatus
from anyio.from_thread import start_blocking_portal
from starlette.types import ASGIApp

from aai_async.server.app import Limits, open_app
from aai_async.server.engine import Engine
from aai_async.server.policy import DEFAULT_MODELS, SubmissionPolicy
from aai_async.server.store import DirectoryError
from aai_async.server.web.page import WebPage

_LAST_PORT: Final = 65535
_BACKLOG: Final = 2048

# Seconds that a response in progress gets at shutdown, before its connection is closed.
_GRACE: Final = 2

# Without a handler, logging's last resort would print tracebacks of the connections closed at shutdown.
logging.getLogger("uvicorn.error").addHandler(logging.NullHandler())

# Seconds that an idle connection stays open: longer than clients keep theirs, so that they close first.
_KEEP_ALIVE: Final = 75


class ServerStartError(Exception):
    """The server cannot listen on the requested address, or was entered twice."""


class PortInUseError(ServerStartError):
    """Another program listens on the requested port."""


class LocalServer:
    """
    A local server with the service's API: `async with LocalServer() as server:`, from asyncio or trio.

    The server listens on loopback only. It runs in its own thread, so it responds while the caller computes.
    In code without an event loop, use `with LocalServer() as server:`.

    Args:
        engine: The speech engine, by default Whisper. The server closes it at the end.
        host: A loopback address.
        port: The port to listen on; 0 selects a free one.
        key: The API key that clients must send; by default a random one.
        directory: The directory for uploads, transcripts and redacted audio. By default a temporary one,
            removed at the end. A later server with the same directory serves the finished transcripts, runs
            the queued jobs and continues webhook deliveries and redacted audio. Jobs that were in progress
            end in `error`.
        parallel_jobs: Maximum number of jobs in progress; further jobs are queued and throttled.
        upload_bytes: Maximum size of an upload, in bytes.
        strict: Whether unknown models, parameters, keys and values are refused with status 400 and a
            suggestion of the correct name. By default they are recorded, echoed and logged once.
        voices: A file of voices for the default engine, by which speakers have the same name in each
            recording, such as `Voice 1`. It is created with the first recording, and has biometric data.
        speech_models: The models of a job that names none; at the service, the account decides.
        page: Whether `/` is a page for a browser, where recordings are dropped and transcripts read.
            `page_url` opens it.
        middleware: A function that takes the server's ASGI application and returns the one to serve.
        webhook_transport: Sends the notifications of webhooks, such as `httpx.ASGITransport(app)`. With it, a
            `webhook_url` can be on any host. By default it must be on this machine.

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
        page: bool = False,
        voices: str | Path | None = None,
        middleware: Callable[[ASGIApp], ASGIApp] | None = None,
        webhook_transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        if parallel_jobs < 1:
            raise ValueError(f"parallel_jobs must be at least 1, not {parallel_jobs}")
        if engine is not None and voices is not None:
            raise ValueError("pass the voices to the engine: LocalServer(engine=WhisperEngine(voices=...))")
        if not 0 <= port <= _LAST_PORT:
            raise ValueError(f"port must be between 0 and {_LAST_PORT}, not {port}")
        self.key = _checked_key(secrets.token_hex(16) if key is None else key)
        self.policy: Final = SubmissionPolicy(
            strict=strict, speech_models=speech_models, webhooks_to_any_host=webhook_transport is not None
        )
        self._engine = engine
        self._address = _loopback(host)
        self._port = port
        self._directory = directory
        self._limits = Limits(upload_bytes=upload_bytes, parallel_jobs=parallel_jobs)
        self._page = page
        self._voices = voices
        self._middleware = middleware
        self._webhook_transport = webhook_transport
        self._resources = ExitStack()
        self._turn = threading.Lock()
        self._entered = False
        self._stopped = False

    @property
    def base_url(self) -> str:
        """The URL of the server, such as ``http://127.0.0.1:49152``; the port is known once it started."""
        host = f"[{self._address}]" if ":" in self._address else self._address
        return f"http://{host}:{self._port}"

    @property
    def page_url(self) -> str:
        """The URL of the page for a browser, with the key in its fragment, which browsers do not send."""
        return f"{self.base_url}/#key={quote(self.key, safe='')}"

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
            # The caller may have been cancelled while the thread is still starting: stop it before leaving.
            await self._stop_surely()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop_surely()

    def _enter_once(self) -> None:
        if self._entered:
            raise ServerStartError("A LocalServer can be entered only once; create another one.")
        self._entered = True

    def _start(self) -> None:
        with self._turn:
            # If the caller was cancelled while this waited for a thread, the server is already stopped.
            if not self._stopped:
                self._listen()

    async def _stop_surely(self) -> None:
        with anyio.CancelScope(shield=True):
            try:
                await to_thread.run_sync(self._stop)
            finally:
                # asyncio's own cancel() ignores the shield, and the first call may still be running. The
                # second call waits for it and then has nothing left to do.
                await to_thread.run_sync(self._stop)

    def _stop(self) -> None:
        with self._turn:
            self._stopped = True
            self._resources.close()

    def _listen(self) -> None:
        # The default engine searches the disk for its weights, so it is created in this thread.
        engine = self._engine or _whisper(self._limits.parallel_jobs, self._voices)
        enter = self._resources.enter_context
        directory = _private(self._directory or enter(tempfile.TemporaryDirectory(prefix="aai-async-")))
        listener = enter(_bound(self._address, self._port))
        self._port = listener.getsockname()[1]
        portal = enter(start_blocking_portal("asyncio"))
        served, stop = portal.start_task(self._serve, engine, listener, directory)
        # The callbacks run in reverse order: stop the server, wait for its end, then close the portal, the
        # socket and the directory.
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
            webhook_transport=self._webhook_transport,
        ) as api:
            app: ASGIApp = WebPage(api, self.key) if self._page else api
            server = uvicorn.Server(
                uvicorn.Config(
                    self._middleware(app) if self._middleware else app,
                    http="h11",
                    ws="none",
                    lifespan="off",
                    log_config=None,
                    access_log=False,
                    server_header=False,
                    # No proxy stands in front of loopback, so forwarding headers are not trusted.
                    proxy_headers=False,
                    timeout_keep_alive=_KEEP_ALIVE,
                    timeout_graceful_shutdown=_GRACE,
                )
            )

            def stop() -> None:
                server.should_exit = True

            # The socket is already listening: a request sent from now on waits until it is accepted.
            task_status.started(stop)
            await server.serve(sockets=[listener])


async def serve_forever(server: LocalServer, announce: Callable[[LocalServer], None]) -> None:
    """
    Run `server` until the process receives SIGINT (Ctrl-C) or SIGTERM.

    Args:
        server: A server that has not been entered yet.
        announce: Called once with the server, when it listens.
    """
    try:
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async with server:
                announce(server)
                await anext(signals)
    except NotImplementedError:
        # On Windows the event loop cannot receive signals, and Ctrl-C arrives as a cancellation.
        async with server:
            announce(server)
            await anyio.sleep_forever()


def _private(directory: str | Path) -> Path:
    path = Path(directory).expanduser()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise DirectoryError(
            f"Cannot create the directory {path}: {error.strerror}. Choose another one."
        ) from error
    return path


def _whisper(workers: int, voices: str | Path | None) -> Engine:
    # Imported only when needed, so that a server with another engine does not require Whisper.
    from aai_async.server.engines.whisper import WhisperEngine  # noqa: PLC0415

    return WhisperEngine(workers=workers, voices=voices)


def _bound(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    # socket.create_server does not set the protocol. asyncio turns Nagle's algorithm off only for sockets
    # whose protocol is TCP; otherwise each small response waits 40 ms for the client's acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":  # pragma: no branch
            # Allows a restart while connections of the previous server are still in TIME_WAIT.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        kind = PortInUseError if error.errno == errno.EADDRINUSE else ServerStartError
        raise kind(f"Cannot listen on {address} port {port}: {error}.") from error
    return listener


def _loopback(host: str) -> str:
    try:
        address = str(ip_address("127.0.0.1" if host == "localhost" else host.strip("[]")))
    except ValueError:
        address = ""
    if address not in {"127.0.0.1", "::1"}:
        raise ValueError(
            f"host must be a loopback address, 127.0.0.1 or ::1, not {host!r}: the local server "
            "is not secured against other machines"
        )
    return address


def _checked_key(key: str) -> str:
    if not key or not all("!" <= letter <= "~" for letter in key):
        raise ValueError("the key must be printable ASCII without spaces")
    return key
