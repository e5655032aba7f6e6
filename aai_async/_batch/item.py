"""One recording of a batch, with its options and the caller's own key for it."""

from __future__ import annotations

from typing import Any

import attrs

from aai_async._errors import ConfigError
from aai_async._io.source import Audio, shown_source
from aai_async._options import Options


def _check_options(_: object, __: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, (Options, type(None))):
        raise ConfigError(f"Item(options=...) must be aai.Options(...), not {type(value).__name__}.")


def _check_key(_: object, __: attrs.Attribute[Any], value: object) -> None:
    if value is None:
        return
    if not isinstance(value, str):
        raise ConfigError(f"Item(key=...) must be a str, not {type(value).__name__}: give str(key).")
    if not value:
        raise ConfigError("Item(key=...) must not be empty: it identifies the recording.")


@attrs.frozen
class Item:
    """
    One recording of a batch: `transcribe_all` accepts it besides plain recordings and pairs.

    ``aai.Item(source, options, key="call-4711")``: a recording with a `key` is identified by the key only, in
    this batch and in later ones with the same journal. Two items with equal keys and options share one job.
    If the journal contains a job for the key, the batch continues it without reading the recording, which may
    be a stream, a moved file or a URL with a new signature. The journal stores a hash of the key.

    Raises:
        ConfigError: `options` or `key` has the wrong type, or the key is empty.
    """

    source: Audio = attrs.field(repr=shown_source)
    """The recording, of any type that `Client.transcribe` accepts."""

    options: Options | None = attrs.field(default=None, validator=_check_options)
    """Its options; `None` for those of the batch."""

    key: str | None = attrs.field(default=None, kw_only=True, repr=False, validator=_check_key)
    """Your own id of the recording, such as a database key or the path of an object in a store."""
