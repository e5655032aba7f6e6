"""
Telling webhooks: one POST at a time for each notice, repeated until it is heard or given up.

It reads what to tell from the outbox and notes there what became of it, so that a restart goes on where the
last server stopped. Documentation, "Webhooks for pre-recorded audio".
"""

import logging
import math
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import anyio
import attrs
import httpx
import msgspec

from aai_async.server.delivery.outbox import Notice, Outbox, Subject
from aai_async.server.delivery.webhook import Webhook
from aai_async.server.jobs import Job

_log: Final = logging.getLogger(__name__)

# So many connections at most, whatever a former server left to be told.
_MOST_AT_ONCE: Final = 50


@attrs.frozen(kw_only=True)
class Pace:
    """How patient a courier is; the service's own numbers."""

    attempts: int = 10
    """How often a notice is sent at most."""

    pause_seconds: float = 10
    """How long to wait before it is sent again."""

    answer_seconds: float = 10
    """How long an endpoint may take to answer."""


class Courier:
    """
    Tells webhooks what became of their transcripts, and holds up nobody.

    A deleted transcript is not told of any more. A server that stops in the middle of an attempt does not
    count it, so an endpoint may hear the same twice, as it may from the service.

    Args:
        outbox: What there is to tell.
        pace: When to send again, and when to give up.
        audio_url: Tells where the redacted audio of a transcript is, while it is.
    """

    def __init__(self, outbox: Outbox, pace: Pace, audio_url: Callable[[str], Awaitable[str | None]]) -> None:
        self._outbox = outbox
        self._audio_url = audio_url
        self._pace = pace
        self._send, self._receive = anyio.create_memory_object_stream[Notice](math.inf)
        self._slots = anyio.CapacityLimiter(_MOST_AT_ONCE)

    def tell(self, notice: Notice) -> None:
        """Begin to tell what was entered in the outbox; what was not is passed over."""
        # At a shutdown nobody tells any more: the outbox keeps it for the next start.
        with suppress(anyio.ClosedResourceError, anyio.BrokenResourceError):
            self._send.send_nowait(notice)

    async def resume(self) -> None:
        """Take up what a former server on the same directory left untold, with the attempts it has left."""
        for notice in await self._outbox.pending():
            self.tell(notice)

    async def run(self) -> None:
        """Deliver until cancelled."""
        async with self._send, self._receive, _client() as http, anyio.create_task_group() as tasks:
            async for notice in self._receive:
                tasks.start_soon(self._deliver, http, notice)

    async def _deliver(self, http: httpx.AsyncClient, notice: Notice) -> None:
        try:
            while True:
                if not await self._try(http, notice):
                    return
                await anyio.sleep(self._pace.pause_seconds)
        except Exception:  # noqa: BLE001
            # Its bookkeeping failed, say for want of disk space: the other notices are still told.
            _log.exception("the webhook of transcript %s is not called any more", notice.transcript_id)

    async def _try(self, http: httpx.AsyncClient, notice: Notice) -> bool:
        """Send a notice once, and return whether it is to be sent again."""
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
            # Told is told: a server that stops now must not tell it again when it is back.
            await self._outbox.note(notice, status_code=status_code, pending=again)
        if not again and not _is_success(status_code):
            _log.warning(
                "the webhook of transcript %s was given up after %d attempts; the last was answered %s",
                notice.transcript_id,
                attempts + 1,
                status_code or "not at all",
            )
        return again

    async def _body(self, job: Job, subject: Subject) -> bytes | None:
        """What to say (API reference, `TranscriptWebhookNotification`); `None` where it is true no longer."""
        if subject is Subject.TRANSCRIPT:
            return msgspec.json.encode({"transcript_id": job.id, "status": job.status})
        url = await self._audio_url(job.id)
        # Without an id, as at the service: the webhook's own address must tell which transcript it is.
        body = {"redacted_audio_url": url, "status": "redacted_audio_ready"}
        return None if url is None else msgspec.json.encode(body)

    async def _post(self, http: httpx.AsyncClient, webhook: Webhook, body: bytes) -> int | None:
        """Return the status of the answer; `None` if there was none in time."""
        with anyio.move_on_after(self._pace.answer_seconds):
            for target in webhook.targets:
                try:
                    # Streamed, for the status is all that counts: what follows it is never read.
                    answer = await http.send(_request(http, webhook, target, body), stream=True)
                except httpx.ConnectError:
                    continue  # Nobody listens there, but perhaps at the host's other address.
                except (httpx.HTTPError, OSError, ValueError):
                    break
                await answer.aclose()
                return answer.status_code
        return None


class _UnloggedURL(httpx.URL):
    """An address that the HTTP library's log has without its query, which may be a secret."""

    def __str__(self) -> str:
        return super().__str__().partition("?")[0]


def _request(http: httpx.AsyncClient, webhook: Webhook, target: httpx.URL, body: bytes) -> httpx.Request:
    extensions = {"sni_hostname": webhook.url.host}
    request = http.build_request("POST", target, headers=webhook.headers, content=body, extensions=extensions)
    request.url = _UnloggedURL(target)
    return request


def _client() -> httpx.AsyncClient:
    # Certificates are not verified: none is issued for loopback, and nobody stands in between there.
    # `_post` bounds the time as a whole.
    return httpx.AsyncClient(trust_env=False, verify=False, timeout=None)  # noqa: S501, S113  # nosec B501, B113


def _is_success(status_code: int | None) -> bool:
    return status_code is not None and httpx.codes.is_success(status_code)


def _is_final(status_code: int | None) -> bool:
    # A 4xx is for good: the endpoint would answer the same again.
    return _is_success(status_code) or (status_code is not None and httpx.codes.is_client_error(status_code))
