"""
What do uploads from object storage cost? Beside the same bytes from a disk, and beside signed URLs.

The store is moto's S3 server in a process of its own, which keeps objects in memory: hence few of them, each
of which is read several times. The service is `fake_service.py`. CPU is that of the process with the client,
in which obstore has threads; memory is what it has grown by since its first upload.

    python benchmarks/objects.py [--uploads 200] [--size 50] [--objects 4] [--rounds 3]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

import anyio
import obstore
from batch import control, served
from obstore.store import S3Store

import aai_async as aai

KEY = "0123456789abcdef0123456789abcdef"

AT_ONCE = 4


@contextmanager
def store() -> Iterator[str]:
    """Run an S3 server with a bucket, and give its URL."""
    # It sleeps until it is terminated below.
    program = (
        "import time\nfrom moto.server import ThreadedMotoServer\n"
        "server = ThreadedMotoServer(ip_address='127.0.0.1', port=0, verbose=False)\nserver.start()\n"
        "print(server.get_host_and_port()[1], flush=True)\ntime.sleep(3600)"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    try:
        url = f"http://127.0.0.1:{(process.stdout.readline() if process.stdout else '').strip()}"
        urlopen(Request(f"{url}/calls", method="PUT")).close()
        yield url
    finally:
        process.kill()
        process.communicate()


async def upload(base_url: str, sources: Sequence[aai.Audio]) -> None:
    """Upload all, some at once; of signed ones, only the URL is made and submitted."""
    permits = anyio.Semaphore(AT_ONCE)
    memory = 0

    async with aai.Client(KEY, base_url=base_url) as client:

        async def one(source: aai.Audio) -> None:
            async with permits:
                if isinstance(source, aai.ObjectSource) and source.presign:
                    await client.submit(source)
                else:
                    await client.upload(source)

        await one(sources[0])
        memory, cpu = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
        async with anyio.create_task_group() as tasks:
            for source in sources:
                tasks.start_soon(one, source)
    cpu = time.process_time() - cpu
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory
    print(json.dumps({"cpu": cpu, "grown": grown / 1024}))


def sources_of(what: str, folder: str, plan: argparse.Namespace) -> list[aai.Audio]:
    names = [f"{number % plan.objects}.wav" for number in range(plan.uploads)]
    if what == "disk":
        return [str(Path(folder, name)) for name in names]
    return [aai.ObjectSource(f"s3://calls/{name}", presign=what == "signed") for name in names]


def measured(what: str, base_url: str, folder: str, plan: argparse.Namespace) -> dict[str, float]:
    """Upload in a process of its own."""
    settings = [f"--{name}={getattr(plan, name)}" for name in ("uploads", "size", "objects")]
    command = [sys.executable, __file__, *settings, "--one", what, base_url, folder]
    control(base_url, "_reset", seconds="0")
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return {**found, "received": control(base_url, "_stats")["received"]}


def main() -> None:
    parser = argparse.ArgumentParser(description="Upload recordings from object storage.")
    parser.add_argument("--uploads", type=int, default=200)
    parser.add_argument("--size", type=int, default=50, help="of each, in MB")
    parser.add_argument("--objects", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", nargs=3, metavar=("WHAT", "BASE_URL", "FOLDER"), help=argparse.SUPPRESS)
    plan = parser.parse_args()
    if plan.one:
        what, base_url, folder = plan.one
        anyio.run(upload, base_url, sources_of(what, folder, plan))
        return
    with tempfile.TemporaryDirectory() as folder, store() as endpoint, served(None) as base_url:
        os.environ |= {
            "AWS_ACCESS_KEY_ID": "an-id",
            "AWS_SECRET_ACCESS_KEY": "a-secret",
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ALLOW_HTTP": "true",
        }
        for number in range(plan.objects):
            content = os.urandom(plan.size * 10**6)
            Path(folder, f"{number}.wav").write_bytes(content)
            obstore.put(S3Store("calls"), f"{number}.wav", content, use_multipart=False)
        for _ in range(plan.rounds):
            found = {what: measured(what, base_url, folder, plan) for what in ("disk", "s3", "signed")}
            shown = ", ".join(
                f"{what} {one['cpu']:.2f} s of CPU, {one['grown']:.0f} MiB grown, {one['received']:.1e} bytes"
                for what, one in found.items()
            )
            print(f"{shown}; S3 / disk {found['s3']['cpu'] / found['disk']['cpu']:.2f} ×", flush=True)


if __name__ == "__main__":
    main()
