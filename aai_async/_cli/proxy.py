"""The proxy of `--proxy`."""

from __future__ import annotations

import ssl
import urllib.request
from collections.abc import Callable, Mapping

import httpx

from aai_async._command_lines import install_package_command
from aai_async._concurrency.threads import in_thread
from aai_async._errors import ConfigError

ENVIRONMENT = "env"
"""The value for the proxy of the environment."""

_SCHEMES = ("http", "https", "socks5", "socks5h")

_THIS_MACHINE = {"localhost", "127.0.0.1", "::1"}

_LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=32, keepalive_expiry=5.0)


async def proxied(proxy: str) -> Callable[[], httpx.AsyncClient]:
    """
    Return a factory of HTTP clients that connect through a proxy.

    Requests to a server on this machine have no TLS, so they do not go through a proxy on another machine:
    it would receive the API key.

    Args:
        proxy: The URL of the proxy, or `"env"` for `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`.

    Raises:
        ConfigError: It is not the URL of a proxy, or SOCKS support is not installed.
    """
    context = await in_thread(httpx.create_ssl_context)
    if proxy == ENVIRONMENT:
        named = urllib.request.getproxies()
        address = named.get("http") or named.get("all") or ""
        bypass = {} if not address or _is_here(_checked(address)) else {"http://": None}
        make = _maker(context, None, bypass, trusts_environment=True)
    else:
        checked = _checked(proxy)
        make = _maker(context, checked, {} if _is_here(checked) else {"http://": None})
    _try(make)
    return make


def _maker(
    context: ssl.SSLContext,
    proxy: httpx.Proxy | None,
    mounts: Mapping[str, None],
    *,
    trusts_environment: bool = False,
) -> Callable[[], httpx.AsyncClient]:
    def make() -> httpx.AsyncClient:
        return httpx.AsyncClient(
            verify=context, proxy=proxy, mounts=mounts, trust_env=trusts_environment, limits=_LIMITS
        )

    return make


def _checked(address: str) -> httpx.Proxy:
    # The message does not show it, because it may contain a password.
    try:
        proxy = httpx.Proxy(address if "://" in address else f"http://{address}")
    except (httpx.InvalidURL, ValueError):
        proxy = None
    if proxy is None or proxy.url.scheme not in _SCHEMES or not proxy.url.host:
        raise ConfigError(
            f"--proxy takes a URL, such as http://proxy.example:3128 (schemes: {', '.join(_SCHEMES)}), or "
            "the word env."
        )
    return proxy


def _is_here(proxy: httpx.Proxy) -> bool:
    return proxy.url.host in _THIS_MACHINE


def _try(make: Callable[[], httpx.AsyncClient]) -> None:
    try:
        make()
    except ImportError:
        command = install_package_command("httpx[socks]")
        raise ConfigError(f"A SOCKS proxy needs another package: {command}.") from None
    except (httpx.InvalidURL, ValueError) as error:
        raise ConfigError(
            "A proxy variable of the environment, such as HTTPS_PROXY, is not a URL: correct it, or unset it."
        ) from error
