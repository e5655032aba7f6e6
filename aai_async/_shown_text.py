"""Text as it can be shown in messages and logs: without secrets and control characters."""

from __future__ import annotations

import json
import re


def without_secrets(url: str) -> str:
    """
    Return a URL of any scheme in the form that can be shown.

    The user, password, path parameters, query and fragment are removed, because each can hold a credential.
    """
    if _MAY_HAVE_SECRETS.search(url) is None:
        return url
    return _USER.sub(r"\1", _PARAMETER.sub("", re.split(r"[?#]", url, maxsplit=1)[0]))


def without_secret_addresses(text: str) -> str:
    """Replace each URL in a text with its form from `without_secrets`."""
    return _ADDRESS.sub(lambda match: without_secrets(match[0]), text)


_MAY_HAVE_SECRETS = re.compile(r"[?#;@]")
_USER = re.compile(r"([a-z][a-z0-9+.-]*://)[^\s/?#]*@", re.IGNORECASE)
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://[^\s\"'<>\\]+", re.IGNORECASE)
_PARAMETER = re.compile(r";[^/;=]+=[^/;]*")
"""A parameter of a path segment (RFC 3986, 3.3), such as a session."""


def escaped(text: str) -> str:
    """Prepare text from the service for a message: at most 300 printable characters, no secrets in URLs."""
    text = without_secret_addresses(" ".join(text.split()))
    visible = "".join(letter if letter.isprintable() else json.dumps(letter)[1:-1] for letter in text[:300])
    return visible[:300]
