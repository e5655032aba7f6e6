"""`aai-async ... -o s3://...`: results in object storage, on a real server."""

from __future__ import annotations

import contextlib
import importlib
import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from buckets import KEY_ID, SECRET, Bucket, access_denied
from buckets import bucket as bucket  # noqa: PLC0414 - a fixture
from buckets import s3_endpoint as s3_endpoint  # noqa: PLC0414 - a fixture
from stored_runs import run
from stored_runs import service as service  # noqa: PLC0414 - a fixture

import aai_async
from aai_async.testing import ScriptedServer

pytestmark = pytest.mark.parametrize("anyio_backend", ["asyncio"])


def paid(service: ScriptedServer) -> int:
    return service.count("POST /v2/transcript")


def fill(bucket: Bucket) -> None:
    for key in ("day/a.wav", "day/deep/a.wav", "day/b.mp3"):
        bucket.put(key, f"recording {key}".encode())


def results(bucket: Bucket) -> list[str]:
    everything = bucket.keys()
    keys = (key.removeprefix("out/") for key in everything if key.startswith("out/"))
    return sorted(key for key in keys if not key.startswith(".aai-async"))


async def test_recordings_of_a_bucket_get_their_results_in_a_bucket(
    service: ScriptedServer, bucket: Bucket
) -> None:
    """A rerun does nothing, a missing format comes from the journal, and a changed object is another one."""
    fill(bucket)
    command = ["transcribe", bucket.uri("day/"), "-r", "-o", bucket.uri("out/")]
    status, out, _ = await run(service, *command, "-f", "txt,json", "--dry-run")
    assert (status, bucket.uri("out/deep/a.wav.{txt,json}") in out) == (0, True)
    assert (results(bucket), service.requests) == ([], [])
    status, _, err = await run(service, *command, "-f", "txt,json")
    assert (status, paid(service)) == (0, 3), err
    both = ["a.wav.json", "a.wav.txt", "b.mp3.json", "b.mp3.txt", "deep/a.wav.json", "deep/a.wav.txt"]
    assert results(bucket) == both
    assert bucket.text("out/a.wav.txt") == "Hello there.\n"
    before = bucket.keys()
    status, _, err = await run(service, *command, "-f", "txt,json")
    assert (status, paid(service), bucket.keys()) == (0, 3, before), err
    assert f"skipped, {bucket.uri('out/a.wav.{txt,json}')} exists" in err
    status, _, err = await run(service, *command, "-f", "md")
    assert (status, paid(service), len(results(bucket))) == (0, 3, 9), err
    service.hears("Another call.")
    bucket.put("day/a.wav", b"another recording")
    status, _, err = await run(service, *command, "-f", "txt,json")
    assert (status, paid(service)) == (0, 4), err
    assert bucket.text("out/a.wav.txt") == "Another call.\n"
    assert bucket.text("out/deep/a.wav.txt") == "Hello there.\n"


async def test_the_prefix_may_be_a_folder_that_a_console_has_made(
    service: ScriptedServer, bucket: Bucket, tmp_path: Path
) -> None:
    """It is an empty object, whose key is the prefix with its slash."""
    for folder in ("out/", "out/day/"):
        bucket.make_folder(folder)
    (tmp_path / "call.mp3").write_bytes(b"recording")
    command = ["transcribe", str(tmp_path / "call.mp3"), "-o", bucket.uri("out/")]
    for _ in range(2):
        status, _, err = await run(service, *command)
        assert (status, paid(service)) == (0, 1), err
    assert bucket.text("out/call.mp3.txt") == "Hello there.\n"


async def test_the_other_commands_take_the_prefix_of_the_results(
    service: ScriptedServer, bucket: Bucket
) -> None:
    """As they take a folder: its journal is below it."""
    fill(bucket)
    out = bucket.uri("out/")
    status, _, err = await run(service, "transcribe", bucket.uri("day/"), "-r", "-o", out, "-f", "html")
    assert (status, f"All results, with a search: {out}index.html" in err) == (0, True), err
    assert 'href="deep/a.wav.html"' in bucket.text("out/index.html")
    status, _, err = await run(service, "status", out)
    assert (status, "3 of 3 completed" in err) == (0, True), err
    status, shown, err = await run(service, "export", out, "-o", bucket.uri("more"), "-f", "srt")
    assert (status, f"{bucket.uri('more/b.mp3.srt')}\n" in shown, "3 written" in err) == (0, True, True), err
    status, _, err = await run(service, "export", out, "-o", bucket.uri("more"), "-f", "srt")
    assert (status, "3 already there" in err) == (0, True), err
    status, shown, err = await run(service, "index", out)
    assert (status, shown, "3 listed" in err) == (0, f"{out}index.html\n", True), err
    command = ["forget", out, bucket.uri("day/b.mp3"), "--yes", "-o"]
    status, shown, err = await run(service, *command, bucket.uri("typo/"))
    assert (status, f"no files in '{bucket.uri('typo/')}'. Nothing was removed." in err) == (2, True), err
    status, shown, err = await run(service, *command, bucket.uri("more"))
    assert (status, "1 row and 2 files removed." in err) == (0, True), err
    assert results(bucket) == ["a.wav.html", "deep/a.wav.html", "index.html"]
    assert "b.mp3.srt" not in " ".join(bucket.keys())
    assert "b.mp3" not in bucket.text("out/index.html")
    [transcript_id] = [
        json.loads(line)["transcript_id"]
        for line in (await run(service, "status", out, "--json"))[1].splitlines()
        if "deep" in line
    ]
    status, shown, err = await run(service, "get", transcript_id, "-o", bucket.uri("one/"))
    assert (status, shown) == (0, f"{bucket.uri(f'one/{transcript_id}.txt')}\n"), err


