"""The page of the server for a browser: who gets it, who does not, and what it may do."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from urllib.parse import unquote

import completion
import httpx
import pytest

from aai_async import Transcript, formats
from aai_async.server import LocalServer, ScriptedEngine
from aai_async.server.web.page import read_token


@pytest.fixture
async def server() -> AsyncIterator[LocalServer]:
    """A server with the page."""
    async with LocalServer(engine=ScriptedEngine("<b>Hello</b> there."), key="a/key=1", page=True) as server:
        yield server


@pytest.fixture
async def http(server: LocalServer) -> AsyncIterator[httpx.AsyncClient]:
    """A client with the key."""
    async with httpx.AsyncClient(
        base_url=server.base_url, headers={"authorization": server.key}, trust_env=False, timeout=30
    ) as http:
        yield http


async def transcribed(http: httpx.AsyncClient) -> str:
    """The id of a completed transcript."""
    url = (await http.post("/v2/upload", content=b"a")).json()["upload_url"]
    reply = await http.post("/v2/transcript", json={"audio_url": url})
    return str((await completion.ended(http, reply.json()["id"]))["id"])


async def test_the_page_has_no_key_and_may_run_only_its_own_script(server: LocalServer) -> None:
    """The key is in the fragment of the address, which is not sent."""
    async with httpx.AsyncClient(base_url=server.base_url, trust_env=False) as browser:
        reply = await browser.get("/")
        head = await browser.head("/")
    assert reply.status_code == head.status_code == 200
    assert server.key not in reply.text
    assert unquote(server.page_url) == f"{server.base_url}/#key={server.key}"
    policy = reply.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "connect-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert reply.headers["cross-origin-resource-policy"] == "same-origin"
    assert reply.headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in reply.headers


async def test_without_it_the_server_has_no_page() -> None:
    """The service has none either."""
    async with (
        LocalServer(engine=ScriptedEngine()) as server,
        httpx.AsyncClient(base_url=server.base_url, trust_env=False) as browser,
    ):
        assert (await browser.get("/")).status_code == 404


async def test_a_transcript_is_read_and_saved_with_its_token(
    server: LocalServer, http: httpx.AsyncClient
) -> None:
    """In each format of the library, under the name of the recording, and with the text as text."""
    transcript_id = await transcribed(http)
    address = f"/read/{transcript_id}/{read_token(server.key, transcript_id)}"
    async with httpx.AsyncClient(base_url=server.base_url, trust_env=False) as browser:
        page = await browser.get(address, params={"name": "<i>.mp3"})
        assert page.status_code == 200
        assert "<title>&lt;i&gt;.mp3</title>" in page.text
        assert "&lt;b&gt;Hello&lt;/b&gt; there." in page.text
        assert page.headers["x-frame-options"] == "DENY"
        body = (await http.get(f"/v2/transcript/{transcript_id}")).content
        for name in formats.NAMES:
            if name == "html" or not formats.FORMATS[name].is_installed:
                continue
            reply = await browser.get(f"{address}/{name}", params={"name": 'a"b\r\nx: y'})
            assert reply.status_code == 200
            assert reply.headers["content-disposition"] == (
                f"attachment; filename*=UTF-8''a%22b%0D%0Ax%3A%20y.{name}"
            )
        text = await browser.get(f"{address}/txt")
        assert text.text == formats.txt(Transcript.from_json(body))


async def test_without_its_token_a_transcript_is_not_read(
    server: LocalServer, http: httpx.AsyncClient
) -> None:
    """Nor in an unknown format, nor after it was deleted."""
    transcript_id = await transcribed(http)
    token = read_token(server.key, transcript_id)
    other = "00000000-0000-0000-0000-000000000000"
    wrong = ("0" * 64, read_token("another key", transcript_id), read_token(server.key, other))
    paths = [f"/read/{transcript_id}/{one}" for one in wrong]
    paths += [f"/read/{transcript_id}/{token}/exe", f"/read/{other}/{read_token(server.key, other)}"]
    async with httpx.AsyncClient(base_url=server.base_url, trust_env=False) as browser:
        for path in paths:
            assert (await browser.get(path)).status_code == 404
        assert (await browser.get(f"/read/{transcript_id}/{token}")).status_code == 200
        await http.delete(f"/v2/transcript/{transcript_id}")
        assert (await browser.get(f"/read/{transcript_id}/{token}")).status_code == 404


FOREIGN = [
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"origin": "http://127.0.0.1:1"},
    {"sec-fetch-site": "cross-site", "sec-fetch-dest": "document"},
    {"sec-fetch-site": "same-site", "sec-fetch-dest": "empty"},
    {"sec-fetch-site": "cross-site", "sec-fetch-dest": "script"},
    {"host": "evil.example"},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=json.dumps)
async def test_other_web_pages_get_nothing(
    server: LocalServer, http: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    """Even with the key and a token; a link to the first page alone works from anywhere."""
    transcript_id = await transcribed(http)
    refused = {400, 403}
    token = read_token(server.key, transcript_id)
    for path in (f"/v2/transcript/{transcript_id}", f"/read/{transcript_id}/{token}"):
        assert (await http.get(path, headers=headers)).status_code in refused
    assert (await http.post("/v2/upload", content=b"a", headers=headers)).status_code in refused
    is_link = headers.get("sec-fetch-dest") == "document"
    assert ((await http.get("/", headers=headers)).status_code == 200) == is_link


@pytest.mark.parametrize("site", ["same-origin", "none"])
async def test_its_own_requests_are_answered(server: LocalServer, http: httpx.AsyncClient, site: str) -> None:
    """With the headers that a browser adds."""
    headers = {"origin": server.base_url, "sec-fetch-site": site}
    assert (await http.get("/v2/transcript", headers=headers)).status_code == 200
    assert (await http.get("/", headers=headers)).status_code == 200
