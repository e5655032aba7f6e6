"""
A pytest plugin: the service on this machine, with the answers, delays and faults that a test wants.

    async def test_a_call_is_transcribed(aai_server, aai_client):
        aai_server.hears("Hello there.")
        aai_server.fault("GET /v2/transcript/*", status=502, on=2)
        async with aai_client:
            transcript = await aai_client.transcribe(b"a recording")
        assert transcript.text == "Hello there."
        assert aai_server.count("POST /v2/transcript") == 1

It needs the extra `testing`, neither a network nor weights, and works on asyncio and on trio.
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
"""Bytes of a body that are kept for a test to look at."""


_PARALLEL_JOBS = 200
"""As the service has them."""


@pytest.fixture
def aai_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    """
    Serve a `ScriptedServer` on a port of this machine, for one test.

    `Client()` of whatever is tested asks it: it stands in the environment.
    """
    with ScriptedServer() as server:
        monkeypatch.setenv("ASSEMBLYAI_BASE_URL", server.base_url)
        monkeypatch.setenv("ASSEMBLYAI_API_KEY", server.key)
        yield server


@pytest.fixture
def aai_client(aai_server: ScriptedServer) -> aai.Client:
    """Make a client of `aai_server` that hardly waits; open it: `async with aai_client:`."""
    return aai_server.client()


@attrs.frozen(kw_only=True)
class ReceivedRequest:
    """A request that has come to a `ScriptedServer`."""

    method: str
    path: str
    query: str
    """What stands after the question mark."""
    headers: Mapping[str, str]
    """By names in lower case; the key is not among them."""
    body: bytes = attrs.field(repr=False)
    """The first MiB of it."""
    size: int
    """Bytes of the whole body."""

    @property
    def json(self) -> Any:  # whatever the client has sent
        """The body, read as JSON."""
        return json.loads(self.body)


@attrs.define(kw_only=True)
class _Fault:
    pattern: str
    passes: int
    """Requests that it lets through first."""
    left: int
    """Requests that it then answers, or delays."""
    status: int | None
    headers: Mapping[str, str]
    text: str
    delay: float


class ScriptedServer:
    """
    The service on this machine, which hears what it is told to hear: `with ScriptedServer() as server:`.

    Or in this event loop, without a port: `async with server.in_process():`.
    """

    key: str
    """The API key that it asks for."""

    base_url: str
    """Where it is."""

    requests: list[ReceivedRequest]
    """All that were answered, in turn, also by a fault, and those that were broken off."""

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

    # What it does

    @property
    def strict(self) -> bool:
        """
        Whether names that the server does not know are refused with status 400, and what was probably meant.

        By default, models, parameters, keys and values that the service may have added since are recorded,
        echoed and logged once. `aai_server.strict = True` finds typing errors.
        """
        return self._policy.strict

    @strict.setter
    def strict(self, strict: bool) -> None:
        self._policy.strict = strict

    @property
    def speech_models(self) -> Sequence[str]:
        """The models of a job that names none, which the account decides at the service; to be set."""
        return self._policy.speech_models

    @speech_models.setter
    def speech_models(self, models: Sequence[str]) -> None:
        self._policy.speech_models = models

    def hears(self, script: Script, *, delay: float = 0.0) -> None:
        """
        Hear this in each recording that is transcribed from now on, whether it is uploaded or an address.

        Args:
            script: A text; an `aai_async.server.Recognition`, of words with times, confidences and speakers;
                or a function of an `aai_async.server.SpeechRequest`, plain or async, that gives one of them
                for each recording.
            delay: Seconds that each job takes.
        """
        self._script, self._delay = script, delay

    def fails(self, message: str, *, delay: float = 0.0) -> None:
        """Let each job that is worked on from now on end in `error`, with this as its text."""
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
        Do something else with a request: answer it with a status, let it wait, or both.

        A request that is answered does not reach the service: what it asks for is not done.

        Args:
            request: Which: method and path, with wildcards: `"GET /v2/transcript/*"`, `"POST *"`.
            status: What to answer; without it the service does.
            on: The first of these requests that it happens to, counted from now: 2 is the second.
            times: How many it happens to.
            headers: Of the answer, such as `{"retry-after": "0"}`; a client really waits for as long as it is
                told to.
            text: The body of the answer.
            delay: Seconds before the answer.

        Raises:
            ValueError: `on` or `times` is below 1, or nothing is to be done.
        """
        if on < 1 or times < 1:
            raise ValueError(f"on and times count from 1, not {min(on, times)}")
        if status is None and not delay:
            raise ValueError("a fault needs a status, a delay, or both")
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
        """Count the requests that have come, by method and path with wildcards."""
        return sum(_fits(one.method, one.path, request) for one in list(self.requests))

    def client(self, **settings: Any) -> aai.Client:  # as `Client` takes them
        """Make a client that asks this server and hardly waits between looks, and before it repeats."""
        transport = self._transport
        if transport is not None:
            settings.setdefault("http", lambda: httpx.AsyncClient(transport=transport))
        settings.setdefault("polling", aai.Polling(first=0.005, pace=0.02, floor=0.005))
        settings.setdefault("retry", aai.Retry(first=0.001))
        return aai.Client(self.key, base_url=self.base_url, **settings)

    # Where it is

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
        """Serve in this event loop, by ASGI: no port, and no thread for it; `client` makes what asks it."""
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
                except Exception as error:  # noqa: BLE001 - raised again outside of the application's group
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

    # What stands before it

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
                # Before the answer: whoever has it may look here at once.
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
    # The whole of the body first: a client that is answered amid an upload may see a broken connection.
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
