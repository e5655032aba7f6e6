"""The transcript as the service writes it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any

import attrs
import msgspec
import pytest

import aai_async as aai
from aai_async.server import EngineError, Recognition, RecognizedWord, ScriptedEngine
from aai_async.server.engine import AudioTrack
from aai_async.server.jobs import Job
from aai_async.server.replies.segments import sentences
from aai_async.server.replies.transcript import (
    finished,
    masked_spans,
    speech_of,
    tombstone,
    unfinished,
    whole_seconds,
)
from aai_async.server.submission import read_parameters

NOW = datetime(2026, 10, 2, 8, 15, 30, tzinfo=UTC)
Sample = Callable[[str], bytes]


def submitted(**asked: Any) -> Job:
    parameters = read_parameters({"audio_url": "http://127.0.0.1/a", **asked}, ScriptedEngine())
    return Job.submitted(parameters, upload_id=None, now=NOW)


def done(job: Job) -> Job:
    return job.start().complete(audio_duration=2, now=NOW)


def heard(
    *words: tuple[str, str | None], confidence: float | None = None, language: str = "en"
) -> Recognition:
    return Recognition(
        words=tuple(
            RecognizedWord(
                text=text, start=at * 100, end=at * 100 + 90, confidence=0.5 + at / 10, speaker=speaker
            )
            for at, (text, speaker) in enumerate(words)
        ),
        language_code=language,
        language_confidence=confidence,
        audio_duration=1.28,
        engine="whisper-base",
    )


def wire(document: dict[str, object]) -> dict[str, Any]:
    decoded: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(document))
    return decoded


def test_every_key_of_the_services_sample_is_there(sample: Sample) -> None:
    """A completed transcript has the documented keys, but for those that are never null and off here."""
    recorded = msgspec.json.decode(sample("get-transcript.completed.json"))
    ours = wire(finished(done(submitted()), heard(("Hi.", None))))
    assert set(recorded) - set(ours) == {"redact_pii_sub", "topics"}


def test_the_tracks_of_the_file_and_what_is_missing_are_stated() -> None:
    """In `metadata`, where the service states what it ignored; the chosen track is echoed."""
    recognition = attrs.evolve(
        heard(("Hi.", None)),
        audio_track=2,
        audio_tracks=(
            AudioTrack(number=1, codec="ac4", channels=None, sample_rate=None, is_decodable=False),
            AudioTrack(number=2, codec="aac", channels=2, sample_rate=48_000, language="eng", title="Mix"),
        ),
        audio_warnings=("The file's header states 11.0 s, but the file ends after 3.0 s: it is incomplete",),
    )
    document = wire(finished(done(submitted(audio_track=2)), recognition))
    metadata = document["metadata"]
    assert (metadata["audio_track"], document["audio_track"]) == (2, 2)
    assert [(track["codec"], track["is_decodable"]) for track in metadata["audio_tracks"]] == [
        ("ac4", False),
        ("aac", True),
    ]
    assert metadata["warnings"] == [{"message": recognition.audio_warnings[0]}]


def test_a_waiting_transcript_has_nothing_to_read_yet() -> None:
    """Text, words and confidence are null, the request is echoed and there is no error."""
    document = wire(unfinished(submitted(speaker_labels=True, keyterms_prompt=["a"]).hold()))
    assert {document[name] for name in ("text", "words", "utterances", "confidence", "audio_duration")} == {
        None
    }
    assert (document["status"], document["throttled"], document["speaker_labels"]) == ("queued", True, True)
    assert document["keyterms_prompt"] == ["a"]
    assert document["language_code"] == "en_us"
    assert not {"error", "speech_model_used", "webhook_auth_header_value"} & set(document)


def test_a_failed_transcript_says_why() -> None:
    """The reason is in `error`, and the text is null."""
    document = wire(unfinished(submitted().start().fail("Audio duration is too short.")))
    assert (document["status"], document["error"], document["text"]) == (
        "error",
        "Audio duration is too short.",
        None,
    )


def test_a_completed_transcript() -> None:
    """Text is the words, confidence their mean; the model asked for and the one that ran are both told."""
    document = wire(
        finished(done(submitted(speech_models=["universal-2"])), heard(("Hi", None), ("there.", None)))
    )
    assert (document["text"], document["confidence"], document["audio_duration"]) == ("Hi there.", 0.55, 2)
    assert document["words"][0] == {
        "text": "Hi",
        "start": 0,
        "end": 90,
        "confidence": 0.5,
        "speaker": None,
        "channel": None,
    }
    assert (document["speech_model_used"], document["metadata"]) == (
        "universal-2",
        {"local_engine": "whisper-base"},
    )
    assert (document["utterances"], document["speech_model"]) == (None, None)


def test_utterances_are_the_turns_of_the_speakers() -> None:
    """A change of speaker opens a new one; words of nobody are in none."""
    recognition = heard(("Hi.", "A"), ("Hello,", "B"), ("you.", "B"), ("(noise)", None), ("Bye.", "A"))
    document = wire(finished(done(submitted(speaker_labels=True)), recognition))
    turns = [(turn["speaker"], turn["text"], len(turn["words"])) for turn in document["utterances"]]
    assert turns == [("A", "Hi.", 1), ("B", "Hello, you.", 2), ("A", "Bye.", 1)]
    assert (document["utterances"][1]["start"], document["utterances"][1]["end"]) == (100, 290)


def test_silence_is_an_empty_text() -> None:
    """Not an error, and the confidence is still a number."""
    document = wire(finished(done(submitted()), heard()))
    assert (document["text"], document["words"], document["confidence"]) == ("", [], 0.0)


def test_punctuation_can_be_switched_off() -> None:
    """In the text and in each word."""
    document = wire(finished(done(submitted(punctuate=False)), heard(("Hi,", None), ("you.", None))))
    assert (document["text"], document["words"][1]["text"]) == ("Hi you", "you")


def in_channels(*words: tuple[str, str, str]) -> Recognition:
    recognition = heard(*((text, speaker) for text, speaker, _ in words))
    placed = zip(recognition.words, words, strict=True)
    labelled = tuple(attrs.evolve(word, channel=channel) for word, (_, _, channel) in placed)
    return attrs.evolve(recognition, words=labelled, audio_channels=2)


def test_channels_are_the_speakers_of_what_each_recorded() -> None:
    """Words, turns and sentences name the channel, and the transcript how many there are."""
    recognition = in_channels(("Hi.", "1", "1"), ("Hello,", "2", "2"), ("you.", "2", "2"))
    reply = finished(done(submitted(multichannel=True)), recognition)
    document = wire(reply)
    turns = [(turn["speaker"], turn["channel"], turn["text"]) for turn in document["utterances"]]
    assert turns == [("1", "1", "Hi."), ("2", "2", "Hello, you.")]
    assert (document["audio_channels"], document["words"][1]["channel"]) == (2, "2")
    found = wire(sentences(speech_of(msgspec.json.encode(reply))))["sentences"]
    assert [(sentence["speaker"], sentence["channel"]) for sentence in found] == [("1", "1"), ("2", "2")]
    assert "audio_channels" not in wire(finished(done(submitted()), heard(("Hi.", None))))


@pytest.mark.parametrize(
    ("seconds", "share", "threshold", "error"),
    [
        (
            30.0,
            0.94612,
            1,
            "Audio speech threshold 0.9461 is below the requested speech threshold value 1.0",
        ),
        (30.0, None, 0.1, "speech_threshold is not available with the engine whisper-base"),
        (30.0, 0.5, 0.5, None),
        (29.9, 0.1, 0.9, None),
        (30.0, 0.1, None, None),
    ],
)
def test_too_little_speech_fails_a_transcript_of_thirty_seconds(
    seconds: float, share: float | None, threshold: float | None, error: str | None
) -> None:
    """In the service's words; shorter recordings are not looked at."""
    recognition = attrs.evolve(heard(("Hi.", None)), audio_duration=seconds, speech_share=share)
    job = done(submitted(speech_threshold=threshold))
    with pytest.raises(EngineError) if error else nullcontext() as caught:
        finished(job, recognition)
    assert error is None or (caught is not None and str(caught.value) == error)


