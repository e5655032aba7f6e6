"""Datasets on a real cluster: recordings in object storage, inputs that cannot work, embedded servers."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from buckets import KEY_ID, SECRET, TOKEN, Bucket
from buckets import bucket as bucket  # noqa: PLC0414 - a fixture
from buckets import s3_endpoint as s3_endpoint  # noqa: PLC0414 - a fixture
from cluster import KEY, Cluster, needs_ray, running_cluster

from aai_async.testing import ScriptedServer

pytestmark = [needs_ray, pytest.mark.timeout(1800)]

RECORDING = Path(__file__).parents[1] / "data" / "two_speakers.mp3"


@pytest.fixture(scope="module")
def cluster(s3_endpoint: str) -> Iterator[Cluster]:
    """Its workers have the credentials of the buckets in their environment."""
    settings = {
        "AWS_ACCESS_KEY_ID": KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_SESSION_TOKEN": TOKEN,
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": s3_endpoint,
        "AWS_ALLOW_HTTP": "true",
    }
    with running_cluster(settings) as cluster:
        yield cluster


@pytest.fixture
def order(aai_server: ScriptedServer, tmp_path: Path) -> dict[str, Any]:
    """What every program on the cluster is told."""
    aai_server.hears(lambda request: request.audio.read_text())
    return {
        "base_url": aai_server.base_url,
        "key": aai_server.key,
        "journal": str(tmp_path / "run7.db"),
        "max_jobs": 20,
        "workers": 2,
    }


def test_objects_in_a_bucket_are_transcribed(
    cluster: Cluster, aai_server: ScriptedServer, bucket: Bucket, order: dict[str, Any], tmp_path: Path
) -> None:
    """A null, an object that is gone and an empty file are errors of their rows; no file has a secret."""
    uris = [bucket.put(f"{number}.txt", f"Call {number}.".encode()) for number in range(5)]
    (tmp_path / "empty.wav").write_bytes(b"")
    bad = [bucket.uri("gone.txt"), str(tmp_path / "empty.wav"), None]
    first, again = cluster.run({**order, "uris": [*uris, *bad]}, {**order, "uris": uris})
    rows = sorted(first["rows"], key=lambda row: row["number"])
    assert [row["text"] for row in rows[:5]] == [f"Call {number}." for number in range(5)]
    assert [row["error_type"] for row in rows[5:]] == ["SourceError"] * 3
    assert "gone.txt" in rows[5]["error"]
    assert "is empty" in rows[6]["error"]
    assert "is null" in rows[7]["error"]
    assert sorted(row["text"] for row in again["rows"]) == [f"Call {number}." for number in range(5)]
    assert sum(request.path == "/v2/upload" for request in aai_server.requests) == 5
    for secret in (aai_server.key, SECRET, TOKEN):
        assert cluster.files_with(secret.encode()) == []


def test_what_cannot_work_is_refused_before_anything_is_paid(
    cluster: Cluster, aai_server: ScriptedServer, order: dict[str, Any], tmp_path: Path
) -> None:
    """With an error of this package that says what to do."""
    uris = ["https://recordings.test/1.mp3"]
    (tmp_path / "other.db").write_bytes(b"no journal " * 100)
    found = cluster.run(
        {**order, "uris": uris, "column": "path"},
        {**order, "uris": uris, "name": "text", "column": "text"},
        {**order, "uris": uris, "journal": str(tmp_path / "missing" / "run7.db")},
        {**order, "uris": uris, "journal": str(tmp_path / "other.db")},
        {**order, "uris": uris, "is_closed": True},
        {**order, "uris": uris, "max_jobs": 0},
        {**order, "uris": uris, "workers": 0},
        {**order, "uris": uris, "key": ""},
        {"uris": uris, "local": True, "workers": 1, "num_cpus": 2},
    )
    messages = [(one["error"], one["message"]) for one in found]
    assert [name for name, _ in messages] == [
        "ConfigError",
        "ConfigError",
        "JournalError",
        "JournalError",
        "JournalError",
        "ConfigError",
        "ConfigError",
        "ConfigError",
        "ConfigError",
    ], messages
    assert "has no column 'path', but uri, number" in messages[0][1]
    assert "there is no folder" in messages[2][1]
    assert "create another one" in messages[4][1]
    assert "leave none of the cluster's 2" in messages[8][1]
    assert aai_server.requests == []


def test_a_key_that_is_refused_ends_the_run(
    cluster: Cluster, aai_server: ScriptedServer, order: dict[str, Any]
) -> None:
    """With the error of the service, after one request, and no file of Ray has the key."""
    uris = [f"https://recordings.test/{number}.mp3" for number in range(50)]
    [found] = cluster.run({**order, "uris": uris, "key": KEY, "max_jobs": 1})
    assert found["error"] == "AccountError"
    assert len(aai_server.requests) == 1
    assert cluster.files_with(KEY.encode()) == []


@pytest.mark.skipif(
    importlib.util.find_spec("faster_whisper") is None, reason="the embedded server has no engine here"
)
def test_a_fleet_of_embedded_servers_recognises_speech(cluster: Cluster) -> None:
    """Without a key and a journal."""
    [found] = cluster.run({"uris": [str(RECORDING)], "local": True, "workers": 1, "num_cpus": 1, "blocks": 1})
    [row] = found["rows"]
    assert row["error"] is None
    assert len(row["text"].split()) > 10
