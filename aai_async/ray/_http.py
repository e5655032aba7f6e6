"""The HTTP client of the owner of a journal."""

from __future__ import annotations

import functools
import ssl

import httpx

from aai_async.ray._engine import module


def over_aiohttp() -> httpx.AsyncBaseTransport:
    """
    Return a transport over aiohttp: the requests of all workers are those of one process.

    They need less CPU there than with the transport of httpx. The proxy variables of the environment are
    ignored, as by a `Client` without a client of its own.

    Raises:
        ConfigError: The extra is not installed.
    """
    transport: httpx.AsyncBaseTransport = module("httpx_aiohttp").AiohttpTransport(verify=_certificates())
    return transport


@functools.cache
def _certificates() -> ssl.SSLContext:
    return httpx.create_ssl_context()
