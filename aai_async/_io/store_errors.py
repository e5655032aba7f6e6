"""
Errors of object storage: what failed, at which URI, and what to do. Pure functions.

The texts of obstore are read to distinguish the kinds. They are those of a program, and can contain
signatures, tokens and access keys, so they are shown only where nothing else is known, and without values.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from aai_async._errors import SourceError
from aai_async._io.object_source import ObjectURI
from aai_async._io.source import file_changed
from aai_async._shown_text import escaped


class Action(msgspec.Struct, frozen=True):
    """What a request does, as an error names it."""

    done: str
    doing: str


READ = Action("read", "reading")
WRITE = Action("written", "writing")
REMOVE = Action("removed", "removing")


class SettingsError(Exception):
    """The environment has settings that obstore refuses; the text is that of obstore."""


_METADATA = re.compile(r"169\.254\.16|//metadata|/metadata/|token request", re.IGNORECASE)
"""In errors: no credentials are set, so obstore has asked the cloud's own machine service for some."""

_STATUS = re.compile(r"status code: (\d{3})")

_CODE = re.compile(r"<Code>(\w+)</Code>")

_NO_BUCKET = frozenset({"NoSuchBucket", "ContainerNotFound"})
"""Codes in the responses of S3 and Google Cloud Storage, and of Azure."""

_PREFIX = re.compile(r"(Generic [\w ]+ error: )+")
"""What obstore writes before the message of a store."""

_REQUEST = re.compile(r"Error performing (\w+ \S+ in \S+ - |list request: )")
"""What obstore writes before what is wrong with a response, with the URL of the request."""

_QUOTED = re.compile(r"\"(?:[^\"\\]|\\.)*\"|`[^`]*`")

_SERVER = re.compile(r"performing \w+ (https?://)(?:[^/\s?#@]*@)?([^/\s?#]+)")

_FAILURES = (
    ("ConnectionRefused", "{} refuses the connection"),
    ("dns error", "the name of {} cannot be resolved"),
    ("InvalidCertificate", "the certificate of {} is not trusted"),
    ("kind: Timeout", "{} does not respond in time"),
    ("", "the connection to {} has failed"),
)
"""What the details of a failed request contain, and what it means; the first that fits."""

_ENDPOINT = re.compile(
    r"https?://(\[[0-9a-f:.]+\]|[a-z0-9._~$-]+)(:(?P<port>\d{1,5}))?(/[^\s\"<>\\^`{|}]*)?",
    re.ASCII | re.IGNORECASE,
)

_LAST_PORT = 65535

_ENDPOINTS = {
    "s3": ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT"),
    "gs": ("GOOGLE_BASE_URL",),
    "az": ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"),
}
"""The variables with the URL of the server."""

