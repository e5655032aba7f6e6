"""The function that adds transcripts to a dataset, with the settings of Ray Data that this needs."""

from __future__ import annotations

from typing import Any, Literal, TypeVar, cast

from aai_async._arguments import check_count
from aai_async._errors import ConfigError
from aai_async._options import Options
from aai_async.ray._coordinator import Coordinator
from aai_async.ray._engine import module
from aai_async.ray._local import LocalTranscriber
from aai_async.ray._transcriber import Transcriber

DatasetT = TypeVar("DatasetT")

_ROWS = 200
"""Rows in a block, which is in progress as a whole, and begins again as a whole after its worker has died."""


def transcribe(
    dataset: DatasetT,
    owner: Coordinator | None = None,
    *,
    column: str = "uri",
    options: Options | None = None,
    workers: int = 2,
    failed: Literal["keep", "omit"] = "keep",
    presign: bool = False,
    local: bool = False,
    num_cpus: float = 1,
) -> DatasetT:
    """
    Return a dataset with the transcripts of the recordings that a column names. Nothing runs yet.

    The result has the rows in the order of their blocks, and these columns besides: `transcript_id`,
    `status`, `text`, `confidence`, `audio_duration` in seconds, `json` with the response of the service, and
    `error_type` and `error` where a recording has failed.

    Args:
        dataset: A `ray.data.Dataset`.
        owner: The owner of the journal, unless `local` is set.
        column: The column with paths, URLs, or URIs of objects as for `ObjectSource`.
        options: The options of all recordings.
        workers: Number of actors. They upload; the owner does everything else.
        failed: Whether rows with an error are kept, or omitted, so that the next run tries them again where
            Ray's checkpoints know the rows that were written.
        presign: Whether the service fetches objects from pre-signed URLs, so that no bytes pass through here.
        local: Whether an embedded server in each actor recognises the speech.
        num_cpus: CPUs of each actor with an embedded server, and threads of its recognition.

    Raises:
        ConfigError: The arguments contradict each other, Ray is not installed, or the embedded servers leave
            no CPU of the cluster for the other steps of the dataset.
    """
    if local == (owner is not None):
        raise ConfigError("transcribe needs either the Coordinator of a journal, or local=True.")
    check_count(workers, "workers")
    kind: type[object] = LocalTranscriber if owner is None else Transcriber
    settings: dict[str, object] = {"column": column, "options": options, "failed": failed}
    if owner is None:
        _check_cpus(workers, num_cpus)
        settings["threads"] = max(int(num_cpus), 1)
        calls = 1
    else:
        settings |= {"owner": owner, "presign": presign}
        # The blocks in progress hold twice as many rows as there may be jobs.
        calls = -(-2 * owner.max_jobs // (_ROWS * workers))
    compute = module("ray.data").ActorPoolStrategy(
        size=workers,
        max_concurrent_calls_per_actor=calls,
        max_tasks_in_flight_per_actor=calls + 1,
        enable_true_multi_threading=True,
    )
    blocks = cast("Any", dataset).repartition(target_num_rows_per_block=_ROWS, strict=True)
    results: DatasetT = blocks.map_batches(
        kind,
        fn_constructor_kwargs=settings,
        batch_format="pyarrow",
        batch_size=None,
        compute=compute,
        num_cpus=num_cpus if owner is None else 0,
    )
    return results


def _check_cpus(workers: int, num_cpus: float) -> None:
    # Otherwise the actors would wait for ever for rows, and the tasks that make the rows for a CPU.
    total = module("ray").cluster_resources().get("CPU", 0)
    if workers * num_cpus + 1 > total:
        raise ConfigError(
            f"{workers} workers with {num_cpus:g} CPUs each leave none of the cluster's {total:g} for the "
            "other steps of the dataset, which need one: use fewer workers or a lower num_cpus."
        )
