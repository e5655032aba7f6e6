"""The vendor's own Python SDK, unchanged; the assertions are in the scripts."""

from __future__ import annotations

import pytest
from program import printed


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("script", ["vendor_sync.py", "vendor_async.py"])
async def test_the_vendors_sdk_runs_unchanged(script: str) -> None:
    """Transcribe, read the parts, search, list with paging, delete: all that it can ask of this server."""
    assert await printed(script) == ""
