"""Languages without spaces on the embedded server: what is searched, spelt, redacted or favoured is found."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import aai_async as aai
from aai_async.server import LocalServer, ScriptedEngine


@pytest.fixture
def engine() -> ScriptedEngine:
    """The engine writes the name of the recording, cut into the pieces at its spaces."""
    return ScriptedEngine(lambda request: request.audio.read_text(encoding="utf-8"))


@pytest.fixture
async def client(engine: ScriptedEngine) -> AsyncIterator[aai.Client]:
    polling = aai.Polling(initial_delay=0.01, max_delay=0.05, min_list_interval=0.01)
    async with (
        LocalServer(engine=engine) as server,
        aai.Client(server.key, base_url=server.base_url, polling=polling) as client,
    ):
        yield client


def spoken(tmp_path: Path, text: str) -> Path:
    (tmp_path / "call.wav").write_text(text, encoding="utf-8")
    return tmp_path / "call.wav"


# Each text is cut as an engine may cut it: within words, between them, or not at all.
SENTENCES = [
    ("zh", "我 们 在 北 京 大学", "北京大学", "我们在{}"),
    ("zh", "我们在北京大学 学习", "北京大学", "我们在{}学习"),
    ("ja", "東 京 タワー へ 行く", "東京タワー", "{}へ行く"),
    ("ja", "明日東京タワーへ 行く", "東京タワー", "明日{}へ行く"),
    ("th", "ผม รัก กรุง เทพ ครับ", "กรุงเทพ", "ผมรัก{}ครับ"),
    ("th", "ผมรักกรุงเทพครับ", "กรุงเทพ", "ผมรัก{}ครับ"),
]


@pytest.mark.parametrize(("language", "pieces", "term", "written"), SENTENCES)
async def test_a_word_is_searched(
    client: aai.Client, tmp_path: Path, language: str, pieces: str, term: str, written: str
) -> None:
    """Once, with the times of all its pieces."""
    made = await client.transcribe(spoken(tmp_path, pieces), aai.Options(language_code=language))
    assert made.text == written.format(term)
    (match,) = (await client.word_search(made.id, term)).matches or ()
    assert (match.text, match.count) == (term, 1)
    assert made.words is not None
    start, end = match.timestamps[0]
    assert made.words[0].start <= start < end <= made.words[-1].end


@pytest.mark.parametrize(("language", "pieces", "term", "written"), SENTENCES)
async def test_a_word_is_spelt(
    client: aai.Client, tmp_path: Path, language: str, pieces: str, term: str, written: str
) -> None:
    """As the caller wants it, and the words around it stay."""
    spelling = aai.CustomSpelling(from_=[term], to="Zenith")
    options = aai.Options(language_code=language, custom_spelling=[spelling])
    made = await client.transcribe(spoken(tmp_path, pieces), options)
    assert made.text == written.format("Zenith")


@pytest.mark.parametrize(("language", "pieces", "term", "written"), SENTENCES)
async def test_a_term_is_redacted(
    client: aai.Client, tmp_path: Path, language: str, pieces: str, term: str, written: str
) -> None:
    """No character of it stays, in the text, the words and the search."""
    options = aai.Options(
        language_code=language,
        redact_pii=True,
        redact_pii_policies=["email_address"],
        extra={"redact_static_entities": {"place": [term]}},
    )
    made = await client.transcribe(spoken(tmp_path, pieces), options)
    assert made.text is not None
    assert not set(term) & set(made.text) - set(written)
    assert not (await client.word_search(made.id, term)).total_count


@pytest.mark.parametrize(
    ("language", "pieces", "policy", "hidden"),
    [
        ("zh", "我的电话是13812345678谢谢", "phone_number", "13812345678"),
        ("zh", "电话 138 1234 5678 谢谢", "phone_number", "5678"),
        ("zh", "卡号4111111111111111谢谢", "credit_card_number", "4111"),
        ("zh", "邮箱是test@example.com谢谢", "email_address", "test"),
        ("zh", "地址192.168.1.20谢谢", "ip_address", "192"),
        ("ja", "電話は090-1234-5678です", "phone_number", "1234"),
        # Whisper and Japanese keyboards write digits in wide forms, too.
        ("ja", "電話は０９０－１２３４－５６７８です", "phone_number", "５６７８"),
        ("th", "โทร0812345678ครับ", "phone_number", "0812345678"),
        ("th", "โทร ๐๘๑๒๓๔๕๖๗๘ ครับ", "phone_number", "๘๑๒๓"),
        ("hi", "फोन ९८७६५४३२१० है", "phone_number", "९८७६"),
        ("ar", "رقمي ٠٥٥٥١٢٣٤٥٦ شكرا", "phone_number", "٥٥٥"),
    ],
)
async def test_a_number_within_characters_is_redacted(
    client: aai.Client, tmp_path: Path, language: str, pieces: str, policy: str, hidden: str
) -> None:
    """Also without a space before it, in pieces, and in the digits of the script."""
    options = aai.Options(language_code=language, redact_pii=True, redact_pii_policies=[policy])
    made = await client.transcribe(spoken(tmp_path, pieces), options)
    assert made.text is not None
    assert hidden not in made.text
    assert "#" in made.text


@pytest.mark.parametrize(("language", "pieces", "term", "written"), SENTENCES[::2])
async def test_a_term_is_favoured(
    client: aai.Client,
    engine: ScriptedEngine,
    tmp_path: Path,
    language: str,
    pieces: str,
    term: str,
    written: str,
) -> None:
    """It reaches the engine as it is, without spaces that its script does not have."""
    options = aai.Options(language_code=language, keyterms_prompt=[term])
    await client.transcribe(spoken(tmp_path, pieces), options)
    assert engine.requests[0].keyterms == (term,)
