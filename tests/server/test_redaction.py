"""Finding personal information in words, and writing something else in its place."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aai_async.server import RecognizedWord
from aai_async.server.parameters import PII_POLICIES
from aai_async.server.replies.redaction import POLICY_OF, Redaction, redact

NUMBERS = (
    "415-555-2671",
    "(415) 555 2671",
    "+1 415 555 2671",
    "18005551234",
    "020 7946 0958",
    "+49 30 901820",
    "078-05-1120",
    "078 05 1120",
    "4111 1111 1111 1111",
    "4111-1111-1111-1111",
    "378282246310005",
    "192.168.17.1",
    "2001:db8::17",
    "fe80::1ff:fe23:4567:890a",
    "john.smith@example.com",
)


def words(texts: Sequence[str]) -> list[RecognizedWord]:
    return [
        RecognizedWord(text=text, start=at * 100, end=at * 100 + 90, confidence=0.5)
        for at, text in enumerate(texts)
    ]


def redacted(text: str, *, by_name: bool = False, **entities: Sequence[str]) -> tuple[str, Redaction]:
    redaction = redact(words(text.split()), policies=PII_POLICIES, entities=entities, by_name=by_name)
    return " ".join(word.text for word in redaction.words), redaction


def test_every_policy_on_offer_is_one_that_is_found() -> None:
    """And the other way round."""
    assert frozenset(POLICY_OF.values()) == PII_POLICIES


@pytest.mark.parametrize(
    ("said", "hashed", "tagged"),
    [
        (
            "Call (415) 555-2671. Now.",
            "Call (###) ###-####. Now.",
            "Call ([PHONE_NUMBER]) [PHONE_NUMBER]. Now.",
        ),
        ("415, 555, 2671!", "###, ###, ####!", "[PHONE_NUMBER], [PHONE_NUMBER], [PHONE_NUMBER]!"),
        ("Write to a.b@c.de's owner.", "Write to #.#@#.##'s owner.", "Write to [EMAIL_ADDRESS]'s owner."),
        (
            "Call +44 (0)20 7946 0958.",
            "Call +## (#)## #### ####.",
            "Call [PHONE_NUMBER] ([PHONE_NUMBER] [PHONE_NUMBER] [PHONE_NUMBER].",
        ),
        ("It is 5551234567.", "It is ##########.", "It is [PHONE_NUMBER]."),
        (
            "Card 4000 1234 5678 9010",
            "Card #### #### #### ####",
            "Card [CREDIT_CARD_NUMBER] [CREDIT_CARD_NUMBER] [CREDIT_CARD_NUMBER] [CREDIT_CARD_NUMBER]",
        ),
        ("Mine is 078-05-1120", "Mine is ###-##-####", "Mine is [US_SOCIAL_SECURITY_NUMBER]"),
        ("378282246310005", "###############", "[CREDIT_CARD_NUMBER]"),
        ("2001:db8::1?", "####:###::#?", "[IP_ADDRESS]?"),
        ("In 2015 he was 41.", "In 2015 he was 41.", "In 2015 he was 41."),
    ],
)
def test_letters_and_digits_become_hashes_or_the_word_a_tag(said: str, hashed: str, tagged: str) -> None:
    """Marks around stay, and a number in several words is redacted in each."""
    assert redacted(said)[0] == hashed
    assert redacted(said, by_name=True)[0] == tagged


def test_the_spans_are_when_it_was_said() -> None:
    """From the first word of a find to its last, what lies between and all."""
    _, redaction = redacted("Call 415 555 2671 or a@b.de.")
    assert redaction.spans == ((100, 390), (500, 590))
    assert redacted("Call me.")[1].spans == ()


def test_only_what_is_asked_for_is_redacted() -> None:
    """One policy is not another."""
    said = words(["a@b.de", "415-555-2671"])
    texts = [word.text for word in redact(said, policies=["phone_number"]).words]
    assert texts == ["a@b.de", "###-###-####"]


def test_each_channel_is_read_by_itself() -> None:
    """What another says in between neither hides a number nor makes one."""
    texts = [("415", "1"), ("Go on.", "2"), ("555", "1"), ("200", "2"), ("2671.", "1")]
    said = [
        attrs.evolve(word, channel=channel)
        for word, (_, channel) in zip(words([text for text, _ in texts]), texts, strict=True)
    ]
    redaction = redact(said, policies=["phone_number"])
    assert [word.text for word in redaction.words] == ["###", "Go on.", "###", "200", "####."]
    assert redaction.spans == ((0, 490),)


def test_terms_are_whole_words_in_any_case() -> None:
    """A term may be several words with marks between; its label becomes the tag."""
    text, redaction = redacted("Acme Inc. and acme, inc's Acmeville", by_name=True, customer=["ACME, Inc."])
    assert text == "[CUSTOMER] [CUSTOMER]. and [CUSTOMER], [CUSTOMER]'s Acmeville"
    assert redaction.spans == ((0, 190), (300, 490))


def test_terms_that_overlap_are_all_redacted() -> None:
    """Where one find begins inside another, the longer gives the tag."""
    text, _ = redacted("New York Times", by_name=True, city=["New York"], paper=["York Times"])
    assert text == "[CITY] [PAPER] [PAPER]"
    assert redacted("a b a b a c", x=["a b a"])[0] == "# # # # # c"


def test_terms_in_languages_without_spaces() -> None:
    """They are found wherever they stand, across the pieces that the engine cut."""
    said = words(["私は", "田", "中です。"])
    texts = [word.text for word in redact(said, entities={"name": ["田中"]}, language_code="ja").words]
    assert texts == ["私は", "#", "#です。"]


@given(
    st.lists(st.sampled_from(["so", "Well,", "—", "it's", "here."])),
    st.sampled_from(NUMBERS),
    st.lists(st.sampled_from(["and", "(or)", "?", "then."])),
    st.sampled_from(["", ".", ",", "?!"]),
    st.booleans(),
)
def test_no_number_survives(
    before: list[str], number: str, after: list[str], mark: str, by_name: bool
) -> None:
    """Whatever stands around it, not one digit is left; no word is lost, moved or retimed."""
    said = words([*before, *f"{number}{mark}".split(), *after])
    redaction = redact(said, policies=PII_POLICIES, by_name=by_name)
    assert not any(sign.isdigit() for word in redaction.words for sign in word.text)
    assert [(word.start, word.end) for word in redaction.words] == [(word.start, word.end) for word in said]
    kept = [*redaction.words[: len(before)], *redaction.words[len(redaction.words) - len(after) :]]
    assert [word.text for word in kept] == before + after
    assert redaction.spans == ((len(before) * 100, said[len(said) - len(after) - 1].end),)


@given(st.lists(st.text(alphabet="ab1.,-é", min_size=1, max_size=4), max_size=12), st.booleans())
def test_a_term_does_not_survive(texts: list[str], by_name: bool) -> None:
    """Not as a word, and words without it are as they were."""
    said = words(texts)
    redaction = redact(said, entities={"x": ["a1"]}, by_name=by_name)
    for before, after in zip(said, redaction.words, strict=True):
        assert "a1" in before.text or after.text == before.text
        assert after.text.strip(".,-") != "a1"


@pytest.mark.parametrize(
    ("said", "policy"),
    [
        ("卡号4111111111111111谢谢", "credit_card_number"),
        ("電話は555-123-4567です", "phone_number"),
        ("我的邮箱是john@example.com谢谢", "email_address"),
    ],
)
def test_a_number_is_found_right_behind_a_letter_where_there_are_no_spaces(said: str, policy: str) -> None:
    """A scanner that looks for the beginning of a word finds none there."""
    word = RecognizedWord(text=said, start=0, end=1000, confidence=1.0)
    (redacted,) = redact([word], policies=[policy], language_code="zh").words
    assert not any(sign.isascii() and sign.isalnum() for sign in redacted.text)
    assert redacted.text[0] == said[0]


@pytest.mark.parametrize(
    ("language", "said", "term", "written"),
    [
        ("zh", ["王", "小明", "用", "Open", "Source"], "open source", ["王", "小明", "用", "####", "######"]),
        ("zh", ["王小明", "来"], "小明", ["王##", "来"]),
        ("zh", ["Smart", "手机"], "art", ["Smart", "手机"]),
        ("ja", ["田", "中", "。", "です"], "田中", ["#", "#", "。", "です"]),
    ],
)
def test_terms_are_found_in_what_is_written_without_spaces(
    language: str, said: list[str], term: str, written: list[str]
) -> None:
    """Across the pieces of an engine; a Latin term is a whole word there too."""
    redaction = redact(words(said), entities={"name": [term]}, language_code=language)
    assert [word.text for word in redaction.words] == written
