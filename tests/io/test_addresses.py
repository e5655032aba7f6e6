"""A signed address is known without its signature, and every other one as a whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aai_async._io.addresses import mark_of, without_signature

V4 = (
    "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIA%2F20261129%2Fus-east-1%2Fs3%2Faws4_request"
    "&X-Amz-Date=20261129T101112Z&X-Amz-Expires=3600&X-Amz-SignedHeaders=host&X-Amz-Signature=abc"
    "&X-Amz-Security-Token=token&x-id=GetObject"
)
GOOGLE = (
    "X-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-Credential=a%40b&X-Goog-Date=20261129T101112Z"
    "&X-Goog-Expires=900&X-Goog-SignedHeaders=host&X-Goog-Signature=abc"
)
AZURE = "sp=r&st=2026-11-29T10:11:12Z&se=2026-11-30T10:11:12Z&spr=https&sv=2024-11-04&sr=b&sig=a%2Bb%3D"
CLOUDFRONT = "Expires=1764400000&Signature=abc~_-&Key-Pair-Id=K2JCJMDEHXQW5F"

SIGNED = {
    "s3-v4": ("https://b.s3.amazonaws.com/call.mp3?" + V4, "https://b.s3.amazonaws.com/call.mp3"),
    "s3-v4-version": ("https://b.test/a.mp3?versionId=v1&" + V4, "https://b.test/a.mp3?versionId=v1"),
    "s3-v4-lower": ("https://b.test/a.mp3?" + V4.lower(), "https://b.test/a.mp3"),
    "s3-v2": (
        "https://b.test/a.mp3?AWSAccessKeyId=AKIA&Signature=a%2Bb%3D&Expires=1764400000",
        "https://b.test/a.mp3",
    ),
    "google-v4": (
        "https://storage.googleapis.com/b/a.mp3?generation=5&" + GOOGLE,
        "https://storage.googleapis.com/b/a.mp3?generation=5",
    ),
    "google-v2": (
        "https://storage.googleapis.com/b/a.mp3?GoogleAccessId=a@b&Expires=1764400000&Signature=abc",
        "https://storage.googleapis.com/b/a.mp3",
    ),
    "azure": (
        "https://a.blob.core.windows.net/c/a.mp3?snapshot=2026&" + AZURE,
        "https://a.blob.core.windows.net/c/a.mp3?snapshot=2026",
    ),
    "azure-user-delegation": (
        "https://a.test/a.mp3?" + AZURE + "&skoid=1&sktid=2&skt=3&ske=4&sks=b&skv=5",
        "https://a.test/a.mp3",
    ),
    "cloudfront": ("https://d.cloudfront.net/a.mp3?" + CLOUDFRONT, "https://d.cloudfront.net/a.mp3"),
    "cloudfront-policy": (
        "https://d.test/a.mp3?track=2&Policy=abc_&Signature=abc&Key-Pair-Id=K&Hash-Algorithm=SHA256",
        "https://d.test/a.mp3?track=2",
    ),
}


@pytest.mark.parametrize("kind", SIGNED)
def test_a_signed_address_is_known_without_what_its_signature_changes(kind: str) -> None:
    """What names the object or its version stays."""
    signed, plain = SIGNED[kind]
    assert without_signature(signed) == plain
    assert without_signature(plain) == plain


@pytest.mark.parametrize(
    "address",
    [
        "https://example.com/a.mp3",
        "https://example.com/a.mp3?",
        "https://example.com/a.mp3?signature=of-our-own&id=1",
        "https://example.com/a.mp3?Expires=1&Signature=2",
        "https://example.com/a.mp3?sig=1&id=2",
        "https://example.com/a.mp3?sp=1&st=2&se=3&sv=4",
        "https://example.com/a.mp3?X-Amz-Date=1",
        "https://example.com/a.mp3?key-pair-id=1&id=2",
        "https://example.com/a.mp3#X-Amz-Signature=1",
        "https://example.com/a.mp3?id=1#part?X-Amz-Signature=1",
    ],
)
def test_any_other_address_is_known_as_a_whole(address: str) -> None:
    """Names that happen to be the same may tell one recording from another."""
    assert without_signature(address) == address


@given(address=st.text())
def test_whatever_is_given_as_an_address_has_an_identity(address: str) -> None:
    """Nothing is raised, and doing it twice changes nothing."""
    once = without_signature(address)
    assert without_signature(once) == once
    assert len(mark_of(1, address)) == 16


def test_an_address_is_recognised_as_the_service_repeats_it() -> None:
    """With other escapes or another case of the host; and only for its own job."""
    one = "https://Example.com/a%20b.mp3?x=%2F"
    assert mark_of(1, one) == mark_of(1, "https://example.com:443/a b.mp3?x=/")
    assert mark_of(1, one) != mark_of(2, one)
    assert mark_of(1, one) != mark_of(1, "https://example.com/a%20b.mp3?x=2")
