"""
Which HTTP library a client belongs to: httpx, or its continuation httpx2, where the user has that.

They have the same names, but neither takes the other's objects: whatever is handed to a client is made here.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import httpx

from aai_async._errors import ConfigError

if TYPE_CHECKING:
    import httpx2

AsyncClient: TypeAlias = "httpx.AsyncClient | httpx2.AsyncClient"
"""What sends requests."""

HTTPClient: TypeAlias = "AsyncClient | Callable[[], AsyncClient]"
"""What `Client(http=...)` takes: one that the caller closes, or a function that makes one."""


def library_of(client: object) -> Any:  # a module, of which there is no type
    """
    Give the library of a client.

    Raises:
        ConfigError: It is a client of neither.
    """
    for library in (httpx, sys.modules.get("httpx2")):
        if library is not None and isinstance(client, library.AsyncClient):
            return library
    raise ConfigError(
        "http must be an httpx.AsyncClient, an httpx2.AsyncClient, or a function that makes one, "
        f"not {type(client).__name__}."
    )


def stream_of(library: Any, pieces: AsyncIterator[bytes]) -> object:
    """Give the pieces of a body as the kind of stream that a library takes."""
    # As its stream: given as content it is wrapped in a generator, which a broken upload leaves open.
    return _stream_class(library)(pieces)


def quiet_url(client: Any, library: Any, url: str) -> object:
    """Give an address that lets in whoever has it; the library's log has it without its query."""
    transport = type(getattr(client, "_transport", None)).__module__
    if transport.partition(".")[0] != library.__name__:
        # Another transport may ask for the text, and needs the whole.
        return library.URL(url)
    return _quiet_url_class(library)(url)


@functools.cache
def _stream_class(library: Any) -> Callable[[AsyncIterator[bytes]], object]:
    class Stream(library.AsyncByteStream):  # type: ignore[misc]  # the base is known at run time
        def __init__(self, pieces: AsyncIterator[bytes]) -> None:
            self._pieces = pieces

        def __aiter__(self) -> AsyncIterator[bytes]:
            return self._pieces

    return Stream


@functools.cache
def _quiet_url_class(library: Any) -> Callable[[str], object]:
    class QuietURL(library.URL):  # type: ignore[misc]  # the base is known at run time
        def __str__(self) -> str:
            return str(super().__str__()).partition("?")[0]  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]

    return cast("Callable[[str], object]", QuietURL)
