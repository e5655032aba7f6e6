"""The vendor's own SDKs for Python and Node, unchanged; the assertions are in the scripts."""

from __future__ import annotations

import os

import pytest
from program import printed

NODE_SDK = os.environ.get("AAI_NODE_SDK")
"""A folder in which `npm install assemblyai` was run, as the session `tests` of nox does it."""


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("script", ["vendor_sync.py", "vendor_async.py"])
async def test_the_vendors_sdk_runs_unchanged(script: str) -> None:
    """Transcribe, read the parts, search, list with paging, delete: all that it can ask of this server."""
    assert await printed(script) == ""


@pytest.mark.skipif(NODE_SDK is None, reason="AAI_NODE_SDK names no folder with the npm package assemblyai")
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_the_vendors_sdk_for_node_runs_unchanged() -> None:
    """The same, with the model of November 2026 and what may come next year."""
    assert await printed("vendor_node.mjs") == ""
