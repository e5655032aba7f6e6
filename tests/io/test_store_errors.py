"""What is reported of an object store that cannot be used: what happened, at which URI, and what to do."""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Iterator

import obstore
import pytest
from buckets import KEY_ID, SECRET

import aai_async as aai
from aai_async._io import object_store
from aai_async._io.object_source import ObjectURI

URI = ObjectURI("s3", "calls", "day/call.wav")


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_store, "_RETRIES", 0)
    for name in ("AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY_ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")


class Answer(http.server.BaseHTTPRequestHandler):
    """Gives each request one status, and no content."""

    status = 200

    def do_PUT(self) -> None:
        self.send_response(self.status)
        self.send_header("content-length", "0")
        self.end_headers()

    do_GET = do_HEAD = do_PUT  # noqa: N815 - as the library calls them

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as it is there
        """Write nothing to standard error."""


@pytest.fixture
def answering(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a server that gives each request the status of the test."""
    handler = type("Handler", (Answer,), {"status": request.param})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def error_of(write: bool = False, uri: ObjectURI = URI) -> aai.SourceError:
    with pytest.raises(aai.SourceError) as caught:
        _ = object_store.create(uri, b"x") if write else object_store.list_uris(uri)
    shown = str(caught.value)
    # Nothing of the text of the library, which can contain credentials.
    assert not [
        text for text in ("Generic", "HTTP error", "Error performing", KEY_ID, SECRET) if text in shown
    ]
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
    return caught.value


@pytest.mark.parametrize("write", [False, True], ids=["read", "written"])
def test_a_store_that_nobody_serves_is_named_with_what_chooses_it(
    monkeypatch: pytest.MonkeyPatch, write: bool
) -> None:
    """It may be served again, so the error is transient."""
    # Bound and not listening, so that nobody else can answer.
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{held.getsockname()[1]}"
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        error = error_of(write)
    done = "written" if write else "read"
    assert str(error) == (
        f"s3://calls/day/call.wav cannot be {done}: {address} refuses the connection. "
        "Check the network, AWS_ENDPOINT_URL and AWS_REGION, and try again."
    )
    assert error.is_transient


def test_a_server_whose_name_is_unknown_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """With its name, and without a password in its URL."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://no-such-host.invalid/path")
    assert (
        "the name of http://no-such-host.invalid cannot be resolved. Check the network, AWS_ENDPOINT_URL"
        in str(error_of())
    )


def test_a_connection_that_ends_without_a_response_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a server does that is of another protocol."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def close() -> None:
            connection, _ = listener.accept()
            connection.close()

        thread = threading.Thread(target=close)
        thread.start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{listener.getsockname()[1]}")
        assert "the connection to http://127.0.0.1" in str(error_of())
        thread.join()


