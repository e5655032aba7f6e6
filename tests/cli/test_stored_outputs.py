"""Which object below a prefix belongs to which recording: none is replaced by that of another one."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath
from typing import Any

import anyio
import msgspec
import obstore
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from obstore.store import MemoryStore

import aai_async as aai
from aai_async._cli import stored_register
from aai_async._cli.flags import Rendering
from aai_async._cli.inputs import Recording
from aai_async._cli.outputs import Outputs
from aai_async._cli.restored_outputs import RestoredOutputs
from aai_async._cli.safe_names import folded, of_path
from aai_async._io import object_store
from aai_async._io.object_source import ObjectURI

PREFIX = ObjectURI("s3", "bucket", "out/")

REGISTER = ObjectURI("s3", "bucket", "out/.aai-async.names")


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(autouse=True)
def store(monkeypatch: pytest.MonkeyPatch) -> MemoryStore:
    store = MemoryStore()
    use(store, monkeypatch)
    return store


def use(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(*_: object) -> MemoryStore:
        return store

    monkeypatch.setattr(object_store, "_open_store", opened)


def recording(key: str, place: str | None = None) -> Recording:
    return Recording(f"s3://bucket/{key}", of_path(place or PurePosixPath(key).name))


def said(one: Recording) -> str:
    return f"recording-{one.name.encode('utf-8', 'surrogatepass').hex()}"


def silence(_: Recording) -> str:
    return ""


def transcript(one: Recording, name: str = "one", says: Callable[[Recording], str] = said) -> aai.Transcript:
    return aai.Transcript.from_json(json.dumps({"id": name, "status": "completed", "text": says(one)}))


async def run(
    recordings: Sequence[Recording],
    *,
    name: str = "one",
    formats: Sequence[str] = ("txt",),
    force: bool = False,
    says: Callable[[Recording], str] = said,
) -> list[Recording]:
    """Do what the command does, and give which recordings were transcribed."""
    outputs = Outputs(PREFIX, Rendering(formats=[*formats]), is_forced=force)
    outputs.load()
    wanted = [one for one in recordings if not outputs.are_there(one)]
    outputs.name(wanted)
    assert await outputs.prepare(wanted) == []
    await outputs.claim(wanted)
    for one in wanted:
        assert (await outputs.write(one, transcript(one, name, says))).errors == []
    await outputs.close()
    return wanted


def uri(key: str) -> ObjectURI:
    return ObjectURI("s3", "bucket", f"out/{key}")


def put(key: str, content: bytes) -> None:
    assert object_store.create(uri(key), content)


def results() -> dict[str, str]:
    """The texts of all results, by their paths below the prefix."""
    keys = [one.key.removeprefix("out/") for one in object_store.list_uris(PREFIX)]
    return {key: object_store.fetch(uri(key)).decode() for key in keys if not key.startswith(".aai-async")}


async def test_a_result_has_the_name_of_its_recording_and_a_type_for_browsers() -> None:
    """Another recording of the same name has a name of its own, and nothing is transcribed twice."""
    one, other = recording("mon/call.mp3"), recording("tue/call.mp3")
    assert await run([one], formats=["txt", "html"]) == [one]
    assert await run([one, other]) == [other]
    assert await run([one, other]) == []
    texts = results()
    mark = next(key for key in texts if key.startswith("call.mp3-"))
    assert sorted(texts) == ["call.mp3-" + mark[9:], "call.mp3.html", "call.mp3.txt"]
    assert (texts["call.mp3.txt"], texts[mark]) == (f"{said(one)}\n", f"{said(other)}\n")
    page = object_store.attributes(uri("call.mp3.html"))
    assert page.metadata["Content-Type"] == "text/html; charset=utf-8"


async def test_an_empty_object_is_no_result_but_an_empty_result_is_one() -> None:
    """Subtitles without speech are empty."""
    one = recording("call.mp3")
    await run([one])
    there = object_store.attributes(uri("call.mp3.txt"))
    assert object_store.replace(uri("call.mp3.txt"), b"", there, {})
    assert await run([one]) == [one]
    assert results() == {"call.mp3.txt": f"{said(one)}\n"}
    await run([one], formats=["srt"], says=silence)
    assert results()["call.mp3.srt"] == ""
    assert await run([one], formats=["srt"]) == []


async def test_a_new_transcript_replaces_the_result_also_if_it_was_edited() -> None:
    """As on a disk; an edited result of the same transcript stays."""
    one = recording("call.mp3")
    await run([one])
    there = object_store.attributes(uri("call.mp3.txt"))
    assert object_store.replace(uri("call.mp3.txt"), b"Edited.", there, {})
    assert await run([one]) == []
    assert results() == {"call.mp3.txt": "Edited."}
    assert await run([one], force=True, name="two") == [one]
    assert results() == {"call.mp3.txt": f"{said(one)}\n"}


@pytest.mark.parametrize("is_of_other_recording", [False, True])
async def test_an_object_that_came_meanwhile_stays(is_of_other_recording: bool) -> None:
    """The error says so, and the other formats are written."""
    one = recording("call.mp3")
    outputs = Outputs(PREFIX, Rendering(formats=["txt", "md"]))
    outputs.load()
    outputs.name([one])
    await outputs.prepare([one])
    await outputs.claim([one])
    # A result of another recording can be empty.
    content, metadata = (b"", {"aairecording": "other"}) if is_of_other_recording else (b"of another", {})
    assert object_store.create(uri("call.mp3.txt"), content, metadata)
    written = await outputs.write(one, transcript(one))
    [error] = written.errors
    assert "'s3://bucket/out/call.mp3.txt' exists, and is not known as a result of this recording" in str(
        error
    )
    assert (results()["call.mp3.txt"], "call.mp3.md" in results()) == (content.decode(), True)


async def test_an_object_that_is_not_ours_keeps_its_name() -> None:
    """The result gets another one."""
    put("call.mp3.txt", b"of another")
    one = recording("call.mp3")
    assert await run([one]) == [one]
    assert results().pop("call.mp3.txt") == "of another"
    assert len(results()) == 2
    assert await run([one]) == []


async def test_a_result_without_a_line_in_the_register_is_replaced_by_its_recording() -> None:
    """A run that was killed had written the object, but not yet the line."""
    one = recording("call.mp3")
    outputs = Outputs(PREFIX, Rendering())
    outputs.load()
    outputs.name([one])
    await outputs.prepare([one])
    await outputs.claim([one])
    await outputs.write(one, transcript(one))
    assert await run([one], name="two") == [one]
    assert await run([one]) == []


async def test_a_request_whose_response_was_lost_finds_its_own_result(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The store has taken it, when it is sent again: of a new object, and of one that is replaced."""
    put_once: Any = obstore.put

    def twice(*arguments: object, **keywords: object) -> object:
        put_once(*arguments, **keywords)
        return put_once(*arguments, **keywords)

    one = recording("call.mp3")
    await run([])
    monkeypatch.setattr(obstore, "put", twice)
    assert await run([one]) == [one]
    assert await run([one], force=True, name="two") == [one]
    assert await run([one]) == []
    assert results() == {"call.mp3.txt": f"{said(one)}\n"}


