"""Waiting for the end of a job, as a plain client of the wire does it."""

from __future__ import annotations

from typing import Any

import anyio
import httpx


async def ended(http: httpx.AsyncClient, transcript_id: str) -> dict[str, Any]:
    """Look until the transcript is completed or failed, and return it."""
    with anyio.fail_after(60):
        while True:
            transcript: dict[str, Any] = (await http.get(f"/v2/transcript/{transcript_id}")).json()
            if transcript["status"] in ("completed", "error"):
                return transcript
            await anyio.sleep(0.01)
