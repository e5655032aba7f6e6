"""Errors say what happened to what, survive pickling, and form the tree that their module draws."""

from __future__ import annotations

import copy
import pickle
import re
from typing import Any

import pytest

import aai_async as aai
from aai_async import _errors

TRANSCRIPT = aai.Transcript(id="abc", status="error", error="Audio duration is too short.")

SAMPLES: list[aai.AAIError] = [
    aai.AAIError("It broke", operation="get", attempts=2, transcript_id="abc"),
    aai.OptionsError("Two options exclude each other"),
    aai.ConnectError("No connection", verdict=aai.RequestState.NOT_SENT),
    aai.RateLimitError("Slow down", status=429, reply="Too Many Requests", retry_after=3.0),
    aai.ServerError("No", status=500, reply="No", request_id="r-1", headers={"x-request-id": "r-1"}),
    aai.TranscriptError(TRANSCRIPT),
    aai.AmbiguousSubmitError("Lost", upload_url="https://cdn.assemblyai.com/upload/1"),
]


@pytest.mark.parametrize("error", SAMPLES, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize(
    "again", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))], ids=["copy", "pickle"]
)
def test_an_error_survives_a_copy_and_a_pickle(error: aai.AAIError, again: Any) -> None:
    """A worker process or a queue may carry it."""
    twin = again(error)
    assert type(twin) is type(error)
    assert str(twin) == str(error)
    assert vars(twin) == vars(error)
    if isinstance(error, aai.APIError) and isinstance(twin, aai.APIError):
        assert twin.headers == error.headers


def test_the_message_names_the_operation_the_attempts_and_the_job() -> None:
    """A log line alone tells which job to look for."""
    assert str(SAMPLES[0]) == "It broke [operation=get, attempts=2, transcript_id=abc]"


def test_an_error_without_context_is_its_message_alone() -> None:
    """Nothing is made up."""
    assert str(aai.SourceError("'call.wav' is empty.")) == "'call.wav' is empty."


def test_the_query_of_a_presigned_url_is_not_shown() -> None:
    """It is a secret, but whoever handles the error may need it."""
    error = aai.ServerError("No", status=500, reply="", upload_url="https://bucket/call.mp3?signature=secret")
    assert "secret" not in str(error)
    assert error.upload_url == "https://bucket/call.mp3?signature=secret"


def test_no_secret_address_is_shown_by_an_outcome() -> None:
    """It may be printed whole."""
    outcome = aai.Outcome(index=0, source="https://u:secret@host.example/a.mp3?sig=secret", stage="pending")
    assert "secret" not in repr(outcome)
    assert "https://host.example/a.mp3" in repr(outcome)


def test_about_adds_what_it_knows_and_replaces_nothing() -> None:
    """The error closest to the failure knows best."""
    with (
        pytest.raises(aai.AAIError) as caught,
        _errors.about(transcript_id="outer", upload_url="https://u/1"),
    ):
        raise aai.NotFoundError("No", status=400, reply="", transcript_id="inner")
    assert caught.value.transcript_id == "inner"
    assert caught.value.upload_url == "https://u/1"


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes() -> None:
    """The drawing cannot go stale."""
    drawn: dict[str, str | None] = {}
    path: list[str] = []
    for indent, name in re.findall(r"^([│├└─ ]*)(\w+Error)\b", _errors.__doc__ or "", re.MULTILINE):
        depth = len(indent) // 3
        path[depth:] = [name]
        drawn[name] = path[depth - 1] if depth else None
    public = [getattr(aai, name) for name in aai.__all__]
    kinds = [kind for kind in public if isinstance(kind, type) and issubclass(kind, aai.AAIError)]
    bases = {kind.__name__: None if kind is aai.AAIError else kind.__bases__[0].__name__ for kind in kinds}
    assert drawn == bases
