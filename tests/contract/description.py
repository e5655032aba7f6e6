"""
The service's own description of its API, and a validator over it.

Three places of it cannot be met as they stand. Two objects are `allOf` others of which each forbids what
the other demands: they are joined here, which is what is meant. A recording is described as a string, which
bytes are not. And `speech_models`, which it demands, has a default since.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import httpx
from openapi_core import Config, OpenAPI
from openapi_core.datatypes import RequestParameters
from openapi_core.exceptions import OpenAPIError
from werkzeug.datastructures import Headers, ImmutableMultiDict

HOST = "https://api.assemblyai.com"

_CONTRADICTIONS = ("TranscriptParams", "RedactedAudioNotification")


@functools.cache
def document() -> dict[str, Any]:
    """The description, in a form that can be met."""
    path = Path(__file__).parents[1] / "samples" / "openapi.json"
    description: dict[str, Any] = json.loads(path.read_text())
    schemas = description["components"]["schemas"]
    for name in _CONTRADICTIONS:
        schemas[name] = _joined(schemas[name]["allOf"], schemas)
    schemas["TranscriptParams"]["required"].remove("speech_models")
    description["paths"]["/v2/upload"]["post"]["requestBody"]["content"]["application/octet-stream"] = {}
    return description


def schema(name: str) -> dict[str, Any]:
    """One of its schemas."""
    return cast("dict[str, Any]", document()["components"]["schemas"][name])


def check_request(request: httpx.Request) -> None:
    """Make sure that the description knows such a request: address, query, key and body."""
    try:
        _description().validate_request(_Request(request, request.content or None))
    except OpenAPIError as error:
        raise AssertionError(f"{request.method} {request.url.path}: {_reasons(error)}") from None


def check_response(response: httpx.Response) -> None:
    """Make sure that the description knows such an answer to its request; the content must have been read."""
    try:
        _description().validate_response(_Request(response.request), _Response(response))
    except OpenAPIError as error:
        where = f"{response.request.method} {response.request.url.path} {response.status_code}"
        raise AssertionError(f"{where}: {_reasons(error)}") from None


@functools.cache
def _description() -> OpenAPI:
    # It is not checked itself: the part about a product that is gone has a default that is none.
    return OpenAPI.from_dict(document(), config=Config(spec_validator_cls=None))


def _joined(parts: list[dict[str, Any]], schemas: dict[str, Any]) -> dict[str, Any]:
    joined: dict[str, Any] = {"type": "object", "additionalProperties": False}
    joined |= {"properties": {}, "required": []}
    for part in parts:
        found = schemas[part["$ref"].rpartition("/")[2]] if "$ref" in part else part
        joined["properties"] |= found["properties"]
        joined["required"] += found.get("required", [])
    return joined


def _reasons(error: OpenAPIError) -> str:
    found = getattr(error.__cause__, "schema_errors", ())
    reasons = [f"{'.'.join(map(str, one.absolute_path))}: {one.message[:300]}" for one in found]
    return "; ".join(reasons) or f"{error} {error.__cause__ or ''}"


class _Request:
    """A request as the validator sees it: whichever host it went to, as if it had gone to the service."""

    host_url = HOST

    def __init__(self, request: httpx.Request, body: bytes | None = None) -> None:
        self.method = request.method.lower()
        self.path = urlsplit(str(request.url)).path
        self.full_url_pattern = HOST + self.path
        self.body = body
        self.content_type = request.headers.get("content-type", "")
        # Kept, for the validator adds what it finds in the path.
        self.parameters = RequestParameters(
            query=ImmutableMultiDict(request.url.params.multi_items()),
            header=Headers(request.headers.multi_items()),
            cookie=ImmutableMultiDict(),
        )


class _Response:
    """A reply as the validator sees it."""

    def __init__(self, response: httpx.Response) -> None:
        self.status_code = response.status_code
        self.data = response.content
        self.content_type = response.headers.get("content-type", "").partition(";")[0]
        self.headers = Headers(response.headers.multi_items())
