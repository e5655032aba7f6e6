"""Whatever a JSON object has in it, an answer can be made of it, and nothing of it is lost."""

from __future__ import annotations

import contextlib
import json
import math
import re
from typing import Any

import attrs
import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import aai_async as aai
from aai_async._models import decoding
from aai_async._models.response import ResponseModel

ANSWERS: list[tuple[type[ResponseModel], dict[str, Any]]] = [
    (aai.Transcript, {"id": "a", "status": "completed"}),
    (aai.Sentences, {"id": "a"}),
    (aai.Paragraphs, {"id": "a"}),
    (aai.WordSearch, {"id": "a"}),
    (aai.RedactedAudio, {}),
    (aai.TranscriptPage, {"page_details": {}}),
    (aai.Understanding, {"speech_understanding": {}}),
]

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
JSON = st.recursive(
    SCALARS,
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(), values, max_size=3),
    max_leaves=8,
)


def shaped(kind: Any) -> st.SearchStrategy[Any]:
    """Values as the service documents them, here and there with something else in their place."""
    kind = decoding._without_none(kind)
    item = decoding._item_of(kind)
    if item is not None:
        return st.lists(shaped(item), max_size=3) | JSON
    if attrs.has(kind) or (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        fields = {name: shaped(inner) for name, inner in decoding.field_types(kind).items()}
        return st.fixed_dictionaries({}, optional=fields) | JSON
    return JSON


def everything(value: Any) -> None:
    """Read every field, and show it."""
    names = decoding.field_types(type(value)) if isinstance(value, ResponseModel) else ()
    for name in names:
        getattr(value, name)
    assert len(repr(value)) < 5000


@pytest.mark.parametrize(("kind", "least"), ANSWERS, ids=lambda value: getattr(value, "__name__", ""))
@given(data=st.data())
def test_no_value_makes_an_answer_unreadable(
    kind: type[ResponseModel], least: dict[str, Any], data: Any
) -> None:
    """Nulls, new words, other kinds of numbers, missing and unknown fields: what was paid for is read."""
    fields = {name: shaped(inner) for name, inner in decoding.field_types(kind).items() if name not in least}
    document = data.draw(st.fixed_dictionaries({}, optional=fields))
    unknown = data.draw(st.dictionaries(st.text().map("x_{}".format), JSON, max_size=3))
    body = {**document, **unknown, **least}
    answer = kind.from_json(json.dumps(body).encode())
    everything(answer)
    assert answer.raw == body


@given(st.text(), JSON)
def test_a_new_word_of_a_vocabulary_is_just_a_word(word: str, unknown: Any) -> None:
    """The vendor's own library refuses a finished transcript over a new kind of entity."""
    entity = {"entity_type": word, "text": "x", "start": 1, "end": 2, "x-new": unknown}
    body = {"id": "a", "status": word, "entities": [entity], "speech_model_used": word}
    transcript = aai.Transcript.from_json(json.dumps(body).encode())
    assert transcript.status == word
    assert transcript.entities == (aai.Entity(entity_type=word, text="x", start=1, end=2),)


@given(st.binary(max_size=60), st.integers(0, 200))
def test_any_bytes_are_an_answer_or_a_protocol_error(noise: bytes, at: int) -> None:
    """A proxy may cut an answer anywhere, or put anything in the middle of it."""
    whole = (
        b'{"id": "a", "status": "completed", "text": "Hi \\u00e9", "words": [{"text": "Hi", "start": 0.5}]}'
    )
    for body in (noise, whole[:at], whole[:at] + noise + whole[at:]):
        with contextlib.suppress(aai.ProtocolError):
            everything(aai.Transcript.from_json(body))


@pytest.mark.parametrize(("kind", "least"), ANSWERS, ids=lambda value: getattr(value, "__name__", ""))
@given(data=st.data())
def test_an_answer_read_at_once_is_the_one_read_field_by_field(
    kind: type[ResponseModel], least: dict[str, Any], data: Any
) -> None:
    """The quick way changes nothing of what is read."""
    fields = {name: shaped(inner) for name, inner in decoding.field_types(kind).items() if name not in least}
    # The fields that every answer has may be missing or null too, which is an error in both ways.
    fields |= {name: st.sampled_from([value, None]) for name, value in least.items()}
    body = msgspec.json.encode(data.draw(st.fixed_dictionaries({}, optional=fields)))
    assume(b"nan" not in body.lower())  # both ways read it as a number, which is not equal to itself
    slow = kind.__new__(kind)
    try:
        object.__setattr__(slow, "_unread", kind._fill_by_field(slow, body))
    except aai.ProtocolError as error:
        with pytest.raises(aai.ProtocolError, match=re.escape(str(error))):
            kind.from_json(body)
    else:
        assert kind.from_json(body).load() == slow.load()


def test_an_answer_without_results_is_read_in_one_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer to a submit, or to a poll of an unfinished job: none of its 80 fields is read alone."""
    monkeypatch.setattr(decoding, "read", pytest.fail)
    monkeypatch.setattr(decoding, "split", pytest.fail)
    names = decoding.field_types(aai.Transcript)
    body = json.dumps(dict.fromkeys(names) | {"id": "a", "status": "queued", "punctuate": True}).encode()
    transcript = aai.Transcript.from_json(body)
    assert (transcript.status, transcript.punctuate, transcript.words) == ("queued", True, None)


def test_a_broken_letter_does_not_lose_the_others() -> None:
    """It is shown as one, in the field and in `raw`."""
    transcript = aai.Transcript.from_json(b'{"id": "a", "status": "completed", "text": "caf\xe9"}')
    assert transcript.text == "caf\ufffd"
    assert transcript.raw["text"] == "caf\ufffd"


@pytest.mark.parametrize(
    ("text", "read"),
    [(r'"caf\ud800"', "caf?"), ('"a\\u0000b"', "a\0b"), ('"\\ud83d\\ude00"', "\U0001f600")],
    ids=["half a surrogate pair", "nul", "a whole pair"],
)
def test_odd_escapes_are_read(text: str, read: str) -> None:
    """A service in Python may write half a pair, which no other decoder takes."""
    body = b'{"id": "a", "status": "completed", "text": %b}' % text.encode()
    assert aai.Transcript.from_json(body).text == read


@pytest.mark.parametrize("number", ["1e400", "9" * 400])
def test_a_number_beyond_all_bounds_is_absent(number: str) -> None:
    """And in `raw`."""
    body = b'{"id": "a", "status": "completed", "text": "Hi", "audio_duration": %b, "audio_end_at": 1e999}'
    body %= number.encode()
    transcript = aai.Transcript.from_json(body)
    assert (transcript.text, transcript.audio_duration, transcript.audio_end_at) == ("Hi", None, None)
    assert transcript.raw["audio_duration"] == json.loads(number)


def test_a_number_that_not_even_python_reads_does_not_hide_the_rest() -> None:
    """`raw` says so, in an error of this library."""
    body = b'{"id": "a", "status": "completed", "text": "Hi", "confidence": %b}' % (b"9" * 5000)
    transcript = aai.Transcript.from_json(body)
    assert (transcript.text, transcript.confidence) == ("Hi", None)
    with pytest.raises(aai.ProtocolError, match="cannot be decoded"):
        _ = transcript.raw


def test_pairs_are_pairs() -> None:
    """A search gives start and end of each match; half a pair is none."""
    body = b'{"id": "a", "matches": [{"timestamps": [[1, 2.4], [3]], "count": null, "indexes": [0, "x"]}]}'
    assert aai.WordSearch.from_json(body).matches == (
        aai.WordSearchMatch(timestamps=((1, 2),), indexes=(0,)),
    )


def test_one_odd_score_does_not_lose_the_others() -> None:
    """Also in an object whose keys are the service's."""
    scores = b'{"drugs": {"low": 1}, "nsfw": 7, "alcohol": {"low": "much"}}'
    body = (
        b'{"id": "a", "status": "completed", "content_safety_labels": {"severity_score_summary": %b}}'
        % scores
    )
    labels = aai.Transcript.from_json(body).content_safety_labels
    assert labels is not None
    assert labels.severity_score_summary == {
        "drugs": aai.SeverityScoreSummary(low=1.0),
        "alcohol": aai.SeverityScoreSummary(),
    }


@pytest.mark.parametrize(
    "body",
    [
        b'{"id": "a", "status": "completed", "text": "Hi", "confidence": NaN}',
        b'{"id": "a", "status": "completed", "text": "Hi", "x": [NaN, Infinity]}',
        b'{"id": "a", "status": "completed", "text": "Hi", "caf\xe9": 1}',
        b'\xef\xbb\xbf{"id": "a", "status": "completed", "text": "Hi"}',
    ],
    ids=["NaN", "NaN in an unknown field", "a broken letter in a name", "a byte order mark"],
)
def test_what_is_almost_json_is_read(body: bytes) -> None:
    """A job that is done and paid for is not looked at for another four hours."""
    transcript = aai.Transcript.from_json(body)
    assert (transcript.text, transcript.confidence) == ("Hi", None)
    assert transcript.raw["text"] == "Hi"


def test_one_odd_word_of_many_is_the_only_odd_one() -> None:
    """And reading the others takes no longer for it."""
    words = [{"text": f"w{number}", "start": number, "end": number + 1} for number in range(30_000)]
    words[7]["start"] = None
    body = json.dumps({"id": "a", "status": "completed", "words": words}).encode()
    read = aai.Transcript.from_json(body).words
    assert read is not None
    assert (len(read), read[7], read[8]) == (
        30_000,
        aai.Word(text="w7", end=8),
        aai.Word(text="w8", start=8, end=9),
    )


def test_a_repr_reads_no_words() -> None:
    """A line of a log is not to hold the event loop."""
    body = json.dumps({"id": "a", "status": "completed", "words": [{"text": "w"}] * 1000}).encode()
    transcript = aai.Transcript.from_json(body)
    assert "words=..." in repr(transcript)
    assert transcript.words is not None
    assert "words=<1000>" in repr(transcript)


ODD_TEXTS = [
    "NaN",
    "Infinity",
    "-Infinity",
    '"NaN"',
    "\\",
    '\\"',
    "\ud800",
    "\udc00a",
    "\ud800\udc00",
    "\\ud800",
    ": NaN,",
]

ODD_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(ODD_TEXTS),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(ODD_TEXTS), inner),
)