def test_silence_can_be_borne_where_a_language_is_to_be_detected() -> None:
    """
    The text is empty, a warning says why, and the language is the fallback (types of the vendor's SDK for
    Node 4.41.5: an empty completed transcript with `metadata.warnings`).
    """
    options = {"fallback_language": "en", "on_no_speech_detected": "fallback"}
    asked = {"filter_profanity": True, "language_detection": True, "language_detection_options": options}
    job = done(submitted(**asked))
    document = wire(finished(job, attrs.evolve(heard(), language_code=None)))
    assert (document["text"], document["words"], document["language_confidence"]) == ("", [], None)
    [warning] = document["metadata"]["warnings"]
    assert warning["message"].endswith("cannot be performed on files with no spoken audio")
    assert document["language_detection_options"] == options
    assert document["language_code"] == "en"


def test_a_language_of_low_confidence_can_be_borne() -> None:
    """The engine has taken the fallback then, and its confidence is told."""
    options = {"on_low_language_confidence": "fallback", "fallback_language": "fr"}
    asked = {"language_confidence_threshold": 0.4, "language_detection_options": options}
    job = done(submitted(language_detection=True, **asked))
    document = wire(finished(job, heard(("Oui.", None), confidence=0.1, language="fr")))
    assert (document["language_code"], document["language_confidence"]) == ("fr", 0.1)


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        ({}, True),
        ({"speech_models": ["assemblyai-stt-3-7"]}, True),
        ({"speech_models": ["a-model-of-next-year"]}, True),
        ({"speech_models": ["universal-3-5-pro", "universal-2"]}, False),
        ({"speech_models": ["universal-2"]}, False),
        ({"disfluencies": False}, False),
        ({"speech_models": ["universal-2"], "disfluencies": True}, True),
    ],
)
def test_the_model_decides_on_hesitations_unless_the_caller_does(asked: dict[str, Any], kept: bool) -> None:
    """
    `assemblyai-stt-3-7` keeps those that were heard, its predecessors left them out (the service's blog on
    verbatim transcription, 23 November 2026); `disfluencies` decides with each of them.
    """
    document = wire(finished(done(submitted(**asked)), heard(("Um,", None), ("yes.", None))))
    assert document["text"] == ("Um, yes." if kept else "Yes.")
    assert document["disfluencies"] is kept


