"""Options say on the wire what was asked for, and refuse beforehand what the service would refuse."""

from __future__ import annotations

import contextlib
import json
import pickle
import subprocess
import sys
from types import MappingProxyType
from typing import Any, get_type_hints

import attrs
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import aai_async as aai
from aai_async._options.deprecation import warn_once

CYCLE: dict[str, Any] = {}
CYCLE["again"] = CYCLE

OF_ANOTHER_KIND: list[tuple[dict[str, Any], str]] = [
    ({"speaker_labels": "yes"}, "speaker_labels must be True or False, not 'yes'"),
    ({"speakers_expected": True, "speaker_labels": True}, "speakers_expected must be int, not True"),
    ({"audio_end_at": 1.5}, "audio_end_at must be int, not 1.5"),
    ({"temperature": "0.5"}, "temperature must be int or float, not '0.5'"),
    ({"speech_models": "universal-2"}, r"speech_models must be a list of str, such as \['universal-2'\]"),
    ({"keyterms_prompt": ["fine", 7]}, "keyterms_prompt must be a list of str"),
    ({"keyterms_prompt": ["fine", " "]}, "keyterms_prompt must be a list of str"),
    ({"keyterms_prompt": {"a"}}, "keyterms_prompt must be a list of str"),
    ({"webhook_auth_header_value": b"secret"}, "webhook_auth_header_value must be str, not bytes"),
    (
        {"speaker_options": {"min_speakers_expected": 2}},
        r"must be aai.SpeakerOptions\(...\) \(for JSON use",
    ),
    ({"speaker_options": 2}, r"speaker_options must be aai.SpeakerOptions\(...\), not 2"),
    (
        {"custom_spelling": [{"from": ["a"], "to": "b"}]},
        r"must be a list of aai.CustomSpelling\(...\) \(for JSON use Options.from_dict\), not \[\{",
    ),
    ({"custom_spelling": {"SQL": ["sequel"]}}, r"aai.CustomSpelling\(...\) \(for JSON use"),
    ({"custom_spelling": ["a"]}, r"must be a list of aai.CustomSpelling\(...\), not \['a'\]"),
    ({"custom_spelling": aai.CustomSpelling(from_=["a"], to="b")}, r"such as \[CustomSpelling\("),
    ({"redact_static_entities": ["a"]}, "must be a dict of lists of str"),
    ({"redact_static_entities": {}}, "must be a dict of lists of str"),
    ({"redact_static_entities": {"A": "b"}}, r"redact_static_entities\['A'\] must be a list of str"),
    ({"extra": {"when": 1j}}, "options must be JSON"),
    ({"extra": {"text": "\udcff"}}, "options must be JSON"),
    ({"extra": CYCLE}, "options must be JSON"),
    ({"extra": [1]}, "extra must be a dict"),
    ({"extra": None}, "extra must be a dict"),
    ({"extra": {"audio_url": "https://example.com"}}, "audio_url is not an option"),
    ({"prompt": "\ud800"}, "options must be JSON"),
]


@pytest.mark.parametrize(("given", "said"), OF_ANOTHER_KIND, ids=lambda value: ascii(value)[:40])
def test_a_value_of_another_kind_is_refused(given: dict[str, Any], said: str) -> None:
    """The message says of which kind it must be."""
    with pytest.raises(aai.OptionsError, match=said):
        aai.Options(**given)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"speaker_label": True}, "Options has no 'speaker_label'. Did you mean 'speaker_labels'?"),
        ({"punctate": True}, "Did you mean 'punctuate'?"),
        ({"languge_code": "de"}, "Did you mean 'language_code'?"),
        ({"diarize_with_love": True}, "Options has no 'diarize_with_love'. Pass a new parameter in extra="),
    ],
)
def test_a_misspelt_option_is_answered_with_the_one_that_was_meant(given: dict[str, Any], said: str) -> None:
    """Or with where a parameter goes that is newer than this library."""
    with pytest.raises(aai.OptionsError) as caught:
        aai.Options(**given)
    assert said in str(caught.value)


def test_a_misspelt_key_of_a_nested_object_is_answered_too() -> None:
    """Each nested object knows its own."""
    with pytest.raises(aai.OptionsError, match="SpeakerOptions has no 'max_speakers'"):
        aai.SpeakerOptions(max_speakers=3)  # type: ignore[call-arg]


def test_an_options_error_is_a_value_error() -> None:
    """So it is caught where a framework turns those into an answer."""
    assert issubclass(aai.OptionsError, ValueError)


def test_what_is_not_set_is_not_sent() -> None:
    """The service's defaults stay the service's."""
    assert aai.Options().payload() == {}


def test_what_is_set_is_sent_under_its_own_name() -> None:
    """Also when it is false."""
    options = aai.Options(
        speaker_labels=True, punctuate=False, speech_models=["assemblyai-stt-3-7", "universal-2"]
    )
    assert options.payload() == {
        "speaker_labels": True,
        "punctuate": False,
        "speech_models": ["assemblyai-stt-3-7", "universal-2"],
    }


