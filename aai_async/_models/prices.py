"""
Prices that the user gives, and what a recording costs by them.

The package contains no prices, which change and depend on the account. A table states its date and source.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self, cast

import attrs
import msgspec

from aai_async._errors import ConfigError
from aai_async._options import Options

_DEFAULT = "default"
"""The name under `models` for requests that name no model: their model depends on the account."""

_ON_THIS_MACHINE = "whisper-"
"""The beginning of the names of the embedded server's models, which cost nothing."""

_KEYS = ("date", "source", "currency", "models", "options")

_EARLIEST_ZONE = dt.timezone(dt.timedelta(hours=14))
"""Where a day begins first: a table of today is none of the future, wherever it was written."""

_EXAMPLE = 'date = 2026-11-01, source = "https://...", currency = "USD", and [models] with a price per hour'


def _prices(given: object) -> Mapping[str, float]:
    if not isinstance(given, Mapping):
        raise ConfigError(f"Prices must be a mapping from names to numbers, not {type(given).__name__}.")
    prices = cast("Mapping[object, object]", given)
    return {_name(name): _price(name, value) for name, value in prices.items()}


def _name(given: object) -> str:
    if not isinstance(given, str) or not given:
        raise ConfigError(f"The name of a price must be a str that is not empty, not {given!r}.")
    return given


def _price(name: object, given: object) -> float:
    is_number = isinstance(given, (int, float)) and not isinstance(given, bool)
    if not is_number or not math.isfinite(cast("float", given)) or cast("float", given) < 0:
        raise ConfigError(f"The price of {name!r} must be a number from 0 per hour of audio, not {given!r}.")
    return float(cast("float", given))


def _check_date(_: object, __: attrs.Attribute[Any], given: object) -> None:
    if not isinstance(given, dt.date) or isinstance(given, dt.datetime):
        raise ConfigError(
            f"The date of prices must be a day such as 2026-11-01, not {given!r}. In Python, it is a "
            "datetime.date."
        )
    if given > dt.datetime.now(_EARLIEST_ZONE).date():
        raise ConfigError(
            f"The date of prices must be the day on which you read them, and {given.isoformat()} is in the "
            "future."
        )


def _check_text(_: object, attribute: attrs.Attribute[Any], given: object) -> None:
    if not isinstance(given, str) or not given.strip():
        raise ConfigError(f"The {attribute.name} of prices must be a str that is not empty, not {given!r}.")


def _check_models(_: object, __: attrs.Attribute[Any], given: Mapping[str, float]) -> None:
    if not given:
        raise ConfigError("A price table needs the price of a model at least.")


def _check_options(_: object, __: attrs.Attribute[Any], given: Mapping[str, float]) -> None:
    known = [one.name for one in attrs.fields(Options)]
    for name in given:
        if name.partition(".")[0] not in known:
            import difflib  # noqa: PLC0415 - for few tables

            alike = difflib.get_close_matches(name, known, 1)
            meant = f" Did you mean {alike[0]!r}?" if alike else ""
            raise ConfigError(f"There is no option {name!r}, so it cannot have a price.{meant}")


