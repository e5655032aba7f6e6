"""What an exception of the transport means: which error of ours it is, and how far the request got."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

from aai_async._errors import AttemptTimeoutError, ConnectError, TransportError, Verdict, escaped
from aai_async._http.body import Body
from aai_async._http.clock import WallClock
from aai_async._http.connections import Lease

_PASSING = (
    ssl.SSLEOFError,
    ssl.SSLZeroReturnError,
    ssl.SSLSyscallError,
    ssl.SSLWantReadError,
    ssl.SSLWantWriteError,
)
"""What TLS says when the connection breaks, or when it waits for more."""


def transport_error(error: Exception, body: Body | None, lease: Lease) -> TransportError:
    """
    Tell what an exception of the transport means.

    How far a request got is known from its body, not from the kind of exception: some transports call a
    reset after the last byte a failure to connect.
    """
    what = f"{type(error).__name__}: {escaped(str(error))}" if str(error) else type(error).__name__
    library = lease.library
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
