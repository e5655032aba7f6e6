"""Requests are built and replies are read by pure functions."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

import aai_async as aai
from aai_async._api import endpoints
from aai_async._api.reply import HTTPReply
from aai_async._io.source_factory import source_from
from aai_async._retry import EFFECTIVELY_ONCE, NOT_SENT_ONLY, REPEATABLE

Sample = Callable[[str], bytes]


def reply(status: int, body: bytes = b"", **headers: str) -> HTTPReply:
    return HTTPReply(status=status, headers=headers, body=body)


def test_a_submit_sends_the_url_and_the_options_and_is_not_repeated_in_doubt() -> None:
    """It makes a job that is billed."""
    call = endpoints.submit("https://cdn/1", aai.Options(speaker_labels=True))
    assert (call.method, call.path, call.repeat) == ("POST", "/v2/transcript", EFFECTIVELY_ONCE)
    assert isinstance(call.body, bytes)
    assert json.loads(call.body) == {"audio_url": "https://cdn/1", "speaker_labels": True}


def test_an_upload_is_repeated_only_if_its_source_can_be_read_again() -> None:
    """The second attempt of a spent stream would send nothing."""

    class Stream:
        async def read(self, size: int) -> bytes:
            return b""

    assert endpoints.upload(source_from(b"audio")).repeat == REPEATABLE
    assert endpoints.upload(source_from(Stream())).repeat == NOT_SENT_ONLY


def test_the_reply_to_an_upload_is_its_url(sample: Sample) -> None:
    """The documentation's own example."""
    call = endpoints.upload(source_from(b"audio"))
    url = "https://cdn.assemblyai.com/upload/f756988d-47e2-4ca3-96ce-04bb168f8f2a"
    assert call.read(reply(200, sample("upload.ok.json"))) == url


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b"[]", b'{"upload_url": 7}'])
def test_a_reply_to_an_upload_without_a_url_is_a_protocol_error(body: bytes) -> None:
    """Not a KeyError."""
    with pytest.raises(aai.ProtocolError, match="no upload_url"):
        endpoints.upload(source_from(b"audio")).read(reply(200, body))
