"""Two hosts, of which one is cut off in the middle: nothing is paid twice, and nothing is lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from buckets import make_bucket
from cluster import KEY, FakeService, running_service, wait_until
from cut_network import ADDRESS, Host, can_cut, hosts
from moto.server import ThreadedMotoServer

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.skipif(not can_cut(), reason="network namespaces need Linux, root and the command ip"),
]

SECONDS = float(os.environ.get("AAI_CUT_SECONDS", "4"))
"""How long a host is cut off."""

ROWS, CAP = 400, 20

PROGRAM = """
import json, sys
import anyio
import aai_async as aai

async def batch(client, journal, urls):
    done = {}
    try:
        async with aai.transcribe_all(client, urls, max_jobs=20, journal=journal) as batch:
            async for outcome in batch:
                done[outcome.source] = outcome.transcript_id if outcome.error is None else str(outcome.error)
    except aai.BatchAbortedError as error:
        return {"aborted": str(error)}
    return done

async def shared(client, journal, urls):
    done = {}
    async with aai.SharedJournal(client, journal, max_jobs=20) as shared, anyio.create_task_group() as tasks:
        async def one(url):
            try:
                done[url] = (await shared.transcribe(url)).id
            except aai.AAIError as error:
                done[url] = str(error)
        print(json.dumps(shared.is_owner), flush=True)
        for url in urls:
            tasks.start_soon(one, url)
    return done

async def lost(client, journal, urls):
    ids = []
    async def submit(audio):
        ids.append((await client.submit(audio)).id)
    # Uploads, because a URL of one's own is never submitted again.
    first, second = [await client.upload(url.encode()) for url in urls]
    async with anyio.create_task_group() as tasks:
        for audio in (first, second):
            print(json.dumps(audio), flush=True)
            await anyio.to_thread.run_sync(sys.stdin.readline)
            tasks.start_soon(submit, audio)
    return ids

async def killed(client, journal, urls):
    # Its connection is used for the submit.
    await anext(aiter(client.list()), None)
    print(json.dumps("connected"), flush=True)
    await anyio.to_thread.run_sync(sys.stdin.readline)
    return await batch(client, journal, urls)

async def main(work, url, key, journal, *urls):
    timeouts = aai.Timeouts(stall=2) if work == "lost" else None
    async with aai.Client(key, base_url=url, timeouts=timeouts) as client:
        print(json.dumps(await globals()[work](client, journal, urls)))

