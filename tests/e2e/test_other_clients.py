"""
Other people's clients, unchanged, against the embedded server; the assertions are in the scripts.

The session `clients` of nox installs them and runs this file.
"""

from __future__ import annotations

import os

import pytest
from program import printed

pytestmark = [
    pytest.mark.skipif("AAI_CLIENTS" not in os.environ, reason="`nox -s clients` installs the clients"),
    pytest.mark.parametrize("anyio_backend", ["asyncio"]),
]


@pytest.mark.parametrize(
    "script",
    [
        "client_langchain.py",
        "client_llama_index.py",
        "client_haystack.py",
        "client_langchain.mjs",
        "client_ai_sdk.mjs",
    ],
)
async def test_the_client_completes_a_transcription(script: str) -> None:
    """It gets the address of the server, as docs/server.md states it for this client, and nothing else."""
    assert await printed(script) == ""
