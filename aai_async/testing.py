"""
A pytest plugin: a local server with the service's API, and the results, delays and faults that a test sets.

    async def test_a_call_is_transcribed(aai_server, aai_client):
        aai_server.hears("Hello there.")
        aai_server.fault("GET /v2/transcript/*", status=502, on=2)
        async with aai_client:
            transcript = await aai_client.transcribe(b"a recording")
        assert transcript.text == "Hello there."
        assert aai_server.count("POST /v2/transcript") == 1

It requires the extra `testing`, but neither a network nor weights, and works on asyncio and trio.
"""

from __future__ import annotations

import contextlib
import fnmatch
import inspect
import json
import secrets
import tempfile
import threading
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import anyio
import attrs
import httpx
import pytest

import aai_async as aai

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from aai_async.server import ScriptedEngine, SpeechRequest
    from aai_async.server.engines.scripted import Answer, Script

LARGEST_KEPT = 1 << 20
"""Maximum number of bytes of a request body that are kept for a test."""


_PARALLEL_JOBS = 200
"""Jobs in progress at once, as at the service."""


@pytest.fixture
def aai_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    """
    Serve a `ScriptedServer` on a loopback port, for one test.

    The fixture sets ASSEMBLYAI_BASE_URL and ASSEMBLYAI_API_KEY, so each `Client()` in the tested code uses
    this server.
    """
    with ScriptedServer() as server:
        monkeypatch.setenv("ASSEMBLYAI_BASE_URL", server.base_url)
        monkeypatch.setenv("ASSEMBLYAI_API_KEY", server.key)
        yield server


@pytest.fixture
def aai_client(aai_server: ScriptedServer) -> aai.Client:
    """Create a client of `aai_server` with very short waits; open it with `async with aai_client:`."""
    return aai_server.client()


@attrs.frozen(kw_only=True)
class ReceivedRequest:
    """A request that a `ScriptedServer` received."""

    method: str
    path: str
    query: str
    """The query string, without the question mark."""
    headers: Mapping[str, str]
    """The headers by lower-case name, without the API key."""
    body: bytes = attrs.field(repr=False)
    """The body, truncated after 1 MiB."""
    size: int
    """Size of the complete body, in bytes."""

    @property
    def json(self) -> Any:  # whatever the client has sent
        """The body, decoded as JSON."""
        return json.loads(self.body)


@attrs.define(kw_only=True)
class _Fault:
    pattern: str
    passes: int
    """Number of matching requests that are served normally first."""
    left: int
    """Number of matching requests that are then answered or delayed."""
    status: int | None
    headers: Mapping[str, str]
    text: str
    delay: float