@attrs.frozen(kw_only=True)
class PriceTable:
    """
    Prices per hour of audio, of a day and from a source, for estimates and bounds.

    Args:
        date: The day on which the prices were valid.
        source: Where they are from, such as a URL or a contract.
        currency: The currency, such as `"USD"`.
        models: The price of an hour by the name of the model; `"default"` for requests without
            `speech_models`, whose model depends on the account.
        options: What an hour costs in addition by the name of an option of `Options`, if that is set. A dot
            leads into an object: `"speech_understanding.translation"`. An option without a price adds
            nothing.

    Raises:
        ConfigError: An argument has the wrong type, the date is in the future, a price is negative, no model
            has a price, or there is no such option.
    """

    date: dt.date = attrs.field(validator=_check_date)
    source: str = attrs.field(validator=_check_text)
    currency: str = attrs.field(validator=_check_text)
    models: Mapping[str, float] = attrs.field(converter=_prices, validator=_check_models, hash=False)
    options: Mapping[str, float] = attrs.field(
        factory=dict, converter=_prices, validator=_check_options, hash=False
    )

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """
        Read a table from a file in TOML, or in JSON if its name ends in `.json`. The call blocks.

        Raises:
            ConfigError: The file cannot be read, or is no price table.
        """
        shown = repr(os.fsdecode(path))
        decode: Callable[[bytes], object] = msgspec.toml.decode
        if os.fsdecode(path).lower().endswith(".json"):
            decode = msgspec.json.decode
        try:
            return cls._from_document(decode(Path(path).read_bytes()))
        except OSError as error:
            raise ConfigError(f"The prices {shown} cannot be read: {error.strerror}.") from error
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise ConfigError(f"The prices {shown} cannot be read: {error}.") from None
        except ConfigError as error:
            raise ConfigError(f"The prices {shown} cannot be used. {error.args[0]}") from None

    @classmethod
    def _from_document(cls, document: object) -> Self:
        if not isinstance(document, dict):
            raise ConfigError(f"They are no table. It has {_EXAMPLE}.")
        given = dict(cast("dict[str, Any]", document))
        missing = [name for name in _KEYS[:4] if name not in given]
        unknown = [name for name in given if name not in _KEYS]
        if missing or unknown:
            what = f"lacks {', '.join(missing)}" if missing else f"has the unknown key {unknown[0]!r}"
            raise ConfigError(f"The table {what}. It has {_EXAMPLE}.")
        if isinstance(given["date"], str):
            # JSON has no dates.
            with contextlib.suppress(ValueError):
                given["date"] = dt.date.fromisoformat(given["date"])
        return cls(**given)

    def rate(self, requested: Mapping[str, object], model: str | None = None) -> float:
        """
        Return the price of an hour of audio.

        Args:
            requested: The options of the request, as `Options.payload` returns them.
            model: The model that ran. Before it is known, the most expensive model of the request counts. One
                of the embedded server is free of charge, unless the table has a price for it.

        Raises:
            ConfigError: The table has no price for the model.
        """
        if model is not None and self._is_free(model, requested):
            return 0.0
        models = [model] if model else _models_of(requested)
        for name in models:
            if name not in self.models:
                raise self._no_price(name)
        added = sum(price for name, price in self.options.items() if _is_set(requested, name.split(".")))
        return max(self.models[name] for name in models) + added

    def price(
        self, seconds: float | None, requested: Mapping[str, object], model: str | None
    ) -> float | None:
        """
        Return the price of a completed recording; `None` without a length or a price for its model.

        Args:
            seconds: Its length.
            requested: The options of the request, as `Options.payload` returns them.
            model: The model that ran.
        """
        with contextlib.suppress(ConfigError):
            return None if seconds is None else self.rate(requested, model) * seconds / 3600
        return None

    def _is_free(self, model: str, requested: Mapping[str, object]) -> bool:
        is_known = model in self.models or model in _models_of(requested)
        return model.startswith(_ON_THIS_MACHINE) and not is_known

    def _no_price(self, model: str) -> ConfigError:
        if model == _DEFAULT:
            return ConfigError(
                "The options name no model, so the account decides which one runs: set speech_models "
                f"(--model), or add a price for {_DEFAULT!r} to the models of the price table."
            )
        return ConfigError(f"The price table has no price for the model {model!r}: add one to its models.")

    def __str__(self) -> str:
        days = (dt.datetime.now(dt.UTC).date() - self.date).days
        age = f", {days} days old" if days > 1 else ""
        return f"prices of {self.date.isoformat()}{age}, {self.source}"


def _models_of(requested: Mapping[str, object]) -> Sequence[str]:
    models = requested.get("speech_models")
    return cast("Sequence[str]", models) if isinstance(models, Sequence) and models else [_DEFAULT]


def _is_set(requested: object, path: Sequence[str]) -> bool:
    """Return whether an option is requested; the service reads the tasks of an object from its `request`."""
    for name in path:
        if not isinstance(requested, Mapping):
            return False
        fields = cast("Mapping[str, object]", requested)
        task = fields.get("request")
        inside = cast("Mapping[str, object]", task).get(name) if isinstance(task, Mapping) else None
        requested = fields.get(name, inside)
    return bool(requested)
