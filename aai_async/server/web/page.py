"""
The page at `/` for a browser, and the transcript pages behind it, as an ASGI application in front of another.

The page has no key: it is in the fragment of the address that the server prints, which browsers do not send.
With it the page uses the API like any other client. The address of a transcript page has a token that only
the key can make, so that a link opens it.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import re
from collections.abc import Mapping
from importlib.resources import files
from string import Template
from typing import Final, get_args
from urllib.parse import quote

import attrs
import httpx
import msgspec
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from aai_async._options.vocabulary import LanguageCode
from aai_async.server.auth import foreign
from aai_async.server.jobs import DELETED_URL

_READ: Final = re.compile(r"/read/([0-9a-f-]{36})/([0-9a-f]{64})(?:/([a-z]+))?")

_LONGEST_TITLE: Final = 200
"""Characters."""

_HEADERS: Final = {
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
"""No other page can embed these pages, read them or keep a handle of their window."""


@attrs.frozen
class WebPage:
    """
    ASGI application that serves the page, and passes all other requests to the API.

    Args:
        app: The application of the API.
        key: The API key, for the tokens and for requests to the API.
    """

    app: ASGIApp
    key: str = attrs.field(repr=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request for a page, or pass it on."""
        reply = await self._reply(scope) if scope["type"] == "http" else None
        await (reply or self.app)(scope, receive, send)

    async def _reply(self, scope: Scope) -> Response | None:
        request = Request(scope)
        read = _READ.fullmatch(scope["path"])
        if scope["method"] not in {"GET", "HEAD"} or not (scope["path"] == "/" or read):
            return None
        refused = foreign(request.headers, is_page=read is None)
        if refused is not None:
            return refused
        if read is None:
            return HTMLResponse(_page(), headers=_HEADERS | {"content-security-policy": _policy()})
        return await self._transcript(read[1], read[2], read[3], request.query_params.get("name", ""))

    async def _transcript(self, transcript_id: str, token: str, name: str | None, title: str) -> Response:
        is_known = hmac.compare_digest(token, read_token(self.key, transcript_id))
        if not is_known or (name is not None and name not in _formats()):
            return PlainTextResponse("Not found", 404, headers=_HEADERS)
        body = await self._completed(transcript_id)
        if body is None:
            return PlainTextResponse(
                "This transcript is not completed, or was deleted.", 404, headers=_HEADERS
            )
        title = title[:_LONGEST_TITLE]
        content = await to_thread.run_sync(_written, name or "html", body, title)
        if name is None:
            return HTMLResponse(content, headers=_HEADERS)
        file = quote(f"{title or transcript_id}.{name}", safe="")
        attached = {"content-disposition": f"attachment; filename*=UTF-8''{file}"}
        return Response(content, media_type="application/octet-stream", headers=_HEADERS | attached)

    async def _completed(self, transcript_id: str) -> bytes | None:
        """Return the response of the API for a completed transcript; `None` for any other one."""
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app),
            base_url="http://127.0.0.1",
            headers={"authorization": self.key},
        )
        async with client:
            reply = await client.get(f"/v2/transcript/{transcript_id}")
        document = msgspec.json.decode(reply.content, type=Mapping[str, object])
        is_deleted = document.get("audio_url") == DELETED_URL
        is_completed = document.get("status") == "completed" and not is_deleted
        return reply.content if is_completed else None


def read_token(key: str, transcript_id: str) -> str:
    """Return the token that opens the page of a transcript; the page for the browser makes the same one."""
    return hmac.new(key.encode(), f"read {transcript_id}".encode(), hashlib.sha256).hexdigest()


def _written(name: str, body: bytes, title: str) -> bytes:
    from aai_async import formats  # noqa: PLC0415 - a server without a browser does not need them
    from aai_async._models.transcript import Transcript  # noqa: PLC0415

    keywords: dict[str, str] = {}
    if title and "title" in formats.FORMATS[name].keywords:
        keywords["title"] = title
    return formats.encode(name, Transcript.from_json(body), **keywords)


def _formats() -> list[str]:
    """Return the names of the formats that can be saved."""
    from aai_async import formats  # noqa: PLC0415 - see above

    return [name for name, one in formats.FORMATS.items() if name != "html" and one.is_installed]


@functools.cache
def _part(name: str) -> str:
    return files("aai_async.server.web").joinpath(name).read_text(encoding="utf-8")


@functools.cache
def _page() -> str:
    known, _ = get_args(LanguageCode)
    data = {
        "languages": [code for code in get_args(known) if "_" not in code],
        "formats": _formats(),
    }
    return Template(_part("drop.html")).substitute(
        style=_part("drop.css"), script=_part("drop.js"), data=msgspec.json.encode(data).decode()
    )


@functools.cache
def _policy() -> str:
    return (
        f"default-src 'none'; script-src {_hash(_part('drop.js'))}; style-src {_hash(_part('drop.css'))}; "
        "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
