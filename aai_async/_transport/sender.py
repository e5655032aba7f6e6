"""
Performs a `Call`: adds the key, sends, repeats what may be repeated, maps every failure to an error of ours.

What may be repeated is the call's knowledge, and when that of `Retry`; here is the loop that asks.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import logging
import math
import platform
from typing import Any, Self, TypeVar

import anyio

from aai_async._api.credentials import APIKey, BaseURLs
from aai_async._api.endpoints import Call
from aai_async._api.reply import HTTPReply
from aai_async._concurrency.cancellation import ShieldedRequest
from aai_async._concurrency.threads import in_thread_if_there_is_one
from aai_async._errors import (
    AAIError,
    APIError,
    AttemptTimeoutError,
    ConfigError,
    ConnectError,
    NotFoundError,
    ProtocolError,
    RateLimitError,
    RequestState,
    RetryBudgetError,
    about,
)
from aai_async._events import Event, OnEvent, Retrying, Throttled, Uploading, emit, logger
from aai_async._io.source import Source
from aai_async._retry import Budget, Retry, Timeouts, parse_http_date
from aai_async._transport.backend import HTTPClient, quiet_url, stream_of
from aai_async._transport.deadline import AttemptDeadline
from aai_async._transport.error_mapping import failure_of, in_groups, out_of_time
from aai_async._transport.pool import ClientLease, ClientPool
from aai_async._transport.request_body import Body, OnSent, opened
from aai_async._transport.response_body import read_error, read_response, save
from aai_async._version import __version__

T = TypeVar("T")

_LARGE_REPLY = 256 * 1024
"""Bytes from which a reply is decoded in a thread."""

_MIXED_UP = 60.0
"""Seconds for which no connection is used twice, after a reply that was not what was asked for."""


class Sender:
    """A connection to the service: open it with `async with`, then `perform` calls."""

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
        self._pool = ClientPool(client, base_urls)
        self._on_event = on_event
        self._not_before = dict[str, float]()
        """By host: when the next request may be sent to it."""
        self._dated: tuple[str, float] | None = None
        """The date of the latest reply, and when it came."""
        self._mixed_up_until = -math.inf
        """Until when each connection is used once, for a reply was not the one to its request."""

    def check(self) -> None:
        """
        Make sure that it is open, and open here.

        Raises:
            ConfigError: It is not.
        """
        self._pool.check()

    def room_for_uploads(self, most: int) -> contextlib.AbstractContextManager[None]:
        """Let so many uploads go at once, where that is more than usual."""
        return self._pool.room_for_uploads(most)

    def fingerprint(self, salt: bytes) -> str:
        """Tell the key from others, without telling it."""
        return self._key.fingerprint(salt)

    @property
    def service_time(self) -> dt.datetime | None:
        """What the service's clock shows now, to a second; `None` before any reply that has told."""
        if self._dated is None:
            return None
        date, came = self._dated
        then = parse_http_date(date)
        return then and then + dt.timedelta(seconds=anyio.current_time() - came)

    async def __aenter__(self) -> Self:
        await self._pool.open()
        self._not_before.clear()
        self._dated = None
        self._mixed_up_until = -math.inf
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
        Send a request, again as long as the policy and the kind of request allow, and read its reply.

        Args:
            call: The request.
            shielded: Told of the answer at once. With it, a request that was sent is brought to its end
                although the caller is cancelled, for as long as its parting lasts.
            is_urgent: Whether it waits neither for other requests nor for what the service has asked for.

        Raises:
            RetryBudgetError: It failed, and the client has no retries left.
            AAIError: What went wrong last, with the operation and the number of attempts.
        """
        with about(transcript_id=call.transcript_id):
            return await self._send_until_done(call, shielded, is_urgent=is_urgent)

    async def _send_until_done(
        self, call: Call[T], shielded: ShieldedRequest[T] | None, *, is_urgent: bool
    ) -> T:
        attempt, spent, may_be_done = 0, 0.0, False
        while True:
            attempt += 1
            result = await self._attempt(call, shielded, is_urgent=is_urgent)
            if may_be_done and call.gone is not None and isinstance(result, NotFoundError):
                result = call.gone
            if not isinstance(result, AAIError):
                self._budget.succeed(spent)
                return result
            may_be_done = may_be_done or result.verdict is RequestState.AMBIGUOUS
            delay = self._delay(call, result, attempt)
            cost = None if delay is None else self._cost(result)
            if delay is None or cost is None:
                raise _failed(call, result, attempt, is_over_budget=delay is not None)
            spent += cost
            error = _told(call, result, attempt)
            name = type(error).__name__
            logger.info("%s: attempt %d failed (%s), again in %.1f s", call.operation, attempt, name, delay)
            self.emit(Retrying(operation=call.operation, attempt=attempt, delay=delay, error=error))
            with self._budget.given_back_unless_used(cost):
                await anyio.sleep(delay)

    async def send_once(self, call: Call[T]) -> T:
        """
        Send a request once: for whoever looks again and again in any case, which costs no retries.

        Raises:
            AAIError: What went wrong.
        """
        with about(transcript_id=call.transcript_id):
            result = await self._attempt(call, None, is_urgent=False)
            if isinstance(result, AAIError):
                raise _failed(call, result, 1, is_over_budget=False)
            return result

    def _cost(self, error: AAIError) -> float | None:
        return self._budget.spend(is_timeout=isinstance(error, AttemptTimeoutError))

    def _delay(self, call: Call[T], error: AAIError, attempt: int) -> float | None:
        retry_after = error.retry_after if isinstance(error, APIError) else None
        return self._retry.delay(error.verdict, attempt, repeat=call.repeat, retry_after=retry_after)

    async def _attempt(
        self, call: Call[T], shielded: ShieldedRequest[T] | None, *, is_urgent: bool
    ) -> T | AAIError:
        exchange = functools.partial(self._exchange, call, shielded, is_urgent=is_urgent)
        try:
            result = await (exchange() if shielded is None else shielded.hold(exchange))
        except ConnectError as error:
            result = error
        if isinstance(result, RateLimitError) and call.url is None:
            self._throttle(self._host(call), result.retry_after or 0.0)
        return result

    async def _wait_for_leave(self, host: str) -> None:
        # It may be put off meanwhile.
        while (left := self._not_before.get(host, 0.0) - anyio.current_time()) > 0:  # noqa: ASYNC110
            await anyio.sleep(left)

    def _throttle(self, host: str, seconds: float) -> None:
        """Let all calls wait, for the service counts the requests of an account and not of a call."""
        now, before = anyio.current_time(), self._not_before.get(host, 0.0)
        # A wait of hours is for the caller to decide on, not for calls that know nothing of it.
        if not 0 < seconds <= self._retry.max_retry_after or now + seconds <= before:
            return
        self._not_before[host] = now + seconds
        # Those that were on the way are refused as well, each a moment later.
        if now + seconds > before + 0.1:
            logger.info("throttled: no request for %.1f s", seconds)
            self.emit(Throttled(delay=seconds))

    async def _exchange(
        self, call: Call[T], shielded: ShieldedRequest[T] | None, *, is_urgent: bool
    ) -> T | AAIError:
        host = self._host(call)
        async with self._pool.lease(
            is_urgent=is_urgent,
            is_recording=isinstance(call.body, Source),
            is_to_storage=call.url is not None and call.url.startswith("https://"),
        ) as lease:
            # With a place already, so that no call is sent that was waiting for one.
            is_held_back = call.url is None and not is_urgent
            if is_held_back:
                await self._wait_for_leave(host)
            if shielded is not None:
                await shielded.sending()
                if is_held_back:
                    await self._wait_for_leave(host)
            clock = AttemptDeadline(self._timeouts)
            async with opened(call.body, clock, shielded, self._teller_of(call)) as body:
                began = anyio.current_time()
                ended: tuple[HTTPReply | None, T | AAIError] | None = None
                lease.is_broken = True
                with clock.scope:
                    ended = await self._send(call, call.url or f"{host}{call.path}", lease, clock, body)
                    lease.is_broken = False
                reply, result = ended or (None, out_of_time(body, clock))
                now = anyio.current_time()
                _log(call, reply, result, now - began)
        # The date of a reply that is not the one to this request may be of any time.
        if reply and call.url is None and "date" in reply.headers and not isinstance(result, ProtocolError):
            self._dated = reply.headers["date"], now
        return result

    def _teller_of(self, call: Call[T]) -> OnSent:
        size = call.body.size if isinstance(call.body, Source) else None
        return lambda sent: self.emit(Uploading(sent=sent, size=size))

    async def _send(
        self, call: Call[T], url: str, lease: ClientLease, clock: AttemptDeadline, body: Body | None
    ) -> tuple[HTTPReply | None, T | AAIError]:
        """Send a request, and give its reply with what that means."""
        try:
            request = self._request(lease, call, url, body)
            auth = None if call.url else self._key
            response = await lease.client.send(request, auth=auth, follow_redirects=False, stream=True)
            try:
                reply = await _receive(call, response, clock)
                clock.stop()
                result = await _result(call, reply)
                if not self._can_be_trusted(call, result):
                    lease.drop(response)
                return reply, result
            finally:
                await response.aclose()
        except anyio.get_cancelled_exc_class() as error:
            # Some transports have the key in their frames, and a timeout of the caller's shows them.
            raise error.with_traceback(None)  # noqa: B904
        except BaseExceptionGroup as group:
            raised = in_groups(group)
        except Exception as error:  # noqa: BLE001 - whatever a transport raises must not get out
            raised = [error]
        # Only here, where what is raised does not get the transport's exception as its context.
        failure = await failure_of(raised, body, lease)
        failure.args = (self._key.hidden_in(str(failure.args[0])), *failure.args[1:])
        return None, failure

    def _can_be_trusted(self, call: Call[T], result: T | AAIError) -> bool:
        """Whether the next reply on a connection will be the one to its request, as far as can be told."""
        now = anyio.current_time()
        if isinstance(result, ProtocolError):
            # Where one reply has come twice, others will.
            self._mixed_up_until = now + _MIXED_UP
        if isinstance(result, AAIError):
            # No refusal tells what it refuses.
            return False
        return now >= self._mixed_up_until and call.shows_request(result)

    def _request(self, lease: ClientLease, call: Call[T], url: str, body: Body | None) -> Any:
        headers = {"user-agent": _user_agent(lease.library), "accept-encoding": "gzip"}
        timeout = lease.library.Timeout(self._timeouts.stall, connect=self._timeouts.connect, pool=None)
        extensions = {"timeout": timeout.as_dict(), "trace": lease.trace}
        if call.url:
            # Not built by the client, which may be the caller's own and have a key in whatever it sends.
            request = lease.library.Request("GET", url, headers=headers, extensions=extensions)
            request.url = quiet_url(lease.client, lease.library, url)
            return request
        if body is None:
            return lease.client.build_request(call.method, url, headers=headers, extensions=extensions)
        stream = stream_of(lease.library, body)
        request = lease.client.build_request(
            call.method, url, headers=headers | body.headers, content=stream, extensions=extensions
        )
        # Not the generator that the library has wrapped it in, which a broken upload would leave open.
        request.stream = stream
        return request

    def _host(self, call: Call[T]) -> str:
        host = self.base_urls.gateway if call.is_for_gateway else self.base_urls.api
        if host is None:
            raise ConfigError(
                "The LLM Gateway has an address of its own, which base_url does not tell: "
                "give Client(gateway_url=...)."
            )
        return host


async def _receive(call: Call[T], response: Any, clock: AttemptDeadline) -> HTTPReply:
    is_answer = response.status_code in call.answers
    content = b""
    if not is_answer:
        content = await read_error(response, clock)
    elif call.into is None:
        content = await read_response(response, clock)
    else:
        await save(response, clock, call.into)
    return HTTPReply(status=response.status_code, headers=dict(response.headers), body=content)


async def _result(call: Call[T], reply: HTTPReply) -> T | AAIError:
    if reply.status not in call.answers:
        return call.error_from(reply)
    try:
        if len(reply.body) < _LARGE_REPLY:
            return call.read(reply)
        return await in_thread_if_there_is_one(call.read, reply)
    except ProtocolError as error:
        error.verdict = RequestState.AMBIGUOUS
        return error


def _told(call: Call[T], error: AAIError, attempts: int) -> AAIError:
    """Make an error fit for the caller."""
    error.operation, error.attempts = call.operation, attempts
    # Without the frames where it was caught: the HTTP library's hold the request and its key.
    return error.with_traceback(None)


def _failed(call: Call[T], error: AAIError, attempts: int, *, is_over_budget: bool) -> AAIError:
    error = _told(call, error, attempts)
    if not is_over_budget:
        return error
    over_budget = RetryBudgetError(
        "So many requests of this client have failed that it repeats none for now, see Retry(budget=...). "
        f"The last: {error.args[0]}",
        operation=call.operation,
        attempts=attempts,
        verdict=error.verdict,
    )
    over_budget.__cause__ = error
    return over_budget


def _log(call: Call[T], reply: HTTPReply | None, result: object, seconds: float) -> None:
    if logger.isEnabledFor(logging.DEBUG):
        outcome = reply.status if reply else type(result).__name__
        path = call.path.partition("?")[0] or "(pre-signed address)"
        logger.debug("%s %s: %s, %d ms", call.method, path, outcome, seconds * 1000)


@functools.cache
def _user_agent(library: Any) -> str:
    name = f"{library.__name__}/{library.__version__}"
    return f"aai-async/{__version__} {name} Python/{platform.python_version()}"
