"""A price table states what it is of, and is refused before it could lead to a wrong price."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

import aai_async as aai

MODELS = {"best": 0.4, "cheap": 0.1}
TABLE = aai.PriceTable(
    date=dt.date(2026, 11, 1),
    source="https://example.com/prices",
    currency="USD",
    models=MODELS,
    options={"speaker_labels": 0.02, "speech_understanding.translation": 0.5},
)


@pytest.mark.parametrize(
    ("options", "model", "rate"),
    [
        (aai.Options(speech_models=["cheap"]), None, 0.1),
        (aai.Options(speech_models=["cheap", "best"]), None, 0.4),
        (aai.Options(speech_models=["best", "cheap"]), "cheap", 0.1),
        (aai.Options(speech_models=["cheap"], speaker_labels=True), None, 0.12),
        (aai.Options(speech_models=["cheap"], speaker_labels=False), None, 0.1),
    ],
)
def test_an_hour_costs_what_its_model_and_its_options_cost(
    options: aai.Options, model: str | None, rate: float
) -> None:
    """Before the model is known, the most expensive one of the request counts."""
    assert TABLE.rate(options.payload(), model) == pytest.approx(rate)


@pytest.mark.parametrize("model", ["whisper-base", "whisper-tiny.en"])
def test_what_ran_on_this_machine_is_free(model: str) -> None:
    """With all options, unless the table has a price for it, or the request names it."""
    options = aai.Options(speech_models=["best"], speaker_labels=True)
    assert TABLE.rate(options.payload(), model) == 0.0
    assert TABLE.price(3600.0, options.payload(), model) == 0.0
    with pytest.raises(aai.ConfigError, match="no price"):
        TABLE.rate({"speech_models": [model]}, model)
    priced = aai.PriceTable(date=TABLE.date, source="x", currency="EUR", models={model: 1})
    assert priced.rate({}, model) == 1.0


def test_an_option_within_an_object_has_a_price() -> None:
    """As the service is sent it."""
    task = aai.SpeechUnderstanding(translation=aai.Translation(target_languages=["de"]))
    options = aai.Options(speech_models=["cheap"], speech_understanding=task)
    assert TABLE.rate(options.payload()) == pytest.approx(0.6)


def test_a_model_without_a_price_is_an_error_that_names_it() -> None:
    """And so is a request without a model, unless the table has a price for that."""
    with pytest.raises(aai.ConfigError, match="no price for the model 'new'"):
        TABLE.rate({"speech_models": ["new"]})
    with pytest.raises(aai.ConfigError, match="name no model, so the account decides"):
        TABLE.rate({})
    table = aai.PriceTable(date=TABLE.date, source="x", currency="EUR", models={"default": 1})
    assert table.rate({}) == 1.0


GOOD: dict[str, Any] = {
    "date": "2026-11-01",
    "source": "https://example.com/prices",
    "currency": "USD",
    "models": MODELS,
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"date": None}, "lacks date"),
        ({"source": None}, "lacks source"),
        ({"models": None}, "lacks models"),
        ({"date": "yesterday"}, "must be a day such as 2026-11-01, not 'yesterday'"),
        ({"date": "2999-12-31"}, "2999-12-31 is in the future"),
        ({"date": 2026}, "must be a day such as 2026-11-01, not 2026"),
        ({"source": " "}, "source of prices must be a str that is not empty"),
        ({"currency": 1}, "currency of prices must be a str"),
        ({"models": {}}, "needs the price of a model"),
        ({"models": ["best"]}, "must be a mapping"),
        ({"models": {"best": -1}}, "'best' must be a number from 0"),
        ({"models": {"best": "0.4"}}, "'best' must be a number from 0"),
        ({"models": {"best": True}}, "'best' must be a number from 0"),
        ({"options": {"speaker_label": 0.1}}, "no option 'speaker_label'.*Did you mean 'speaker_labels'"),
        ({"option": {}}, "unknown key 'option'"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_with_its_file(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    """Above all one without a date."""
    path = tmp_path / "prices.json"
    path.write_text(json.dumps({name: value for name, value in (GOOD | change).items() if value is not None}))
    with pytest.raises(aai.ConfigError, match=rf"prices\.json.*{message}"):
        aai.PriceTable.load(path)


@pytest.mark.parametrize("content", [b"date = ", b"\xff", b"[]"])
def test_a_file_that_is_no_table_is_refused_with_its_name(tmp_path: Path, content: bytes) -> None:
    """In either format."""
    for name in ("prices.toml", "prices.json"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(aai.ConfigError, match=name):
            aai.PriceTable.load(tmp_path / name)
    with pytest.raises(aai.ConfigError, match=r"none\.toml' cannot be read: No such file"):
        aai.PriceTable.load(tmp_path / "none.toml")


def test_a_table_is_read_from_toml_as_from_json(tmp_path: Path) -> None:
    """And its text states its day and its source."""
    (tmp_path / "prices.json").write_text(json.dumps(GOOD))
    (tmp_path / "prices.toml").write_text(
        'date = 2026-11-01\nsource = "https://example.com/prices"\ncurrency = "USD"\n'
        "[models]\nbest = 0.4\ncheap = 0.1\n"
    )
    tables = [aai.PriceTable.load(tmp_path / f"prices.{suffix}") for suffix in ("toml", "json")]
    assert tables[0] == tables[1]
    assert tables[0].models == MODELS
    assert str(tables[0]).startswith("prices of 2026-11-01")
    assert str(tables[0]).endswith("https://example.com/prices")
