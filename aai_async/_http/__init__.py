"""How a `Call` is performed. The only package that knows the HTTP library."""

from aai_async._http.http import HTTP
from aai_async._http.library import HTTPClient

__all__ = ["HTTP", "HTTPClient"]
