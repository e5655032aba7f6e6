"""
A program on Ray: it transcribes the recordings that it is ordered to, and prints what it has found.

It is given orders as JSON, one after the other: `uris`, `base_url`, `journal`, `max_jobs`, and others. An
error of this package is found as well.
"""

from __future__ import annotations

import json
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


def cause_of(error: BaseException) -> aai.AAIError | None:
    """Return the error of this package that one of Ray's has as a cause."""
    one: BaseException | None = error
    while one is not None:
        if isinstance(one, aai.AAIError):
            return one
        one = getattr(one, "cause", None) or one.__cause__
    return None


def found_by(order: dict[str, Any]) -> dict[str, Any]:
    """Return the rows, or the error."""
    try:
        rows = rows_of(order)
    except Exception as error:
        cause = cause_of(error)
        if cause is None:
            raise
        return {"error": type(cause).__name__, "message": str(cause)}
    for row in rows:
        row["json"] = None if row["json"] is None else json.loads(row["json"])["id"]
    return {"rows": rows}


def main() -> None:
    address, *orders = json.loads(sys.argv[1])
    ray.init(address, log_to_driver=False, logging_level="warning")
    ray.data.DataContext.get_current().enable_progress_bars = False
    print("FOUND", json.dumps([found_by(order) for order in orders]), flush=True)


if __name__ == "__main__":
    main()
