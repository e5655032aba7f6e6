"""What was requested and is not in a result is named, and what found nothing is not called missing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import aai_async as aai

WORDS = [{"text": "Hi.", "start": 0, "end": 400, "confidence": 0.9, "speaker": None}]

PLAIN = {"id": "a", "status": "completed", "text": "Hi.", "words": WORDS, "language_code": "en_us"}

UTTERANCE = {"text": "Hi.", "start": 0, "end": 400, "confidence": 0.9, "words": WORDS}

LONG = [{**UTTERANCE, "speaker": None} for _ in range(100)]
"""More than is read before it is asked for."""


def transcript(**fields: Any) -> aai.Transcript:
    return aai.Transcript.from_json(json.dumps({**PLAIN, **fields}))


def understood(request: dict[str, Any], response: Any = None, **fields: Any) -> aai.Transcript:
    return transcript(speech_understanding={"request": request, "response": response}, **fields)


def missing(result: aai.Transcript | aai.Understanding) -> list[str]:
    return list(map(str, result.missing))


FEATURES = [
    ("speaker_labels", "utterances"),
    ("multichannel", "utterances"),
    ("dual_channel", "utterances"),
    ("sentiment_analysis", "sentiment_analysis_results"),
    ("entity_detection", "entities"),
    ("auto_chapters", "chapters"),
    ("summarization", "summary"),
    ("auto_highlights", "auto_highlights_result"),
    ("content_safety", "content_safety_labels"),
    ("iab_categories", "iab_categories_result"),
]
"""Source: API reference, "Get transcript": where the result of each is, null where there is none."""


@pytest.mark.parametrize(("option", "field"), FEATURES)
def test_a_feature_whose_field_is_null_or_absent_is_missing(option: str, field: str) -> None:
    """The transcript's own echo shows that it was requested."""
    assert missing(transcript(**{option: True, field: None})) == [f"{option} ({field} is null)"]
    assert missing(transcript(**{option: True})) == [f"{option} ({field} is null)"]


@pytest.mark.parametrize(("option", "field"), FEATURES)
def test_a_feature_that_was_not_requested_is_not_missing(option: str, field: str) -> None:
    """Whether the service writes null, false or nothing for it."""
    for echo in ({}, {option: False, field: None}, {option: None, field: None}):
        assert missing(transcript(**echo)) == []


@pytest.mark.parametrize(
    ("option", "field", "value"),
    [
        ("speaker_labels", "utterances", []),
        ("multichannel", "utterances", []),
        ("sentiment_analysis", "sentiment_analysis_results", []),
        ("entity_detection", "entities", []),
        ("auto_chapters", "chapters", []),
        ("summarization", "summary", ""),
        ("auto_highlights", "auto_highlights_result", {"status": "success", "results": []}),
        ("content_safety", "content_safety_labels", {"status": "success", "results": [], "summary": {}}),
        ("iab_categories", "iab_categories_result", {"status": "success", "results": [], "summary": {}}),
        ("iab_categories", "iab_categories_result", {"results": [{"text": "Hi.", "labels": []}]}),
    ],
)
def test_a_feature_that_found_nothing_is_not_missing(option: str, field: str, value: Any) -> None:
    """An empty list is a result."""
    assert missing(transcript(**{option: True, field: value})) == []


@pytest.mark.parametrize("field", [field for _, field in FEATURES[-3:]])
@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"status": "unavailable", "results": [], "summary": {}}, '.status is "unavailable"'),
        ({"status": "unavailable", "results": [{"text": "x" * 5000}]}, '.status is "unavailable"'),
        ({}, " is null"),
        ({"results": []}, " is null"),
        (7, " is null"),
    ],
    ids=["unavailable", "long", "empty object", "without status", "odd"],
)
def test_a_model_that_failed_is_missing(field: str, value: Any, reason: str) -> None:
    """Source: API reference, `AudioIntelligenceModelStatus`; `{}` was seen at the service."""
    option = next(name for name, where in FEATURES if where == field)
    assert missing(transcript(**{option: True, field: value})) == [f"{option} ({field}{reason})"]


