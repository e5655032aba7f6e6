"""The proxy that the command connects through, where the user asks for one."""

from __future__ import annotations

import ssl
import urllib.request
from collections.abc import Callable, Mapping

import httpx

from aai_async._concurrency.threads import in_thread
from aai_async._errors import ConfigError

ENVIRONMENT = "env"
"""What is given as the proxy for the one that the environment names."""

_SCHEMES = ("http", "https", "socks5", "socks5h")

_THIS_MACHINE = {"localhost", "127.0.0.1", "::1"}

_LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=32, keepalive_expiry=5.0)


async def proxied(proxy: str) -> Callable[[], httpx.AsyncClient]:
    """
    Give what makes the HTTP client that connects through a proxy.

    A server of this machine is asked without TLS, so a proxy elsewhere is not used for it: the key would
    travel in the clear.

    Args:
        proxy: Its address, or `"env"` for `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`.

    Raises:
        ConfigError: It is no address of a proxy, or SOCKS is not installed.
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
    # Without showing it: it may have a password in it.
    try:
        proxy = httpx.Proxy(address if "://" in address else f"http://{address}")
    except (httpx.InvalidURL, ValueError):
        proxy = None
    if proxy is None or proxy.url.scheme not in _SCHEMES or not proxy.url.host:
        raise ConfigError(
            f"A proxy is named by its address, such as http://proxy.example:3128 ({', '.join(_SCHEMES)}), "
            "or by the word env."
        )
    return proxy


def _is_here(proxy: httpx.Proxy) -> bool:
    return proxy.url.host in _THIS_MACHINE


def _try(make: Callable[[], httpx.AsyncClient]) -> None:
    try:
        make()
    except ImportError:
        raise ConfigError('A SOCKS proxy needs another package: pip install "httpx[socks]"') from None
    except (httpx.InvalidURL, ValueError) as error:
        raise ConfigError("The environment names a proxy by something that is no address.") from error
