"""One recording of a batch, with its options and the caller's own key and labels for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import attrs

from aai_async._errors import ConfigError
from aai_async._io.source import Audio, shown_source
from aai_async._options import Options

_MOST_LABELS = 32

_LONGEST_NAME = 64

_LONGEST_VALUE = 256
"""In characters, as that of a name."""


def checked_labels(given: object) -> dict[str, str]:
    """
    Return a copy of labels.

    Raises:
        ConfigError: They are not text, empty, not printable, too long or too many.
    """
    if not isinstance(given, Mapping):
        raise ConfigError(
            f'Labels must be a mapping such as {{"team": "sales"}}, not {type(given).__name__}.'
        )
    labels = {
        _text(name, "The name of a label", _LONGEST_NAME): _text(value, f"The label {name!r}", _LONGEST_VALUE)
        for name, value in cast("Mapping[object, object]", given).items()
    }
    if len(labels) > _MOST_LABELS:
        raise ConfigError(f"A recording can have {_MOST_LABELS} labels, not {len(labels)}.")
    return labels


def _text(given: object, what: str, most: int) -> str:
    if not isinstance(given, str):
        raise ConfigError(f"{what} must be a str, not {type(given).__name__}.")
    if not given.strip():
        raise ConfigError(f"{what} must not be empty.")
    if len(given) > most:
        raise ConfigError(f"{what} can have {most} characters, not {len(given)}.")
    if not given.isprintable():
        raise ConfigError(f"{what} must be printable text, not {given!r}.")
    return given


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

    ``aai.Item(source, labels={"team": "sales"})``: labels are for your own accounts. They are in the events
    and the outcome of the recording and in the journal, and are never sent to the service. They do not
    identify the recording: a later batch with other labels replaces those in the journal, and one without
    labels keeps them.

    Raises:
        ConfigError: An argument has the wrong type, the key is empty, or a label is empty, not printable or
            too long: 64 characters for a name, 256 for a value, 32 labels.
    """

    source: Audio = attrs.field(repr=shown_source)
    """The recording, of any type that `Client.transcribe` accepts."""

    options: Options | None = attrs.field(default=None, validator=_check_options)
    """Its options; `None` for those of the batch."""

    key: str | None = attrs.field(default=None, kw_only=True, repr=False, validator=_check_key)
    """Your own id of the recording, such as a database key or the path of an object in a store."""

    labels: Mapping[str, str] = attrs.field(
        factory=dict[str, str], kw_only=True, hash=False, converter=checked_labels
    )
    """Your own labels, such as the team that pays."""


def as_item(given: object) -> Item:
    """Return what was given as a source as an item."""
    if isinstance(given, Item):
        return given
    pair = cast("tuple[object, ...]", given) if isinstance(given, tuple) else ()
    if len(pair) == 2 and isinstance(pair[1], (Options, type(None))):
        return Item(cast("Audio", pair[0]), pair[1])
    return Item(cast("Audio", given))
