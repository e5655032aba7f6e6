"""
The loop that performs a `Call`: it adds the key, sends, retries, and converts each failure to an `AAIError`.

The call decides which failures allow a retry, and `Retry` decides when.
"""

from __future__ import annotations

import contextlib
import copy
import datetime as dt
import functools
import logging
from typing import Any, Self, TypeVar

import anyio

from aai_async._api.credentials import APIKey, BaseURLs
from aai_async._api.endpoints import Call
from aai_async._api.reply import HTTPReply
from aai_async._concurrency.cancellation import ShieldedRequest
from aai_async._concurrency.threads import in_thread_if_there_is_one
from aai_async._errors import (
    AAIError,
    ConfigError,
    ConnectError,
    NotFoundError,
    ProtocolError,
    RateLimitError,
    RequestState,
    about,
)
from aai_async._events import Event, OnEvent, Retrying, Uploading, emit, logger, step
from aai_async._io.source import Source
from aai_async._retry import Budget, Retry, Timeouts
from aai_async._transport.backend import HTTPClient
from aai_async._transport.deadline import AttemptDeadline
from aai_async._transport.error_mapping import failure_of, in_groups, out_of_time
from aai_async._transport.late_delivery import shown_within, socket_options
from aai_async._transport.pauses import Pauses
from aai_async._transport.pool import ClientLease, ClientPool
from aai_async._transport.request import new_request
from aai_async._transport.request_body import Body, OnSent, opened
from aai_async._transport.response_body import read_error, read_response, save
from aai_async._transport.response_history import ResponseHistory
from aai_async._transport.retries import CallRetries

T = TypeVar("T")

_LARGE_REPLY = 256 * 1024
"""Minimum size in bytes of a response that is decoded in a thread, so that the event loop is not blocked."""


