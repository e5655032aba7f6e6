"""The key shows itself nowhere, and goes to the hosts that were named, over connections that nobody reads."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from secrecy import whole_traceback

import aai_async as aai
from aai_async._api.credentials import APIKey, BaseURLs, checked_base_url, checked_download_url

KEY = "0123456789abcdef0123456789abcdef"
SECRET = KEY


@pytest.mark.parametrize(
    "key", ["", " ", "a b", "a\n", "a\r\nX-Evil: 1", "schlüssel", f"Bearer {SECRET}", SECRET.encode(), 123]
)
def test_a_key_that_no_header_can_carry_is_refused_and_not_shown(key: Any) -> None:
    """It comes from an environment or a file, with whatever clings to it."""
    with pytest.raises(aai.ConfigError, match="API key") as caught:
        aai.Client(key)
    assert SECRET not in whole_traceback(caught.value, __file__)


def test_a_key_is_not_pickled() -> None:
    """Nobody finds it in a queue."""
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(APIKey("abc"))


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://api.assemblyai.com", "sent unencrypted"),
        ("http://10.0.0.7:8080", "sent unencrypted"),
        ("ftp://api.assemblyai.com", "a scheme and a host"),
        ("api.assemblyai.com", "a scheme and a host"),
        ("https://api.assemblyai.com/v2", "a scheme and a host"),
        ("https://user:secret@api.assemblyai.com", "without user, path"),
        ("https://api.assemblyai.com?x=1", "a scheme and a host"),
        ("http://127.0.0.1:99999", "a scheme and a host"),
        ("https://api.assemblyai.com:port", "a scheme and a host"),
        ("https://a..b", "a scheme and a host"),
        (f"https://{'a' * 64}.com", "a scheme and a host"),
        (3, "a scheme and a host"),
        ("https://[", "a scheme and a host"),
    ],
)
def test_a_base_url_that_would_leak_or_mislead_is_refused(url: Any, said: str) -> None:
    """Before the key travels anywhere."""
    with pytest.raises(aai.ConfigError, match=said) as caught:
        aai.Client(KEY, base_url=url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["https://api.assemblyai.com/", "http://127.0.0.1:8080/", "http://localhost", "http://[::1]:1"]
)
def test_a_base_url_may_end_in_a_slash_and_be_this_machine(url: str) -> None:
    """The embedded server speaks plain http."""
    assert checked_base_url(url) == url.rstrip("/")


def test_a_region_has_an_api_and_a_gateway() -> None:
    """What is sent to the EU stays there, with both."""
    assert BaseURLs.of("eu", None, None) == BaseURLs(
        api="https://api.eu.assemblyai.com", gateway="https://llm-gateway.eu.assemblyai.com"
    )
    assert BaseURLs.of(None, None, None).gateway == "https://llm-gateway.assemblyai.com"


def test_another_host_has_no_gateway_unless_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it comes from the caller or from the environment."""
    assert BaseURLs.of(None, "https://proxy.example.com", None).gateway is None
    named = BaseURLs.of(None, "https://proxy.example.com", "https://gateway.example.com/")
    assert named.gateway == "https://gateway.example.com"
    monkeypatch.setenv("ASSEMBLYAI_BASE_URL", "https://proxy.example.com")
    assert BaseURLs.of(None, None, None) == BaseURLs(api="https://proxy.example.com", gateway=None)


@pytest.mark.parametrize("url", ["https://storage.example.com/a?b=c", "http://127.0.0.1:1/redacted/a.mp3"])
def test_a_file_is_fetched_where_nobody_reads_along(url: str) -> None:
    """The embedded server's own files come over loopback."""
    assert checked_download_url(url) == url