async def test_two_runs_at_the_same_time_agree_on_whose_a_name_is() -> None:
    """Whichever has registered it first has it."""
    both = [Outputs(PREFIX, Rendering()) for _ in range(2)]
    recordings = [recording("mon/call.mp3"), recording("tue/call.mp3")]
    for outputs, one in zip(both, recordings, strict=True):
        outputs.load()
        outputs.name([one])
        await outputs.prepare([one])
    for outputs, one in zip(both, recordings, strict=True):
        await outputs.claim([one])
    paths = [outputs.paths(one)["txt"] for outputs, one in zip(both, recordings, strict=True)]
    assert paths[0] == "s3://bucket/out/call.mp3.txt"
    assert paths[1].startswith("s3://bucket/out/call.mp3-")


async def test_a_store_that_replaces_objects_against_the_condition_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Before anything is paid for."""

    def created(*_: object) -> bool:
        return True

    monkeypatch.setattr(object_store, "create", created)
    outputs = Outputs(PREFIX, Rendering())
    outputs.load()
    [error] = await outputs.prepare([])
    assert "The store of s3://bucket ignores If-None-Match" in str(error)


async def test_a_key_that_is_too_long_is_refused_before_anything_is_paid() -> None:
    """A store would refuse it afterwards."""
    one = recording("call.mp3", "/".join(["folder" * 30] * 7 + ["call.mp3"]))
    outputs = Outputs(PREFIX, Rendering())
    outputs.load()
    outputs.name([one])
    [error] = await outputs.prepare([one])
    assert "keys have at most 1,024 bytes" in str(error)


async def test_names_that_no_key_can_have_are_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes that are no text, and control characters; each recording has its own result."""
    names = ["\udcff.mp3", "\udcfe.mp3", "a\nb.mp3", "a\x01b.mp3"]
    recordings = [Recording(f"/calls/{name}", PurePosixPath(name)) for name in names]
    assert await run(recordings) == recordings
    assert len(results()) == 4
    assert await run(recordings) == []


