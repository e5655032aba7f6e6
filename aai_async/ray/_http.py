"""The HTTP client of the owner of a journal."""

from __future__ import annotations

import functools
import socket
import ssl
from typing import Any

import httpx

from aai_async._retry import Timeouts
from aai_async._transport.late_delivery import socket_options
from aai_async.ray._engine import module


def over_aiohttp() -> httpx.AsyncBaseTransport:
    """
    Return a transport over aiohttp: the requests of all workers are those of one process.

    They need less CPU there than with the transport of httpx. The proxy variables of the environment are
    ignored, as by a `Client` without a client of its own.

    Raises:
        ConfigError: The extra is not installed.
    """
    transport: httpx.AsyncBaseTransport = module("httpx_aiohttp").AiohttpTransport(client=_session)
    return transport


def _session() -> Any:
    aiohttp = module("aiohttp")
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=_certificates(), keepalive_timeout=5.0, socket_factory=_socket)
    )


def _socket(address: Any) -> socket.socket:
    """Create the socket of an address of `getaddrinfo`, which delivers no request late."""
    family, kind, protocol, *_ = address
    made = socket.socket(family, kind, protocol)
    for option in socket_options(Timeouts()):
        made.setsockopt(*option)
    return made


@functools.cache
def _certificates() -> ssl.SSLContext:
    return httpx.create_ssl_context()