@pytest.mark.parametrize("turns", [LONG[:1], LONG], ids=["short", "long"])
def test_utterances_without_speakers_lack_what_speaker_labels_is_for(turns: list[Any]) -> None:
    """With multichannel alone, the channel stands in the place of the speaker."""
    assert missing(transcript(speaker_labels=True, utterances=turns)) == [
        "speaker_labels (no utterance has a speaker)"
    ]
    channels = [{**turn, "speaker": "1", "channel": "1"} for turn in turns]
    both = transcript(speaker_labels=True, multichannel=True, utterances=channels)
    assert missing(both) == ["speaker_labels (no utterance has a speaker)"]
    assert missing(transcript(multichannel=True, utterances=channels)) == []
    told = [{**turn, "speaker": "1A", "channel": "1"} for turn in turns]
    assert missing(transcript(speaker_labels=True, multichannel=True, utterances=told)) == []
    assert missing(transcript(speaker_labels=True, utterances=[{**turns[0], "speaker": "A"}])) == []


@pytest.mark.parametrize("words", [[], None])
def test_nothing_is_missing_where_nobody_spoke(words: Any) -> None:
    """There is nothing that a feature could have found."""
    options = {option: True for option, _ in FEATURES}
    assert missing(transcript(text="", words=words, **options)) == []
    assert missing(understood({"action_items": {}}, text="", words=words)) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "queued", "text": None, "words": None},
        {"status": "error", "error": "Audio duration is too short.", "text": None, "words": None},
        {"audio_url": "http://deleted_by_user", "text": "Deleted by user.", "words": None},
        {"is_deleted": True},
    ],
    ids=["queued", "error", "deleted", "marked as deleted"],
)
def test_nothing_is_missing_from_what_is_no_result(fields: dict[str, Any]) -> None:
    """A job that has not ended, one that failed, and what is left of one that was deleted."""
    assert missing(transcript(speaker_labels=True, entity_detection=True, **fields)) == []


def test_a_completed_transcript_without_text_lacks_it() -> None:
    """Silence has an empty text."""
    assert missing(transcript(text=None, words=None)) == ["text (text is null)"]
    assert missing(transcript(text="", words=[])) == []


def test_a_language_that_was_not_detected_is_missing() -> None:
    """Where there was speech in which to detect one."""
    assert missing(transcript(language_detection=True, language_code=None)) == [
        "language_detection (language_code is null)"
    ]
    assert missing(transcript(language_detection=True)) == []


@pytest.mark.parametrize(
    ("echo", "options", "found"),
    [
        ({"speech_models": ["a", "b"], "speech_model_used": "b"}, {}, []),
        ({"speech_models": ["a", "b"], "speech_model_used": "c"}, {}, ["c was used instead of a"]),
        ({"speech_models": ["a", "b"], "speech_model_used": "a"}, {}, []),
        ({"speech_models": ["a", "b"], "speech_model_used": None}, {}, []),
        ({"speech_models": None, "speech_model_used": "b"}, {}, []),
        ({"speech_models": [], "speech_model_used": "b"}, {}, []),
        ({"speech_model_used": "b"}, {"speech_models": ["a", "b"]}, []),
        ({"speech_model_used": "c"}, {"speech_models": ["a", "b"]}, ["c was used instead of a"]),
        (
            {"speech_models": ["b"], "speech_model_used": "b"},
            {"speech_models": ["a"]},
            ["b was used instead of a"],
        ),
    ],
)
def test_another_model_than_the_first_one_is_named(
    echo: dict[str, Any], options: dict[str, Any], found: list[str]
) -> None:
    """Source: "Select the speech model": where it lacks the language, the next one of the list serves."""
    result = transcript(**echo)
    assert [one.reason for one in result.missing_for(aai.Options(**options))] == found
    assert {one.option for one in result.missing_for(aai.Options(**options))} <= {"speech_models"}


@pytest.mark.parametrize(
    ("option", "value", "echo"),
    [
        ("redact_pii", True, False),
        ("filter_profanity", True, False),
        ("disfluencies", True, False),
        ("punctuate", False, True),
        ("format_text", False, True),
    ],
)
def test_a_setting_that_the_service_did_not_follow_is_named(option: str, value: bool, echo: bool) -> None:
    """It reports so itself; what it does not echo is not known, and is not called missing."""
    more = {"redact_pii_policies": ["date"]} if option == "redact_pii" else {}
    options = aai.Options(**{option: value, **more})  # type: ignore[arg-type]
    found = transcript(**{option: echo}).missing_for(options)
    assert list(map(str, found)) == [f"{option} (the service answers {option}={str(echo).lower()})"]
    for followed in ({option: value}, {option: None}, {}):
        assert transcript(**followed).missing_for(options) == ()


