"""`convert` and `compare` read transcripts from object storage, and write there, on a real server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from buckets import Bucket
from buckets import bucket as bucket  # noqa: PLC0414 - a fixture
from buckets import s3_endpoint as s3_endpoint  # noqa: PLC0414 - a fixture
from stored_runs import run
from stored_runs import service as service  # noqa: PLC0414 - a fixture

from aai_async.testing import ScriptedServer

pytestmark = pytest.mark.parametrize("anyio_backend", ["asyncio"])

KEYS = ("out/call.mp3.json", "out/mon/call.mp3.json")


def spoken(text: str) -> bytes:
    words = [{"text": word, "start": 300 * at, "end": 300 * at + 280} for at, word in enumerate(text.split())]
    document = {"id": "1", "status": "completed", "language_code": "en_us", "text": text, "words": words}
    return json.dumps(document).encode()


def fill(bucket: Bucket) -> None:
    for key in KEYS:
        bucket.put(key, spoken("One small step."))
    bucket.put("out/.aai-async.names/segments/0000000001.json", b"the register")
    bucket.put("out/notes.txt", b"no transcript")


def keys(bucket: Bucket, prefix: str) -> list[str]:
    everything = bucket.keys()
    return sorted(key.removeprefix(prefix) for key in everything if key.startswith(prefix))


async def test_all_transcripts_below_a_prefix_are_converted(
    service: ScriptedServer, bucket: Bucket, tmp_path: Path
) -> None:
    """To another prefix, beside them, and to a folder; their folders stay, and what exists stays."""
    fill(bucket)
    command = ["convert", bucket.uri("out/"), "-f", "srt"]
    status, out, err = await run(service, *command, "-o", bucket.uri("srt/"))
    assert (status, out) == (
        0,
        f"{bucket.uri('srt/call.mp3.srt')}\n{bucket.uri('srt/mon/call.mp3.srt')}\n",
    ), err
    assert keys(bucket, "srt/") == ["call.mp3.srt", "mon/call.mp3.srt"]
    assert "One small step." in bucket.text("srt/call.mp3.srt")
    bucket.put("srt/call.mp3.srt", b"edited")
    status, _, err = await run(service, *command, "-o", bucket.uri("srt/"))
    assert (status, f"{bucket.uri('srt/call.mp3.srt')} exists: pass --force" in err) == (1, True), err
    assert err.count("exists: pass --force") == 2
    assert bucket.text("srt/call.mp3.srt") == "edited"
    status, _, err = await run(service, *command, "-o", bucket.uri("srt/"), "--force")
    assert (status, "One small step." in bucket.text("srt/call.mp3.srt")) == (0, True), err
    status, _, err = await run(service, "convert", bucket.uri(KEYS[1]), "-f", "md")
    assert (status, bucket.text("out/mon/call.mp3.md").startswith("# call.mp3\n")) == (0, True), err
    status, _, err = await run(service, *command, "-o", str(tmp_path / "here"))
    assert (status, (tmp_path / "here/mon/call.mp3.srt").is_file()) == (0, True), err
    assert service.requests == []


async def test_files_of_this_machine_are_converted_to_a_bucket(
    service: ScriptedServer, bucket: Bucket, tmp_path: Path
) -> None:
    """A folder of them too; no page in the bucket names a path of this machine."""
    (tmp_path / "out/mon").mkdir(parents=True)
    for name in KEYS:
        (tmp_path / name).write_bytes(spoken("One small step."))
    (tmp_path / "out/call.mp3").write_bytes(b"sound")
    status, _, err = await run(
        service, "convert", str(tmp_path / "out"), "-f", "html", "-o", bucket.uri("pages")
    )
    assert status == 0, err
    assert keys(bucket, "pages/") == ["call.mp3.html", "mon/call.mp3.html"]
    assert str(tmp_path) not in bucket.text("pages/call.mp3.html")
    status, out, err = await run(service, "convert", (tmp_path / KEYS[0]).as_uri(), "-f", "txt")
    assert (status, out) == (0, f"{tmp_path / 'out/call.mp3.txt'}\n"), err


async def test_a_converted_result_belongs_to_the_recording_of_its_transcript(
    service: ScriptedServer, bucket: Bucket
) -> None:
    """So a later run that has another transcript of the recording may replace it, as on a disk."""
    bucket.put("day/call.mp3", b"a recording")
    command = ["transcribe", bucket.uri("day/"), "-o", bucket.uri("out/")]
    assert (await run(service, *command, "-f", "json"))[0] == 0
    assert (await run(service, "convert", bucket.uri("out/"), "-f", "txt", "--name", "A=Ada"))[0] == 0
    service.hears("Another call.")
    bucket.put("day/call.mp3", b"another recording")
    status, _, err = await run(service, *command, "-f", "json,txt")
    assert (status, bucket.text("out/call.mp3.txt")) == (0, "Another call.\n"), err


async def test_transcripts_of_two_prefixes_are_compared(
    service: ScriptedServer, bucket: Bucket, tmp_path: Path
) -> None:
    """With each other or with references, with pages in a bucket; a page of another program stays."""
    pytest.importorskip("whisper_normalizer", reason="no extra `compare`")
    fill(bucket)
    bucket.put("new/call.mp3.json", spoken("One small stop."))
    bucket.put("new/mon/call.mp3.json", spoken("One small step."))
    bucket.put("texts/call.mp3.txt", b"One small step.")
    pages = ["-o", bucket.uri("pages/")]
    command = ["compare", bucket.uri("out/"), bucket.uri("new/"), *pages]
    status, out, err = await run(service, *command, "--json")
    assert (status, f"2 pages in {bucket.uri('pages/')}" in err) == (0, True), err
    first = json.loads(out.splitlines()[0])
    assert (first["transcript"], first["substitutions"]) == (
        bucket.uri("new/call.mp3.json"),
        1,
    )
    assert first["page"] == bucket.uri("pages/call.mp3.html")
    assert "stop" in bucket.text("pages/call.mp3.html")
    assert (await run(service, *command))[0] == 0
    bucket.put("pages/call.mp3.html", b"mine")
    status, _, err = await run(service, *command)
    assert (status, "is another file, which stays" in err) == (3, True), err
    assert bucket.text("pages/call.mp3.html") == "mine"
    reference = ["--reference", bucket.uri("texts/")]
    status, out, err = await run(service, "compare", bucket.uri("new/"), *reference)
    assert (status, "33.3 %" in out, "there is no reference for it" in err) == (3, True, True), err
    (tmp_path / "call.mp3.json").write_bytes(spoken("One small step."))
    files = [str(tmp_path / "call.mp3.json"), bucket.uri("new/call.mp3.json")]
    status, out, err = await run(service, "compare", *files)
    assert (status, "33.3 %" in out) == (0, True), err


async def test_models_are_compared_with_their_transcripts_in_a_bucket(
    service: ScriptedServer, bucket: Bucket
) -> None:
    """Each has a prefix with a journal, so that the same command pays nothing twice."""
    pytest.importorskip("whisper_normalizer", reason="no extra `compare`")
    for key in ("day/a.wav", "day/b.wav"):
        bucket.put(key, key.encode())
    out = bucket.uri("models/")
    command = [
        "compare",
        bucket.uri("day/"),
        "--model",
        "universal-2",
        "--model",
        "universal-3-5-pro",
        "-o",
        out,
    ]
    for _ in range(2):
        status, shown, err = await run(service, *command)
        assert (status, "universal-3-5-pro against universal-2" in shown) == (0, True), err
        assert service.count("POST /v2/transcript") == 4
    assert [key for key in keys(bucket, "models/") if ".aai-async" not in key] == [
        "a.wav.html",
        "b.wav.html",
        "universal-2/a.wav.json",
        "universal-2/b.wav.json",
        "universal-3-5-pro/a.wav.json",
        "universal-3-5-pro/b.wav.json",
    ]


NO_BUCKET = "s3://no-such-bucket-here/out/"


@pytest.mark.parametrize(
    "arguments",
    [
        ["transcribe", f"{NO_BUCKET}call.mp3"],
        ["transcribe", NO_BUCKET],
        ["transcribe", "https://recordings.test/call.mp3", "-o", NO_BUCKET],
        ["transcribe", "https://recordings.test/call.mp3", "-o", NO_BUCKET, "--no-journal"],
        ["transcribe", "https://recordings.test/call.mp3", "--journal", NO_BUCKET],
        ["get", "1", "-o", NO_BUCKET],
        ["status", NO_BUCKET],
        ["export", NO_BUCKET],
        ["forget", NO_BUCKET, "call.mp3", "--yes"],
        ["index", NO_BUCKET],
        ["convert", NO_BUCKET],
        ["convert", "call.mp3.json", "-o", NO_BUCKET, "--force"],
        ["compare", NO_BUCKET, NO_BUCKET],
        ["compare", "call.mp3.json", "call.mp3.json", "-o", NO_BUCKET],
        ["compare", "call.mp3.json", "--reference", f"{NO_BUCKET}call.txt"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("is_down", [False, True], ids=["no bucket", "no connection"])
async def test_a_missing_bucket_is_wrong_usage_and_a_store_that_is_down_is_tried_again(
    service: ScriptedServer,
    bucket: Bucket,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    arguments: list[str],
    is_down: bool,
) -> None:
    """The exit status tells them apart, wherever the bucket was named; nothing was sent."""
    monkeypatch.chdir(tmp_path)
    Path("call.mp3.json").write_bytes(spoken("One small step."))
    if is_down:
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    status, _, err = await run(service, *arguments)
    assert status == (5 if is_down else 2), err
    assert ("No such bucket: s3://no-such-bucket-here" in err) is not is_down
    reported = "http://127.0.0.1:9 refuses the connection. Check the network, AWS_ENDPOINT_URL"
    assert (reported in err, "Generic" in err) == (is_down, False), err
    assert service.count("POST /v2/transcript") == 0


@pytest.mark.parametrize(
    "command",
    [["transcribe"], ["transcribe", "--dry-run"], ["convert"], ["compare", "call.mp3.json", "--reference"]],
    ids=" ".join,
)
@pytest.mark.parametrize(
    ("name", "reported"),
    [
        ("out", "It is a prefix with objects below it: end it with a slash, {}/."),
        ("out/mon", "It is a prefix with objects below it: end it with a slash, {}/."),
        ("ou", "Keys are case-sensitive."),
        ("out/call.mp3", "Keys are case-sensitive."),
    ],
)
async def test_an_object_that_does_not_exist_is_wrong_usage(
    service: ScriptedServer,
    bucket: Bucket,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    command: list[str],
    name: str,
    reported: str,
) -> None:
    """With each command; a prefix without its slash is named with it."""
    monkeypatch.chdir(tmp_path)
    Path("call.mp3.json").write_bytes(spoken("One small step."))
    fill(bucket)
    uri = bucket.uri(name)
    status, _, err = await run(service, *command, uri)
    assert (status, f"No such object: {uri}. {reported.format(uri)}" in err) == (2, True), err
    assert service.requests == []