@given(value=ODD_JSON, is_ascii=st.booleans(), mark=st.sampled_from([b"", b"\xef\xbb\xbf"]))
def test_what_python_writes_as_json_is_read(value: Any, is_ascii: bool, mark: bytes) -> None:
    """NaN and the infinities as nothing, half a surrogate pair as a question mark, all else as it is."""
    text = json.dumps({"x": value, "odd": math.nan}, ensure_ascii=is_ascii)
    expected = json.loads(
        text.encode("utf-8", "surrogatepass").decode("utf-8", "replace"),
        parse_constant=lambda _: None,
    )
    parts = decoding.split(mark + text.encode("utf-8", "surrogatepass"))
    read = {name: json.loads(bytes(part)) for name, part in parts.items()}
    assert read == json.loads(json.dumps(expected, ensure_ascii=False).encode("utf-8", "replace"))


def test_odd_numbers_among_millions_of_bytes_are_found_in_pieces() -> None:
    """Also where an escape stands at the end of a piece."""
    texts = ['"', "\\", '\\"', "NaN", "a" * (160 * 1024 - 1) + '"', "b" * (160 * 1024 - 3) + "\\", ": NaN,"]
    document = {"texts": texts * 5, "x": math.nan, "y": [math.inf, -math.inf], "z": "NaN"}
    parts = decoding.split(json.dumps(document).encode())
    read = {name: json.loads(bytes(part)) for name, part in parts.items()}
    assert read == {**document, "x": None, "y": [None, None]}


