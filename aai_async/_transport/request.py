"""A `Call` as a request of the HTTP library, before the key is added."""

from __future__ import annotations

import functools
import platform
from typing import Any, TypeVar

from aai_async._api.endpoints import Call
from aai_async._retry import Timeouts
from aai_async._transport.backend import parsed_url, quiet_url, stream_of
from aai_async._transport.pool import ClientLease
from aai_async._transport.request_body import Body
from aai_async._version import __version__

T = TypeVar("T")


def new_request(
    call: Call[T],
    url: str,
    body: Body | None,
    lease: ClientLease,
    timeouts: Timeouts,
) -> Any:  # of httpx or httpx2, which have no common type
    """Return the request for a call to a URL, to be sent by the leased client."""
    headers = {"user-agent": _user_agent(lease.library), "accept-encoding": "gzip"}
    timeout = {"connect": timeouts.connect, "read": timeouts.stall, "write": timeouts.stall, "pool": None}
    extensions = {"timeout": timeout, "trace": lease.trace}
    if call.url:
        # Not built by the client, because a client of the caller may add a key to all its requests.
        request = lease.library.Request("GET", url, headers=headers, extensions=extensions)
        request.url = quiet_url(lease.client, lease.library, url)
        return request
    parsed = parsed_url(lease.library, url)
    if body is None:
        return lease.client.build_request(call.method, parsed, headers=headers, extensions=extensions)
    stream = stream_of(lease.library, body)
    request = lease.client.build_request(
        call.method, parsed, headers=headers | body.headers, content=stream, extensions=extensions
    )
    # Replaces the generator that the library wraps it in: a broken upload would leave that open.
    request.stream = stream
    return request


@functools.cache
def _user_agent(library: Any) -> str:
    name = f"{library.__name__}/{library.__version__}"
    return f"aai-async/{__version__} {name} Python/{platform.python_version()}"
