"""
The API key and the hosts that it is sent to.

The module checks URLs and header values, and sends no requests.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import MutableMapping
from typing import Protocol, TypeVar
from urllib.parse import SplitResult, urlsplit

import msgspec

from aai_async._errors import ConfigError, ProtocolError

_HOSTS = {"us": "https://api.assemblyai.com", "eu": "https://api.eu.assemblyai.com"}

_GATEWAYS = {"us": "https://llm-gateway.assemblyai.com", "eu": "https://llm-gateway.eu.assemblyai.com"}

_THIS_MACHINE = {"127.0.0.1", "localhost", "::1"}


class _Request(Protocol):
    @property
    def headers(self) -> MutableMapping[str, str]: ...


R = TypeVar("R", bound=_Request)


class APIKey:
    """
    The API key: an `auth` for the HTTP library that never shows the key elsewhere.

    The constructor never fails, so that the caller can delete the plain text before `check` raises.
    """

    __slots__ = ("_value",)

    def __init__(self, value: object) -> None:
        self._value = value

    def check(self) -> None:
        """
        Check that the key is valid in a header.

        Raises:
            ConfigError: The key is missing, empty, or has invalid characters. The message does not show it.
        """
        if self._value is None:
            raise ConfigError("There is no API key: pass Client('your-key') or set ASSEMBLYAI_API_KEY.")
        if not isinstance(self._value, str):
            raise ConfigError(f"The API key must be str, not {type(self._value).__name__}.")
        if self._value.lower().startswith("bearer "):
            raise ConfigError("The API key must not begin with 'Bearer ': pass only the key.")
        if not self._value or not all("!" <= letter <= "~" for letter in self._value):
            raise ConfigError(
                "The API key is empty, or contains a line break, a space or a character outside ASCII. "
                "If you read it from a file, strip it."
            )

    def __repr__(self) -> str:
        return "<API key>"

    def __reduce__(self) -> str:
        raise TypeError("An API key cannot be pickled; create the Client where it is used.")

    def fingerprint(self, salt: bytes) -> str:
        """Return a fingerprint that does not reveal the key: HMAC-SHA-256 in hexadecimal."""
        return hmac.new(salt, str(self._value).encode(), hashlib.sha256).hexdigest()

    def hidden_in(self, text: str) -> str:
        """Replace the key in a text, where a custom transport can have put it."""
        return text.replace(str(self._value), repr(self))

    def __call__(self, request: R) -> R:
        request.headers["authorization"] = str(self._value)
        return request


class BaseURLs(msgspec.Struct, frozen=True):
    """The base URLs, each a scheme and a host."""

    api: str
    gateway: str | None
    """The base URL of the LLM Gateway; `None` if only `api` was set, and not by its region."""

    @classmethod
    def of(cls, region: object, base_url: str | None, gateway_url: str | None) -> BaseURLs:
        """
        Choose the base URLs from the arguments and the environment.

        Raises:
            ConfigError: The region is unknown, or a URL would send the key unencrypted.
        """
        if region is None and base_url is None:
            # Only without a region: recordings that must stay in the EU must not follow a forgotten variable.
            base_url = os.environ.get("ASSEMBLYAI_BASE_URL") or None
        region = "us" if region is None else region
        if not isinstance(region, str) or region not in _HOSTS:
            raise ConfigError(f"Unknown region {region!r}: use 'us' or 'eu'. For another host, use base_url.")
        gateway = gateway_url or (_GATEWAYS[region] if base_url is None else None)
        return cls(
            api=checked_base_url(_HOSTS[region] if base_url is None else base_url),
            gateway=gateway and checked_base_url(gateway, "gateway_url"),
        )


def checked_base_url(url: str, name: str = "base_url") -> str:
    """
    Return the base URL without a trailing slash.

    Raises:
        ConfigError: The URL is not http(s), has a user, path or query, or is http to another machine, which
            would send the key and the recordings unencrypted.
    """
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna").decode()
        is_plain = parts.path in {"", "/"} and not (parts.query or parts.fragment) and parts.port != 0
    except (ValueError, AttributeError):  # an invalid port, an invalid host, not a str
        parts, host, is_plain = urlsplit(""), "", False
    if parts.scheme not in {"http", "https"} or not host:
        raise ConfigError(f"{name} must be a scheme and a host, such as https://api.assemblyai.com.")
    if not is_plain or "@" in parts.netloc or "\\" in url:
        raise ConfigError(
            f"{name} must be only a scheme and a host, such as {parts.scheme}://{host}: "
            "without user, path, query or fragment."
        )
    if not _is_private(parts):
        raise ConfigError(f"{name} is http:// to {host}: the key would be sent unencrypted. Use https://.")
    return f"{parts.scheme}://{parts.netloc}"


def checked_download_url(url: str) -> str:
    """
    Check and return the URL of a file to download.

    Raises:
        ProtocolError: It is not an https URL. The message omits the URL, which gives access to the file.
    """
    try:
        parts = urlsplit(url)
        is_usable = bool(parts.hostname) and parts.port != 0 and _is_private(parts)
    except ValueError:
        is_usable = False
    if not is_usable:
        raise ProtocolError(
            "The service returned a URL for the file that is not https://, so it was not used."
        )
    return url


def _is_private(parts: SplitResult) -> bool:
    """Whether the connection is encrypted or stays on this machine."""
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _THIS_MACHINE)
