"""Notifications: forged ones are refused before their body is read, and the others are read; row 73."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import aai_async as aai
from aai_async import webhook
from aai_async.webhook import Notification, RedactedAudioNotification, WebhookSecret

VALUE = "correct-horse-battery"
OLDER = "the-one-before-that-one"
SECRET = WebhookSecret(VALUE, older=[OLDER])
DONE = b'{"transcript_id": "3f1c", "status": "completed"}'


def test_a_notification_of_a_transcript_is_read(sample: Any) -> None:
    """As the service sends it, also with keys that are new."""
    read = SECRET.verify({"X-Webhook-Secret": VALUE}, sample("webhook.transcript-ready.json"))
    assert read == Notification(transcript_id="9ea68fd3-f953-42c1-9742-976c447fb463", status="completed")


def test_a_notification_of_redacted_audio_is_read(sample: Any) -> None:
    """It names no transcript, and does not show where the audio is."""
    read = webhook.parse(sample("get-redacted-audio.ready.json"))
    assert isinstance(read, RedactedAudioNotification)
    assert read.status == "redacted_audio_ready"
    assert read.redacted_audio_url.startswith("https://")
    assert "https" not in repr(read)


@pytest.mark.parametrize(
    "headers",
    [
        {"x-webhook-secret": VALUE},
        {"X-WEBHOOK-SECRET": OLDER},
        [(b"host", b"example.com"), (b"x-webhook-secret", VALUE.encode())],
        [("X-Webhook-Secret", VALUE)],
    ],
)
def test_the_secret_and_the_one_before_are_known(headers: Any) -> None:
    """However a framework gives headers."""
    SECRET.check(headers)


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({}, "is missing"),
        ({"x-webhook-secret": ""}, "is wrong"),
        ({"x-webhook-secret": VALUE[:-1]}, "is wrong"),
        ({"x-webhook-secret": VALUE + "y"}, "is wrong"),
        ({"x-webhook-secret": "gänseblümchen"}, "is wrong"),
        ({"x-webhook-secret": "\ud800"}, "is wrong"),
        ([(b"x-webhook-secret", b"\xff\xfe")], "is wrong"),
        ([("x-webhook-secret", VALUE), ("X-Webhook-Secret", VALUE)], "more than once"),
        ([("x-webhook-secret", VALUE), ("X-Webhook-Secret", "other")], "more than once"),
    ],
)
def test_a_header_that_is_not_the_secret_is_refused(headers: Any, said: str) -> None:
    """With 401, which the service takes for final; and no secret is shown."""
    with pytest.raises(aai.WebhookError, match=said) as caught:
        SECRET.verify(headers, DONE)
    assert caught.value.status == 401
    assert VALUE not in str(caught.value)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"{", 422),
        (b"[]", 422),
        (b'"completed"', 422),
        (b"{}", 422),
        (b'{"status": "completed"}', 422),
        (b'{"transcript_id": 7, "status": "completed"}', 422),
        (b"\xff", 422),
        (b"[" * 60_000, 422),
        (b" " * webhook.LARGEST + DONE, 413),
    ],
)
def test_what_is_no_notification_is_told(body: bytes, status: int) -> None:
    with pytest.raises(aai.WebhookError) as caught:
        webhook.parse(body)
    assert caught.value.status == status


@given(st.binary())
def test_whatever_is_sent_is_read_or_refused(body: bytes) -> None:
    """And nothing else is raised."""
    with contextlib.suppress(aai.WebhookError):
        assert webhook.parse(body).status


def test_a_secret_is_made_that_a_header_can_carry() -> None:
    """Each another one."""
    made = {WebhookSecret.generate().value for _ in range(10)}
    assert len(made) == 10
    assert all(len(value) >= 32 and value.isascii() for value in made)


def test_a_secret_does_not_show_itself() -> None:
    assert VALUE not in repr(SECRET)
    assert OLDER not in repr(SECRET)


@pytest.mark.parametrize("value", ["", None, "short", "with a space in it", "gänseblümchen-auf-der-wiese", 7])
def test_no_secret_and_a_weak_one_are_refused(value: Any) -> None:
    """Also as an older one: an endpoint is closed rather than open."""
    with pytest.raises(aai.ConfigError):
        WebhookSecret(value)
    with pytest.raises(aai.ConfigError):
        WebhookSecret(VALUE, older=[value])


def test_the_options_of_a_submit_have_the_secret() -> None:
    """Beside what is asked for."""
    options = SECRET.options("https://example.com/webhook?call=7", aai.Options(speaker_labels=True))
    assert options.speaker_labels
    assert options.webhook_url == "https://example.com/webhook?call=7"
    assert (options.webhook_auth_header_name, options.webhook_auth_header_value) == (
        "x-webhook-secret",
        VALUE,
    )
    assert SECRET.options("https://example.com/").speaker_labels is None


def test_an_address_that_the_service_would_refuse_is_told() -> None:
    with pytest.raises(aai.OptionsError):
        SECRET.options("ftp://example.com/")


@pytest.mark.parametrize("name", ["", "two words", "größe", "a:b", "a\nb"])
def test_a_header_without_a_proper_name_is_refused(name: str) -> None:
    """No request could have it, so all would be refused."""
    with pytest.raises(aai.ConfigError, match="is not a valid header name"):
        WebhookSecret.generate(header_name=name)


@pytest.mark.parametrize("transcript_id", ["../x", "a/b?c", "%2e", " "])
def test_an_id_that_is_none_is_no_notification(transcript_id: str) -> None:
    """It would stand in an address."""
    with pytest.raises(aai.WebhookError) as caught:
        webhook.parse(json.dumps({"transcript_id": transcript_id, "status": "completed"}).encode())
    assert caught.value.status == 422


def test_a_refusal_does_not_have_the_secrets_in_its_frames() -> None:
    """Where an error reporter would find them."""
    secret = WebhookSecret("a-secret-of-mine-01", older=["a-secret-of-mine-00"])
    with pytest.raises(aai.WebhookError) as caught:
        secret.check({"x-webhook-secret": "wrong"})
    frames = [entry.frame.f_locals for entry in caught.traceback[1:]]
    assert frames
    assert "a-secret-of-mine" not in repr(frames)


def test_notifications_can_be_told_apart_in_a_set() -> None:
    """As keys of what has been handled."""
    one = Notification(transcript_id="3f1c", status="completed", query={"call": "7"})
    assert len({one, attrs.evolve(one), attrs.evolve(one, status="error")}) == 2
