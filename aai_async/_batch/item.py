"""One recording of a batch, with what is asked for it and the caller's own name for it."""

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
        raise ConfigError("Item(key=...) must not be empty: it tells the recording from all others.")


@attrs.frozen
class Item:
    """
    One recording of a batch: what `transcribe_all` takes beside plain recordings and pairs.

    ``aai.Item(source, options, key="call-4711")``: with a `key`, a recording is recognised by that alone, in
    the same batch and in a later one with the same journal. Two items with the same key and the same options
    have one job. A job that is known by its key is taken up without reading the recording again: it may be a
    stream, a file that was moved, or an address under a new signature. The journal has a hash of the key.

    Raises:
        ConfigError: `options` or `key` of another type, or an empty key.
    """

    source: Audio = attrs.field(repr=shown_source)
    """What `Client.transcribe` takes."""

    options: Options | None = attrs.field(default=None, validator=_check_options)
    """What to ask for; without, what the batch asks for."""

    key: str | None = attrs.field(default=None, kw_only=True, repr=False, validator=_check_key)
    """What you know the recording by: an id in a database, or the path of an object in a store."""
