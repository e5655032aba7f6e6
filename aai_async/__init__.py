"""
The asyncio-native client for AssemblyAI's pre-recorded speech-to-text API.

`Client` and `transcribe` do the work, `Options` has the settings of a job, `Transcript` is the answer, and
every error is an `AAIError`. `aai_async.formats` writes transcripts as text, subtitles and pages, and
`aai_async.server` is an embedded server that speaks the same API on this machine.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aai_async._public import *  # noqa: F403
    from aai_async._public import __all__ as __all__
else:
    # The names are imported when they are asked for, so that what needs none of them, such as
    # `aai-async --help`, does not wait for an HTTP library.

    def __getattr__(name: str) -> object:
        if name.startswith("_") and name not in {"__all__", "__version__"}:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from aai_async import _public  # noqa: PLC0415

        if name != "__all__" and name not in _public.__all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(_public, name)
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__getattr__("__all__")})
