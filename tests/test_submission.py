"""What a client remembers, and what it takes for the same job: no network is needed to tell."""

from __future__ import annotations

import pytest

from aai_async import _submission
from aai_async._submission import Memory, _is_shown


@pytest.mark.parametrize(
    ("sent", "echoed", "is_shown"),
    [
        ({}, {"id": "a", "language_code": "en"}, True),
        ({"language_code": "de"}, {"language_code": "de", "speaker_labels": False}, True),
        ({"language_code": "de"}, {"language_code": "en"}, False),
        ({"language_code": "de"}, {}, False),
        ({"punctuate": False}, {"punctuate": None}, True),
        ({"speech_models": ["a", "b"]}, {"speech_models": ["a", "b"]}, True),
        ({"speech_models": ["a", "b"]}, {"speech_models": ["b", "a"]}, False),
        ({"speaker_options": {"min": 2}}, {"speaker_options": {"min": 2, "max": 10}}, True),
        ({"speaker_options": {"min": 2}}, {"speaker_options": {"min": 3}}, False),
        ({"speaker_options": {"min": 2}}, {"speaker_options": "two"}, False),
    ],
)
def test_a_job_looks_the_same_if_it_shows_what_was_asked_for(
    sent: object, echoed: object, is_shown: bool
) -> None:
    """Whatever else the service says of it."""
    assert _is_shown(sent, echoed) is is_shown


def test_an_upload_proves_a_job_only_while_it_was_submitted_once() -> None:
    """After a submit that made nothing it does so again."""
    memory = Memory()
    memory.uploaded("a")
    assert not memory.is_unique("a")
    with memory.submitting("a"):
        assert memory.is_unique("a")
        with memory.submitting("a"):
            assert memory.has_rival("a")
            assert not memory.is_unique("a")
        memory.not_made("a")
        assert memory.is_unique("a")
    assert not memory.has_rival("a")
    assert not memory.is_unique("https://example.com/of-the-caller")


def test_what_is_remembered_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client may live for years; the oldest is forgotten first."""
    monkeypatch.setattr(_submission, "_MOST_REMEMBERED", 3)
    memory = Memory()
    for number in range(10):
        memory.uploaded(f"upload-{number}")
    assert [*memory._uses] == ["upload-7", "upload-8", "upload-9"]
