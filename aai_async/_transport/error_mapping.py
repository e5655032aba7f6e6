"""Conversion of transport exceptions to errors of this library, which state how far the request got."""

from __future__ import annotations

import logging
import ssl
import traceback
from collections.abc import Iterator, Sequence
from typing import cast

import anyio
from anyio.lowlevel import checkpoint

from aai_async._concurrency.task_groups import is_being_cancelled
from aai_async._errors import (
    AAIError,
    AttemptTimeoutError,
    ConnectError,
    ProtocolError,
    RequestState,
    SaveError,
    TransportError,
)
from aai_async._events import logger
from aai_async._shown_text import escaped
from aai_async._transport.deadline import AttemptDeadline
from aai_async._transport.pool import ClientLease
from aai_async._transport.request_body import Body

_PASSING = (
    ssl.SSLEOFError,
    ssl.SSLZeroReturnError,
    ssl.SSLSyscallError,
    ssl.SSLWantReadError,
    ssl.SSLWantWriteError,
)
"""TLS errors of a broken connection, or of one that waits for more data."""


def in_groups(error: BaseException) -> list[BaseException]:
    """Return the exceptions in a group and its nested groups."""
    if not isinstance(error, BaseExceptionGroup):
        return [error]
    group = cast("BaseExceptionGroup[BaseException]", error)
    return [inner for one in group.exceptions for inner in in_groups(one)]


async def failure_of(raised: Sequence[BaseException], body: Body | None, lease: ClientLease) -> AAIError:
    """
    Return the one error that represents the exceptions of an attempt.

    Raises:
        BaseException: The program must end, or the call was cancelled.
    """
    cancelled = anyio.get_cancelled_exc_class()
    for one in raised:
        if not isinstance(one, (Exception, cancelled)):
            raise one.with_traceback(None)
    cancellation = next((one for one in raised if isinstance(one, cancelled)), None)
    if cancellation is not None:
        # Connecting uses several tasks, each with its own cancellation: this raises a single one.
        await checkpoint()
        if is_being_cancelled():
            raise cancellation.with_traceback(None)
    for one in raised:
        if isinstance(one, (ProtocolError, SaveError)):
            one.verdict = RequestState.AMBIGUOUS if isinstance(one, ProtocolError) else None
            return one
    broken = body.why_it_broke() if body else None
    return broken or _transport_error(_most_telling(raised, lease), body, lease)


def _most_telling(raised: Sequence[BaseException], lease: ClientLease) -> BaseException:
    """Return an exception that was raised after connecting, if there is one."""
    no_connection = lease.library.ConnectError, lease.library.ConnectTimeout
    errors = [one for one in raised if isinstance(one, Exception)] or raised
    return next((one for one in errors if not isinstance(one, no_connection)), errors[0])


def _transport_error(error: BaseException, body: Body | None, lease: ClientLease) -> TransportError:
    """
    Convert an exception of the transport.

    The body shows how far a request got, and not the kind of exception: some transports report a reset
    after the last byte as a failure to connect.
    """
    what = f"{type(error).__name__}: {escaped(str(error))}" if str(error) else type(error).__name__
    library = lease.library
    if logger.isEnabledFor(logging.DEBUG) and not isinstance(error, (library.TransportError, OSError)):
        logger.debug("the transport raised %s, which is not a network error:\n%s", *_without_values(error))
    could_connect = not isinstance(error, (library.ConnectError, library.ConnectTimeout))
    verdict = _verdict(body, could_connect=could_connect)
    if body and body.is_document and lease.is_body_cut:
        verdict = RequestState.NOT_SENT
    if verdict is RequestState.NOT_SENT and any(_is_distrust(cause) for cause in _chain(error)):
        message = (
            f"The certificate of the host is not trusted, or the host does not support TLS ({what}). Check "
            "base_url. To trust your own certificates, pass an HTTP client with Client(http_client=...)."
        )
        return ConnectError(message, verdict=RequestState.FATAL)
    if verdict is RequestState.NOT_SENT and not could_connect:
        message = f"No connection to the service ({what}). Check the network, the region and base_url."
        return ConnectError(message, verdict=verdict)
    if isinstance(error, library.TimeoutException):
        message = f"No data was transferred in the time of Timeouts(stall=...) ({what})."
        return AttemptTimeoutError(message, verdict=verdict)
    return TransportError(f"The connection broke ({what}).", verdict=verdict)


def _without_values(error: BaseException) -> tuple[str, str]:
    """
    Return the type of an exception and the lines of its traceback.

    Its text and its variables are left out, because both may contain the API key.
    """
    return type(error).__name__, "".join(traceback.format_tb(error.__traceback__)).rstrip()


def out_of_time(body: Body | None, clock: AttemptDeadline) -> AttemptTimeoutError:
    """Return the error of an attempt that exceeded its deadline."""
    what = "A piece was not sent" if clock.bound == "stall" else "The response was not complete"
    return AttemptTimeoutError(
        f"{what} within the time of Timeouts({clock.bound}=...).",
        verdict=_verdict(body, could_connect=True),
    )


def _verdict(body: Body | None, *, could_connect: bool) -> RequestState:
    may_be_sent = body.has_begun if body else could_connect
    return RequestState.AMBIGUOUS if may_be_sent else RequestState.NOT_SENT


def _is_distrust(error: BaseException) -> bool:
    return isinstance(error, ssl.SSLError) and not isinstance(error, _PASSING)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    # The library suppresses some causes, but keeps them as context.
    seen = set[int]()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