def test_spelling_and_profanity_reach_all_that_shows_the_words() -> None:
    """Text, words and utterances; the spelling is echoed as it was asked for."""
    spelling = [{"from": ["sequel"], "to": "SQL"}]
    asked = {"custom_spelling": spelling, "filter_profanity": True, "speaker_labels": True}
    recognition = heard(("Sequel", "A"), ("shit.", "A"))
    document = wire(finished(done(submitted(**asked)), recognition))
    assert (document["text"], document["words"][1]["text"]) == ("SQL ****.", "****.")
    assert document["utterances"][0]["text"] == "SQL ****."
    assert (document["custom_spelling"], document["filter_profanity"]) == (spelling, True)


def test_what_a_detected_language_lacks_is_left_out_with_a_warning() -> None:
    """
    As by the service, which refuses it only where the language was given (documentation, "Unsupported feature
    behavior"); the warning is this server's own.
    """
    job = done(submitted(language_detection=True, filter_profanity=True))
    document = wire(finished(job, heard(("Так.", None), confidence=0.9, language="uk")))
    assert document["text"] == "Так."
    [warning] = document["metadata"]["warnings"]
    assert warning == {
        "message": "filter_profanity is not available in the detected language 'uk' and was left out"
    }


def test_an_unformatted_text_is_in_lower_case() -> None:
    """
    With `format_text=False`, in text, words and utterances (documentation, "Automatic punctuation and
    casing"); punctuation is another parameter's, and what stands in for something keeps its case.
    """
    said = heard(("Hello,", "A"), ("Mr.", "A"), ("Sequel.", "A"), ("415-555-2671.", "A"))
    asked: dict[str, Any] = {"format_text": False, "speaker_labels": True}
    document = wire(finished(done(submitted(**asked)), said))
    assert document["text"] == document["utterances"][0]["text"] == "hello, mr. sequel. 415-555-2671."
    assert (document["words"][1]["text"], document["format_text"]) == ("mr.", False)
    assert wire(finished(done(submitted(**asked, punctuate=False)), said))["text"].startswith(
        "hello mr sequel"
    )
    asked |= {"redact_pii": True, "redact_pii_policies": ["phone_number"], "redact_pii_sub": "entity_name"}
    asked |= {"custom_spelling": [{"from": ["sequel"], "to": "SQL"}]}
    assert wire(finished(done(submitted(**asked)), said))["text"] == "hello, mr. SQL. [PHONE_NUMBER]."


