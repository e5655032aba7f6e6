"""
A caller's webhook: its permitted URLs and its header.

It sends no requests and resolves no names. Source: documentation, "Webhooks for pre-recorded audio".
"""

import re
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Final, Self

import attrs
import httpx

_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(r"[!-~](?:[ !-~]*[!-~])?")

# Headers that frame the request: another value would break it or smuggle a second request.
_FRAMING: Final = frozenset(
    {
        "connection",
        "content-length",
        "content-type",
        "expect",
        "host",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_LAST_PORT: Final = 65535


_LOCALHOST: Final = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*localhost", re.IGNORECASE)
"""The name localhost and all its subdomains."""


@attrs.frozen(kw_only=True)
class Webhook:
    """
    A URL, by default on this machine, and the header that authenticates the caller.

    Raises:
        httpx.InvalidURL: `url` is not a valid URL.
    """

    url: httpx.URL = attrs.field(converter=httpx.URL, repr=False)
    header_name: str | None = None
    header_value: str | None = attrs.field(default=None, repr=False)

    @property
    def targets(self) -> tuple[httpx.URL, ...]:
        """
        The URL with each loopback address of its host; empty if the host is another machine.

        Names under localhost are loopback by definition (RFC 6761, section 6.3). No name is resolved, so none
        can lead to another machine.
        """
        host = self.url.host
        if _LOCALHOST.fullmatch(host):
            return tuple(self.url.copy_with(host=address) for address in ("127.0.0.1", "::1"))
        try:
            # An address with a zone would be resolved.
            return (self.url,) if "%" not in host and ip_address(host).is_loopback else ()
        except ValueError:
            return ()

    @property
    def headers(self) -> dict[str, str]:
        """The headers to send, with the host as the caller wrote it."""
        headers = {"host": self.url.netloc.decode("ascii"), "content-type": "application/json"}
        if self.header_name is not None and self.header_value is not None:
            headers[self.header_name] = self.header_value
        return headers

    @classmethod
    def asked_for(cls, url: str | None, header_name: str | None, header_value: str | None) -> Self | None:
        """Return the webhook of three checked parameters; `None` without a URL."""
        return None if url is None else cls(url=url, header_name=header_name, header_value=header_value)


def complaints(
    url: str | None, header_name: str | None, header_value: str | None, *, any_host: bool = False
) -> Iterator[str]:
    """Yield the errors in the three parameters of a webhook, without the secret value."""
    if url is not None:
        yield from _url_complaints(url, any_host=any_host)
    elif header_name is not None:
        yield "webhook_auth_header_name requires webhook_url"
    if (header_name is None) != (header_value is None):
        yield "webhook_auth_header_name and webhook_auth_header_value must be given together"
    if header_name is not None and (not _NAME.fullmatch(header_name) or header_name.lower() in _FRAMING):
        yield "webhook_auth_header_name must be the name of an HTTP header of your own"
    if header_value is not None and not _VALUE.fullmatch(header_value):
        yield "webhook_auth_header_value must be printable ASCII, with no space at either end"


def _url_complaints(url: str, *, any_host: bool) -> Iterator[str]:
    try:
        webhook = Webhook(url=url)
        is_permitted, port = any_host or bool(webhook.targets), webhook.url.port
    except (httpx.InvalidURL, UnicodeError):
        yield "webhook_url is not a valid URL"
        return
    if port is not None and not 0 < port <= _LAST_PORT:
        yield "webhook_url is not a valid URL"
    elif webhook.url.userinfo:
        yield "webhook_url must have no user in it: use webhook_auth_header_name and its value"
    elif webhook.url.scheme not in ("http", "https"):
        yield "webhook_url should start with http"
    elif not is_permitted:
        yield (
            "webhook_url must be on this machine, such as http://localhost:8000/ or http://127.0.0.1:8000/: "
            "this local server calls no other"
        )