class Sender:
    """The requests of a client: open it with `async with`, then `send` calls."""

    def __init__(
        self,
        *,
        base_urls: BaseURLs,
        key: APIKey,
        retry: Retry,
        timeouts: Timeouts,
        client: HTTPClient | None,
        on_event: OnEvent | None = None,
    ) -> None:
        self.base_urls = base_urls
        self._key = key
        self._retry = retry
        self._budget = Budget(retry.budget)
        self._timeouts = timeouts
        self._pool = ClientPool(client, base_urls, socket_options(timeouts))
        self._on_event = on_event
        self.pauses = Pauses(retry, self.emit)
        self._history = ResponseHistory()

    def with_settings(self, retry: Retry | None, timeouts: Timeouts | None) -> Sender:
        """Return a sender with other settings that shares everything else, also the retry budget."""
        other = copy.copy(self)
        other._retry, other._timeouts = retry or self._retry, timeouts or self._timeouts  # noqa: SLF001 - its own
        return other

    def check(self) -> None:
        """
        Check that it is open, in this process and event loop.

        Raises:
            ConfigError: It is not.
        """
        self._pool.check()

    def room_for_uploads(self, most: int) -> contextlib.AbstractContextManager[None]:
        """Allow up to `most` concurrent uploads during the block, if that is more than the default."""
        return self._pool.room_for_uploads(most)

    @property
    def resubmits(self) -> int:
        """How often a recording is submitted again whose job failed for the service's own reasons."""
        return self._retry.resubmits

    @property
    def shown_within(self) -> float:
        """Seconds after which the list shows the job of a submit that was announced, or never (Linux)."""
        return shown_within(self._timeouts)

    def fingerprint(self, salt: bytes) -> str:
        """Return a hash that identifies the API key without revealing it."""
        return self._key.fingerprint(salt)

    @property
    def service_time(self) -> dt.datetime | None:
        """The time of the service's clock to a second; `None` before the first response with a date."""
        return self._history.service_time

    async def __aenter__(self) -> Self:
        await self._pool.open()
        self.pauses.end_all()
        self._history.forget()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._pool.close()

    def emit(self, event: Event) -> None:
        """Emit an event to the listener of the client, and to that of the current context."""
        emit(self._on_event, event)

    async def send(
        self, call: Call[T], *, shielded: ShieldedRequest[T] | None = None, is_urgent: bool = False
    ) -> T:
        """
        Send a request, with retries as the policy and the call allow, and return its parsed response.

        Args:
            call: The request.
            shielded: Records the response at once. If the caller is cancelled after the request was sent, the
                request is still completed, within the grace period of the call.
            is_urgent: Whether to wait neither for other requests nor for a pause that the service asks for.

        Raises:
            RetryBudgetError: It failed, and the retry budget of the client is used up.
            AAIError: The error of the last attempt, with the operation and the number of attempts.
        """
        with about(transcript_id=call.transcript_id):
            return await self._send_until_done(call, shielded, is_urgent=is_urgent)

    async def _send_until_done(
        self, call: Call[T], shielded: ShieldedRequest[T] | None, *, is_urgent: bool
    ) -> T:
        retries = self._retries(call)
        may_be_done = False
        while True:
            result = await self._attempt(call, shielded, retries.attempt, is_urgent=is_urgent)
            if may_be_done and call.if_gone is not None and isinstance(result, NotFoundError):
                result = call.if_gone
            if not isinstance(result, AAIError):
                self._budget.succeed(retries.spent)
                return result
            may_be_done = may_be_done or result.verdict is RequestState.AMBIGUOUS
            delay = retries.delay_after(result)
            if isinstance(delay, AAIError):
                raise delay
            error = retries.with_context(result)
            attempt, name = retries.attempt, type(error).__name__
            message = "%s: attempt %d failed (%s), again in %.1f s"
            logger.info(message, call.operation, attempt, name, delay, extra=_log_fields(call))
            self.emit(Retrying(operation=call.operation, attempt=attempt, delay=delay, error=error))
            with self._budget.given_back_unless_used(retries.cost):
                await anyio.sleep(delay)
            retries.attempt += 1

    async def send_once(self, call: Call[T]) -> T:
        """
        Send a request without retries and without use of the retry budget, for callers that poll.

        Raises:
            AAIError: It failed.
        """
        with about(transcript_id=call.transcript_id):
            result = await self._attempt(call, None, 1, is_urgent=False)
            if isinstance(result, AAIError):
                raise self._retries(call).with_context(result)
            return result

    def _retries(self, call: Call[T]) -> CallRetries:
        return CallRetries(call, self._host(call), self._retry, self._budget, self.pauses)

    async def _attempt(
        self, call: Call[T], shielded: ShieldedRequest[T] | None, number: int, *, is_urgent: bool
    ) -> T | AAIError:
        exchange = functools.partial(self._exchange, call, shielded, number, is_urgent=is_urgent)
        try:
            return await (exchange() if shielded is None else shielded.hold(exchange))
        except ConnectError as error:
            return error

    async def _exchange(
        self, call: Call[T], shielded: ShieldedRequest[T] | None, number: int, *, is_urgent: bool
    ) -> T | AAIError:
        host = self._host(call)
        async with self._pool.lease(
            is_urgent=is_urgent or call.is_for_many,
            is_recording=isinstance(call.body, Source),
            is_to_storage=call.url is not None and call.url.startswith("https://"),
        ) as lease:
            # Checked with a connection in hand, so that calls that waited for one respect the pause too.
            is_held_back = call.url is None and not is_urgent
            if is_held_back:
                await self.pauses.wait(host, is_for_many=call.is_for_many)
            if shielded is not None:
                await shielded.sending()
                # A journal was written meanwhile, which takes time; during a pause, another batch may have
                # taken it over.
                while is_held_back and await self.pauses.wait(host):
                    await shielded.sending()
            if call.url is None:
                self.pauses.add(host)
            clock = AttemptDeadline(self._timeouts)
            url = call.url or f"{host}{call.path}"
            is_encrypted, on_sent = url.startswith("https://"), self._upload_listener(call)
            async with opened(call.body, clock, shielded, on_sent, is_encrypted=is_encrypted) as body:
                with step(
                    "attempt",
                    operation=call.operation,
                    transcript_id=call.transcript_id,
                    method=call.method,
                    url=url,
                    path=call.path,
                    number=number,
                ) as facts:
                    sent = await self._send_in_time(call, url, lease, clock, body)
                    reply, result = sent
                    facts["status_code"] = reply.status if reply else None
                    facts["error_type"] = type(result).__name__ if isinstance(result, AAIError) else None
        # A response that does not belong to this request may be old, and its date too.
        if reply and call.url is None and not isinstance(result, ProtocolError):
            self._history.add_date(reply.headers.get("date"))
            self._count(result, host, call.operation, clock.began)
        return result

    def _count(self, result: object, host: str, operation: str, sent_at: float) -> None:
        """Record whether a request that was sent at a time was refused because of a rate limit."""
        if isinstance(result, RateLimitError):
            self.pauses.refuse(host, operation, sent_at=sent_at, retry_after=result.retry_after)
        else:
            self.pauses.accept(host, operation, sent_at=sent_at)

    async def _send_in_time(
        self, call: Call[T], url: str, lease: ClientLease, clock: AttemptDeadline, body: Body | None
    ) -> tuple[HTTPReply | None, T | AAIError]:
        """Send a request within its time limits; return its response, and the result or the error."""
        ended: tuple[HTTPReply | None, T | AAIError] | None = None
        lease.is_broken = True
        with clock.scope:
            ended = await self._send(call, url, lease, clock, body)
            lease.is_broken = False
        reply, result = ended or (None, out_of_time(body, clock))
        _log(call, reply, result, clock)
        return reply, result

    def _upload_listener(self, call: Call[T]) -> OnSent:
        size = call.body.size if isinstance(call.body, Source) else None
        return lambda sent: self.emit(Uploading(sent=sent, size=size))

    async def _send(
        self, call: Call[T], url: str, lease: ClientLease, clock: AttemptDeadline, body: Body | None
    ) -> tuple[HTTPReply | None, T | AAIError]:
        """Send a request; return its response, and the result or the error."""
        try:
            request = new_request(call, url, body, lease, self._timeouts)
            auth = None if call.url else self._key
            response = await lease.client.send(request, auth=auth, follow_redirects=False, stream=True)
            try:
                reply = await _receive(call, response, clock)
                clock.stop()
                if reply.status not in call.statuses:
                    # A proxy can repeat the headers of a request in its response.
                    reply = reply.replacing(self._key.hidden_in)
                result = await _result(call, reply)
                if not self._is_reusable(call, result):
                    lease.drop(response)
                return reply, result
            finally:
                await response.aclose()
                # The library's stream refers to its response, which only the garbage collector would free.
                response.stream = lease.library.ByteStream(b"")
        except anyio.get_cancelled_exc_class() as error:
            # The frames of some transports contain the key, and a traceback with local variables shows it.
            raise error.with_traceback(None)  # noqa: B904
        except BaseExceptionGroup as group:
            raised = in_groups(group)
        except Exception as error:  # noqa: BLE001 - a transport may raise anything; callers get an AAIError
            raised = [error]
        # After the handlers, so that the exception of the transport does not become the context of the error.
        failure = await failure_of(raised, body, lease)
        failure.args = (self._key.hidden_in(str(failure.args[0])), *failure.args[1:])
        return None, failure

    def _is_reusable(self, call: Call[T], result: T | AAIError) -> bool:
        """Return whether the next response on the connection will certainly belong to its request."""
        if isinstance(result, ProtocolError):
            # A proxy that has sent one response twice may do so again.
            self._history.add_mix_up()
        if isinstance(result, AAIError):
            # An error response does not show its request, so it may be a second copy.
            return False
        return not self._history.has_mix_up and call.shows_request(result)

    def _host(self, call: Call[T]) -> str:
        host = self.base_urls.gateway if call.is_for_gateway else self.base_urls.api
        if host is None:
            raise ConfigError(
                "The LLM Gateway has a URL of its own, which cannot be derived from this base_url: "
                "give Client(gateway_url=...)."
            )
        return host


