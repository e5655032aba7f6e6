"""A proxy is used where the user asks for one, and shown nowhere with its password."""

from __future__ import annotations

import base64
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator

import anyio
import pytest
from anyio.abc import SocketStream
from typer.testing import CliRunner

import aai_async as aai
from aai_async._cli.app import app
from aai_async._cli.exit_status import ExitStatus
from aai_async._cli.proxy import check_proxy, proxied
from aai_async.server import LocalServer, ScriptedEngine

KEY = "0123456789abcdef0123456789abcdef"

NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture
def anyio_backend() -> str:
    """The command runs on asyncio."""
    return "asyncio"


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


class Proxy:
    """A proxy of this machine: it hands requests on, and tunnels to nowhere."""

    def __init__(self) -> None:
        self.heads: list[bytes] = []
        self.address = ""

    async def serve(self, client: SocketStream) -> None:
        async with client:
            head = b""
            while b"\r\n\r\n" not in head:
                with contextlib.suppress(anyio.EndOfStream):
                    head += await client.receive()
                    continue
                return
            self.heads.append(head)
            method, target, _ = head.split(b" ", 2)
            if method == b"CONNECT":
                await client.send(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n")
                return
            host, _, path = target.removeprefix(b"http://").partition(b"/")
            rest = head.replace(target, b"/" + path, 1).replace(b"\r\n", b"\r\nconnection: close\r\n", 1)
            async with await anyio.connect_tcp("127.0.0.1", int(host.rpartition(b":")[2])) as server:
                await server.send(rest)
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(pump, client, server)
                    await pump(server, client)
                    tasks.cancel_scope.cancel()


async def pump(source: SocketStream, target: SocketStream) -> None:
    with contextlib.suppress(anyio.EndOfStream, anyio.BrokenResourceError):
        while True:
            await target.send(await source.receive())


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    proxy = Proxy()
    async with (
        await anyio.create_tcp_listener(local_host="127.0.0.1") as listener,
        anyio.create_task_group() as tasks,
    ):
        port = listener.listeners[0].extra(anyio.abc.SocketAttribute.local_port)  # noqa: S610
        proxy.address = f"http://user:sesame@127.0.0.1:{port}"
        tasks.start_soon(listener.serve, proxy.serve)
        yield proxy
        tasks.cancel_scope.cancel()


@pytest.fixture
async def account() -> AsyncIterator[dict[str, str]]:
    async with LocalServer(engine=ScriptedEngine("What was said."), key=KEY) as server:
        yield {"ASSEMBLYAI_API_KEY": KEY, "ASSEMBLYAI_BASE_URL": server.base_url}


async def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "aai_async", *arguments]
    return await anyio.run_process(command, check=False, env=os.environ | environment)


@pytest.mark.parametrize("flags", [["list"], ["doctor"], ["get", "unknown"]])
async def test_requests_go_through_the_proxy_that_was_named(
    account: dict[str, str], proxy: Proxy, flags: list[str]
) -> None:
    """With its user and password; neither is shown."""
    result = await run(*flags, "--proxy", proxy.address, **account)
    assert len(proxy.heads) >= 1
    assert all(
        b"proxy-authorization: Basic " + base64.b64encode(b"user:sesame")
        in head.replace(b"Proxy-A", b"proxy-a")
        for head in proxy.heads
    )
    assert b"sesame" not in result.stdout + result.stderr
    assert b"Traceback" not in result.stderr


async def test_the_proxy_of_the_environment_is_used_only_where_that_is_asked_for(
    account: dict[str, str], proxy: Proxy
) -> None:
    """And not for what it excepts."""
    environment = account | {"http_proxy": proxy.address}
    assert (await run("list", **environment)).returncode == 0
    assert proxy.heads == []
    assert (await run("list", "--proxy", "env", **environment)).returncode == 0
    assert len(proxy.heads) == 1
    assert (await run("list", "--proxy", "env", no_proxy="127.0.0.1", **environment)).returncode == 0
    assert len(proxy.heads) == 1
    assert (await run("list", "--proxy", "env", **account)).returncode == 0


async def test_the_service_is_asked_through_a_tunnel(proxy: Proxy) -> None:
    """In which the proxy sees neither the key nor what is sent."""
    account = {"ASSEMBLYAI_API_KEY": KEY, "ASSEMBLYAI_BASE_URL": "https://api.invalid"}
    result = await run("doctor", "--proxy", proxy.address, **account)
    assert proxy.heads[0].startswith(b"CONNECT api.invalid:443 ")
    assert KEY.encode() not in b"".join(proxy.heads)
    assert b"sesame" not in result.stdout + result.stderr


@pytest.mark.parametrize("is_named", [True, False])
async def test_a_key_does_not_go_to_another_machine_in_the_clear(
    monkeypatch: pytest.MonkeyPatch, is_named: bool
) -> None:
    """A server of this machine is asked without TLS, so a proxy elsewhere is left out for it."""
    monkeypatch.setenv("http_proxy", "http://proxy.invalid:3128")
    make = await proxied("http://proxy.invalid:3128" if is_named else "env")
    async with LocalServer(engine=ScriptedEngine(), key=KEY) as server:
        async with aai.Client(KEY, base_url=server.base_url, http_client=make) as client:
            assert [item async for item in client.list()] == []


NO_PROXIES = [
    "://x",
    "ftp://user:sesame@proxy.example",
    "http://",
    "http://user:sesame@",
    "http://h:port",
    "htp:/x",
    "http:/x",
    "proxy.example",
    "user:sesame@proxy.example",
    "::1:3128",
    "http://a b:1",
    "http://http://x:1",
    "http://x:1/path",
    "http://x:0",
    "http://x:99999",
    "socks4://x:1",
]


@pytest.mark.parametrize("address", NO_PROXIES)
def test_what_is_no_proxy_is_wrong_usage_and_not_shown(address: str) -> None:
    """Before the recordings are searched for, and so before a key or a connection is needed."""
    result = CliRunner().invoke(app, ["transcribe", "x.wav", "--proxy", address])
    assert (result.exit_code, "--proxy" in result.stderr) == (ExitStatus.USAGE, True)
    assert "sesame" not in result.stderr


@pytest.mark.parametrize("name", ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"])
async def test_a_variable_that_is_no_proxy_is_named_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """It is an error of the set-up, and not of the command line."""
    for address in ("htp:/x", "http://user:sesame@"):
        monkeypatch.setenv(name.lower(), address)
        with pytest.raises(aai.ConfigError, match=name) as caught:
            await proxied("env")
        assert "sesame" not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    ["proxy.example:3128", "user:sesame@proxy.example:3128", "[::1]:3128", "http://h/", "socks5://x"],
)
def test_a_host_with_a_port_and_a_url_are_proxies(address: str) -> None:
    """With a user and a password, too."""
    check_proxy(address)


async def test_a_socks_proxy_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where that is not there."""
    monkeypatch.setitem(sys.modules, "socksio", None)
    with pytest.raises(aai.ConfigError, match="httpx"):
        await proxied("socks5://127.0.0.1:1080")