@pytest.mark.parametrize(
    "endpoint",
    [
        "127.0.0.1:9000",
        "localhost",
        "http://",
        "ftp://127.0.0.1",
        "http://127.0.0.1:port",
        "http://127.0.0.1:90000",
        "http://<host>.invalid",
        "http://bücher.invalid",
        "http://127.0.0.1/{path}",
        " ",
    ],
)
def test_an_endpoint_that_is_no_url_is_named(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    """Before it is used, and without its value, which can have a password."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    error = error_of()
    assert "s3://calls cannot be reached: AWS_ENDPOINT_URL is not the URL of a server." in str(error)
    assert not error.is_transient


@pytest.mark.parametrize(
    ("uri", "variable", "value"),
    [
        ("s3://calls/a.wav", "AWS_ACCESS_KEY_ID", f"{KEY_ID}\n"),
        ("s3://calls/a.wav", "AWS_SESSION_TOKEN", "a-token\r\n"),
        ("s3://calls/a.wav", "AWS_REGION", "eu-west-1\x7f"),
        ("s3://calls/a.wav", "AWS_ENDPOINT_URL", "http://127.0.0.1:9\n"),
        ("gs://calls/a.wav", "GOOGLE_BASE_URL", "http://127.0.0.1:9\n"),
        ("az://calls/a.wav", "AZURE_STORAGE_ACCOUNT_NAME", "account\n"),
    ],
)
def test_a_setting_with_a_control_character_is_named(
    monkeypatch: pytest.MonkeyPatch, uri: str, variable: str, value: str
) -> None:
    """Such as the line break of a secret that was read from a file."""
    monkeypatch.setenv(variable, value)
    with pytest.raises(aai.SourceError) as caught:
        object_store.list_uris(ObjectURI.parse(uri))
    assert str(caught.value) == (
        f"The settings of {uri.rpartition('/')[0]} cannot be used: {variable} contains a control character, "
        "such as a line break at its end. Set it without one."
    )
    assert not caught.value.is_transient


def test_line_breaks_in_documents_and_in_settings_of_other_stores_are_accepted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They are no values of requests."""
    monkeypatch.setenv("AWS_SESSION_TOKEN", "a-token\n")
    monkeypatch.setenv("GOOGLE_PRIVATE_KEY", "-----BEGIN PRIVATE KEY-----\n")
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT_KEY", "{\n}\n")
    with pytest.raises(aai.SourceError, match="service account file"):
        object_store.list_uris(ObjectURI.parse("gs://calls/a.wav"))


@pytest.mark.parametrize("write", [False, True], ids=["read", "written"])
def test_a_panic_of_the_library_is_an_error_about_settings(
    monkeypatch: pytest.MonkeyPatch, write: bool
) -> None:
    """It is no error of Python, and would end a batch."""

    class PanicException(BaseException):
        """As PyO3 raises it, from a class that cannot be imported."""

    def panic(*_: object, **__: object) -> None:
        raise PanicException(SECRET)

    monkeypatch.setattr(obstore, "put" if write else "list", panic)
    error = error_of(write)
    assert str(error).startswith("The settings of s3://calls cannot be used.")
    assert "the environment variables that begin with AWS_." in str(error)
    assert not error.is_transient


def test_an_interrupt_is_no_error_of_a_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends a request."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(obstore, "list", interrupt)
    with pytest.raises(KeyboardInterrupt):
        object_store.list_uris(URI)


@pytest.mark.parametrize(
    ("answering", "reported", "is_transient"),
    [
        (301, "the bucket is in another region. Set AWS_REGION to it.", False),
        (405, "status 405. Check the network, AWS_ENDPOINT_URL and AWS_REGION", True),
        (503, "status 503. Check the network, AWS_ENDPOINT_URL and AWS_REGION", True),
    ],
    indirect=["answering"],
)
def test_a_response_that_is_no_success_is_reported(
    monkeypatch: pytest.MonkeyPatch, answering: str, reported: str, is_transient: bool
) -> None:
    """With its status, or with what it means."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", answering)
    error = error_of()
    assert (reported in str(error), error.is_transient) == (True, is_transient), str(error)


@pytest.mark.parametrize("answering", [301], indirect=True)
def test_a_redirect_of_a_store_without_regions_is_reported_with_its_own_settings(
    monkeypatch: pytest.MonkeyPatch, answering: str
) -> None:
    """A bucket in another region is known only in S3."""
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "a2V5")
    monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", answering)
    monkeypatch.setenv("AZURE_ALLOW_HTTP", "true")
    error = error_of(uri=ObjectURI("az", "calls", "call.wav"))
    assert "AWS_" not in str(error)
    assert "AZURE_STORAGE_ENDPOINT" in str(error)


@pytest.mark.parametrize("answering", [200], indirect=True)
def test_a_server_that_is_no_store_is_reported(monkeypatch: pytest.MonkeyPatch, answering: str) -> None:
    """It confirms a write without the mark of an object."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", answering)
    assert "the response is not that of a store" in str(error_of(write=True))


@pytest.mark.parametrize(
    ("uri", "variable", "value"),
    [
        ("s3://calls/a.wav", "AWS_SECRET_ACCESS_KEY", None),
        ("s3://calls/a.wav", "AWS_ALLOW_HTTP", "maybe"),
        ("s3://calls/a.wav", "AWS_CONDITIONAL_PUT", "maybe"),
        ("s3://calls/a.wav", "AWS_CHECKSUM_ALGORITHM", "maybe"),
        ("s3://calls/a.wav", "AWS_SERVER_SIDE_ENCRYPTION", "maybe"),
        ("s3://calls/a.wav", "AWS_TIMEOUT", "maybe"),
        ("s3://calls/a.wav", "AWS_WEB_IDENTITY_TOKEN_FILE", "maybe"),
        ("az://calls/a.wav", "AZURE_FEDERATED_TOKEN_FILE", "maybe"),
        ("gs://calls/a.wav", "GOOGLE_APPLICATION_CREDENTIALS", "missing.json"),
        ("az://calls/a.wav", "AZURE_STORAGE_ACCOUNT_NAME", None),
    ],
)
def test_settings_that_cannot_be_used_are_reported(
    monkeypatch: pytest.MonkeyPatch, uri: str, variable: str, value: str | None
) -> None:
    """With the variables to set."""
    monkeypatch.delenv(variable, raising=False)
    if value is not None:
        monkeypatch.setenv(variable, value)
    if variable.endswith("TOKEN_FILE"):
        # It is read only without a key.
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        monkeypatch.setenv("AWS_ROLE_ARN", "role")
        for name in ("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_CLIENT_ID", "AZURE_TENANT_ID"):
            monkeypatch.setenv(name, "name")
    with pytest.raises(aai.SourceError) as caught:
        object_store.list_uris(ObjectURI.parse(uri))
    shown = str(caught.value)
    assert shown.startswith(f"The settings of {uri.rpartition('/')[0]} cannot be used: ")
    assert (f"Set {variable.partition('_')[0]}_" in shown, "Generic" in shown) == (True, False), shown
    # A value can be a secret in the wrong variable.
    assert "maybe" not in shown
    assert not caught.value.is_transient
