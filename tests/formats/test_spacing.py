"""The text of the transcript is the authority for spaces: what each format writes, joined, equals it."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from typing import Any

import pytest
import srt as srt_parser
import webvtt
from hypothesis import given, settings
from hypothesis import strategies as st
from made import transcript
from markdown_it import MarkdownIt

import aai_async as aai
from aai_async import formats
from aai_async._language.scripts import columns

WORDS = {
    "am": "ሰላም ነው። እንዴት ነህ? ደህና።",
    "ar": "مرحبا بك في iPhone، كيف حالك؟ جيد.",
    "cs": "Dne 3. října přijel p. Novák. Dobře!",
    "de": "Am 3. Oktober, z. B. um 5 Uhr: „Gut“, sagte er.",
    "el": "Πού πας; Εδώ, στην Αθήνα.",
    "en": "Mr. Smith's well-known 5 % of #1; R&D — e.g. this. OK?",
    "fr": "Bonjour ! M. Macron dit : « Oui » ? 10 %",
    "he": "שלום, קוראים לי Ann. מה שלומך?",
    "hi": "यह हिन्दी है। क्या आप ठीक हैं? हाँ॥",
    "hy": "Բարև։ Ինչպես ես։",
    "ja": "今日 は とても 良い 天気 です 。 「 はい 」 iPhone 15 を 買う ！",
    "km": "សួស្តី បង តើ អ្នក សុខសប្បាយ ទេ ?",
    "ko": "안녕하세요. 저는 Ann 입니다!",
    "lo": "ສະບາຍ ດີ ເຈົ້າ Ann",
    "my": "မင်္ဂလာ ပါ ။ ကောင်း ပါ တယ် ။",
    "pt": "Eu tenho um carro. O Sr. Silva, não?",
    "ru": "А. С. Пушкин писал. Это г. Москва!",
    "th": "สวัสดี ครับ ผม ชื่อ John Smith ครับ",
    "ur": "یہ ایک ہے۔ وہ دو ہے۔",
    "zh": "我们 使用 Open Source Software 开发 。 好 吗 ？",
}
"""Words of twenty languages, as an engine could cut them."""

GAPS = st.sampled_from(["", " ", " ", " "])


@st.composite
def spoken(draw: st.DrawFn) -> aai.Transcript:
    """Words of a language, with spaces in the text where the example puts them."""
    language = draw(st.sampled_from(sorted(WORDS)))
    texts = draw(st.lists(st.sampled_from(WORDS[language].split()), min_size=1, max_size=40))
    text, words, at = "", [], 0
    for one in texts:
        text += (draw(GAPS) if text else "") + one
        pause, length = draw(st.sampled_from([0, 50, 50, 1600, 3000])), draw(st.integers(1, 900))
        words.append({"text": one, "start": at + pause, "end": at + pause + length, "confidence": 0.9})
        at += pause + length
    return transcript(words, language_code=language, text=text)


def of_txt(made: aai.Transcript) -> list[str]:
    return formats.txt(made).splitlines()


def of_srt(made: aai.Transcript) -> list[str]:
    cues = srt_parser.parse(formats.srt(made), ignore_errors=False)
    return [line for cue in cues for line in cue.content.split("\n")]


def of_narrow_srt(made: aai.Transcript) -> list[str]:
    cues = srt_parser.parse(formats.srt(made, max_chars=8), ignore_errors=False)
    return [line for cue in cues for line in cue.content.split("\n")]


def of_captions(made: aai.Transcript) -> list[str]:
    cues = srt_parser.parse(formats.srt(made, style="service"), ignore_errors=False)
    return [line for cue in cues for line in cue.content.split("\n")]


def of_vtt(made: aai.Transcript) -> list[str]:
    cues = webvtt.from_buffer(io.StringIO(formats.vtt(made))).captions
    return [html.unescape(line) for cue in cues for line in cue.raw_text.split("\n")]


def of_json(made: aai.Transcript) -> list[str]:
    return [json.loads(formats.json(made))["text"]]


def of_jsonl(made: aai.Transcript) -> list[str]:
    return [json.loads(line)["text"] for line in formats.jsonl(made).splitlines()]


def of_csv(made: aai.Transcript) -> list[str]:
    return [row["text"] for row in csv.DictReader(io.StringIO(formats.csv(made, safe=False)))]


def of_md(made: aai.Transcript) -> list[str]:
    speech = formats.md(made).partition("## Transcript\n")[2]
    paragraphs = [token for token in MarkdownIt().parse(speech) if token.type == "inline"]
    return [
        "".join(child.content for child in one.children or () if child.type == "text")[1:]
        for one in paragraphs
    ]


def of_html(made: aai.Transcript) -> list[str]:
    page = formats.html(made)
    return [html.unescape(one) for one in re.findall(r'<p class="said"[^>]*>([^<]*)</p>', page)]


@pytest.mark.parametrize(
    "read", [of_txt, of_srt, of_narrow_srt, of_captions, of_vtt, of_json, of_jsonl, of_csv, of_md, of_html]
)
@given(made=spoken())
@settings(max_examples=60)
def test_what_is_written_joined_is_the_text(read: Any, made: aai.Transcript) -> None:
    """Each line is the next piece of the text, and only a space is between two of them."""
    rest = made.text or ""
    for line in filter(None, read(made)):
        assert rest.lstrip().startswith(line)
        rest = rest.lstrip()[len(line) :]
    assert rest.strip() == ""


@pytest.mark.parametrize("language", sorted(WORDS))
def test_no_line_of_a_subtitle_is_wider_than_asked(language: str) -> None:
    """Wide characters count as two; only a word without a place to break it is wider."""
    text = WORDS[language]
    spaces = "" if language in {"ja", "km", "lo", "my", "th", "zh"} else " "
    words = [{"text": one, "start": at * 300, "end": at * 300 + 280} for at, one in enumerate(text.split())]
    made = transcript(words, language_code=language, text=spaces.join(text.split()))
    assert max(map(columns, of_srt(made))) <= 42


def test_chinese_with_latin_words_is_as_the_text_has_it() -> None:
    """In each format: the words alone do not show where the spaces are."""
    text = "我们使用 Open Source Software 开发。"
    words = [
        {"text": one, "start": at * 300, "end": at * 300 + 280, "speaker": "A"}
        for at, one in enumerate(["我们", "使用", "Open", "Source", "Software", "开发", "。"])
    ]
    turn = {"speaker": "A", "start": 0, "end": 2000, "text": text, "words": words}
    made = transcript(words, language_code="zh", text=text, utterances=[turn])
    for name in set(formats.NAMES) - {"json", "docx"}:
        assert text in formats.render(name, made), name
        assert text in formats.render(name, transcript(words, language_code="zh", text=text)), name


def test_a_text_that_differs_in_a_word_still_decides_the_spaces_of_the_others() -> None:
    """Such as one that was redacted, or written with digits."""
    words = [
        {"text": one, "start": at * 300, "end": at * 300 + 280}
        for at, one in enumerate(["我", "有", "twenty", "个", "A", "B"])
    ]
    assert formats.txt(transcript(words, language_code="zh", text="我有 20 个A B")) == "我有 twenty 个A B\n"


def test_spaces_that_hold_a_line_together_are_kept() -> None:
    """In French a no-break space is before some marks, and no line is broken there."""
    text = "Vraiment\u00a0? Il y en a 10\u202f000\u00a0!"
    words = [
        {"text": one, "start": at * 300, "end": at * 300 + 280} for at, one in enumerate(text.split(" "))
    ]
    made = transcript(words, language_code="fr", text=text)
    assert formats.txt(made) == f"{text}\n"
    assert "10\u202f000\u00a0!" in formats.srt(made, max_chars=8)


@given(st.lists(st.text(max_size=6), max_size=12), st.text(max_size=60))
def test_any_text_beside_any_words_can_be_written(texts: list[str], text: str) -> None:
    """Also a text that has nothing to do with the words: no word is lost."""
    words = [{"text": one, "start": at * 300, "end": at * 300 + 280} for at, one in enumerate(texts)]
    made = transcript(words, text=text)
    shown = "".join(formats.txt(made).split())
    if any(map(str.strip, texts)):
        assert all(part in shown for one in texts for part in re.findall(r"[a-z0-9]+", one))
