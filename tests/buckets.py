"""An S3 server on this machine, with one bucket for each test."""

from __future__ import annotations

import contextlib
import datetime as dt
import uuid
from collections.abc import Generator, Iterator
from typing import Any, cast

import attrs
import httpx
import obstore
import pytest
from moto.core.authorization import enable_iam_authentication
from moto.server import ThreadedMotoServer
from obstore.store import S3Store

KEY_ID = "AKIAIOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
TOKEN = "a-session-token-of-the-test"

_PATIENCE = 60.0
"""Seconds that the server may take for a response on a busy machine."""


@attrs.frozen
class Bucket:
    """A bucket, and the settings by which others reach it."""

    name: str
    endpoint: str
    _store: S3Store

    @property
    def environment(self) -> dict[str, str]:
        """What credentials and endpoints are read from."""
        return {
            "AWS_ACCESS_KEY_ID": KEY_ID,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_SESSION_TOKEN": TOKEN,
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ALLOW_HTTP": "true",
        }

    def put(self, key: str, content: bytes) -> str:
        """Make an object, and give its URI."""
        obstore.put(self._store, key, content)
        return self.uri(key)

    def make_folder(self, key: str) -> None:
        """Make an empty object whose key ends with a slash, as a console does."""
        # The client of the object storage removes the slash.
        url = f"{self.endpoint}/{self.name}/{key}"
        httpx.put(url, content=b"", trust_env=False, timeout=_PATIENCE).raise_for_status()

    def uri(self, key: str) -> str:
        return f"s3://{self.name}/{key}"

    def delete(self, key: str) -> None:
        obstore.delete(self._store, key)

    def keys(self) -> list[str]:
        # Its types of lists need those of an Arrow library.
        lists = cast("Any", obstore).list(self._store)
        return [str(meta["path"]) for some in lists for meta in some]

    def text(self, key: str) -> str:
        return obstore.get(self._store, key).bytes().to_bytes().decode()


@contextlib.contextmanager
def access_denied() -> Generator[None]:
    """Let the server check credentials, those of the tests are of no account."""
    with enable_iam_authentication():
        yield


def without_access(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take all settings of object storage out of the environment."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ALLOW_HTTP"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()


@pytest.fixture
def bucket(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """An empty bucket, for which the environment has the credentials."""
    return make_bucket(f"calls-{uuid.uuid4().hex}", s3_endpoint, monkeypatch)


def make_bucket(name: str, endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    httpx.put(f"{endpoint}/{name}", trust_env=False, timeout=_PATIENCE).raise_for_status()
    store = S3Store(
        name,
        endpoint=endpoint,
        access_key_id=KEY_ID,
        secret_access_key=SECRET,
        region="us-east-1",
        client_options={"allow_http": True, "timeout": dt.timedelta(seconds=60)},
    )
    made = Bucket(name, endpoint, store)
    for variable, value in made.environment.items():
        monkeypatch.setenv(variable, value)
    return made