anyio.run(main, *sys.argv[1:])
"""


@pytest.fixture(scope="module")
def two_hosts() -> Iterator[Sequence[Host]]:
    with hosts(2) as made:
        yield made


@pytest.fixture
def service(two_hosts: Sequence[Host]) -> Iterator[FakeService]:
    """The service, where the hosts reach it; jobs are short, so that many submits are under way."""
    with running_service(ADDRESS) as service:
        service.reset(seconds=0.3)
        yield service


def urls(start: int, end: int) -> list[str]:
    return [f"https://recordings.test/{number}.mp3" for number in range(start, end)]


def start(
    host: Host, work: str, service: FakeService, journal: str, audios: list[str]
) -> subprocess.Popen[str]:
    # The hosts have the address under this name.
    url = service.url.replace(ADDRESS, "localhost")
    path = os.pathsep.join(filter(None, sys.path))
    command = [sys.executable, "-c", PROGRAM, work, url, KEY, journal, *audios]
    return host.start(*command, PYTHONPATH=path)


def result(program: subprocess.Popen[str]) -> dict[str, str]:
    out, err = program.communicate(timeout=600)
    assert program.returncode == 0, err
    found: dict[str, str] = json.loads(out.splitlines()[-1])
    return found


def check_jobs(service: FakeService, ids: dict[str, str]) -> None:
    """Each recording has one job, which no other has, and the cap was kept."""
    stats = service.stats()
    assert sorted(ids) == sorted(urls(0, ROWS))
    assert not [one for one in ids.values() if " " in one]
    assert len(set(ids.values())) == stats["jobs"] == ROWS
    assert stats["most_jobs"] <= CAP


def test_a_host_that_was_cut_off_continues(
    service: FakeService, two_hosts: Sequence[Host], tmp_path: Path
) -> None:
    """With the submits that were under way."""
    host = two_hosts[0]
    program = start(host, "batch", service, str(tmp_path / "run7.db"), urls(0, ROWS))
    service.wait_for_jobs(ROWS // 4)
    host.cut()
    time.sleep(SECONDS)  # how long the network is down
    host.connect()
    result(program)
    # A submit whose response was lost may have been carried out later than its search expects.
    again = start(host, "batch", service, str(tmp_path / "run7.db"), urls(0, ROWS))
    check_jobs(service, result(again))


def test_a_cut_off_owner_holds_the_other_process_back(
    service: FakeService, two_hosts: Sequence[Host], tmp_path: Path
) -> None:
    """Both continue with it, and a recording of both is one job."""
    one, other = two_hosts
    journal = str(tmp_path / "shared.db")
    owner = start(one, "shared", service, journal, urls(0, ROWS // 2))
    assert owner.stdout is not None
    assert json.loads(owner.stdout.readline()) is True
    follower = start(other, "shared", service, journal, urls(ROWS // 4, ROWS))
    service.wait_for_jobs(ROWS // 4)
    one.cut()
    time.sleep(SECONDS)  # how long the network is down
    one.connect()
    result(owner)
    result(follower)
    check_jobs(service, result(start(other, "shared", service, journal, urls(0, ROWS))))


def test_a_request_is_not_delivered_after_its_call_has_given_it_up(
    service: FakeService, two_hosts: Sequence[Host]
) -> None:
    """Otherwise it would create a second job, because its recording was submitted again."""
    host = two_hosts[0]
    program = start(host, "lost", service, "", ["first", "second"])
    assert program.stdin is not None
    assert program.stdout is not None
    program.stdout.readline()
    host.lose()
    print(file=program.stdin, flush=True)
    program.stdout.readline()
    time.sleep(7)  # how long the network loses everything
    host.lose_no_more()
    print(file=program.stdin, flush=True)
    ids = result(program)
    time.sleep(10)  # how long TCP would go on, which sends at longer and longer intervals
    assert len(set(ids)) == service.stats()["jobs"] == 2


def test_a_submit_of_a_killed_program_is_not_delivered_later(
    service: FakeService, two_hosts: Sequence[Host], tmp_path: Path
) -> None:
    """Otherwise it would create a second job, because the program was run again meanwhile."""
    host, journal = two_hosts[0], str(tmp_path / "run7.db")
    program = start(host, "killed", service, journal, urls(0, 1))
    assert program.stdin is not None
    assert program.stdout is not None
    program.stdout.readline()
    host.lose()
    print(file=program.stdin, flush=True)
    wait_until(host.has_unconfirmed_data)
    program.kill()
    program.communicate()
    host.lose_no_more()
    time.sleep(8)  # how long TCP would go on, which sends at longer and longer intervals
    assert service.stats()["jobs"] == 0
    ids = result(start(host, "batch", service, journal, urls(0, 1)))
    assert service.stats()["jobs"] == len(set(ids.values())) == 1


def test_another_host_takes_over_from_one_that_is_cut_off(
    service: FakeService, two_hosts: Sequence[Host], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the journal in object storage; the first one ends when it is back, and submits nothing."""
    first, second = two_hosts
    server = ThreadedMotoServer(ip_address=ADDRESS, port=0, verbose=False)
    server.start()
    try:
        port = server.get_host_and_port()[1]
        bucket = make_bucket(f"calls-{uuid.uuid4().hex}", f"http://{ADDRESS}:{port}", monkeypatch)
        journal = bucket.uri("run7/")
        cut_off = start(first, "batch", service, journal, urls(0, ROWS))
        service.wait_for_jobs(ROWS // 4)
        first.cut()
        successor = start(second, "batch", service, journal, urls(0, ROWS))
        time.sleep(SECONDS)  # how long the network is down
        first.connect()
        result(successor)
        # If its last step was under way when the link was cut, the store may have stayed away for too long.
        aborted = result(cut_off)["aborted"]
        assert "Another batch has opened the journal" in aborted or "cannot be used" in aborted, aborted
        check_jobs(service, result(start(second, "batch", service, journal, urls(0, ROWS))))
    finally:
        server.stop()