_VARIABLES = {"s3": "AWS_", "gs": "GOOGLE_", "az": "AZURE_"}
"""With what the environment variables of a store begin."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

_DOCUMENT = re.compile(r"\s*(\{|-----BEGIN )")
"""The start of a value in JSON or PEM, which has line breaks and is no value of a request."""

_CHECKS = {
    "s3": "the network, AWS_ENDPOINT_URL and AWS_REGION",
    "gs": "the network and GOOGLE_BASE_URL",
    "az": "the network, AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ENDPOINT",
}
"""What to check if a server does not respond as a store."""

_SET_UP = {
    "s3": "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_SKIP_SIGNATURE=true for a public bucket. "
    'A profile of the AWS CLI: eval "$(aws configure export-credentials --format env)".',
    "gs": "Set GOOGLE_APPLICATION_CREDENTIALS, or GOOGLE_SKIP_SIGNATURE=true for a public bucket.",
    "az": "Set AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY or another credential, or "
    "AZURE_SKIP_SIGNATURE=true for a public container.",
}

_TOKEN_FILES = {
    "s3": "AWS_WEB_IDENTITY_TOKEN_FILE or AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "az": "AZURE_FEDERATED_TOKEN_FILE",
}
"""The variables with the path of a file that contains a token."""

_ALLOW_HTTP = {"s3": "AWS_ALLOW_HTTP", "gs": "GOOGLE_ALLOW_HTTP", "az": "AZURE_ALLOW_HTTP"}


def check_environment(uri: ObjectURI, environment: Mapping[str, str]) -> None:
    """
    Check the variables of a store before they are used.

    Raises:
        SourceError: One contains a control character, or is not the URL of a server.
    """
    for name, value in environment.items():
        is_read = name.startswith(_VARIABLES[uri.scheme]) and not _DOCUMENT.match(value)
        if is_read and _CONTROL.search(value):
            raise SourceError(
                f"The settings of {uri.root} cannot be used: {name} contains a control character, such as a "
                "line break at its end. Set it without one."
            )
    for name in _ENDPOINTS[uri.scheme]:
        if name in environment and not _is_endpoint(environment[name]):
            raise SourceError(
                f"{uri.root} cannot be reached: {name} is not the URL of a server. Set it to one such as "
                "https://storage.example.com:9000."
            )


def _is_endpoint(url: str) -> bool:
    match = _ENDPOINT.fullmatch(url)
    return match is not None and int(match["port"] or 0) <= _LAST_PORT


def is_panic(raised: BaseException) -> bool:
    """Return whether an error is a panic of obstore, whose class cannot be imported and is no `Exception`."""
    return type(raised).__name__ == "PanicException"


def panic_error(uri: ObjectURI) -> SourceError:
    """Return the error about settings that obstore cannot use."""
    return SourceError(
        f"The settings of {uri.root} cannot be used. Check the URLs and tokens in the environment variables "
        f"that begin with {_VARIABLES[uri.scheme]}."
    )


def settings_error(raised: SettingsError, uri: ObjectURI, environment: Mapping[str, str]) -> SourceError:
    """Return the error about settings that obstore refuses, which names variables instead of their values."""
    text = original = _text(raised)
    for name, value in environment.items():
        if value and name.startswith(_VARIABLES[uri.scheme]):
            text = re.sub(rf'"?(?<!\w){re.escape(value)}(?!\w)"?', name, text)
    # A value that obstore has changed is not found.
    reason = _without_values(text) if text == original else text
    return SourceError(f"The settings of {uri.root} cannot be used: {reason}. {_SET_UP[uri.scheme]}")


def request_error(raised: Exception, uri: ObjectURI, action: Action) -> SourceError:
    """Return the error about a request that has failed; whether it is transient is known from its text."""
    # Its classes are matched by name, because obstore is imported only where it is used.
    kind, text = type(raised).__name__, _text(raised)
    status, code = (found and found[1] for found in (_STATUS.search(text), _CODE.search(text)))
    cannot = f"{uri} cannot be {action.done}"
    if kind == "PreconditionError":
        return file_changed(str(uri))
    if isinstance(raised, ValueError):
        message = (
            f"{uri} cannot be addressed. Copy an object whose key has empty parts, the parts . or .., or "
            "control characters to another key."
        )
    elif "token file" in text and uri.scheme in _TOKEN_FILES:
        message = (
            f"The settings of {uri.root} cannot be used: the file with the token of a role cannot be read. "
            f"Set {_TOKEN_FILES[uri.scheme]} to one that exists."
        )
    elif _METADATA.search(text):
        message = f"{cannot}: no credentials are set. {_SET_UP[uri.scheme]}"
    elif "builder error" in text:
        message = f"{cannot}: its endpoint is an http:// URL. Set {_ALLOW_HTTP[uri.scheme]}=true."
    elif kind in {"PermissionDeniedError", "UnauthenticatedError"} or status in {"401", "403"}:
        message = _denied(uri, code, action)
    elif code in _NO_BUCKET:
        return no_bucket(uri)
    elif uri.scheme == "s3" and "configured region" in text:
        message = f"{cannot}: the bucket is in another region. Set AWS_REGION to it."
    else:
        return SourceError(f"{cannot}: {_temporary(raised, uri, status, code)}", is_transient=True)
    return SourceError(message)


def no_bucket(uri: ObjectURI) -> SourceError:
    """Return the error about a bucket that does not exist."""
    return SourceError(
        f"No such bucket: {uri.root}. Check its name, its region and the endpoint of the store."
    )


def is_about_bucket(raised: Exception) -> bool:
    """Return whether the response of a store states that there is no such bucket."""
    code = _CODE.search(_text(raised))
    return code is not None and code[1] in _NO_BUCKET


def _denied(uri: ObjectURI, code: str | None, action: Action) -> str:
    denied = f"Access to {uri} is denied{f' ({code})' if code else ''}."
    denied = f"{denied} The credentials must be valid and allow {action.doing} the object."
    if action is not READ:
        return denied
    return f"{denied} A store that does not allow listing reports a missing object in this way too."


def _temporary(raised: Exception, uri: ObjectURI, status: str | None, code: str | None) -> str:
    if status:
        reason = f"status {status}{f', {code}' if code else ''}"
    elif "HTTP error" in _text(raised):
        server = _SERVER.search(str(raised))
        shown = f"{server[1]}{server[2]}" if server else "the store"
        details = str(raised)
        reason = next(failure for mark, failure in _FAILURES if mark in details).format(shown)
    else:
        reason = (
            f"the response is not that of a store ({escaped(_without_values(_text(raised))).rstrip('.')})"
        )
    return f"{reason}. Check {_CHECKS[uri.scheme]}, and try again."


def _without_values(text: str) -> str:
    return _QUOTED.sub("a value", _REQUEST.sub("", text))


def _text(raised: Exception) -> str:
    """Return the first part of the text of obstore, without the source code that follows it."""
    return _PREFIX.sub("", str(raised).partition("\n\nDebug source")[0]).rstrip(".")
