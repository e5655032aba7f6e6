"""
Delivers webhook notices: a POST request for each, retried until it succeeds or is given up.

It reads the notices from the outbox and records each attempt there, so a restarted server continues where the
previous one stopped. Source: documentation, "Webhooks for pre-recorded audio".
"""

import logging
import math
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, Self

import anyio
import attrs
import httpx
import msgspec

from aai_async.server.jobs import Job
from aai_async.server.webhooks.outbox import Notice, Outbox, Subject
from aai_async.server.webhooks.webhook import Webhook

_log: Final = logging.getLogger(__name__)

# Maximum number of connections, however many notices a previous server left.
_MOST_AT_ONCE: Final = 50


@attrs.frozen(kw_only=True)
class Pace:
    """Retries and timeouts of deliveries; the defaults are the service's."""

    attempts: int = 10
    """Maximum number of attempts for a notice."""

    pause_seconds: float = 10
    """Seconds before the next attempt."""

    answer_seconds: float = 10
    """Seconds that an endpoint may take to respond."""


class WebhookSender:
    """
    Calls the webhooks of finished transcripts, without delaying other jobs.

    Notices of deleted transcripts are not sent. An attempt during which the server stops is not counted, so
    an endpoint may receive the same notice twice, as from the service.

    Args:
        outbox: Stores the pending notices.
        pace: The retries and timeouts.
        audio_url: Returns the URL of a transcript's redacted audio, or `None` if it is not available.
        transport: Sends the notices, also those to hosts other than this machine; by default they are sent
            over loopback.
    """

    def __init__(
        self,
        outbox: Outbox,
        pace: Pace,
        audio_url: Callable[[str], Awaitable[str | None]],
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._transport = transport
        self._outbox = outbox
        self._audio_url = audio_url
        self._pace = pace
        self._send, self._receive = anyio.create_memory_object_stream[Notice](math.inf)
        self._slots = anyio.CapacityLimiter(_MOST_AT_ONCE)

    def tell(self, notice: Notice) -> None:
        """Start the delivery of a notice in the outbox; a notice that is not there is skipped."""
        # During shutdown nothing is delivered: the outbox keeps the notice for the next start.
        with suppress(anyio.ClosedResourceError, anyio.BrokenResourceError):
            self._send.send_nowait(notice)

    async def resume(self) -> None:
        """Continue a previous server's pending notices in the same directory, with their attempts left."""
        for notice in await self._outbox.pending():
            self.tell(notice)

    async def run(self) -> None:
        """Deliver until cancelled."""
        async with (
            self._send,
            self._receive,
            _client(self._transport) as http,
            anyio.create_task_group() as tasks,
        ):
            async for notice in self._receive:
                tasks.start_soon(self._deliver, http, notice)

    async def _deliver(self, http: httpx.AsyncClient, notice: Notice) -> None:
        try:
            while True:
                if not await self._try(http, notice):
                    return
                await anyio.sleep(self._pace.pause_seconds)
        except Exception:  # noqa: BLE001
            # Recording the attempt failed, for example because the disk is full: other notices continue.
            _log.exception(
                "The webhook of transcript %s is not called again: its state could not be stored.",
                notice.transcript_id,
            )

    async def _try(self, http: httpx.AsyncClient, notice: Notice) -> bool:
        """Send a notice once and return whether to send it again."""
        attempts = await self._outbox.attempts(notice)
        record = None if attempts is None else await self._outbox.store.find(notice.transcript_id)
        webhook = None if record is None else record.job.parameters.webhook
        if attempts is None or record is None or webhook is None:
            return False
        body = await self._body(record.job, notice.subject)
        if body is None:
            await self._outbox.note(notice, status_code=None, pending=False)
            return False
        async with self._slots:
            status_code = await self._post(http, webhook, body)
        again = attempts + 1 < self._pace.attempts and not _is_final(status_code)
        with anyio.CancelScope(shield=True):
            # Shielded, so that a server that stops now does not send the notice again after a restart.
            await self._outbox.note(notice, status_code=status_code, pending=again)
        if not again and not _is_success(status_code):
            _log.warning(
                "The webhook of transcript %s was given up after %d attempts; last response: %s.",
                notice.transcript_id,
                attempts + 1,
                status_code or "none",
            )
        return again

    async def _body(self, job: Job, subject: Subject) -> bytes | None:
        """Return the body (API reference, `TranscriptWebhookNotification`); `None` if it is obsolete."""
        if subject is Subject.TRANSCRIPT:
            return msgspec.json.encode({"transcript_id": job.id, "status": job.status})
        url = await self._audio_url(job.id)
        # Without an id, as at the service: the webhook's URL must identify the transcript.
        body = {"redacted_audio_url": url, "status": "redacted_audio_ready"}
        return None if url is None else msgspec.json.encode(body)

    async def _post(self, http: httpx.AsyncClient, webhook: Webhook, body: bytes) -> int | None:
        """Return the status code of the response; `None` without a response in time."""
        elsewhere = () if self._transport is None else (webhook.url,)
        with anyio.move_on_after(self._pace.answer_seconds):
            for target in webhook.targets or elsewhere:
                try:
                    # Streamed, because only the status is needed: the body is never read.
                    answer = await http.send(_request(http, webhook, target, body), stream=True)
                except httpx.ConnectError:
                    continue  # No server listens at this address; try the host's other one.
                except (httpx.HTTPError, OSError, ValueError):
                    break
                await answer.aclose()
                return answer.status_code
        return None


class _UnloggedURL(httpx.URL):
    """A URL that the HTTP library logs without its query, which may be a secret."""

    def __str__(self) -> str:
        return super().__str__().partition("?")[0]


class _Body(httpx.AsyncByteStream):
    """A request body; the iterator of httpx would be left open by an attempt that ends while it is sent."""

    def __init__(self, content: bytes) -> None:
        self._left = [content]

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if not self._left:
            raise StopAsyncIteration
        return self._left.pop()


def _request(http: httpx.AsyncClient, webhook: Webhook, target: httpx.URL, body: bytes) -> httpx.Request:
    extensions = {"sni_hostname": webhook.url.host}
    request = http.build_request("POST", target, headers=webhook.headers, content=body, extensions=extensions)
    request.url = _UnloggedURL(target)
    request.stream = _Body(body)
    return request


def _client(transport: httpx.AsyncBaseTransport | None) -> httpx.AsyncClient:
    # Certificates are not verified: none are issued for loopback, and its traffic cannot be intercepted.
    # `_post` limits the total time.
    return httpx.AsyncClient(trust_env=False, verify=False, timeout=None, transport=transport)  # noqa: S501, S113  # nosec B501, B113


def _is_success(status_code: int | None) -> bool:
    return status_code is not None and httpx.codes.is_success(status_code)


def _is_final(status_code: int | None) -> bool:
    # A 4xx is final: the endpoint would respond in the same way again.
    return _is_success(status_code) or (status_code is not None and httpx.codes.is_client_error(status_code))
