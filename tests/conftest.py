"""Runs every asynchronous test on asyncio and on trio, and keeps the environment's key out of them."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

import aai_async as aai

# How fast the machine is decides about no test.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

SAMPLES = Path(__file__).parent / "samples"
KEY = "0123456789abcdef0123456789abcdef"


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(name: str, obj: object) -> None:
    """Run every coroutine function, as `anyio_mode` does where anyio is new enough to have it."""
    if name.startswith("test_") and inspect.iscoroutinefunction(obj):
        pytest.mark.anyio(obj)


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def _state_folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("state"))


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch, _state_folder: str) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", _state_folder)
    monkeypatch.delenv("ASSEMBLYAI_API_KEY", raising=False)
    monkeypatch.delenv("ASSEMBLYAI_BASE_URL", raising=False)


@pytest.fixture
def sample() -> Any:
    """Read a recorded reply."""

    def read(name: str) -> bytes:
        return (SAMPLES / name).read_bytes()

    return read


@pytest.fixture
async def client() -> AsyncIterator[aai.Client]:
    """A client that waits for nothing."""
    async with aai.Client(
        KEY,
        base_url="http://127.0.0.1:9",
        retry=aai.Retry(initial_delay=1e-9),
        polling=aai.Polling(initial_delay=0, pace=0),
    ) as client:
        yield client