def registered() -> list[str]:
    return sorted(one.key.removeprefix(f"{REGISTER.key}/") for one in object_store.list_uris(REGISTER))


async def test_the_register_is_few_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines that can wait are written together, and many objects are read as one snapshot."""
    recordings = [recording(f"{number}.mp3") for number in range(20)]
    await run(recordings)
    assert registered() == [f"segments/{number:010d}" for number in range(3)]
    monkeypatch.setattr(stored_register, "_INTERVAL", 0.0)
    monkeypatch.setattr(stored_register, "_COMPACTED_AFTER", 10)
    assert await run(recordings[:12], force=True, name="two") == recordings[:12]
    snapshots = [one for one in registered() if one.startswith("snapshots/")]
    assert len(snapshots) == 1
    fetched: list[ObjectURI] = []
    fetch = object_store.fetch

    def counted(one: ObjectURI) -> bytes:
        fetched.append(one)
        return fetch(one)

    monkeypatch.setattr(object_store, "fetch", counted)
    assert await run(recordings) == []
    assert len(fetched) <= 11


async def test_an_object_of_the_register_that_is_gone_is_damage() -> None:
    """It is not taken for an empty register: whose the results are is unknown without a journal."""
    await run([recording("one.mp3")])
    await run([recording("two.mp3")])
    object_store.remove([msgspec.structs.replace(REGISTER, key=f"{REGISTER.key}/segments/0000000002")])
    outputs = RestoredOutputs(PREFIX, Rendering())
    outputs.load()
    with pytest.raises(aai.SaveError, match=r"'s3://bucket/out/\.aai-async\.names/' is damaged"):
        outputs.check_register()
    await outputs.save_repair()
    outputs.load()
    outputs.check_register()


PARTS = st.sampled_from(
    ["a", "A", "mon", "call.mp3.txt", "\u00e9", "e\u0301", "x" * 210, "%", "#?", " ", "con"]
)
KEYS = st.lists(PARTS, min_size=1, max_size=3).map("/".join)
RUNS = st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=6, unique=True), min_size=1, max_size=4)


@settings(deadline=None, max_examples=50)
@given(st.lists(KEYS, min_size=1, max_size=10, unique=True), RUNS)
def test_over_several_runs_each_recording_has_its_own_result(keys: list[str], runs: list[list[int]]) -> None:
    """None is transcribed twice, or has the object of another one; on a disk they stay apart, too."""
    with pytest.MonkeyPatch.context() as patch:
        store = MemoryStore()
        use(store, patch)
        anyio.run(_check_runs, keys, runs)


async def _check_runs(keys: list[str], runs: list[list[int]]) -> None:
    done: dict[str, None] = {}
    for chosen in runs:
        names = dict.fromkeys(keys[number % len(keys)] for number in chosen)
        recordings = [recording(key, key if len(key) % 2 else None) for key in names]
        assert [one.name for one in await run(recordings)] == [
            one.name for one in recordings if one.name not in done
        ]
        done |= dict.fromkeys(one.name for one in recordings)
    texts = results()
    assert sorted(texts.values()) == sorted(
        f"recording-{name.encode('utf-8', 'surrogatepass').hex()}\n" for name in done
    )
    assert len({folded(key) for key in texts}) == len(texts)
