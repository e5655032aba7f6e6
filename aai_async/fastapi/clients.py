"""One client for each process of an application."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager

from fastapi import FastAPI
from fastapi.requests import HTTPConnection

from aai_async._client import Client
from aai_async._errors import (
    ConfigError,
)


def lifespan(
    make_client: Callable[[], Client] = Client, *, name: str = "default"
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """
    Open one client for the lifetime of an application: `FastAPI(lifespan=lifespan())`.

    In a lifespan of your own: `async with lifespan()(app): yield`. For several clients, such as one for each
    region, give each a name: `async with lifespan()(app), lifespan(make_eu_client, name="eu")(app): yield`.

    Args:
        make_client: Creates the client, once in each process. By default the environment configures it.
        name: The name of the client within the application, for `client_of` and `client_dependency`.

    Raises:
        ConfigError: When it is entered: the application already has a client of this name.
    """

    @contextlib.asynccontextmanager
    async def live(app: FastAPI) -> AsyncGenerator[None]:
        clients = _clients_of(app)
        if name in clients:
            raise ConfigError(
                f"The application already has a client {name!r}: give each lifespan a different name, "
                'lifespan(..., name="eu").'
            )
        async with make_client() as client:
            clients[name] = client
            try:
                yield
            finally:
                del clients[name]

    return live


def client_of(app: FastAPI, name: str = "default") -> Client:
    """
    Return a client of an application, for code without a request, such as a webhook handler.

    Args:
        app: The application.
        name: The name that was passed to `lifespan`.

    Raises:
        ConfigError: The application has no client of this name.
    """
    client = _clients_of(app).get(name)
    if client is None:
        named = "" if name == "default" else f"name={name!r}"
        raise ConfigError(
            f"The application has no client {name!r}. Create it: "
            f"FastAPI(lifespan=aai_async.fastapi.lifespan({named})). "
            "The lifespan does not run in a mounted application, or in a test client without a `with` block."
        )
    return client


def _clients_of(app: FastAPI) -> dict[str, Client]:
    clients: dict[str, Client] = getattr(app.state, "aai_clients", None) or {}
    app.state.aai_clients = clients
    return clients


async def client_of_connection(connection: HTTPConnection) -> Client:
    """
    Return the client of the application of a connection: the dependency of `ClientDependency`.

    A test can replace it: `app.dependency_overrides[client_of_connection] = …`.

    Raises:
        ConfigError: The application has no client.
    """
    return client_of(connection.app)


@functools.cache
def client_dependency(name: str) -> Callable[[HTTPConnection], Awaitable[Client]]:
    """
    Return the dependency for a named client: `EU = Annotated[Client, Depends(client_dependency("eu"))]`.

    The same name returns the same function, so `app.dependency_overrides` works with it.
    """

    async def named_client(connection: HTTPConnection) -> Client:
        return client_of(connection.app, name)

    return named_client
