"""The check of an argument `prices`. Price tables are imported only where there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aai_async._arguments import checked_type

if TYPE_CHECKING:
    from aai_async._models.prices import PriceTable


def checked_prices(given: object) -> PriceTable | None:
    """
    Return the prices, if there are some.

    Raises:
        ConfigError: They are of another type.
    """
    if given is None:
        return None
    from aai_async._models.prices import PriceTable  # noqa: PLC0415 - for few batches

    return checked_type(PriceTable, given, "prices")
