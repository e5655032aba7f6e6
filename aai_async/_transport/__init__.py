"""How a `Call` is performed. The only package that knows the HTTP library."""

from aai_async._transport.backend import HTTPClient
from aai_async._transport.sender import Sender

__all__ = ["HTTPClient", "Sender"]
