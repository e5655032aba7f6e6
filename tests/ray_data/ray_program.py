"""
A program on Ray: it transcribes the recordings that it is ordered to, and prints what it has found.

It reads orders as JSON from standard input, and follows one after the other: `uris`, `base_url`, `journal`,
`max_jobs`, and others. An error of this package is found as well.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from typing import Any

import ray

import aai_async as aai
import aai_async.ray as aai_ray

KEY = "a-key-that-no-file-of-ray-contains"


def rows_of(order: dict[str, Any]) -> list[dict[str, Any]]:
    """Transcribe, and return the rows."""
    items = [{order.get("name", "uri"): uri, "number": number} for number, uri in enumerate(order["uris"])]
    dataset = ray.data.from_items(items, override_num_blocks=order.get("blocks", 3))
    names = ("workers", "failed", "presign", "column", "local", "num_cpus")
    settings = {name: order[name] for name in names if name in order}
    if order.get("local"):
        return list(aai_ray.transcribe(dataset, **settings).take_all())
    owner = aai_ray.Coordinator(
        order["journal"],
        max_jobs=order["max_jobs"],
        base_url=order["base_url"],
        api_key=order.get("key", KEY),
    )
    try:
        if order.get("is_closed"):
            owner.close()
        return list(aai_ray.transcribe(dataset, owner, **settings).take_all())
    finally:
        owner.close()


def named_in(error: Exception) -> dict[str, Any]:
    """Return the name and the message of an error of this package, which one of Ray's may only quote."""
    if isinstance(error, aai.AAIError):
        return {"error": type(error).__name__, "message": str(error)}
    quoted = re.findall(r"^aai_async[\w.]*\.(\w+Error): (.*)$", str(error), re.MULTILINE)
    if not quoted:
        raise error
    return {"error": quoted[-1][0], "message": quoted[-1][1]}


def found_by(order: dict[str, Any]) -> dict[str, Any]:
    """Return the rows, or the error."""
    try:
        rows = rows_of(order)
    except Exception as error:  # noqa: BLE001 - raised again unless it is one of this package
        return named_in(error)
    for row in rows:
        row["json"] = None if row["json"] is None else json.loads(row["json"])["id"]
    return {"rows": rows}


def main() -> None:
    address, *orders = json.load(sys.stdin)
    ray.init(address, log_to_driver=False, logging_level=logging.WARNING)
    ray.data.DataContext.get_current().enable_progress_bars = False
    print("FOUND", json.dumps([found_by(order) for order in orders]), flush=True)


if __name__ == "__main__":
    main()
