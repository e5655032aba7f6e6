"""
Objects in S3, Google Cloud Storage and Azure, by obstore, an optional dependency.

All functions block: call them in a thread. Messages contain no credentials, and errors no cause, because the
errors of a store can show signatures, tokens and access keys.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import os
from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import msgspec

from aai_async._command_lines import install_command
from aai_async._errors import SourceError
from aai_async._io.object_source import ObjectURI
from aai_async._io.source import file_changed
from aai_async._io.store_errors import (
    READ,
    REMOVE,
    WRITE,
    Action,
    SettingsError,
    check_environment,
    is_about_bucket,
    is_panic,
    no_bucket,
    panic_error,
    request_error,
    settings_error,
)

if TYPE_CHECKING:
    from obstore import Attributes, ObjectMeta, PutMode, UpdateVersion
    from obstore.store import AzureStore, GCSStore, RetryConfig, S3Store

    _SigningStore: TypeAlias = S3Store | GCSStore | AzureStore

_CREDENTIALS = ("AWS_", "AZURE_", "GOOGLE_")
"""Prefixes of the environment variables that configure a store."""

_RETRIES = 6
"""Retries of a request to a store, which wait for about six seconds together."""


class ObjectVersion(msgspec.Struct, frozen=True):
    """The version of an object."""

    size: int
    """Length in bytes."""
    e_tag: str | None
    mark: str
    """What distinguishes it from other versions of the same size: the ETag, where the store has one."""

    @classmethod
    def of(cls, meta: ObjectMeta) -> ObjectVersion:
        """Return the version that a store reports."""
        mark = meta.get("e_tag") or meta.get("version") or meta["last_modified"].isoformat()
        return cls(meta["size"], meta.get("e_tag"), mark)


def head(uri: ObjectURI) -> ObjectVersion:
    """
    Return the current version of an object.

    Raises:
        SourceError: There is no such object or bucket, the access is denied, or the store is not reachable.
    """
    with _store_errors(uri):
        import obstore  # noqa: PLC0415 - an extra

        return ObjectVersion.of(obstore.head(_store(uri), _key(uri)))


def read(uri: ObjectURI, version: ObjectVersion, start: int, end: int) -> memoryview:
    """
    Return the bytes of a version of an object from `start` to before `end`.

    Raises:
        FileChangedError: The object has another version.
        SourceError: It cannot be read.
    """
    with _store_errors(uri):
        import obstore  # noqa: PLC0415 - an extra

        result = obstore.get(
            _store(uri), _key(uri), options={"range": (start, end), "if_match": version.e_tag}
        )
        # Not copied to `bytes`: the caller copies it once, piece by piece.
        content = memoryview(result.bytes())
        # Not every store honours If-Match.
        if ObjectVersion.of(result.meta) != version or len(content) != end - start:
            raise file_changed(str(uri))
        return content


def sign(uri: ObjectURI, expires_in: dt.timedelta) -> str:
    """
    Return a pre-signed URL of an object.

    Raises:
        SourceError: The credentials cannot sign.
    """
    with _store_errors(uri):
        import obstore  # noqa: PLC0415 - an extra

        return obstore.sign(_store(uri), "GET", _key(uri), expires_in)


def create(uri: ObjectURI, content: bytes, metadata: Mapping[str, str] | None = None) -> bool:
    """
    Create an object; return False, and change nothing, if it exists.

    Args:
        uri: The object.
        content: Its content.
        metadata: What is stored with it, such as its `Content-Type`.

    Raises:
        SourceError: It cannot be created, or that is unknown.
    """
    with _store_errors(uri, WRITE):
        return _put(uri, content, "create", metadata)


class StoredAttributes(msgspec.Struct, frozen=True):
    """What is known of an object, without its content."""

    size: int
    """Length in bytes."""
    metadata: Mapping[str, str]
    revision: UpdateVersion
    """What a store compares before it replaces the object."""


def attributes(uri: ObjectURI) -> StoredAttributes:
    """
    Return the size and the metadata of an object.

    Raises:
        SourceError: It cannot be read.
    """
    with _store_errors(uri):
        import obstore  # noqa: PLC0415 - an extra

        found = obstore.get(_store(uri), _key(uri), options={"head": True})
        # S3 compares the first, Google Cloud Storage the second; obstore accepts no `None`.
        marks = {name: found.meta.get(name) for name in ("e_tag", "version") if found.meta.get(name)}
        revision = cast("UpdateVersion", marks)
        metadata = {str(name): value for name, value in found.attributes.items()}
        return StoredAttributes(found.meta["size"], metadata, revision)


def replace(uri: ObjectURI, content: bytes, there: StoredAttributes, metadata: Mapping[str, str]) -> bool:
    """
    Replace an object; return False, and change nothing, if it was changed meanwhile.

    Raises:
        SourceError: It cannot be replaced, or that is unknown.
    """
    with _store_errors(uri, WRITE):
        if _put(uri, content, there.revision, metadata):
            return True
    # A request that is sent again after a lost response finds its own content.
    return fetch(uri) == content


def _put(uri: ObjectURI, content: bytes, mode: PutMode, metadata: Mapping[str, str] | None) -> bool:
    import obstore  # noqa: PLC0415 - an extra

    attributes = cast("Attributes", dict(metadata or {}))
    try:
        # In one request, which a store takes whole or not at all.
        obstore.put(_store(uri), _key(uri), content, mode=mode, use_multipart=False, attributes=attributes)
    except Exception as error:
        # Of classes of obstore, which is imported only where it is used.
        if type(error).__name__ not in {"AlreadyExistsError", "PreconditionError"}:
            raise
        return False
    return True


def fetch(uri: ObjectURI) -> bytes:
    """
    Return the content of an object.

    Raises:
        SourceError: It cannot be read.
    """
    with _store_errors(uri):
        import obstore  # noqa: PLC0415 - an extra

        return obstore.get(_store(uri), _key(uri)).bytes().to_bytes()


def remove(uris: Sequence[ObjectURI]) -> None:
    """
    Remove objects of one bucket; those that do not exist are ignored.

    Raises:
        SourceError: They cannot be removed.
    """
    if uris:
        with _store_errors(uris[0], REMOVE):
            import obstore  # noqa: PLC0415 - an extra

            obstore.delete(_store(uris[0]), [_key(uri) for uri in uris])


def list_uris(prefix: ObjectURI) -> list[ObjectURI]:
    """
    Return the URIs of all objects behind a prefix and a slash.

    Raises:
        SourceError: There is no such bucket, the access is denied, or the store is not reachable.
    """
    with _store_errors(prefix):
        return [msgspec.structs.replace(prefix, key=meta["path"]) for meta in _listed(prefix, recursive=True)]


def list_objects(prefix: ObjectURI, *, recursive: bool) -> Iterator[tuple[ObjectURI, ObjectVersion]]:
    """
    Yield the objects whose keys begin with a prefix and a slash, in the order of the store.

    Args:
        prefix: The prefix; an empty key for all objects of the bucket.
        recursive: Whether to yield also the objects behind a further slash.

    Raises:
        SourceError: There is no such bucket, the access is denied, or the store is not reachable.
    """
    with _store_errors(prefix):
        for meta in _listed(prefix, recursive=recursive):
            yield msgspec.structs.replace(prefix, key=meta["path"]), ObjectVersion.of(meta)


def _listed(prefix: ObjectURI, *, recursive: bool) -> Iterator[ObjectMeta]:
    import obstore  # noqa: PLC0415 - an extra

    # Its types of lists need Arrow's, which are not installed.
    store, folder, lists = _store(prefix), prefix.key or None, cast("Any", obstore)
    if recursive:
        for some in lists.list(store, folder):
            yield from some
    else:
        yield from lists.list_with_delimiter(store, folder)["objects"]


def _key(uri: ObjectURI) -> str:
    if not uri.key or uri.key.endswith("/"):
        raise SourceError(f"{uri} names no object: give its key too, as in {uri.root}/{uri.key}call.mp3.")
    return uri.key


_PROCESS = list[int]()
"""The process that has used obstore, whose threads do not exist in a process that is forked from it."""


def _store(uri: ObjectURI) -> _SigningStore:
    if _PROCESS and _PROCESS[0] != os.getpid():
        raise SourceError(
            f"{uri} cannot be read in a process that was forked after object storage was used: start "
            'processes with multiprocessing.get_context("spawn").'
        )
    _PROCESS[:] = [os.getpid()]
    environment = frozenset(item for item in os.environ.items() if item[0].startswith(_CREDENTIALS))
    return _open_store(uri.root, environment)


@functools.lru_cache(maxsize=32)
def _open_store(root: str, environment: frozenset[tuple[str, str]]) -> _SigningStore:
    """Return a store with its connection pool; another one after the environment has changed."""
    from obstore.store import from_url  # noqa: PLC0415 - an extra

    check_environment(ObjectURI.parse(root), dict(environment))
    # No client options: obstore would ignore those of the environment, such as AWS_ALLOW_HTTP.
    retries: RetryConfig = {"max_retries": _RETRIES, "retry_timeout": dt.timedelta(seconds=60)}
    try:
        # The type depends on the scheme, and that of each scheme here can sign.
        return cast("_SigningStore", from_url(root, retry_config=retries))
    except Exception as error:
        raise SettingsError(str(error)) from error


@contextlib.contextmanager
def _store_errors(uri: ObjectURI, action: Action = READ) -> Generator[None]:
    error: SourceError | None = None
    try:
        yield
    except SourceError:
        raise
    except ImportError:
        error = SourceError(
            f"{uri} cannot be {action.done}: object storage is an extra: {install_command('cloud')}."
        )
    except SettingsError as raised:
        error = settings_error(raised, uri, os.environ)
    except FileNotFoundError:
        error = _missing(uri)
    except Exception as raised:  # noqa: BLE001 - of the store, for which obstore has classes and built-in ones
        error = request_error(raised, uri, action)
    except BaseException as raised:
        # PyO3 raises one for a failed assertion of Rust.
        if not is_panic(raised):
            raise
        error = panic_error(uri)
    if error is not None:
        try:
            raise error
        finally:
            # The block has failed with the error of the store, which Python has made its context.
            error.__context__ = None
            # Its traceback refers to this frame, which must not refer to it: that would be a cycle.
            del error


def _missing(uri: ObjectURI) -> SourceError:
    """Return the error about an object that does not exist; its name may be a prefix without the slash."""
    # The response to a HEAD request has no body, so it does not show what is missing.
    found = None
    try:
        found = next(iter(_listed(uri, recursive=True)), None)
    except Exception as error:  # noqa: BLE001 - if the bucket cannot be listed, all that is known is the first error
        if is_about_bucket(error):
            return no_bucket(uri)
    if found is not None:
        return SourceError(
            f"No such object: {uri}. It is a prefix with objects below it: end it with a slash, {uri}/."
        )
    return SourceError(f"No such object: {uri}. Keys are case-sensitive.")
