"""The client over each HTTP library and event loop that it runs on, against a service that misbehaves."""

from __future__ import annotations

import math
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import attrs
import httpx
import httpx2
import pytest
from fault_server import FaultServer, Job
from httpx_aiohttp import AiohttpTransport
from verbs import URL

import aai_async as aai
from aai_async._jobs import submission

KEY = "0123456789abcdef0123456789abcdef"

Connect: TypeAlias = Callable[..., aai.Client]


@attrs.frozen
class Lane:
    """A way for requests to go."""

    library: str
    backend: str
    make: Callable[[], Any] | None = attrs.field(repr=False)
    """What the client is given as `http`."""

    @property
    def name(self) -> str:
        return f"{self.library}-{self.backend}"

    def new_client(self) -> Any:
        """Make an HTTP client, for callers that close it themselves."""
        made = self.make() if self.make else httpx.AsyncClient(trust_env=False)
        return httpx.AsyncClient(transport=made) if isinstance(made, httpx.AsyncBaseTransport) else made


_TLS = ssl.create_default_context()
"""Made once: it takes long, and a client is made anew after each cancelled attempt."""


def _over_httpx2() -> httpx2.AsyncClient:
    return httpx2.AsyncClient(trust_env=False, verify=_TLS)


def _over_aiohttp() -> AiohttpTransport:
    return AiohttpTransport(trust_env=False, verify=_TLS)


LANES = [
    Lane("httpx", "asyncio", None),
    Lane("httpx", "trio", None),
    Lane("httpx2", "asyncio", _over_httpx2),
    Lane("httpx2", "trio", _over_httpx2),
    Lane("aiohttp", "asyncio", _over_aiohttp),
]


@pytest.fixture(params=LANES[:2], ids=lambda lane: lane.backend)
def one_library_of_each_loop(request: pytest.FixtureRequest) -> Lane:
    """The fixture `lane` of tests for which one of the HTTP libraries will do."""
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(params=LANES, ids=lambda lane: lane.name)
def lane(request: pytest.FixtureRequest) -> Lane:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def anyio_backend(lane: Lane) -> str:
    return lane.backend


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as server:
        yield server


@pytest.fixture
def connect(server: FaultServer, lane: Lane) -> Connect:
    """Make clients of the server that wait little, for `async with`."""

    def make(**settings: Any) -> aai.Client:
        quick = {
            "base_url": server.url,
            "http_client": lane.make,
            "retry": aai.Retry(initial_delay=0.01),
            "polling": aai.Polling(initial_delay=0.01, max_delay=0.05),
        }
        return aai.Client(KEY, **(quick | settings))

    return make


@pytest.fixture
def known(server: FaultServer) -> Job:
    """A job that is there from the beginning."""
    job = Job("known", URL, {}, datetime.now(UTC), listed_from=-math.inf)
    server.service.jobs.append(job)
    return job


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The journal of a batch, which does not exist yet."""
    return tmp_path / "calls.db"


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    recording = tmp_path / "call.wav"
    recording.write_bytes(b"a recording")
    return recording


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Where something is to be saved."""
    return tmp_path / "masked.mp3"


@pytest.fixture
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The looks for a job whose answer was lost, a fiftieth as far apart."""
    monkeypatch.setattr(submission, "_CHECK_DELAYS", tuple(wait / 50 for wait in submission._CHECK_DELAYS))