def test_extra_parameters_are_merged_last_and_may_be_null() -> None:
    """A parameter that is newer than this library is not out of reach."""
    options = aai.Options(punctuate=True, extra={"punctuate": None, "new_parameter": {"level": 3}})
    assert options.payload() == {"punctuate": None, "new_parameter": {"level": 3}}


def test_an_unknown_word_of_an_open_vocabulary_passes() -> None:
    """The service adds models without asking us."""
    assert aai.Options(speech_models=["universal-9"]).payload() == {"speech_models": ["universal-9"]}


def test_options_can_be_varied_and_are_checked_again() -> None:
    """`attrs.evolve` is how a batch gives one file its own."""
    options = aai.Options(speaker_labels=True)
    assert attrs.evolve(options, speakers_expected=2).speakers_expected == 2
    with pytest.raises(aai.OptionsError):
        attrs.evolve(options, speakers_expected=2, speaker_labels=None)


def test_a_list_that_the_caller_changes_later_changes_nothing() -> None:
    """What was checked is what is sent."""
    models = ["universal-2"]
    options = aai.Options(speech_models=models)
    models.clear()
    assert options.payload() == {"speech_models": ["universal-2"]}


def test_what_is_said_in_extra_and_changed_later_changes_nothing() -> None:
    """Also deep inside."""
    extra = {"new": {"levels": [1]}}
    options = aai.Options(extra=extra)
    extra["new"]["levels"].append(2)
    assert options.payload() == {"new": {"levels": [1]}}


def test_a_payload_that_is_changed_changes_nothing() -> None:
    """It is a copy, all the way down."""
    asked = {"redact_pii": True, "redact_pii_policies": ["date"], "redact_static_entities": {"A": ["b"]}}
    options = aai.Options.from_dict({**asked, "x-new": {"levels": [1]}})
    payload = options.payload()
    payload["redact_static_entities"]["A"].append("c")
    payload["x-new"]["levels"].append(2)
    assert options.payload() == {**asked, "x-new": {"levels": [1]}}


def test_nested_objects_become_objects_of_the_wire() -> None:
    """`from_` is `from` there, and speech understanding stands under one more key."""
    options = aai.Options(
        custom_spelling=[aai.CustomSpelling(from_=["sequel"], to="SQL")],
        speech_understanding=aai.SpeechUnderstanding(
            translation=aai.Translation(target_languages=["es"], extra={"tone": "dry"})
        ),
    )
    assert options.payload() == {
        "custom_spelling": [{"from": ["sequel"], "to": "SQL"}],
        "speech_understanding": {"request": {"translation": {"target_languages": ["es"], "tone": "dry"}}},
    }


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_json_of_the_documentation_can_be_read(sample: Any) -> None:
    """The service's own example of a request, but for its audio, and the language that it detects as well."""
    document = json.loads(sample("submit-transcript.request.json"))
    del document["audio_url"], document["language_code"]
    assert aai.Options.from_dict(document).payload() == document


def test_an_unknown_key_of_json_is_kept_and_a_misspelt_one_refused() -> None:
    """A file may be written for a service that is newer than this library."""
    assert aai.Options.from_dict({"a_new_parameter": 1}) == aai.Options(extra={"a_new_parameter": 1})
    assert aai.Options.from_dict({"keyterms_prompt_mode": "x"}).extra == {"keyterms_prompt_mode": "x"}
    assert aai.Options.from_dict({"extra": {"speaker_label": 1}}).extra == {"speaker_label": 1}
    with pytest.raises(aai.OptionsError, match="Did you mean 'speaker_labels'"):
        aai.Options.from_dict({"speaker_label": True})
    odd: list[Any] = [7, None, [], {7: True}]
    for document in odd:
        for kind in (aai.Options, aai.SpeechUnderstanding):
            with pytest.raises(
                aai.OptionsError, match=r"from_dict takes a dict of parameter names and values, not"
            ):
                kind.from_dict(document)


@pytest.mark.parametrize("name", ["topics", "word_boost"])
def test_a_deprecated_option_warns_once_and_says_what_to_use(name: str) -> None:
    """Once in a process: a batch makes thousands of options."""
    warn_once.cache_clear()
    given: dict[str, Any] = {name: ["a"]}
    with pytest.warns(
        DeprecationWarning, match=f"{name} is deprecated by the service: (use|remove)"
    ) as caught:
        aai.Options(**given)
    assert caught[0].filename == __file__
    assert attrs.evolve(aai.Options(**given), punctuate=True).payload() == {
        name: ["a"],
        "punctuate": True,
    }


