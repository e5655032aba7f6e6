"""What is taken for the same job: no network is needed to tell."""

from __future__ import annotations

import pytest

from aai_async._submission import _is_shown


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
