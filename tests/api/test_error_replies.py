"""What is answered instead of an answer becomes the error that it means."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

import aai_async as aai
from aai_async._api.reply import HTTPReply, error_from_reply
from aai_async._shown_text import escaped


def reply(status: int, body: bytes = b"") -> HTTPReply:
    return HTTPReply(status=status, headers={}, body=body)


@pytest.mark.parametrize(
    ("status", "said", "kind"),
    [
        (400, "Transcript lookup error, transcript id not found", aai.NotFoundError),
        (400, "Your current account balance is negative. Please top up.", aai.AccountError),
        (402, "Payment required", aai.AccountError),
        (403, "Rate limit exceeded", aai.RateLimitError),
        (403, "Request-rate limit exceeded", aai.RateLimitError),
        (403, "You are being rate limited", aai.RateLimitError),
        (403, "You have reached the limit of your request rate", aai.RateLimitError),
        (403, "Too many requests", aai.RateLimitError),
        (403, "This model is billed separately, and access is limited", aai.AccountError),
        (403, "Your plan is limited. See the rates", aai.AccountError),
        (403, "Unlimited rate plans are over", aai.AccountError),
        (403, "Cannot access uploaded file", aai.UploadGoneError),
        (403, "Your plan does not include uploaded files", aai.AccountError),
        (400, "Negative account balance", aai.AccountError),
        (400, "Insufficient balance", aai.AccountError),
        (400, "Your balance is too low", aai.AccountError),
        (400, "You have a balance of $0.00", aai.AccountError),
        (
            400,
            "short_file_diarization_method must be one of deliberate, balanced, conservative, aggressive",
            aai.RejectedError,
        ),
        (400, "'balance' is not a parameter", aai.RejectedError),
        (400, "The channels are out of balance. Negative offsets are refused", aai.RejectedError),
        (400, "No transcript lookup errors are shown here", aai.RejectedError),
        (403, "Forbidden", aai.AccountError),
        (404, "Not found", aai.NotFoundError),
        (413, "Too large", aai.RejectedError),
        (302, "", aai.RejectedError),
        (503, "", aai.ServerError),
        (204, "", aai.ProtocolError),
    ],
)
def test_what_the_service_means_is_read_from_status_and_text(
    status: int, said: str, kind: type[aai.APIError]
) -> None:
    """There are no machine-readable codes."""
    assert type(error_from_reply(reply(status, json.dumps({"error": said}).encode()))) is kind
    assert type(error_from_reply(reply(status, said.encode()))) is kind


def test_retry_after_is_kept_on_the_error() -> None:
    """Whoever gets it may want to come back."""
    error = error_from_reply(HTTPReply(status=429, headers={"retry-after": "17"}, body=b""))
    assert isinstance(error, aai.RateLimitError)
    assert (error.status, error.retry_after) == (429, 17.0)


@given(st.text())
def test_text_of_the_service_is_short_and_printable(text: str) -> None:
    """A log or a terminal is not at its mercy."""
    shown = escaped(text)
    assert len(shown) <= 300
    assert shown.isprintable()


@given(st.binary(), st.integers(201, 599))
def test_any_refusal_can_be_read(body: bytes, status: int) -> None:
    """Whatever a proxy in between makes up."""
    error = error_from_reply(reply(status, body))
    assert isinstance(error, aai.AAIError)
    assert len(str(error)) < 600


SHOWN_IDS = [
    ({}, b'{"error": "No", "request_id": "body-1"}', "body-1"),
    ({"x-request-id": "header-1"}, b'{"error": "No", "request_id": "body-1"}', "body-1"),
    ({"x-request-id": "header-1", "x-amzn-trace-id": "Root=1-5"}, b'{"error": "No"}', "header-1"),
    ({"x-amzn-trace-id": "Root=1-5", "x-amz-cf-id": "cf"}, b"<html>", "Root=1-5"),
    ({"x-request-id": "", "x-amz-cf-id": "a\tb"}, b"", "a b"),
    ({"x-request-id": "x" * 129}, b'{"error": "No", "request_id": {"a": 1}}', None),
    ({"date": "Mon, 30 Nov 2026 00:00:00 GMT"}, b'{"error": "No"}', None),
]


@pytest.mark.parametrize(("headers", "body", "expected"), SHOWN_IDS)
def test_the_id_of_a_refused_request_comes_from_the_body_or_a_header(
    headers: dict[str, str], body: bytes, expected: str | None
) -> None:
    """The message names it too, because a log may have nothing else."""
    error = error_from_reply(HTTPReply(status=500, headers=headers, body=body))
    assert isinstance(error, aai.ServerError)
    assert error.request_id == expected
    assert ("request id" in str(error)) is (expected is not None)
    assert expected is None or f"(request id {expected})." in str(error)


def test_the_headers_of_a_refusal_are_read_only_and_contain_no_credential() -> None:
    """Neither a cookie nor the signature in the target of a redirect."""
    headers = {
        "date": "Mon, 30 Nov 2026 00:00:00 GMT",
        "location": "https://user:secret@host.example/a?signature=secret",
        "set-cookie": "session=secret",
        "X-Amz-Security-Token": "secret",
        "proxy-authenticate": "Bearer secret",
        "x-long": "x" * 9_000,
    }
    error = error_from_reply(HTTPReply(status=302, headers=headers, body=b""))
    assert isinstance(error, aai.APIError)
    assert dict(error.headers) == {
        "date": "Mon, 30 Nov 2026 00:00:00 GMT",
        "location": "https://host.example/a",
        "x-long": "x" * 300,
    }
    with pytest.raises(TypeError):
        error.headers["date"] = "another"  # type: ignore[index]  # the point of the test
    assert error.headers["date"].startswith("Mon")


def test_one_odd_value_beside_it_does_not_hide_the_text_of_a_refusal() -> None:
    """From which status and text tell what may be sent again."""
    body = b'{"error": "Try again", "message": [], "metadata": "none", "request_id": {"a": 1}}'
    error = error_from_reply(reply(503, body))
    assert (error.verdict, error.args[0]) == (aai.RequestState.REFUSED, "The service answered 503: Try again")