def test_the_repr_shows_what_was_set_and_nothing_else() -> None:
    """Sixty times `None` is no help to anyone."""
    options = aai.Options(speaker_labels=True, extra={"a": 1})
    assert repr(options) == "Options(speaker_labels=True, extra={'a': 1})"


def test_the_digest_is_the_same_in_another_process_and_whatever_the_order() -> None:
    """A journal compares it with one that was written yesterday."""
    options = aai.Options(speaker_labels=True, punctuate=False, extra={"b": 1, "a": {"d": 2, "c": 3}})
    other = aai.Options(punctuate=False, speaker_labels=True, extra={"a": {"c": 3, "d": 2}, "b": 1})
    code = (
        "from aai_async import Options; "
        "print(Options(punctuate=False, speaker_labels=True, extra={'a': {'c': 3, 'd': 2}, 'b': 1}).digest)"
    )
    elsewhere = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert options.digest == other.digest == elsewhere.stdout.strip()
    assert options == other
    assert hash(options) == hash(other)
    assert options.digest != aai.Options(speaker_labels=True).digest


def test_the_digest_does_not_give_the_secret_away() -> None:
    """A short one could be guessed from it."""
    asked: dict[str, Any] = {"webhook_url": "https://example.com", "webhook_auth_header_name": "X"}
    digests = {aai.Options(**asked, webhook_auth_header_value=value).digest for value in ("one", "two")}
    assert len(digests) == 1


FLAGS = [name for name, kind in get_type_hints(aai.Options).items() if kind == bool | None]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(), values, max_size=3),
    max_leaves=6,
)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@given(
    st.dictionaries(st.sampled_from(FLAGS), st.booleans()),
    st.dictionaries(st.text().map("what the service may think of next: {}".format), JSON, max_size=3),
    st.lists(st.text(min_size=1).filter(str.strip), min_size=1, max_size=4),
)
def test_options_survive_the_way_to_json_and_back(
    flags: dict[str, bool], extra: dict[str, Any], terms: list[str]
) -> None:
    """And so does what this library has no field for."""
    terms = [" ".join(term.split()[:6]) for term in terms]
    try:
        options = aai.Options(**flags, keyterms_prompt=terms, extra=extra)  # type: ignore[arg-type]
    except aai.OptionsError:
        assume(False)
    assert aai.Options.from_dict(options.payload()) == options
    assert pickle.loads(pickle.dumps(options)) == options


def test_the_secret_of_a_webhook_is_not_shown() -> None:
    """Options are logged."""
    options = aai.Options(webhook_auth_header_name="X-Secret", webhook_auth_header_value="hunter2")
    assert "hunter2" not in repr(options)
    assert options.payload()["webhook_auth_header_value"] == "hunter2"


@pytest.mark.parametrize(
    "given",
    [
        {"audio_start_from": 10, "audio_end_at": 5, "extra": {"audio_start_from": None}},
        {"webhook_url": "example.com", "extra": {"webhook_url": 7}},
        {"speech_models": ["universal-3-pro"], "extra": {"speech_models": True}},
    ],
)
def test_a_rule_survives_whatever_stands_in_extra(given: dict[str, Any]) -> None:
    """What is there is not judged, and so cannot break the judge."""
    with contextlib.suppress(aai.OptionsError):
        aai.Options(**given)


def test_what_json_has_no_fixed_form_for_is_refused() -> None:
    """A set has another order in the next process, and another digest."""
    for odd in ({"a", "b"}, b"abc", float("nan"), aai.SpeakerOptions(), {1: 2}):
        with pytest.raises(aai.OptionsError, match="options must be JSON"):
            aai.Options(extra={"new": odd})
    assert aai.Options(temperature=0).digest == aai.Options(temperature=0.0).digest
    assert aai.Options(extra=MappingProxyType({"new": (1, 2)})).payload() == {"new": [1, 2]}


def test_a_secret_in_extra_is_not_shown_either() -> None:
    """Nor one in what is not even a dict."""
    assert "hunter2" not in repr(aai.Options(extra={"webhook_auth_header_value": "hunter2"}))
    odd: Any = '{"webhook_auth_header_value": "hunter2"}'
    with pytest.raises(aai.OptionsError) as caught:
        aai.Options.from_dict(odd)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("make", [aai.Options.from_dict, lambda given: attrs.evolve(aai.Options(), **given)])
def test_a_warning_points_to_whoever_asked_however_they_did(make: Any) -> None:
    """Python shows it only where it points to one's own code."""
    warn_once.cache_clear()
    with pytest.warns(DeprecationWarning, match="topics") as caught:
        make({"topics": ["a"]})
    assert caught[0].filename == __file__


def test_what_stands_beside_a_request_is_not_lost() -> None:
    """It is sent, and the service says what it thinks of it."""
    task = aai.SpeechUnderstanding.from_dict({"request": {"action_items": {}}, "other": 1})
    assert task.payload() == {"request": {"request": {"action_items": {}}, "other": 1}}
