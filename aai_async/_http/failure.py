"""What an exception of the transport means: which error of ours it is, and how far the request got."""

from __future__ import annotations

import logging
import ssl
import traceback
from collections.abc import Iterator, Sequence
from typing import cast

import anyio
from anyio.lowlevel import checkpoint

from aai_async._errors import (
    AAIError,
    AttemptTimeoutError,
    ConnectError,
    ProtocolError,
    SaveError,
    TransportError,
    Verdict,
    escaped,
)
from aai_async._events import logger
from aai_async._http.body import Body
from aai_async._http.clock import WallClock
from aai_async._http.connections import Lease
from aai_async._tasks import is_being_cancelled

_PASSING = (
    ssl.SSLEOFError,
    ssl.SSLZeroReturnError,
    ssl.SSLSyscallError,
    ssl.SSLWantReadError,
    ssl.SSLWantWriteError,
)
"""What TLS says when the connection breaks, or when it waits for more."""


def in_groups(error: BaseException) -> list[BaseException]:
    """Give the exceptions in a group, and in the groups in it."""
    if not isinstance(error, BaseExceptionGroup):
        return [error]
    group = cast("BaseExceptionGroup[BaseException]", error)
    return [inner for one in group.exceptions for inner in in_groups(one)]


async def failure_of(raised: Sequence[BaseException], body: Body | None, lease: Lease) -> AAIError:
    """
    Give the one error that the exceptions of an attempt come to.

    Raises:
        BaseException: The program is to end, or the call was cancelled.
    """
    cancelled = anyio.get_cancelled_exc_class()
    for one in raised:
        if not isinstance(one, (Exception, cancelled)):
            raise one.with_traceback(None)
    cancellation = next((one for one in raised if isinstance(one, cancelled)), None)
    if cancellation is not None:
        # Connecting is several tasks, and so is their cancellation: this raises it as one.
        await checkpoint()
        if is_being_cancelled():
            raise cancellation.with_traceback(None)
    for one in raised:
        if isinstance(one, (ProtocolError, SaveError)):
            one.verdict = Verdict.AMBIGUOUS if isinstance(one, ProtocolError) else None
            return one
    broken = body.why_it_broke() if body else None
    return broken or _transport_error(_most_telling(raised, lease), body, lease)


def _most_telling(raised: Sequence[BaseException], lease: Lease) -> BaseException:
    """Give one that got further than connecting, if there is one."""
    no_connection = lease.library.ConnectError, lease.library.ConnectTimeout
    errors = [one for one in raised if isinstance(one, Exception)] or raised
    return next((one for one in errors if not isinstance(one, no_connection)), errors[0])


def _transport_error(error: BaseException, body: Body | None, lease: Lease) -> TransportError:
    """
    Tell what an exception of the transport means.

    How far a request got is known from its body, not from the kind of exception: some transports call a
    reset after the last byte a failure to connect.
    """
    what = f"{type(error).__name__}: {escaped(str(error))}" if str(error) else type(error).__name__
    library = lease.library
    if logger.isEnabledFor(logging.DEBUG) and not isinstance(error, (library.TransportError, OSError)):
        logger.debug(
            "the transport raised %s, which is no failure of a network:\n%s", *_without_values(error)
        )
    could_connect = not isinstance(error, (library.ConnectError, library.ConnectTimeout))
    verdict = _verdict(body, could_connect=could_connect)
    if body and body.is_document and lease.is_body_cut:
        verdict = Verdict.NOT_SENT
    if verdict is Verdict.NOT_SENT and any(_is_distrust(cause) for cause in _chain(error)):
        message = (
            f"The certificate of the host is not trusted, or it speaks no TLS ({what}). Check base_url; "
            "certificates of your own come with Client(http=...)."
        )
        return ConnectError(message, verdict=Verdict.FATAL)
    if verdict is Verdict.NOT_SENT and not could_connect:
        message = f"No connection to the service ({what}). Check the network, the region and base_url."
        return ConnectError(message, verdict=verdict)
    if isinstance(error, library.TimeoutException):
        message = f"Nothing moved for as long as Timeouts(stall=...) allows ({what})."
        return AttemptTimeoutError(message, verdict=verdict)
    return TransportError(f"The connection broke ({what}).", verdict=verdict)


def _without_values(error: BaseException) -> tuple[str, str]:
    """
    Give the kind of an exception and the lines that it passed through.

    Neither its text nor any variable: a transport has the key in both.
    """
    return type(error).__name__, "".join(traceback.format_tb(error.__traceback__)).rstrip()


def out_of_time(body: Body | None, clock: WallClock) -> AttemptTimeoutError:
    """Give the error of an attempt whose wall clock ran out."""
    what = "A piece was not taken" if clock.bound == "stall" else "The reply did not come to its end"
    return AttemptTimeoutError(
        f"{what} in the time of Timeouts({clock.bound}=...).",
        verdict=_verdict(body, could_connect=True),
    )


def _verdict(body: Body | None, *, could_connect: bool) -> Verdict:
    may_be_sent = body.has_begun if body else could_connect
    return Verdict.AMBIGUOUS if may_be_sent else Verdict.NOT_SENT


def _is_distrust(error: BaseException) -> bool:
    return isinstance(error, ssl.SSLError) and not isinstance(error, _PASSING)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    # The library cuts some causes off, but leaves them as context.
    seen = set[int]()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