class ScriptedServer:
    """
    A local server that returns the transcripts a test sets: `with ScriptedServer() as server:`.

    To serve in the current event loop, without a port, use `async with server.in_process():`.
    """

    key: str
    """The API key that clients must send."""

    base_url: str
    """The URL of the server."""

    requests: list[ReceivedRequest]
    """All requests in order, including those answered by a fault and those that were aborted."""

    def __init__(self) -> None:
        from aai_async.server.policy import SubmissionPolicy  # noqa: PLC0415 - not in each process that runs pytest

        self._policy = SubmissionPolicy()
        self.key = secrets.token_hex(16)
        self.base_url = "http://127.0.0.1"
        self.requests = []
        self._transport: httpx.ASGITransport | None = None
        self._script: Script = "Hello there."
        self._delay = 0.0
        self._faults: list[_Fault] = []
        self._turn = threading.Lock()
        self._resources = contextlib.ExitStack()

    # Behaviour

    @property
    def strict(self) -> bool:
        """
        Whether unknown names are refused with status 400 and a suggestion of the correct name.

        By default, unknown models, parameters, keys and values are recorded, echoed and logged once, because
        the service may have added them since. Set `aai_server.strict = True` to find typing errors.
        """
        return self._policy.strict

    @strict.setter
    def strict(self, strict: bool) -> None:
        self._policy.strict = strict

    @property
    def speech_models(self) -> Sequence[str]:
        """The models of a job that names none; can be set. At the service, the account decides."""
        return self._policy.speech_models

    @speech_models.setter
    def speech_models(self, models: Sequence[str]) -> None:
        self._policy.speech_models = models

    def hears(self, script: Script, *, delay: float = 0.0) -> None:
        """
        Set the result for each recording transcribed from now on, whether it is uploaded or given as a URL.

        Args:
            script: A text; an `aai_async.server.Recognition` with words, times, confidences and speakers; or
                a function, plain or async, that takes an `aai_async.server.SpeechRequest` and returns one of
                these.
            delay: Duration of each job, in seconds.
        """
        self._script, self._delay = script, delay

    def fails(self, message: str, *, delay: float = 0.0) -> None:
        """Let each job started from now on end in `error` with this message; `delay` is in seconds."""
        from aai_async.server import EngineError  # noqa: PLC0415 - not in each process that runs pytest

        self.hears(EngineError(message), delay=delay)

    def fault(
        self,
        request: str,
        *,
        status: int | None = None,
        on: int = 1,
        times: int = 1,
        headers: Mapping[str, str] | None = None,
        text: str = '{"error": "made by a test"}',
        delay: float = 0.0,
    ) -> None:
        """
        Inject a fault: answer matching requests with a status, delay them, or both.

        A request that is answered with a status does not reach the server's application and has no effect.

        Args:
            request: Method and path of the requests, with wildcards: `"GET /v2/transcript/*"`, `"POST *"`.
            status: Status code of the response; by default the request is served normally after the delay.
            on: The first matching request to affect, counted from now: 2 is the second.
            times: Number of requests to affect.
            headers: Headers of the response, such as `{"retry-after": "0"}`. The client waits for the full
                time of a `retry-after`.
            text: Body of the response.
            delay: Delay before the response, in seconds.

        Raises:
            ValueError: `on` or `times` is less than 1, or neither `status` nor `delay` is given.
        """
        if on < 1 or times < 1:
            raise ValueError(f"on and times must be at least 1, not {min(on, times)}")
        if status is None and not delay:
            raise ValueError("a fault requires a status, a delay, or both")
        with self._turn:
            self._faults.append(
                _Fault(
                    pattern=request,
                    passes=on - 1,
                    left=times,
                    status=status,
                    headers=headers or {},
                    text=text,
                    delay=delay,
                )
            )

    def count(self, request: str) -> int:
        """Return the number of requests received, by method and path with wildcards."""
        return sum(_fits(one.method, one.path, request) for one in list(self.requests))

    def client(self, **settings: Any) -> aai.Client:  # as `Client` takes them
        """Create a client of this server with very short waits between polls and before retries."""
        transport = self._transport
        if transport is not None:
            settings.setdefault("http_client", lambda: httpx.AsyncClient(transport=transport))
        settings.setdefault("polling", aai.Polling(initial_delay=0.005, pace=0.02, min_list_interval=0.005))
        settings.setdefault("retry", aai.Retry(initial_delay=0.001))
        return aai.Client(self.key, base_url=self.base_url, **settings)

    # Lifetime

    def __enter__(self) -> Self:
        from aai_async.server import LocalServer  # noqa: PLC0415 - not in each process that runs pytest

        server = LocalServer(
            engine=self._engine(),
            key=self.key,
            middleware=self._before,
            parallel_jobs=_PARALLEL_JOBS,
            strict=self.strict,
            speech_models=self.speech_models,
        )
        self._policy = server.policy
        self._resources.enter_context(server)
        self.base_url = server.base_url
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()

    @contextlib.asynccontextmanager
    async def in_process(self) -> AsyncGenerator[Self]:
        """Serve through ASGI in the current event loop, without a port or thread; use `client` to connect."""
        from aai_async.server.app import Limits, open_app  # noqa: PLC0415 - not in each process that runs pytest

        limits = Limits(parallel_jobs=_PARALLEL_JOBS)
        failure: Exception | None = None
        with tempfile.TemporaryDirectory(prefix="aai-async-") as name:
            async with open_app(
                self._engine(), key=self.key, directory=Path(name), limits=limits, policy=self._policy
            ) as app:
                self._transport = httpx.ASGITransport(self._before(app))
                try:
                    yield self
                except Exception as error:  # noqa: BLE001 - raised again outside the application's task group
                    failure = error
                finally:
                    self._transport = None
        if failure is not None:
            raise failure

    def _engine(self) -> ScriptedEngine:
        from aai_async.server import ScriptedEngine  # noqa: PLC0415 - not in each process that runs pytest

        async def answer(request: SpeechRequest) -> Answer:
            script = self._script
            await anyio.sleep(self._delay)
            said = script(request) if callable(script) else script
            return await said if inspect.isawaitable(said) else said

        return ScriptedEngine(answer, reads_recordings=False)

    # Middleware

    def _before(self, app: ASGIApp) -> ASGIApp:
        async def record(scope: Scope, receive: Receive, send: Send) -> None:
            body, size, is_noted = bytearray(), 0, False

            async def listen() -> Message:
                nonlocal size
                message = await receive()
                piece = message.get("body", b"")
                size += len(piece)
                body.extend(piece[: LARGEST_KEPT - len(body)])
                return message

            def note() -> None:
                nonlocal is_noted
                if not is_noted:
                    self.requests.append(_received(scope, bytes(body), size))
                is_noted = True

            async def speak(message: Message) -> None:
                # Recorded before the response: a test may read `requests` as soon as it has the response.
                note()
                await send(message)

            fault = self._fault_for(scope["method"], scope["path"])
            try:
                if fault is not None:
                    await anyio.sleep(fault.delay)
                if fault is None or fault.status is None:
                    await app(scope, listen, speak)
                else:
                    await _answer(fault, listen, speak)
            finally:
                note()

        return record

    def _fault_for(self, method: str, path: str) -> _Fault | None:
        with self._turn:
            found = None
            for fault in self._faults:
                if fault.left and _fits(method, path, fault.pattern):
                    if fault.passes:
                        fault.passes -= 1
                    elif found is None:
                        fault.left -= 1
                        found = fault
            return found


def _fits(method: str, path: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(f"{method} {path}", pattern)


async def _answer(fault: _Fault, listen: Receive, send: Send) -> None:
    # Read the whole body first: a response in the middle of an upload may reach the client as a broken
    # connection.
    while (await listen()).get("more_body"):
        pass
    headers = {"content-type": "application/json", **fault.headers}
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": fault.status, "headers": raw})
    await send({"type": "http.response.body", "body": fault.text.encode()})


def _received(scope: Scope, body: bytes, size: int) -> ReceivedRequest:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    headers.pop("authorization", None)
    return ReceivedRequest(
        method=scope["method"],
        path=scope["path"],
        query=scope["query_string"].decode("latin-1"),
        headers=headers,
        body=body,
        size=size,
    )
