"""The server of a test: what it responds with, and what it received."""

from __future__ import annotations

import contextlib
import importlib.util
import inspect
import secrets
import tempfile
from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import anyio
import httpx

import aai_async as aai
from aai_async._command_lines import install_command
from aai_async.testing.faults import Cut, Fault, Faults, respond
from aai_async.testing.received import ReceivedRequest, dated, fits, recorded
from aai_async.testing.results import Result, Results, scripted
from aai_async.testing.webhook_delivery import ApplicationClient, ClientTransport, WebhookTransport

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from aai_async.server import ScriptedEngine, SpeechRequest
    from aai_async.server.engines.scripted import Answer, Script

_PARALLEL_JOBS = 200
"""Jobs in progress at once, as at the service."""

_UNDERSTANDING = "/v1/understanding"
"""The path of `Client.understand` at the LLM Gateway."""


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
        if any(importlib.util.find_spec(name) is None for name in ("starlette", "uvicorn", "glin_profanity")):
            raise aai.ConfigError(f"The server of a test is an extra: {install_command('testing')}.")
        from aai_async.server.policy import SubmissionPolicy  # noqa: PLC0415 - not in each process that runs pytest

        self._policy = SubmissionPolicy()
        self.key = secrets.token_hex(16)
        self.base_url = "http://127.0.0.1"
        self.requests = []
        self._transport: httpx.ASGITransport | None = None
        self._results = Results()
        self._understanding: bytes | None = None
        self._faults = Faults()
        self._webhook_transport = WebhookTransport()
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

    def hears(self, *scripts: Script, delay: float = 0.0) -> None:
        r"""
        Set the result of the next recording, whether it is uploaded or given as a URL.

        Several results, in one call or in several, are used in the order of the jobs. The last one is used
        for all further recordings. Where jobs run at the same time, pass a function of the recording instead.

        Args:
            scripts: A text, also with speakers such as ``"A: Hi.\nB: Hello."`` (`ScriptedEngine` describes
                it); an `aai_async.server.Recognition` with words, times, confidences and speakers; or a
                function, plain or async, that takes an `aai_async.server.SpeechRequest` and returns one of
                these: ``lambda request: request.audio.read_text()``.
            delay: Duration of each job, in seconds.

        Raises:
            TypeError: A script is none of these, or there is none.
        """
        from aai_async.server.engines.scripted import check_script  # noqa: PLC0415 - not in each process of pytest

        if not scripts:
            raise TypeError("no result was given: pass at least one text, Recognition or function")
        for script in scripts:
            check_script(script, "For the JSON of a transcript use answers(...).")
        for script in scripts:
            self._results.add(Result(script, delay))

    def answers(
        self, *answers: aai.Transcript | aai.Understanding | Mapping[str, Any], delay: float = 0.0
    ) -> None:
        """
        Respond with complete answers, such as recorded ones with chapters, entities or translations.

        Transcripts take their turn among the results of `hears`. A job keeps its own id, URLs and webhook.
        All other fields are as given, and options such as `redact_pii` do not change them. A text without
        words gets its words from the text. A failed transcript fails the job.

        Args:
            answers: `aai.Transcript.from_json(...)`; the JSON of a transcript as a dict, all fields
                optional, such as ``{"text": "Hi.", "summary": "A greeting."}``; or an `aai.Understanding`,
                the response to each further `Client.understand`.
            delay: Duration of each job, in seconds.

        Raises:
            TypeError: An answer is none of these.
            ValueError: The transcript is not completed and not failed, or has malformed words.
        """
        for answer in answers:
            if isinstance(answer, aai.Understanding):
                self._understanding = answer.body
                continue
            scripted(answer)  # Raises now, in the line of the test that is wrong.

            def answered(
                request: SpeechRequest, answer: aai.Transcript | Mapping[str, Any] = answer
            ) -> Answer:
                return scripted(answer, request)

            self._results.add(Result(answered, delay))

    def fails(self, message: str, *, delay: float = 0.0) -> None:
        """
        Let the next job end in `error` with this message; `delay` is in seconds.

        It takes its turn among the results of `hears`: further jobs fail too, until another result is set.
        """
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
        cut: Cut | None = None,
    ) -> None:
        """
        Inject a fault: answer matching requests with a status, delay them, or close their connection.

        A request that is answered with a status does not reach the server's application and has no effect.
        At the end of the test, a fault that affected no request is an error, see `assert_faults_used`.

        Args:
            request: Method and path of the requests, with wildcards: `"GET /v2/transcript/*"`, `"POST *"`.
            status: Status code of the response; by default the request is served normally after the delay.
            on: The first matching request to affect, counted from now: 2 is the second.
            times: Number of requests to affect.
            headers: Headers of the response, such as `{"retry-after": "0"}`. The client waits for the full
                time of a `retry-after`.
            text: Body of the response.
            delay: Delay before the response, in seconds.
            cut: Closes the connection instead of a complete response: `"request"` before the request has an
                effect, `"response"` after it, so that only the response is lost.

        Raises:
            ValueError: `on` or `times` is less than 1, `cut` is another word, there is neither `status`,
                `delay` nor `cut`, or both `status` and `cut`.
        """
        if on < 1 or times < 1:
            raise ValueError(f"on and times must be at least 1, not {min(on, times)}")
        if cut not in {None, "request", "response"}:
            raise ValueError(f"cut must be 'request' or 'response', not {cut!r}")
        if cut is not None and status is not None:
            raise ValueError("a fault has a status or a cut, not both")
        if status is None and not delay and cut is None:
            raise ValueError("a fault requires a status, a delay or a cut")
        self._faults.add(
            Fault(
                pattern=request,
                passes=on - 1,
                left=times,
                status=status,
                headers=headers or {},
                text=text,
                delay=delay,
                cut=cut,
            )
        )

    def webhooks(self, *, app: ASGIApp | None = None, client: ApplicationClient | None = None) -> None:
        """
        Deliver the notifications of webhooks to an application in this process, without a port.

        Jobs can then have a `webhook_url` on any host; only its path and query reach the application.

        Args:
            app: The application, such as one of FastAPI. It is called in the event loop of this server, so
                use it with `in_process`. Its lifespan is not started.
            client: A client of the application that needs no event loop, such as FastAPI's `TestClient`. It
                is called in a thread, so it works with the fixture `aai_server`.

        Raises:
            TypeError: Neither or both are given.
        """
        if (app is None) == (client is None):
            raise TypeError("webhooks requires either app or client")
        # An exception of the application is status 500 for the server, as it is over a port.
        self._webhook_transport.receiver = (
            ClientTransport(client)
            if client is not None
            else httpx.ASGITransport(app, raise_app_exceptions=False)  # type: ignore[arg-type]
        )
        self._policy.webhooks_to_any_host = True

    def count(self, request: str) -> int:
        """Return the number of requests received, by method and path with wildcards."""
        return sum(fits(one.method, one.path, request) for one in list(self.requests))

    def assert_faults_used(self) -> None:
        """
        Check that each fault affected a request, and remove all faults.

        The end of the server calls it unless an exception ends the block; with `aai_server`, the end of the
        test function.

        Raises:
            AssertionError: A fault affected no request: its pattern matches none, or too few were made.
        """
        unused = self._faults.drop()
        if unused:
            made = sorted({f"{one.method} {one.path}" for one in list(self.requests)})
            raise AssertionError(
                f"No request was affected by the fault {' nor by '.join(map(repr, unused))}. "
                f"The requests were: {', '.join(made) or 'none'}."
            )

    def drop_faults(self) -> None:
        """Remove all faults, used or not."""
        self._faults.drop()

    def client(self, **settings: Any) -> aai.Client:  # as `Client` takes them
        """
        Create a client of this server with very short waits between polls and before retries.

        A rate limit that refuses each request is raised after 4 seconds, and a `Retry-After` of more than a
        second at once.
        """
        transport = self._transport
        if transport is not None:
            settings.setdefault("http_client", lambda: httpx.AsyncClient(transport=transport))
        settings.setdefault("gateway_url", self.base_url)
        settings.setdefault("polling", aai.Polling(initial_delay=0.005, pace=0.02, min_list_interval=0.005))
        settings.setdefault("retry", aai.Retry(initial_delay=0.001, max_retry_after=1.0))
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
            webhook_transport=self._webhook_transport,
        )
        server.policy.webhooks_to_any_host = self._policy.webhooks_to_any_host
        self._policy = server.policy
        self._resources.enter_context(server)
        self.base_url = server.base_url
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._resources.close()
        if kind is None:
            self.assert_faults_used()

    @contextlib.asynccontextmanager
    async def in_process(self) -> AsyncGenerator[Self]:
        """Serve through ASGI in the current event loop, without a port or thread; use `client` to connect."""
        from aai_async.server.app import Limits, open_app  # noqa: PLC0415 - not in each process that runs pytest

        limits = Limits(parallel_jobs=_PARALLEL_JOBS)
        failure: Exception | None = None
        with tempfile.TemporaryDirectory(prefix="aai-async-") as name:
            async with open_app(
                self._engine(),
                key=self.key,
                directory=Path(name),
                limits=limits,
                policy=self._policy,
                webhook_transport=self._webhook_transport,
            ) as app:
                self._transport = httpx.ASGITransport(dated(self._before(app)))
                try:
                    yield self
                except Exception as error:  # noqa: BLE001 - raised again outside the application's task group
                    failure = error
                finally:
                    self._transport = None
        if failure is not None:
            raise failure
        self.assert_faults_used()

    def _engine(self) -> ScriptedEngine:
        from aai_async.server import ScriptedEngine  # noqa: PLC0415 - not in each process that runs pytest

        async def answer(request: SpeechRequest) -> Answer:
            result = self._results.next()
            await anyio.sleep(result.delay)
            script = result.script
            answer = script(request) if callable(script) else script
            return await answer if inspect.isawaitable(answer) else answer

        return ScriptedEngine(answer, reads_recordings=False)

    # Middleware

    def _before(self, app: ASGIApp) -> ASGIApp:
        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            await self._serve(app, scope, receive, send)

        return recorded(serve, self.requests)

    async def _serve(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        if self._understanding is not None and scope["path"] == _UNDERSTANDING:
            app = _constant(self._understanding)
        fault = self._faults.next_for(scope["method"], scope["path"])
        if fault is None:
            await app(scope, receive, send)
            return
        await anyio.sleep(fault.delay)
        await respond(fault, app, scope, receive, send)
        if fault.cut is not None and self._transport is not None:
            # Without a port there is no connection to close: httpx raises this for a closed one.
            raise httpx.RemoteProtocolError("Server disconnected, because a test cut the connection.")


def _constant(body: bytes) -> ASGIApp:
    from starlette.responses import Response  # noqa: PLC0415 - not in each process that runs pytest

    return Response(body, media_type="application/json")