@pytest.mark.parametrize(("option", "field"), FEATURES[3:])
def test_a_feature_that_the_service_says_is_off_is_missing(option: str, field: str) -> None:
    """Once, and not for its null as well; where the result is there, the echo does not matter."""
    options = aai.Options(extra={option: True})
    (found,) = transcript(**{option: False, field: None}).missing_for(options)
    assert str(found) == f"{option} (the service answers {option}=false)"
    assert [one.option for one in transcript().missing_for(options)] == [option]


def test_a_feature_that_is_there_is_not_missing_though_its_echo_is_false() -> None:
    """What counts is the result."""
    options = aai.Options(entity_detection=True, multichannel=True)
    result = transcript(entity_detection=False, entities=[], multichannel=False, utterances=[])
    assert result.missing_for(options) == ()


def test_policies_that_were_not_applied_are_named() -> None:
    """They are what somebody relies on."""
    options = aai.Options(redact_pii=True, redact_pii_policies=["date", "person_name"])
    result = transcript(redact_pii=True, redact_pii_policies=["date"])
    assert list(map(str, result.missing_for(options))) == ["redact_pii_policies (not applied: person_name)"]
    assert transcript(redact_pii=True).missing_for(options) == ()


@pytest.mark.parametrize(
    ("metadata", "found"),
    [
        ({"domain_used": None}, ["domain (metadata.domain_used is null)"]),
        ({"domain_used": "medical-v1"}, []),
        ({}, []),
        (None, []),
    ],
)
def test_a_domain_that_was_not_used_is_named(metadata: Any, found: list[str]) -> None:
    """Where the service reports which one it used."""
    result = transcript(metadata=metadata)
    assert list(map(str, result.missing_for(aai.Options(domain="medical-v1")))) == found


def test_unredacted_text_that_was_requested_is_missing() -> None:
    """The service does not echo that it was, so only the options show it."""
    options = aai.Options(redact_pii=True, redact_pii_policies=["date"], redact_pii_return_unredacted=True)
    assert list(map(str, transcript().missing_for(options))) == [
        "redact_pii_return_unredacted (unredacted_text is null)"
    ]
    assert transcript(unredacted_text="Hi.").missing_for(options) == ()


RESPONSE = "speech_understanding.response"


@pytest.mark.parametrize(
    ("task", "response", "reason"),
    [
        ("speaker_identification", None, f"{RESPONSE}.speaker_identification is null"),
        ("speaker_identification", {}, f"{RESPONSE}.speaker_identification is null"),
        (
            "speaker_identification",
            {"speaker_identification": {"status": "error"}},
            f'{RESPONSE}.speaker_identification.status is "error"',
        ),
        ("speaker_identification", {"speaker_identification": {"status": "success", "mapping": {}}}, None),
        ("custom_formatting", None, f"{RESPONSE}.custom_formatting is null"),
        (
            "custom_formatting",
            {"custom_formatting": {}},
            f"{RESPONSE}.custom_formatting.formatted_text is null",
        ),
        ("custom_formatting", {"custom_formatting": {"mapping": {}}}, None),
        ("custom_formatting", {"custom_formatting": {"formatted_text": "Hi."}}, None),
        (
            "summarization",
            {"summarization": {"status": "success"}},
            f"{RESPONSE}.summarization.summary is null",
        ),
        ("summarization", {"summarization": {"status": "success", "summary": []}}, None),
        ("action_items", {"action_items": {"status": "success"}}, f"{RESPONSE}.action_items.items is null"),
        ("action_items", {"action_items": {"status": "SUCCESS", "items": []}}, None),
        ("of_next_year", None, f"{RESPONSE}.of_next_year is null"),
        ("of_next_year", {"action_items": {}}, f"{RESPONSE}.of_next_year is null"),
        ("of_next_year", {"of_next_year": {"status": "whatever"}}, None),
    ],
)
def test_a_task_without_a_result_is_missing(task: str, response: Any, reason: str | None) -> None:
    """Source: API reference, `speech_understanding`; also a task that this version does not know."""
    expected = [] if reason is None else [f"speech_understanding.{task} ({reason})"]
    assert missing(understood({task: {}}, response)) == expected
    answer = {"speech_understanding": {"request": {task: {}}, "response": response}}
    assert missing(aai.Understanding.from_json(json.dumps(answer))) == expected


