"""A script without any SDK."""

from __future__ import annotations

import pytest
from program import printed


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_the_services_first_guide_runs_unchanged() -> None:
    """Upload, submit, poll and print, with requests."""
    assert await printed("plain.py") == (
        "Hello there. How are you today?\nSpeaker A: Hello there. How are you today?\n"
    )
