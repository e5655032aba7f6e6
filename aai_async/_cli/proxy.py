"""The proxy of `--proxy`."""

from __future__ import annotations

import re
import ssl
import urllib.request
from collections.abc import Callable, Mapping

import httpx

from aai_async._command_lines import install_package_command
from aai_async._concurrency.threads import in_thread
from aai_async._errors import ConfigError

ENVIRONMENT = "env"
"""The value for the proxy of the environment."""

_OR_ENVIRONMENT = ", or the word env"

_SCHEMES = ("http", "https", "socks5", "socks5h")

_HOST = re.compile(r"[\w.-]+|[0-9a-f.]*:[0-9a-f:.]*(%.+)?", re.IGNORECASE)
"""A name, or an IPv6 address, which may have a zone."""

_ENDS_WITH_PORT = re.compile(r":[0-9]+/?$")

_LAST_PORT = 65_535

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
        named = _of_environment()
        used = named.get("http") or named.get("all")
        bypass = {} if used is None or _is_here(used) else {"http://": None}
        make = _maker(context, None, bypass, trusts_environment=True)
    else:
        checked = _checked(proxy, "The proxy", _OR_ENVIRONMENT)
        make = _maker(context, checked, {} if _is_here(checked) else {"http://": None})
    _try(make)
    return make


def check_proxy(value: str) -> None:
    """
    Check the value of `--proxy`, but not the variables that `"env"` stands for.

    Raises:
        ConfigError: It is not the URL of a proxy.
    """
    if value != ENVIRONMENT:
        _checked(value, "The proxy", _OR_ENVIRONMENT)


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


def _of_environment() -> dict[str, httpx.Proxy]:
    """Return the proxies of the environment that httpx uses, by the beginnings of their variables."""
    named = urllib.request.getproxies()
    return {
        kind: _checked(named[kind], f"{kind.upper()}_PROXY in the environment", "")
        for kind in ("http", "https", "all")
        if named.get(kind)
    }


def _checked(address: str, name: str, alternative: str) -> httpx.Proxy:
    # The message does not show it, because it may contain a password.
    proxy = _proxy_at(address.strip())
    if proxy is None:
        raise ConfigError(
            f"{name} must be HOST:PORT or a URL, such as http://proxy.example:3128 (schemes: "
            f"{', '.join(_SCHEMES)}){alternative}."
        )
    return proxy


def _proxy_at(address: str) -> httpx.Proxy | None:
    # Without a scheme, "htp:/x" would be a host without a port.
    if "://" not in address and not _ENDS_WITH_PORT.search(address):
        return None
    try:
        proxy = httpx.Proxy(address if "://" in address else f"http://{address}")
    except (httpx.InvalidURL, ValueError):
        return None
    url = proxy.url
    has_port = url.port is None or 0 < url.port <= _LAST_PORT
    is_bare = url.path in {"", "/"} and not url.query and not url.fragment
    return proxy if url.scheme in _SCHEMES and _HOST.fullmatch(url.host) and has_port and is_bare else None


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
