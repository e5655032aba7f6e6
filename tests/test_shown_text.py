"""Text is shown without what gives access to a recording."""

from __future__ import annotations

import pytest

from aai_async._shown_text import escaped, without_secrets


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:secret@host.example/a.mp3", "https://host.example/a.mp3"),
        ("https://secret@host.example:8443/a.mp3", "https://host.example:8443/a.mp3"),
        ("https://user:sec@ret@host.example/a@b.mp3", "https://host.example/a@b.mp3"),
        ("HTTPS://host.example/a.mp3?X-Amz-Signature=secret&x=?", "HTTPS://host.example/a.mp3"),
        ("https://host.example?sig=secret", "https://host.example"),
        ("https://host.example/a.mp3#access_token=secret", "https://host.example/a.mp3"),
        ("https://host.example/x;sid=secret/a.mp3;sig=secret", "https://host.example/x/a.mp3"),
        ("https://host.example/a;b.mp3", "https://host.example/a;b.mp3"),
        ("s3://id:secret@bucket/a.mp3?x=secret", "s3://bucket/a.mp3"),
        ("http://deleted_by_user", "http://deleted_by_user"),
    ],
)
def test_an_address_is_shown_without_what_lets_others_in(url: str, shown: str) -> None:
    """Alone, and within what the service says."""
    assert without_secrets(url) == shown
    text = f'Download of "{url}" failed, see {url} or ask.'
    assert escaped(text) == f'Download of "{shown}" failed, see {shown} or ask.'