def test_what_is_unknown_is_echoed() -> None:
    """Parameters, objects with an unknown key, models and values: also while the job waits."""
    asked = {
        "new": {"a": [1]},
        "speaker_labels": True,
        "speaker_options": {"min_speakers_expected": 1, "new": 2},
        "speech_models": ["new-1", "new-2"],
        "redact_pii_sub": "new",
    }
    job = submitted(**asked)
    for document in (wire(unfinished(job)), wire(finished(done(job), heard(("Hi.", None))))):
        assert {name: document[name] for name in asked} == asked
    assert (document["speech_model_used"], document["metadata"]["local_engine"]) == ("new-1", "whisper-base")
    assert "new" not in wire(tombstone(done(job).delete()))


def test_what_is_unknown_and_had_no_effect_is_warned_of() -> None:
    """In the transcript, as the service warns; of a model, which one really ran."""
    asked = {
        "new": {"a": [1]},
        "speaker_labels": True,
        "speaker_options": {"min_speakers_expected": 1, "new": 2},
        "speech_models": ["new-1"],
        "redact_pii_sub": "new",
        "x" * 1000: 1,
    }
    document = finished(done(submitted(**asked)), heard(("Hi.", None)))
    names = ["parameter 'new'", "parameter 'speaker_options.new'", f"parameter '{'x' * 100}…'"]
    names += ["value 'new' of redact_pii_sub"]
    warnings = [f"The {name} is unknown to this server and was ignored" for name in names]
    warnings.append("The speech model 'new-1' is unknown to this server; whisper-base ran")
    assert aai.Transcript.from_json(msgspec.json.encode(document)).warnings == tuple(warnings)


def test_what_is_unknown_hides_nothing_of_the_reply() -> None:
    """A parameter that has the name of a key of the reply is recorded, and not shown."""
    asked = {"text": "mine", "status": "mine", "error": "mine", "metadata": {"mine": 1}, "words": ["mine"]}
    asked |= {"summary": "mine", "unredacted_text": "mine", "id": "mine", "unknown": "yours"}
    job = submitted(**asked)
    assert job.parameters.unknown == asked
    for document in (wire(unfinished(job)), wire(finished(done(job), heard(("Hi.", None))))):
        assert "mine" not in str(document)
        assert document["unknown"] == "yours"


def test_redaction_reaches_all_that_shows_the_words() -> None:
    """Text, words and utterances; what was said is kept only when asked for."""
    recognition = heard(("Call", "A"), ("415", "A"), ("555-2671.", "A"))
    asked = {"speaker_labels": True, "redact_pii": True, "redact_pii_policies": ["phone_number"]}
    redacted = finished(done(submitted(**asked)), recognition)
    document = wire(redacted)
    assert (document["text"], document["words"][1]["text"]) == ("Call ### ###-####.", "###")
    assert document["utterances"][0]["text"] == document["text"]
    assert document["utterances"][0]["words"] == document["words"]
    assert (document["redact_pii"], document["redact_pii_policies"]) == (True, ["phone_number"])
    assert not {name for name in document if "unredacted" in name}
    assert "555" not in str(speech_of(msgspec.json.encode(redacted)).words)


