"""The owner of a journal as a program on Ray sees it."""

from __future__ import annotations

import os
import secrets
from typing import Any, Literal

from aai_async._arguments import check_count
from aai_async._client import Client, pipeline_of
from aai_async._errors import AAIError, ConfigError
from aai_async._journal import Journal, place_of
from aai_async._models.outcome import Summary
from aai_async.ray._actor import ActorCalls, JournalOwnerActor, Terms, owner_is_gone
from aai_async.ray._engine import module


class Coordinator:
    """
    The owner of a journal in a Ray cluster: an actor that alone writes it, submits and polls.

    It runs on the node of the program that creates it, needs no CPU of the cluster's count, and ends with the
    program or with `close`. Run the program again with the same journal at any time and after any failure:
    nothing is paid twice. If the actor dies, Ray restarts it, and calls to it are repeated.

    The API key is an argument of the actor. Do not put it into `runtime_env`: Ray writes that into its logs.

    Args:
        journal: A file on a disk of this node, which should outlive it, or a prefix in object storage, as for
            `Journal`.
        max_jobs: Maximum number of jobs at the service, over all workers.
        api_key: The API key; by default the environment variable `ASSEMBLYAI_API_KEY` of this program.
        region: As for `Client`.
        base_url: As for `Client`.
        keep_results: As for `Journal`.
        adopt_key: As for `Journal`.

    Raises:
        ConfigError: As for `Client`; Ray is not installed or not initialised; `max_jobs` is below 1.
        JournalLockedError: Another program uses the journal, and did not release it within a minute.
        JournalError: The journal cannot be used, or belongs to another account.
    """

    def __init__(
        self,
        journal: str | os.PathLike[str],
        *,
        max_jobs: int = 400,
        api_key: str | None = None,
        region: Literal["us", "eu"] | None = None,
        base_url: str | None = None,
        keep_results: bool = True,
        adopt_key: bool = False,
    ) -> None:
        check_count(max_jobs, "max_jobs")
        # Refuses what it cannot work with here, where the caller sees it.
        checked = pipeline_of(Client(api_key, region=region, base_url=base_url)).sender.base_urls
        self._path = place_of(Journal(journal))
        self._max_jobs = max_jobs
        terms = Terms(
            journal=self._path,
            keep_results=keep_results,
            adopt_key=adopt_key,
            max_jobs=max_jobs,
            base_url=checked.api,
            api_key=os.environ.get("ASSEMBLYAI_API_KEY", "") if api_key is None else api_key,
        )
        self._actor = _start(terms)
        self._ask(self._actor.open.remote())

    def __repr__(self) -> str:
        return f"Coordinator({str(self._path)!r})"

    @property
    def max_jobs(self) -> int:
        """Maximum number of jobs at the service."""
        return self._max_jobs

    def summary(self) -> Summary:
        """
        Return the counts of the recordings that were asked for since it began.

        Raises:
            JournalError: It was closed.
        """
        counts: Summary = self._ask(self._actor.summary.remote())
        return counts

    def close(self) -> None:
        """Release the journal, and end the actor. Jobs at the service continue."""
        ray = module("ray")
        try:
            ray.get(self._actor.close.remote())
        except ray.exceptions.RayActorError:
            return
        ray.kill(self._actor)

    def calls(self) -> ActorCalls:
        """Return the calls to the actor, for a worker."""
        return ActorCalls(self._actor)

    def _ask(self, reference: object) -> Any:
        ray = module("ray")
        try:
            result = ray.get(reference)
        except ray.exceptions.RayActorError as error:
            raise owner_is_gone() from error
        if isinstance(result, AAIError):
            raise result
        return result


def _start(terms: Terms) -> Any:
    ray = module("ray")
    if not ray.is_initialized():
        raise ConfigError("Ray is not initialised: call ray.init() first.")
    here = module("ray.util.scheduling_strategies").NodeAffinitySchedulingStrategy(
        ray.get_runtime_context().get_node_id(), soft=False
    )
    return (
        ray.remote(JournalOwnerActor)
        .options(
            name=f"aai_async:{terms.journal}:{secrets.token_hex(4)}",
            num_cpus=0,
            max_concurrency=100_000,
            max_restarts=-1,
            max_task_retries=-1,
            scheduling_strategy=here,
        )
        .remote(terms)
    )
