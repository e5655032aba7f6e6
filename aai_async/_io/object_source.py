"""Recordings in object storage, as callers name them. This module does no I/O."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any, Self

import attrs
import msgspec

from aai_async._errors import ConfigError, SourceError
from aai_async._io.addresses import without_signature
from aai_async._shown_text import without_secrets

_URI = re.compile(r"(?P<scheme>s3|gs|az)://(?P<bucket>[^/]*)/?(?P<key>.*)", re.IGNORECASE | re.DOTALL)

_LONGEST = timedelta(days=7)
"""
The longest time for which S3 and Google Cloud Storage accept a signature.

Sources: https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-presigned-url.html,
https://cloud.google.com/storage/docs/access-control/signed-urls
"""


class ObjectURI(msgspec.Struct, frozen=True):
    """The parts of the URI of an object, or of the prefix of several."""

    scheme: str
    bucket: str
    """The name of the bucket; in Azure, of the container."""
    key: str
    """The key as the store has it: nothing in it is decoded, and `?` and `#` have no special meaning."""

    @classmethod
    def parse(cls, uri: str) -> Self:
        """
        Split a URI.

        Raises:
            SourceError: It is not a URI of an object store, has no bucket, or contains credentials.
        """
        shown = without_secrets(uri)
        match = _URI.fullmatch(uri)
        if match is None:
            raise SourceError(
                f"{shown} is not the URI of an object. Give s3://BUCKET/KEY, gs://BUCKET/KEY, "
                "az://CONTAINER/KEY or file:///PATH."
            )
        if "@" in match["bucket"] or without_signature(uri) != uri:
            raise SourceError(
                f"The URI of {shown} contains credentials. Give it without them: credentials are read from "
                "the environment."
            )
        if not match["bucket"]:
            raise SourceError(f"{shown} has no bucket. Give {match['scheme'].lower()}://BUCKET/KEY.")
        return cls(match["scheme"].lower(), match["bucket"], match["key"])

    @property
    def root(self) -> str:
        """The URI of the bucket."""
        return f"{self.scheme}://{self.bucket}"

    def below(self, path: str) -> ObjectURI:
        """Return the URI of what has a path below this one as a prefix, which ends without a slash."""
        return ObjectURI(self.scheme, self.bucket, f"{self.key}/{path}" if self.key else path)

    def __str__(self) -> str:
        return f"{self.root}/{self.key}"


def is_object_uri(name: str) -> bool:
    """Return whether a name begins as a URI of an object in S3, Google Cloud Storage or Azure."""
    return _URI.match(name) is not None


def shown_uri(uri: object) -> str:
    """Return a URI as it can be shown: without credentials, which do not belong into one."""
    try:
        return str(ObjectURI.parse(uri)) if isinstance(uri, str) else repr(uri)
    except SourceError:
        return without_secrets(str(uri))


def _check_uri(_: object, __: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, str):
        raise ConfigError(f"ObjectSource(uri) must be a str, not {type(value).__name__}.")


def _check_expiry(_: object, __: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, timedelta) or not timedelta(seconds=1) <= value <= _LONGEST:
        raise ConfigError(
            f"ObjectSource(expires_in=...) must be a timedelta from 1 second to 7 days, not {value!r}."
        )


@attrs.frozen
class ObjectSource:
    """
    A recording in object storage: S3, Google Cloud Storage, Azure, or a file by its URI. Extra `cloud`.

    ``aai.ObjectSource("s3://bucket/call.mp3")`` can be passed wherever a path can. By default the object is
    read in ranges of eight mebibytes and uploaded. It is read again from its start if the upload breaks, and
    an object that changes meanwhile raises a `FileChangedError`.

    A batch and a journal recognise the recording by its URI, size and ETag. A journal contains neither
    credentials nor signatures.

    Credentials are read from the environment, as obstore does: for example `AWS_ACCESS_KEY_ID`,
    `GOOGLE_APPLICATION_CREDENTIALS`, `AZURE_STORAGE_ACCOUNT_NAME`, or the role of the machine
    (https://developmentseed.org/obstore/latest/authentication/). A plain `str` is never read with them, so
    that an application does not open its own storage for a name that a user has sent.

    Raises:
        ConfigError: `uri` is not a str, or `expires_in` is out of range. The URI itself is checked when the
            recording is opened, which raises a `SourceError`.
    """

    uri: str = attrs.field(repr=shown_uri, validator=_check_uri)
    """`s3://BUCKET/KEY`, `gs://BUCKET/KEY`, `az://CONTAINER/KEY` or `file:///PATH`."""

    presign: bool = attrs.field(default=False, kw_only=True)
    """
    Whether the service fetches the object from a pre-signed URL, which is made when the recording is opened.

    No bytes then pass through this machine. The store must be reachable from the internet.
    """

    expires_in: timedelta = attrs.field(default=timedelta(hours=24), kw_only=True, validator=_check_expiry)
    """
    How long the pre-signed URL is valid, at most 7 days; the service fetches it when the job begins.

    A URL that was signed with temporary credentials expires with them.
    """