def test_neither_a_spelling_nor_asterisks_hide_a_term_from_the_redaction() -> None:
    """What was said is covered in the recording, too, whatever is written for it."""
    recognition = heard(("Meet", None), ("jon", None), ("Dick", None))
    asked = {
        "redact_pii": True,
        "redact_pii_policies": ["phone_number"],
        "redact_pii_audio": True,
        "redact_static_entities": {"PERSON": ["Jon", "Dick"]},
        "custom_spelling": [{"from": ["jon"], "to": "John"}],
        "filter_profanity": True,
    }
    job = done(submitted(**asked))
    assert wire(finished(job, recognition))["text"] == "Meet ### ####"
    first, last = recognition.words[1], recognition.words[2]
    assert masked_spans(job, recognition) == ((first.start - 100, last.end + 100),)


def test_what_was_redacted_can_be_returned_beside_it() -> None:
    """As text, words and utterances, these only if there are any."""
    recognition = heard(("Call", "A"), ("415-555-2671.", "A"))
    asked = {
        "redact_pii": True,
        "redact_pii_policies": ["phone_number"],
        "redact_pii_return_unredacted": True,
    }
    document = wire(finished(done(submitted(**asked, redact_pii_sub="entity_name")), recognition))
    assert (document["text"], document["unredacted_text"]) == ("Call [PHONE_NUMBER].", "Call 415-555-2671.")
    assert document["unredacted_words"][1]["text"] == "415-555-2671."
    assert (document["redact_pii_sub"], "unredacted_utterances" in document) == ("entity_name", False)
    document = wire(finished(done(submitted(**asked, speaker_labels=True)), recognition))
    assert document["unredacted_utterances"][0]["text"] == "Call 415-555-2671."


def test_a_language_can_be_detected() -> None:
    """The detected one replaces the default, with its confidence."""
    job = submitted(language_detection=True)
    assert "language_code" not in wire(unfinished(job))
    document = wire(finished(done(job), heard(("Salut.", None), confidence=0.9, language="fr")))
    assert (document["language_code"], document["language_confidence"]) == ("fr", 0.9)


@pytest.mark.parametrize(
    ("recognition", "text"),
    [
        (
            heard(("Da.", None), confidence=0.29487, language="bg"),
            (
                "detected language 'bg', confidence 0.2949, "
                "is below the requested confidence threshold value of '0.4'"
            ),
        ),
        (heard(), "language_detection cannot be performed on files with no spoken audio"),
    ],
)
def test_a_language_that_cannot_be_told_fails_the_transcript(recognition: Recognition, text: str) -> None:
    """In the service's words."""
    job = done(submitted(language_detection=True, language_confidence_threshold=0.4))
    with pytest.raises(EngineError) as caught:
        finished(job, recognition)
    assert str(caught.value) == text


def test_the_tombstone_is_the_services(sample: Sample) -> None:
    """Key by key, but for the one setting of its request that the sample happens to keep."""
    recorded = msgspec.json.decode(sample("delete-transcript.deleted-tombstone.json"))
    ours = wire(tombstone(done(submitted()).delete()))
    assert set(ours) == set(recorded)
    different = {name for name in ours if ours[name] != recorded[name]}
    assert different == {"id", "audio_duration", "disfluencies"}


def test_speech_is_read_back_from_the_finished_document() -> None:
    """What the sub-resources are made from is what was answered."""
    recognition = heard(("Hi.", None))
    document = msgspec.json.encode(finished(done(submitted()), recognition))
    assert speech_of(document).words == recognition.words


@pytest.mark.parametrize(("seconds", "whole"), [(1.28, 2), (2.0, 2), (0.0, 0)])
def test_durations_are_rounded_up(seconds: float, whole: int) -> None:
    """As the service counts them."""
    assert whole_seconds(seconds) == whole
