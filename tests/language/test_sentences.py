"""The ends of sentences, by the language's own rules."""

from __future__ import annotations

import pytest

from aai_async._language import sentences
from aai_async._language.sentences import sentence_ends

CASES = [
    # Each language's orthography; the abbreviations are CLDR's suppressions or Wikimedia's lists.
    ("en", "President John F. Kennedy spoke in Berlin. | He left."),
    ("en", "He moved to the U.S. in May. | It was 5 p.m. somewhere."),
    ("en", "I met Mr. Smith and Dr. Who. | They said no. | Then they left."),
    ("en", 'He said "go." | Why? | Because! | Wait … what?'),
    # Duden, rule D 4: a full stop after a number makes an ordinal.
    ("de", "Die Einheit wurde am 3. Oktober 1990 vollzogen. | Danach ging es weiter."),
    ("de", "Das ist z. B. so. | Dr. Müller kommt. | Wir fahren nach Berlin."),
    ("de", "Er kam am 5. Mai, dem Montag. | Am 1. Januar, am 2. Februar und am 3. März war frei."),
    ("de", "Er wohnt im 2. Stock. | Im 19. Jahrhundert war das so. | Die 2. Bundesliga beginnt."),
    ("de", "Der 1. FC Köln gewann. | Das war der 2. Weltkrieg. | Am 3. Tag kam er."),
    ("de", "Zum 60. Geburtstag alles Gute. | Bis zum 15. Dez. ist Zeit."),
    # Duden, Die Grammatik: an ordinal is an attribute of a noun, and no adverb or pronoun is one.
    ("de", "Wir haben 5. | Dann gingen wir. | Es war 1990. | Berlin war geteilt. | Wir sind 12."),
    ("de", "Frau Dr. phil. Schmidt kam. | Ja."),
    # Titles, streets and times of day stand before a name or a number.
    ("fr", "Voici Mme. Durand. | Oui."),
    ("nl", "Dat is mevr. De Vries. | Ja."),
    ("pt", "Fica na Av. Paulista. | Sim. | O Sr. Silva e a Sra. Souza."),
    ("ar", "قال د. أحمد ذلك. | نعم."),
    ("hi", "यह डॉ. शर्मा है। | हाँ।"),
    ("pl", "Spotkanie o godz. 5. | Potem obiad."),
    ("no", "Vi ses kl. 10 i dag. | Ja."),
    ("nb", "Vi ses kl. 10 i dag. | Ja."),
    ("sv", "Vi ses kl. 10 i dag. | Ja."),
    # The particle of quotation.
    ("ja", "「はい。」 と言った。 | 「いいえ。」 | 次。"),
    # A decimal point that an engine writes as a word of its own.
    ("en", "It is 3 . 5 million. | Yes."),
    # Imprimerie nationale: M. before a name is Monsieur.
    ("fr", "M. Macron est arrivé. | Il parle."),
    ("es", "El Sr. García vive en Madrid. | ¿Y tú?"),
    ("it", "Il Sig. Rossi è qui. | Parla."),
    ("ru", "Это г. Москва. | А. С. Пушкин писал."),
    ("pl", "Mieszka przy ul. Długiej. | Prof. Kowalski mówi."),
    ("cs", "Dne 3. října 1990. | A pak."),
    ("fi", "Se oli 3. lokakuuta. | Hyvä."),
    # Unicode, property Sentence_Terminal.
    ("ur", "یہ ایک ہے۔ | وہ دو ہے۔"),
    ("ar", "كيف حالك؟ | أنا بخير."),
    ("am", "ሰላም። | ደህና።"),
    ("hy", "Բարև։ | Ինչպես ես։"),
    ("hi", "यह है। | वह है॥"),
    ("my", "မင်္ဂလာပါ။ | ကောင်းပါတယ်။"),
    ("el", "Πού πας; | Εδώ."),
    ("zh", "好吗？ | 好！"),
    ("ja", "今日は。 | 終わり｡ | はい．"),
]

SIMPLE = ("am", "ar", "cs", "fi", "fr", "hi", "hy", "ja", "my", "ur", "zh")
"""Languages of which the rules without the extra are enough for these texts."""


def found(language: str, marked: str) -> str:
    texts = [text for text in marked.split() if text != "|"]
    ends = sentence_ends(texts, ["", *[" "] * (len(texts) - 1)], language)
    parts = [f"{text} |" if at in ends and at < len(texts) - 1 else text for at, text in enumerate(texts)]
    return " ".join(parts)


@pytest.mark.parametrize(("language", "marked"), CASES)
def test_sentences_end_where_the_language_ends_them(language: str, marked: str) -> None:
    """Not behind an abbreviation, an initial or an ordinal."""
    assert found(language, marked) == marked


@pytest.mark.parametrize(("language", "marked"), [case for case in CASES if case[0] in SIMPLE])
def test_full_stops_of_all_scripts_are_known_without_the_extra(
    language: str, marked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sentences, "_segmenter", lambda: None)
    assert found(language, marked) == marked


@pytest.mark.parametrize(
    ("language", "marked"),
    [
        ("en", "President John F. Kennedy spoke. | He said no. | Then Mr. Smith left."),
        ("de", "Die Einheit wurde am 3. Oktober 1990 vollzogen. | Danach ging es weiter."),
        ("en", "It was in 1990. | Then he left."),
    ],
)
def test_initials_titles_and_ordinals_are_known_without_the_extra(
    language: str, marked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sentences, "_segmenter", lambda: None)
    assert found(language, marked) == marked


def test_no_sentence_ends_within_a_word() -> None:
    """Without spaces neither: only the words that were recognised can end one."""
    assert sentence_ends(["好吗？好！"], [""], "zh") == frozenset({0})
    assert sentence_ends([], [], "zh") == frozenset()