ITEMS = {
    "objects": [{"text": f'"}},{{" {number}', "start": number} for number in range(3000)],
    "objects with lists": [{"words": [{"text": "}, {"}] * 50} for _ in range(3000)],
    "one object": [{"text": "},{" * 100_000}],
    "numbers": [*range(3000)],
    "none": [],
}


@pytest.mark.parametrize("items", ITEMS.values(), ids=ITEMS)
@pytest.mark.parametrize(
    "separators", [(",", ":"), (", ", ": "), (" , ", " : ")], ids=["short", "usual", "odd"]
)
def test_a_list_is_split_into_the_same_items_in_pieces(
    monkeypatch: pytest.MonkeyPatch, items: list[Any], separators: tuple[str, str]
) -> None:
    """Wherever a piece seems to end: a brace may be within an item, or within a string."""
    monkeypatch.setattr(decoding, "_LARGE", 0)
    monkeypatch.setattr(decoding, "_PIECE", 1000)
    raw = msgspec.Raw(json.dumps(items, separators=separators).encode())
    assert decoding.read(tuple[Any, ...], raw) == tuple(items)


@pytest.mark.parametrize("value", ['"1,2,3"', '{"a": 1}', "null", "12", '"]"', '"["'])
def test_what_is_no_list_is_not_split(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """Its parts are not taken for items."""
    monkeypatch.setattr(decoding, "_LARGE", 0)
    assert decoding.read(tuple[Any, ...], msgspec.Raw(value.encode())) is decoding.UNREADABLE


def test_a_large_list_of_objects_is_never_decoded_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The decoder would hold the interpreter lock meanwhile, and with it the event loop."""
    items = b"[" + b",".join([b'{"text": "word", "start": 1, "end": 2}'] * 200_000) + b"]"
    sizes: list[int] = []

    @attrs.frozen
    class Decoder:
        kind: Any

        def decode(self, data: bytes) -> Any:
            sizes.append(len(memoryview(data)))
            return msgspec.json.decode(data, type=self.kind, strict=False)

    monkeypatch.setattr(decoding, "_decoder", Decoder)
    assert len(decoding.read(tuple[dict[str, Any], ...], msgspec.Raw(items))) == 200_000
    assert len(items) > 7_000_000
    assert max(sizes) < 200_000
