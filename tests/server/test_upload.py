"""Uploads on disk."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from aai_async.server.api_errors import RefusalError
from aai_async.server.upload import UploadFolder, upload_id_of

ID = "f756988d-47e2-4ca3-96ce-04bb168f8f2a"


@pytest.fixture
async def uploads(tmp_path: Path) -> UploadFolder:
    folder = UploadFolder(tmp_path / "uploads", limit=3_000_000)
    await folder.prepare()
    return folder


async def body(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def test_what_is_sent_is_what_is_kept(uploads: UploadFolder) -> None:
    """Byte by byte, across more than one block."""
    chunks = [bytes([number]) * 70_000 for number in range(40)]
    upload_id = await uploads.receive(body(*chunks), announced=2_800_000)
    path = await uploads.find(upload_id)
    assert path is not None
    assert path.read_bytes() == b"".join(chunks)
    await uploads.remove(upload_id)
    await uploads.remove(upload_id)
    assert await uploads.find(upload_id) is None


async def test_too_much_is_refused_as_soon_as_it_shows(uploads: UploadFolder) -> None:
    """Announced: before a byte is read. Not announced: when the limit is passed."""
    with pytest.raises(RefusalError) as caught:
        await uploads.receive(body(), announced=3_000_001)
    assert caught.value.status == 413
    with pytest.raises(RefusalError) as caught:
        await uploads.receive(body(*[b"x" * 1_000_000] * 4))
    assert caught.value.status == 413
    assert list(uploads.folder.iterdir()) == []


async def test_nothing_is_no_upload(uploads: UploadFolder) -> None:
    """An empty body is refused and leaves no file."""
    with pytest.raises(RefusalError) as caught:
        await uploads.receive(body())
    assert caught.value.status == 400
    assert list(uploads.folder.iterdir()) == []


async def test_an_upload_that_is_cancelled_leaves_no_file(uploads: UploadFolder) -> None:
    """Nor does one whose client goes away."""

    async def endless() -> AsyncIterator[bytes]:
        yield b"x"
        await anyio.sleep_forever()

    with anyio.move_on_after(0.05):
        await uploads.receive(endless())
    assert list(uploads.folder.iterdir()) == []


async def test_what_a_dead_server_left_half_written_is_cleared(uploads: UploadFolder) -> None:
    """Whole uploads stay."""
    (uploads.folder / f"{ID}.part").write_bytes(b"half")
    (uploads.folder / ID).write_bytes(b"whole")
    await uploads.prepare()
    assert [path.name for path in uploads.folder.iterdir()] == [ID]


@pytest.mark.parametrize(
    ("url", "upload_id"),
    [
        (f"http://127.0.0.1:8000/upload/{ID}", ID),
        (f"http://localhost/upload/{ID}", ID),
        (f"http://[::1]:1/upload/{ID}", ID),
        (f"https://cdn.assemblyai.com/upload/{ID}", None),
        ("http://127.0.0.1/upload/../../etc/passwd", None),
        (f"http://127.0.0.1/upload/{ID}/", None),
        (f"http://127.0.0.1@evil.example/upload/{ID}", None),
        ("http://[broken/upload", None),
    ],
)
def test_only_addresses_of_a_local_server_name_an_upload(url: str, upload_id: str | None) -> None:
    """And an id is always an id, never a path."""
    assert upload_id_of(url) == upload_id


def age(path: Path, hours: float) -> None:
    written = time.time() - hours * 3600
    os.utime(path, (written, written))


async def test_an_upload_is_deleted_after_a_day_unless_a_job_needs_it(uploads: UploadFolder) -> None:
    """As the service does ("Upload a media file": unused uploads are deleted after 24 hours)."""
    young, unused, needed = [await uploads.receive(body(b"a recording")) for _ in range(3)]
    age(uploads.folder / young, 23.9)
    for upload_id in (unused, needed):
        age(uploads.folder / upload_id, 24.1)
    asked = anyio.Event()

    async def is_needed(upload_id: str) -> bool:
        if upload_id == needed:
            asked.set()
        return upload_id == needed

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(uploads.expire, is_needed)
        await asked.wait()
        while await uploads.find(unused) is not None:
            await anyio.sleep(0.01)
        tasks.cancel_scope.cancel()
    assert await uploads.find(young) is not None
    assert await uploads.find(needed) is not None


@pytest.mark.parametrize(("hours", "is_taken"), [(23.9, True), (24.0, False), (48.0, False)])
async def test_an_upload_can_be_submitted_for_a_day(
    uploads: UploadFolder, hours: float, is_taken: bool
) -> None:
    """Whether or not it has been deleted by then."""
    upload_id = await uploads.receive(body(b"a recording"))
    age(uploads.folder / upload_id, hours)
    assert await uploads.can_be_submitted(upload_id) == is_taken
    assert not await uploads.can_be_submitted(ID)
