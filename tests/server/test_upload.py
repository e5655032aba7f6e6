"""Uploads on disk."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from aai_async.server.refusal import RefusalError
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