async def test_recordings_of_this_machine_get_their_results_in_a_bucket(
    service: ScriptedServer, bucket: Bucket, tmp_path: Path
) -> None:
    """No page in the bucket names a path of this machine."""
    (tmp_path / "call.wav").write_bytes(b"a recording")
    status, _, err = await run(
        service, "transcribe", str(tmp_path), "-o", bucket.uri("out"), "-f", "txt,html", "--no-journal"
    )
    assert (status, results(bucket)) == (0, ["call.wav.html", "call.wav.txt"]), err
    assert str(tmp_path) not in bucket.text("out/call.wav.html")
    assert ".aai-async.db" not in "".join(bucket.keys())


async def test_a_folder_may_be_named_by_its_uri(
    service: ScriptedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the same as by its path."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "call.wav").write_bytes(b"a recording")
    out = (tmp_path / "the results").as_uri()
    status, _, err = await run(service, "transcribe", "call.wav", "-o", out)
    assert status == 0, err
    assert (tmp_path / "the results/call.wav.txt").read_text(encoding="utf-8") == "Hello there.\n"
    assert (tmp_path / "the results/.aai-async.db").is_file()
    status, _, err = await run(service, "status", out)
    assert (status, "1 of 1 completed" in err) == (0, True), err
    journal = (tmp_path / "of the calls.db").as_uri()
    status, _, err = await run(service, "transcribe", "call.wav", "--journal", journal, "-o", "more")
    assert (status, (tmp_path / "of the calls.db").is_file()) == (0, True), err
    async with aai_async.Journal.open(journal) as opened:
        assert (await opened.summary()).completed == 1


@contextlib.contextmanager
def read_only(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    """Give the command a user who may list and read, and nothing else."""
    # It has no types.
    boto3: Any = importlib.import_module("boto3")
    iam = boto3.client(
        "iam",
        endpoint_url=bucket.endpoint,
        region_name="us-east-1",
        aws_access_key_id=KEY_ID,
        aws_secret_access_key=SECRET,
    )
    iam.create_user(UserName=bucket.name)
    rule = {"Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [rule]})
    iam.put_user_policy(UserName=bucket.name, PolicyName="reads", PolicyDocument=policy)
    key = iam.create_access_key(UserName=bucket.name)["AccessKey"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
    monkeypatch.delenv("AWS_SESSION_TOKEN")
    with access_denied():
        yield


@pytest.mark.parametrize("wrong", ["no bucket", "no access", "no right to write", "credentials", "scheme"])
async def test_what_is_wrong_with_the_prefix_is_reported_before_anything_is_sent(
    service: ScriptedServer, bucket: Bucket, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, wrong: str
) -> None:
    """With what to do, and no secret of a URI; no folder with the name of a bucket is made."""
    monkeypatch.chdir(tmp_path)
    out, message = {
        "no bucket": ("s3://no-such-bucket-here/out/", "No such bucket: s3://no-such-bucket-here"),
        "no access": (bucket.uri("out/"), "is denied"),
        "no right to write": (bucket.uri("out/"), "allow writing the object"),
        "credentials": ("s3://id:hidden@bucket/out/", "contains credentials"),
        "scheme": ("sftp://me:hidden@host/out", "is no place for results or a journal: give a path, s3://"),
    }[wrong]
    context: contextlib.AbstractContextManager[None] = contextlib.nullcontext()
    if wrong == "no access":
        context = access_denied()
    elif wrong == "no right to write":
        context = read_only(bucket, monkeypatch)
    command = ["transcribe", "https://recordings.test/call.mp3", "--no-journal", "-o", out]
    with context:
        status, _, err = await run(service, *command)
    assert status != 0
    assert (message in err, "hidden" in err) == (True, False), err
    assert service.requests == []
    assert list(tmp_path.iterdir()) == []
    assert bucket.keys() == []
