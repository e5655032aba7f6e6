"""The route that the service calls when a job has ended."""

from __future__ import annotations

import contextlib

import attrs
from fastapi import APIRouter, HTTPException, Request

from aai_async._errors import (
    ConfigError,
    WebhookError,
)
from aai_async._events import logger
from aai_async._webhooks.dispatcher import NotificationDispatcher, OnNotification, OnRedactedAudio
from aai_async.webhook import LARGEST, WebhookSecret, parse

PATIENCE = 5.0
"""Seconds that a webhook request waits for `on_event`; the service would wait ten."""


def webhook_router(
    *,
    secret: WebhookSecret,
    on_event: OnNotification,
    on_redacted_audio: OnRedactedAudio | None = None,
    path: str = "/webhook",
    patience: float = PATIENCE,
) -> APIRouter:
    """
    Return a router with a route for the service to call: `POST /webhook`, with the secret in a header.

    The header is checked before the body is read. A notification that was handled is not handled again by
    the same process. If `on_event` raises or takes longer than `patience`, the response is 503, and the
    service calls again, up to ten times; an `on_event` that is running continues meanwhile. So raise an
    error if `Client.get` shows that the job is not done: the notification is early or forged, and the real
    one must not count as its repetition. If `on_event` raises `NotFoundError` twice, the notification is
    about a job of another account and counts as handled.

    Args:
        secret: The secret header that the service sends; submit with its `options`.
        on_event: The handler, such as `Inbox().put`. A notification is a hint, so check it with `Client.get`.
            The handler runs in the event loop: a plain function must not block.
        on_redacted_audio: The handler for redacted recordings; by default they are ignored.
        path: The path of the route.
        patience: Seconds after which the response is 503, so that the service calls again.

    Raises:
        ConfigError: The secret is not a `WebhookSecret`, or a handler is not callable.
    """
    _check_hook(secret, on_event, on_redacted_audio)
    desk = NotificationDispatcher(on_event, on_redacted_audio, patience)
    router = APIRouter(lifespan=desk.open)

    # With and without a trailing slash, because the service does not follow redirects.
    @router.post(path.rstrip("/") or "/", status_code=204, response_model=None, include_in_schema=False)
    @router.post(f"{path.rstrip('/')}/", status_code=204, response_model=None, include_in_schema=False)
    async def webhook(request: Request) -> None:
        try:
            secret.check(request.headers.raw)
            notification = parse(await _body_of(request))
        except WebhookError as error:
            logger.warning("webhook request refused with status %d: %s", error.status, error)
            raise HTTPException(error.status, str(error.args[0])) from None
        query = dict(request.query_params)
        if not await desk.handle(attrs.evolve(notification, query=query)):
            raise HTTPException(503, "The notification has not been handled yet; call again.")

    return router


def _check_hook(secret: object, *hooks: object) -> None:
    if not isinstance(secret, WebhookSecret):
        raise ConfigError(
            f"secret must be a WebhookSecret, not {type(secret).__name__}: use WebhookSecret(value)."
        )
    for hook in hooks:
        if hook is not None and not callable(hook):
            raise ConfigError(f"The handler of a webhook must be a function, not {type(hook).__name__}.")


async def _body_of(request: Request) -> bytes:
    """Read a body, or the first part of one that is too large."""
    body = b""
    async with contextlib.aclosing(request.stream()) as stream:
        async for chunk in stream:
            body += chunk
            if len(body) > LARGEST:
                break
    return body
