"""
Who asks, and whom: the API key, and the hosts that it goes to.

It knows addresses and what a header can carry, and nothing of requests.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import MutableMapping
from typing import Protocol, TypeVar
from urllib.parse import SplitResult, urlsplit

import attrs

from aai_async._errors import ConfigError, ProtocolError

_HOSTS = {"us": "https://api.assemblyai.com", "eu": "https://api.eu.assemblyai.com"}

_GATEWAYS = {"us": "https://llm-gateway.assemblyai.com", "eu": "https://llm-gateway.eu.assemblyai.com"}

_THIS_MACHINE = {"127.0.0.1", "localhost", "::1"}


class _Request(Protocol):
    @property
    def headers(self) -> MutableMapping[str, str]: ...


R = TypeVar("R", bound=_Request)


class Key:
    """
    The API key: an `auth` for the HTTP library that shows itself nowhere else.

    Making one never fails, so that whoever made it can let go of the plain text before `check` raises.
    """

    __slots__ = ("_value",)

    def __init__(self, value: object) -> None:
        self._value = value

    def check(self) -> None:
        """
        Make sure that a header can carry it.

        Raises:
            ConfigError: It is missing, empty, or has something in it that no key has. It is not shown.
        """
        if self._value is None:
            raise ConfigError("There is no API key: give Client('your-key') or set ASSEMBLYAI_API_KEY.")
        if not isinstance(self._value, str):
            raise ConfigError(f"The API key must be str, not {type(self._value).__name__}.")
        if self._value.lower().startswith("bearer "):
            raise ConfigError("The API key is sent as it is, without 'Bearer ': give the key alone.")
        if not self._value or not all("!" <= letter <= "~" for letter in self._value):
            raise ConfigError(
                "The API key is empty, or has a line break, a space or a letter outside ASCII in it. "
                "Whatever reads it from a file must strip it."
            )

    def __repr__(self) -> str:
        return "<API key>"

    def __reduce__(self) -> str:
        raise TypeError("An API key is not pickled; make the Client where it is used.")

    def fingerprint(self, salt: bytes) -> str:
        """Tell this key from others, without telling it: HMAC-SHA-256 in hexadecimal."""
        return hmac.new(salt, str(self._value).encode(), hashlib.sha256).hexdigest()

    def hidden_in(self, text: str) -> str:
        """Give a text without the key, which a transport of the caller's may have put into it."""
        return text.replace(str(self._value), repr(self))

    def __call__(self, request: R) -> R:
        request.headers["authorization"] = str(self._value)
        return request


@attrs.frozen
class Hosts:
    """The addresses that are asked, each a scheme and a host."""

    api: str
    gateway: str | None
    """That of the LLM Gateway; `None` where only `api` was named, and not by its region."""

    @classmethod
    def of(cls, region: object, base_url: str | None, gateway_url: str | None) -> Hosts:
        """
        Tell whom to ask, from what the caller said and from the environment.

        Raises:
            ConfigError: An unknown region, or an address that would carry the key in the clear.
        """
        if region is None and base_url is None:
            # Only here: recordings that are to stay in the EU must not go where a forgotten variable says.
            base_url = os.environ.get("ASSEMBLYAI_BASE_URL") or None
        region = "us" if region is None else region
        if not isinstance(region, str) or region not in _HOSTS:
            raise ConfigError(
                f"There is no region {region!r}: it is 'us' or 'eu'. Another host goes into base_url."
            )
        gateway = gateway_url or (_GATEWAYS[region] if base_url is None else None)
        return cls(
            api=checked_base_url(_HOSTS[region] if base_url is None else base_url),
            gateway=gateway and checked_base_url(gateway, "gateway_url"),
        )


def checked_base_url(url: str, name: str = "base_url") -> str:
    """
    Give the base URL without a trailing slash.

    Raises:
        ConfigError: Not http(s), with a user, path or query in it, or http to another machine: the key
            and the recordings would travel in the clear.
    """
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna").decode()
        is_plain = parts.path in {"", "/"} and not (parts.query or parts.fragment) and parts.port != 0
    except (ValueError, AttributeError):  # a port that is no number, a host that is none, no str
        parts, host, is_plain = urlsplit(""), "", False
    if parts.scheme not in {"http", "https"} or not host:
        raise ConfigError(f"{name} must be a scheme and a host, such as https://api.assemblyai.com.")
    if not is_plain or "@" in parts.netloc or "\\" in url:
        raise ConfigError(
            f"{name} must be a scheme and a host alone, such as {parts.scheme}://{host}: "
            "without user, path, query or fragment."
        )
    if not _is_private(parts):
        raise ConfigError(f"{name} is http:// to {host}: the key would travel in the clear. Use https://.")
    return f"{parts.scheme}://{parts.netloc}"


def checked_download_url(url: str) -> str:
    """
    Give the address at which the service has put something, if it may be fetched from.

    Raises:
        ProtocolError: It is no https address. It is not shown, for whoever has it can read what is there.
    """
    try:
        parts = urlsplit(url)
        is_usable = bool(parts.hostname) and parts.port != 0 and _is_private(parts)
    except ValueError:
        is_usable = False
    if not is_usable:
        raise ProtocolError(
            "The service gave an address for the file that is not https://, so it was not used."
        )
    return url


def _is_private(parts: SplitResult) -> bool:
    """Whether nobody on the way can read along."""
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _THIS_MACHINE)
