"""The HTTP client of the owner of a journal."""

from __future__ import annotations

import functools
import ssl
from typing import Any

import httpx

from aai_async.ray._engine import module


def over_aiohttp() -> httpx.AsyncClient:
    """
    Return a client whose requests go over aiohttp: the requests of all workers are those of one process.

    They need less CPU there than with the transport of httpx. The proxy variables of the environment are
    ignored, as by a `Client` without a client of its own.

    Raises:
        ConfigError: The extra is not installed.
    """
    return _DirectClient(module("httpx_aiohttp").AiohttpTransport(verify=_certificates()))


@functools.cache
def _certificates() -> ssl.SSLContext:
    return httpx.create_ssl_context()


class _DirectClient(httpx.AsyncClient):
    """
    A client that passes requests to its transport as they are.

    It does without the cookies, defaults, redirects and hooks of httpx, which the owner does not use, and
    which are a tenth of the CPU of a job.
    """

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        super().__init__(transport=transport, trust_env=False)
        self._passed_to = transport

    def build_request(self, method: str, url: httpx.URL | str, **settings: Any) -> httpx.Request:
        return httpx.Request(method, url, **settings)

    async def send(
        self,
        request: httpx.Request,
        *,
        auth: Any = None,  # of the forms that httpx accepts, the API key is a function
        **_: Any,  # redirects and streams: the response is always a stream
    ) -> httpx.Response:
        return await self._passed_to.handle_async_request(request if auth is None else auth(request))