async def _receive(call: Call[T], response: Any, clock: AttemptDeadline) -> HTTPReply:
    content = b""
    if response.status_code not in call.statuses:
        content = await read_error(response, clock)
    elif call.into is None:
        content = await read_response(response, clock)
    else:
        await save(response, clock, call.into)
    return HTTPReply(status=response.status_code, headers=response.headers, body=content)


async def _result(call: Call[T], reply: HTTPReply) -> T | AAIError:
    if reply.status not in call.statuses:
        return call.error_from(reply)
    try:
        if len(reply.body) < _LARGE_REPLY:
            return call.read(reply)
        return await in_thread_if_there_is_one(call.read, reply)
    except ProtocolError as error:
        # The request was received, so it may have been carried out.
        error.verdict = RequestState.AMBIGUOUS
        return error


def _log(call: Call[T], reply: HTTPReply | None, result: object, clock: AttemptDeadline) -> None:
    if logger.isEnabledFor(logging.DEBUG):
        outcome = reply.status if reply else type(result).__name__
        path = call.path.partition("?")[0] or "(pre-signed URL)"
        milliseconds = 1000 * (anyio.current_time() - clock.began)
        message = "%s %s: %s, %d ms"
        logger.debug(message, call.method, path, outcome, milliseconds, extra=_log_fields(call))


def _log_fields(call: Call[T]) -> dict[str, str | None]:
    return {"operation": call.operation, "transcript_id": call.transcript_id}
