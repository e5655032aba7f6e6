"""
The identity of a URL, independent of its signature. Pure functions.

Sources of the query names:
S3 https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html and (version 2)
https://docs.aws.amazon.com/AmazonS3/latest/userguide/RESTAuthentication.html;
Google https://cloud.google.com/storage/docs/authentication/canonical-requests;
Azure https://learn.microsoft.com/rest/api/storageservices/create-service-sas;
CloudFront https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-creating-signed-url-canned-policy.html
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable
from urllib.parse import unquote, urlsplit

import msgspec


class _Scheme(msgspec.Struct, frozen=True):
    """A scheme to sign a URL in its query; parameter names in lower case."""

    marks: frozenset[str]
    """Parameters that are all present in a signed URL."""
    names: frozenset[str]
    """Further parameters that change with the signature."""
    prefix: str = "\0"
    """The prefix of further ones."""

    def drops(self, name: str) -> bool:
        return name in self.marks or name in self.names or name.startswith(self.prefix)


def _scheme(marks: str, names: str = "", prefix: str = "\0") -> _Scheme:
    return _Scheme(frozenset(marks.split()), frozenset(names.split()), prefix)


_SCHEMES = (
    _scheme("x-amz-signature", "x-id", "x-amz-"),
    _scheme("awsaccesskeyid signature", "expires x-amz-security-token"),
    _scheme("x-goog-signature", "", "x-goog-"),
    _scheme("googleaccessid signature", "expires"),
    _scheme("key-pair-id signature", "expires policy hash-algorithm"),
    _scheme(
        "sig sv",
        "ss srt sr sp st se spr sip si sdd ses saoid suoid scid skoid sktid skt ske sks skv sduoid skdutid",
    ),
)


def without_signature(url: str) -> str:
    """
    Return a URL without the parameters that a new signature for S3, Google, Azure or CloudFront changes.

    Parameters that name an object or its version are kept. A URL without such a signature is returned
    unchanged.
    """
    address, mark, query = url.partition("?")
    if not mark:
        return url
    query, hash_, fragment = query.partition("#")
    parameters = query.split("&")
    names = {_name(parameter) for parameter in parameters}
    used = [scheme for scheme in _SCHEMES if scheme.marks <= names]
    if not used:
        return url
    kept = [one for one in parameters if not any(scheme.drops(_name(one)) for scheme in used)]
    return f"{address}{'?' if kept else ''}{'&'.join(kept)}{hash_}{fragment}"


def _name(parameter: str) -> str:
    return unquote(parameter.partition("=")[0]).lower()


def key_hash(identity: bytes) -> bytes:
    """Return the key of what identifies a recording: half of its SHA-256, which is enough for any journal."""
    return hashlib.sha256(identity).digest()[:16]


def mark_of(job: int, url: str) -> bytes:
    """Return the hash by which a journal recognises the submitted URL of one of its rows."""
    return key_hash(f"submitted\0{job}\0{_normal(url)!r}".encode("utf-8", "surrogatepass"))


def _normal(url: str) -> Hashable:
    """Return the parts of a URL that do not depend on escapes, the case of the host or a default port."""
    try:
        parts = urlsplit(url.strip())
        usual = {"http": 80, "https": 443}.get(parts.scheme)
        port = parts.port or usual
    except ValueError:
        return url
    texts = [unquote(part) for part in (parts.path or "/", parts.query, parts.fragment)]
    return parts.scheme, parts.hostname, port, *texts
