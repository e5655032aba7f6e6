"""
Finding personal information in finished words, and writing something else in its place.

Pure functions: they return the redacted words and their times in the recording. Patterns search the text as
the engine wrote it, so a number spelt out in words is not found.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from importlib import import_module
from itertools import groupby
from typing import Any, Final
from unicodedata import category, decimal

import attrs

from aai_async._language.scripts import UNSPACED_LANGUAGES, language_of
from aai_async.server.engine import RecognizedWord
from aai_async.server.replies.wording import bare, joined_texts, laid_out, whole_words

glin_profanity: Any = import_module("glin_profanity")  # it ships no types
pii_patterns: Any = import_module("glin_profanity.scanners.patterns.pii_patterns")

POLICY_OF: Final[Mapping[str, str]] = {
    "credit_card": "credit_card_number",
    "email": "email_address",
    "ip": "ip_address",
    "ssn": "us_social_security_number",
    "phone": "phone_number",
}
"""
The service's policy (API reference, `PiiPolicy`) for each category of the scanner that can be relied on.

The scanner's others cannot: any five digits are a postcode to it, any nine a passport, any full date a
birthday, and of bank accounts it knows those with an IBAN alone.
"""

# By itself the scanner finds +493012345678, but not the groups in which such a number is mostly written, and
# a card only if its check digit is right, which one digit that was misheard makes wrong.
_PATTERNS: Final = tuple(
    pii_patterns.PiiPattern(id=f"{type_}-{number}", type=type_, pattern=re.compile(pattern))
    for number, (type_, pattern) in enumerate(
        (
            ("phone", r"(?:\+|\b00)[1-9](?:[ .()-]{0,3}[0-9]){6,14}\b"),
            ("phone", r"(?<![0-9])\(?[0-9]{3}\)?[ .-]{0,2}[0-9]{3}[ .-]?[0-9]{4}\b"),
            ("phone", r"\b0[0-9](?:[ .-]?[0-9]{2}){4}\b"),
            ("phone", r"\b1[3-9][0-9][ -]?[0-9]{4}[ -]?[0-9]{4}\b"),  # mobile numbers of China
            ("credit_card", r"\b[0-9]{4}(?:[ -]?[0-9]{4}){3}\b"),
            ("credit_card", r"\b[0-9]{4}[ -]?[0-9]{6}[ -]?[0-9]{5}\b"),
        )
    )
)
_SCANNER: Final = glin_profanity.PiiScanner(custom_patterns=list(_PATTERNS))

_IN_GROUPS: Final = frozenset({"credit_card_number", "phone_number", "us_social_security_number"})
"""The policies for numbers spoken in groups of digits: adjacent groups are redacted too."""

_GROUPS_BEFORE: Final = re.compile(r"(?:[0-9]+[ .()-]{1,2})+$")
_GROUPS_AFTER: Final = re.compile(r"(?:[ .()-]{1,2}[0-9]+)+")


@attrs.frozen(kw_only=True)
class Redaction:
    """The redacted words: the same number of words, with unchanged times."""

    words: tuple[RecognizedWord, ...]
    spans: tuple[tuple[int, int], ...]
    """The times of the redacted words, in order, in ms from the start of the file."""


@attrs.frozen
class _Find:
    """A stretch of the text that must not be read."""

    start: int
    end: int
    tag: str


def redact(
    words: Sequence[RecognizedWord],
    *,
    policies: Iterable[str] = (),
    entities: Mapping[str, Iterable[str]] | None = None,
    by_name: bool = False,
    language_code: str | None = None,
) -> Redaction:
    """
    Redact what `policies` name and the terms of `entities` (documentation, "PII Redaction").

    A find may span several words of a channel; it is redacted in each of them.

    Args:
        words: All recognised words, in order.
        policies: Some of the values of `POLICY_OF`.
        entities: Phrases by label, found in any case as whole words; each has at least one alphanumeric
            character.
        by_name: Write a tag such as `[PHONE_NUMBER]`, once in each affected word, instead of a `#` for each
            alphanumeric character.
        language_code: The language of the words, which decides whether spaces separate them.
    """
    find = partial(
        _redact_channel,
        policies=frozenset(policies),
        entities=entities or {},
        by_name=by_name,
        language_code=language_code,
    )
    found = {
        channel: find([word for word in words if word.channel == channel])
        for channel in {word.channel for word in words}
    }
    # Each channel kept its order, so its words come back to their places one after another.
    redacted = {channel: iter(redaction.words) for channel, redaction in found.items()}
    return Redaction(
        words=tuple(next(redacted[word.channel]) for word in words),
        spans=merged(span for redaction in found.values() for span in redaction.spans),
    )


def _redact_channel(
    words: Sequence[RecognizedWord],
    *,
    policies: frozenset[str],
    entities: Mapping[str, Iterable[str]],
    by_name: bool,
    language_code: str | None,
) -> Redaction:
    said = _Said(words, language_code)
    finds = [*_by_policy(said.scannable, policies), *_by_term(said, entities)]
    tags = _painted(finds, len(said.text))
    return Redaction(
        words=tuple(
            attrs.evolve(word, text=said.rewritten(at, tags, by_name=by_name))
            for at, word in enumerate(words)
        ),
        spans=merged(said.time_of(find) for find in finds),
    )


class _Said:
    """The words as one text without the marks around them, which would part a number read out in groups."""

    def __init__(self, words: Sequence[RecognizedWord], language_code: str | None) -> None:
        self.words = words
        self.language_code = language_code
        self.is_unspaced = language_of(language_code) in UNSPACED_LANGUAGES
        self.cores = [bare(word.text) for word in words]
        self.text, of_cores = laid_out([core for core in self.cores if core], language_code)
        rest = iter(of_cores)
        # A word without a core has the place of the next one, and no length.
        places = [next(rest) if core else None for core in self.cores]
        starts: list[int] = []
        following = len(self.text)
        for place in reversed(places):
            following = following if place is None else place
            starts.append(following)
        self.starts = starts[::-1]

    @property
    def scannable(self) -> str:
        """The text for the scanner, which knows ASCII only and requires a boundary before a number."""
        text = self.text if self.text.isascii() else "".join(map(_as_ascii, self.text))
        if not self.is_unspaced:
            return text
        # Without spaces a number directly follows other characters: each of these becomes a space.
        return "".join(sign if sign.isascii() or category(sign)[0] not in "LM" else " " for sign in text)

    def pattern(self, term: str) -> str:
        """Return a pattern for a term, whose first group is the term."""
        phrase = joined_texts([core for part in term.split() if (core := bare(part))], self.language_code)
        if self.is_unspaced:
            return whole_words(phrase)
        # A lookahead instead of a match, so that a find does not hide one that begins inside it.
        return rf"(?<!\w)(?=({re.escape(phrase)})(?!\w))"

    def time_of(self, find: _Find) -> tuple[int, int]:
        first, last = (self.words[bisect_right(self.starts, at) - 1] for at in (find.start, find.end - 1))
        return first.start, last.end

    def rewritten(self, at: int, tags: Sequence[str], *, by_name: bool) -> str:
        text, core, start = self.words[at].text, self.cores[at], self.starts[at]
        own = tags[start : start + len(core)]
        if not any(own):
            return text
        runs = groupby(zip(core, own, strict=True), key=lambda pair: pair[1])
        written = (_written("".join(sign for sign, _ in run), tag, by_name=by_name) for tag, run in runs)
        before, _, after = text.partition(core)
        return before + "".join(written) + after


def _as_ascii(sign: str) -> str:
    """Return the digit of any script, or the wide form of an ASCII character, as ASCII."""
    if (digit := decimal(sign, None)) is not None:
        return str(digit)
    is_wide = "\uff01" <= sign <= "\uff5e"
    return chr(ord(sign) - 0xFEE0) if is_wide else sign


def _written(text: str, tag: str, *, by_name: bool) -> str:
    if not tag:
        return text
    if by_name:
        return f"[{tag}]"
    # Combining marks count too: many scripts write their vowels as such.
    return "".join("#" if category(sign)[0] in "LMN" else sign for sign in text)


def _by_policy(text: str, policies: frozenset[str]) -> Iterator[_Find]:
    if not policies:
        return
    for match in _SCANNER.scan(text).matches:
        policy = POLICY_OF.get(match.category)
        if policy in policies:
            yield _grown(text, match.start_index, match.end_index, policy)


def _grown(text: str, start: int, end: int, policy: str) -> _Find:
    """Include adjacent alphanumeric characters, so that no part of a partly found number remains."""
    if policy in _IN_GROUPS:
        before, after = _GROUPS_BEFORE.search(text, 0, start), _GROUPS_AFTER.match(text, end)
        start, end = before.start() if before else start, after.end() if after else end
    while start and _in_numbers(text[start - 1]):
        start -= 1
    while end < len(text) and _in_numbers(text[end]):
        end += 1
    return _Find(start, end, policy.upper())


def _in_numbers(sign: str) -> bool:
    return sign.isascii() and sign.isalnum()


def _by_term(said: _Said, entities: Mapping[str, Iterable[str]]) -> Iterator[_Find]:
    for label, terms in entities.items():
        tag = "_".join(label.upper().split())
        for term in terms:
            for match in re.finditer(said.pattern(term), said.text, re.IGNORECASE):
                yield _Find(*match.span(1), tag)


def _painted(finds: Iterable[_Find], length: int) -> list[str]:
    """The tag of each character, or nothing; where finds overlap, that of the longest."""
    tags = [""] * length
    ranks = {policy.upper(): -rank for rank, policy in enumerate(POLICY_OF.values())}
    for find in sorted(finds, key=lambda find: (find.end - find.start, ranks.get(find.tag, 1))):
        tags[find.start : find.end] = [find.tag] * (find.end - find.start)
    return tags


def merged(times: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """The stretches of time in order, those that touch as one."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(times):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return tuple(joined)