def test_utterances_that_were_to_be_formatted_are_missing() -> None:
    """Though the text was."""
    request = {"custom_formatting": {"format_utterances": True}}
    result = understood(request, {"custom_formatting": {"formatted_text": "Hi."}})
    assert missing(result) == [
        f"speech_understanding.custom_formatting ({RESPONSE}.custom_formatting.formatted_utterances is null)"
    ]


@pytest.mark.parametrize(
    ("task", "texts", "response", "reason"),
    [
        ({"target_languages": ["es"]}, {"es": "Hola."}, {"translation": {"status": "success"}}, None),
        ({"target_languages": ["es"]}, {"es": "Hola."}, None, None),
        ({"target_languages": ["es"]}, None, None, 'translated_texts has no "es"'),
        ({"target_languages": ["es", "de"]}, {"es": "Hola."}, None, 'translated_texts has no "de"'),
        (
            {"target_languages": ["es"]},
            {},
            {"translation": {"status": "failed"}},
            f'{RESPONSE}.translation.status is "failed"',
        ),
        ({"target_languages": ["en"]}, {}, None, None),
        ({"target_languages": ["en_uk"]}, {}, None, None),
        ({"target_languages": ["en"], "force_translation": True}, {}, None, 'translated_texts has no "en"'),
        ({"target_languages": ["pt-BR"]}, {"pt_br": "Oi."}, None, None),
    ],
)
def test_a_language_without_a_translation_is_missing(
    task: dict[str, Any], texts: Any, response: Any, reason: str | None
) -> None:
    """But not the one that is spoken, which is translated only where that is forced."""
    expected = [] if reason is None else [f"speech_understanding.translation ({reason})"]
    assert missing(understood({"translation": task}, response, translated_texts=texts)) == expected


def test_utterances_that_were_to_be_translated_are_missing() -> None:
    """Also among many, which are not read for it as a whole."""
    request = {"translation": {"target_languages": ["es"], "match_original_utterance": True}}
    turns = [{**turn, "speaker": "A"} for turn in LONG]
    assert missing(understood(request, utterances=turns, translated_texts={"es": "Hola."})) == [
        "speech_understanding.translation (no utterance has translated_texts)"
    ]
    turns[-1]["translated_texts"] = {"es": "Hola."}
    assert missing(understood(request, utterances=turns, translated_texts={"es": "Hola."})) == []


def test_a_task_that_the_service_does_not_echo_is_known_from_the_options() -> None:
    """Of a transcript and of what the LLM Gateway answers."""
    task = aai.SpeechUnderstanding(translation=aai.Translation(target_languages=["es"]))
    expected = ['speech_understanding.translation (translated_texts has no "es")']
    assert missing(transcript()) == []
    assert list(map(str, transcript().missing_for(aai.Options(speech_understanding=task)))) == expected
    answer = aai.Understanding.from_json('{"speech_understanding": {"response": {}}}')
    assert missing(answer) == []
    assert list(map(str, answer.missing_for(task))) == expected


def test_the_service_s_own_example_lacks_what_it_lacks(sample: Any) -> None:
    """It has every feature but the sentiments, whose list is null."""
    result = aai.Transcript.from_json(sample("get-transcript.completed.json"))
    assert missing(result) == ["sentiment_analysis (sentiment_analysis_results is null)"]


def test_a_transcript_made_in_python_is_judged_alike() -> None:
    """It has no body."""
    word = aai.Word(text="Hi.")
    made = aai.Transcript(id="a", status="completed", text="Hi.", words=(word,), speaker_labels=True)
    assert missing(made) == ["speaker_labels (utterances is null)"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)

FIELDS = [name for pair in FEATURES for name in pair] + [
    "metadata",
    "redact_pii_policies",
    "speech_model_used",
    "speech_models",
    "text",
    "translated_texts",
    "words",
]

TASKS = ["translation", "speaker_identification", "custom_formatting", "summarization", "action_items", "new"]


@given(
    st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, JSON)),
    st.dictionaries(st.sampled_from(TASKS), JSON) | JSON,
    st.dictionaries(st.sampled_from(TASKS), JSON) | JSON,
)
def test_no_answer_is_too_odd_to_be_judged(fields: dict[str, Any], request: Any, response: Any) -> None:
    """Whatever stands in it."""
    result = understood(request, response, **fields)
    options = aai.Options(
        speech_models=["a"],
        redact_pii=True,
        redact_pii_policies=["date"],
        domain="medical-v1",
        extra={"speech_understanding": {"request": request}},
    )
    assert all(isinstance(one.reason, str) for one in (*result.missing, *result.missing_for(options)))
