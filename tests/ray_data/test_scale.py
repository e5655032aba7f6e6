"""The acceptance runs: each on a real cluster, with processes that are killed in the middle."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from cluster import KEY, Cluster, FakeService, needs_ray, running_cluster, running_service

pytestmark = [needs_ray, pytest.mark.timeout(1800)]

ROWS = int(os.environ.get("AAI_SCALE_ROWS", "300"))
CAP = max(ROWS // 10, 2)
WORKER, OWNER = "ray::MapWorker(MapBatches(Transcriber)", "ray::JournalOwnerActor"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with running_cluster({}) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def service() -> Iterator[FakeService]:
    with running_service() as service:
        yield service


@attrs.frozen
class Run:
    """One acceptance run: the recordings, and the command that is run again after a kill."""

    cluster: Cluster
    service: FakeService
    order: dict[str, Any]

    def once(self) -> list[dict[str, Any]]:
        [found] = self.cluster.run(self.order)
        assert "error" not in found, found
        rows: list[dict[str, Any]] = found["rows"]
        return rows

    def check(self, rows: list[dict[str, Any]]) -> None:
        """Each recording has one job and one row, no row has an error, and the cap was kept exactly."""
        stats = self.service.stats()
        assert sorted(row["uri"] for row in rows) == sorted(self.order["uris"])
        assert {row["error"] for row in rows} == {None}
        assert len({row["transcript_id"] for row in rows}) == len(rows)
        assert all(row["json"] == row["transcript_id"] and row["text"] for row in rows)
        assert stats["jobs"] == len(rows)
        assert stats["most_jobs"] == CAP


@pytest.fixture
def run(cluster: Cluster, service: FakeService, tmp_path: Path) -> Run:
    """A quarter of the recordings are files, which are uploaded."""
    service.reset(seconds=5 if ROWS > 1000 else 2)
    uris = [str(tmp_path / f"{number}.wav") for number in range(0, ROWS, 4)]
    for number, uri in enumerate(uris):
        Path(uri).write_bytes(b"recording %d" % number + bytes(20_000))
    uris += [f"https://recordings.test/{number}.mp3" for number in range(ROWS - len(uris))]
    order = {
        "uris": uris,
        "base_url": service.url,
        "journal": str(tmp_path / "run7.db"),
        "max_jobs": CAP,
        "workers": 4,
    }
    return Run(cluster, service, order)


def test_without_a_fault_the_cap_is_reached_and_kept(run: Run) -> None:
    """With at most 3.1 requests for each job; run again, nothing is requested, and no file has the key."""
    run.check(run.once())
    requests = run.service.stats()["total"]
    assert requests <= 3.1 * ROWS
    run.check(run.once())
    assert run.service.stats()["total"] == requests
    assert run.cluster.files_with(KEY.encode()) == []


def test_a_killed_worker_and_a_killed_program_cost_nothing(run: Run) -> None:
    """The same command is run again."""
    first = run.cluster.start(run.order)
    run.service.wait_for_jobs(3 * ROWS // 10)
    run.cluster.kill(WORKER)
    run.service.wait_for_jobs(ROWS // 2)
    first.kill()
    run.check(run.once())


def test_a_killed_owner_and_a_killed_worker_cost_nothing(run: Run) -> None:
    """Ray restarts both, and the calls are repeated."""
    program = run.cluster.start(run.order)
    run.service.wait_for_jobs(3 * ROWS // 10)
    run.cluster.kill(OWNER)
    run.service.wait_for_jobs(ROWS // 2)
    run.cluster.kill(WORKER)
    [found] = program.result()
    run.check(found["rows"])


def test_only_failed_rows_are_begun_by_the_next_run(run: Run) -> None:
    """They are rows with an error; omitted, they are not written and do not count as done."""
    missing = [Path(uri) for uri in run.order["uris"][:3]]
    contents = [path.read_bytes() for path in missing]
    for path in missing:
        path.unlink()
    [found] = run.cluster.run({**run.order, "failed": "omit"})
    rows = found["rows"]
    assert len(rows) == ROWS - 3 == run.service.stats()["jobs"]
    rows = run.once()
    assert sorted(row["uri"] for row in rows if row["error_type"] == "SourceError") == sorted(
        map(str, missing)
    )
    for path, content in zip(missing, contents, strict=True):
        path.write_bytes(content)
    run.check(run.once())


def test_a_recording_in_different_blocks_has_one_job(run: Run) -> None:
    """And each row has its result."""
    run.order["uris"] = [*run.order["uris"], run.order["uris"][0], run.order["uris"][-1]]
    rows = run.once()
    assert len(rows) == ROWS + 2
    assert len({row["transcript_id"] for row in rows}) == ROWS == run.service.stats()["jobs"]
