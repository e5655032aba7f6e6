"""
A program on Ray: it transcribes the recordings that it is ordered to, and prints what it has found.

It is given an order as JSON: the `address` of the cluster, `uris`, `base_url`, `journal`, `max_jobs`,
`workers`, `failed`, `local`, `blocks`, `column`. A pure error of this package is found, too.
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
    items = [{order.get("column", "uri"): uri} for uri in order["uris"]]
    dataset = ray.data.from_items(items, override_num_blocks=order.get("blocks", 3))
    settings = {name: order[name] for name in ("workers", "failed", "presign") if name in order}
    if order.get("local"):
        return list(aai_ray.transcribe(dataset, local=True, num_cpus=2, **settings).take_all())
    owner = aai_ray.Coordinator(
        order["journal"], max_jobs=order["max_jobs"], base_url=order["base_url"], api_key=KEY
    )
    rows = aai_ray.transcribe(dataset, owner, **settings).take_all()
    counts = owner.summary()
    print("completed", counts.completed, "retries", counts.retries)
    owner.close()
    return list(rows)


def cause_of(error: BaseException) -> aai.AAIError | None:
    """Return the error of this package that one of Ray's has as a cause."""
    one: BaseException | None = error
    while one is not None:
        if isinstance(one, aai.AAIError):
            return one
        one = getattr(one, "cause", None) or one.__cause__
    return None


def main() -> None:
    order = json.loads(sys.argv[1])
    ray.init(order["address"], log_to_driver=False, logging_level="warning")
    ray.data.DataContext.get_current().enable_progress_bars = False
    try:
        found: dict[str, Any] = {"rows": rows_of(order)}
    except Exception as error:
        cause = cause_of(error)
        if cause is None:
            raise
        found = {"error": type(cause).__name__, "message": str(cause)}
    for row in found.get("rows", ()):
        row["json"] = None if row["json"] is None else json.loads(row["json"])["id"]
    print("FOUND", json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
