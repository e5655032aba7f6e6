"""What the documentation says of the service as of November 2026; each case names its source in words."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

import aai_async as aai
from aai_async._options import Options, nested, understanding
from aai_async._options import options as options_module

ROOT = Path(__file__).parents[2]
MODELS = ROOT / "docs" / "models.md"


def plain(text: str) -> str:
    """Text on one line, without the marks of Markdown."""
    return re.sub(r"\s+", " ", re.sub(r"[*`|\"]", "", text))


def said_of(name: str) -> str:
    """The docstring of an option."""
    source = inspect.getsource(options_module)
    found = re.search(rf'^    {name}: [^\n]*?\n    """(.*?)"""', source, re.MULTILINE | re.DOTALL)
    assert found is not None
    return plain(found[1])


PAGE = plain(MODELS.read_text())
OPTIONS = plain((ROOT / "docs" / "options.md").read_text())
JOURNAL = plain((ROOT / "docs" / "journal.md").read_text())

CASES = [
    # The service's page on model versions and deprecations: defaults by account, and the date.
    (
        said_of("speech_models"),
        "the account's default applies, which changes for most accounts on 8 December 2026",
    ),
    (PAGE, "assemblyai-stt-3-7 from 8 December 2026 on"),
    (PAGE, "its default is universal-2 universal-2, as before"),
    (OPTIONS, "on 8 December 2026 most accounts get assemblyai-stt-3-7, which keeps fillers"),
    # The service's blog on verbatim transcription, 23 November 2026, and its page on formatting.
    (said_of("disfluencies"), "assemblyai-stt-3-7 keeps them, earlier models remove them"),
    (said_of("format_text"), "False writes them as they are spoken"),
    (PAGE, "Fillers, repetitions and false starts stay in the text."),
    # The migration guide of November 2026: keep universal-2 for other languages.
    (said_of("speech_models"), "with the first alone, languages that it does not support have no model"),
    (PAGE, "Keep universal-2 in the list"),
    # The service's page on prompting: it describes, and formatting and behaviour in it are ignored.
    (
        said_of("prompt"),
        "text about formatting or behaviour is ignored. Only for models of the third generation",
    ),
    # The types of the SDK for Node 4.41.5: "auto" is rejected, successful fallback transcripts are billable.
    (PAGE, "It needs a fallback_language other than auto, and such a job is billed."),
    (plain(inspect.getsource(nested)), "and such a job is billed"),
    # The changelog of the SDK for Node, 4.36.6: low and medium, at a higher cost.
    (plain(inspect.getsource(understanding)), "low (the default) or medium, which costs more"),
    # TypeWhisper-mac#1042 and the service's changelog against its page on retired models.
    (PAGE, "sources disagree on whether it is refused or replaced. It warns once, and is sent"),
    # Release notes of Vercel's provider: universal-3-5-pro is deprecated, speech_model is refused.
    (said_of("speech_models"), "universal-3-5-pro is deprecated"),
    (said_of("speech_model"), "Refused: since 2026 the service answers it with an error"),
    # The API reference against the page on language detection: off or on by default.
    (said_of("language_detection"), "The default is unclear"),
    (PAGE, "Is the language detected where neither language_code nor language_detection is given?"),
    # The page on code switching: native with language_detection=True on the third generation.
    (said_of("language_codes"), "This is for Universal-2"),
    (PAGE, "Speakers who switch between languages are followed by the third generation by itself"),
    # The page on supported languages, "Unsupported feature behavior".
    (
        said_of("language_detection"),
        "is missing from the result. With language_code, it is refused with status 400",
    ),
    (PAGE, "is refused with status 400 where language_code names the language"),
    # The FAQ "How long are outputs retained": 30 days, 3 with a BAA.
    (
        plain(inspect.getdoc(aai.Client.wait) or ""),
        "deletes transcripts after 30 days by default, or after 3 days with",
    ),
    (plain(inspect.getdoc(aai.Client.list) or ""), "the service deletes a transcript after 30 days"),
    (
        plain(inspect.getdoc(aai.Journal) or ""),
        "by default it deletes transcripts after 30 days, or after 3",
    ),
    (JOURNAL, "deletes texts after 30 days by default, after 3 with a BAA"),
    (PAGE, "deletes a transcript after 30 days by default, and after 3 days where"),
]


@pytest.mark.parametrize(("text", "said"), CASES, ids=[said[:60] for _, said in CASES])
def test_the_documentation_says_what_the_service_does(text: str, said: str) -> None:
    """The sources are named beside the cases."""
    assert said in text


def test_everything_deprecated_has_a_date_and_a_successor() -> None:
    """Since when and until when, or that it was not announced: for each option that warns, and each model."""
    section = MODELS.read_text().partition("## What the service deprecates")[2].partition("\n## ")[0]
    rows = [line.split("|")[1:-1] for line in section.splitlines() if line.startswith("| ")][1:]
    assert all(len(row) == 4 and all(cell.strip() for cell in row) for row in rows)
    named = "".join(row[0] for row in rows)
    deprecated = {*options_module._DEPRECATED, "speech_model", "universal-3-pro", "universal-3-5-pro"}
    assert [name for name in sorted(deprecated) if f"`{name}`" not in named] == []
    assert all(re.search(r"20\d\d", row[1]) for row in rows)
    assert all(re.search(r"20\d\d|not announced|30 days", row[2]) for row in rows)


def test_every_example_names_the_newest_model_with_one_for_other_languages() -> None:
    """As the migration guide recommends; an older model stands only where something is said of it."""
    texts = {path.name: path.read_text() for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"))}
    lists = [found for text in texts.values() for found in re.findall(r"speech_models=(\[[^\]]*\])", text)]
    assert lists
    assert set(lists) <= {'["assemblyai-stt-3-7", "universal-2"]', '["universal-2"]'}
    assert [name for name, text in texts.items() if "universal-3" in text] == ["models.md"]
    assert Options(speech_models=["assemblyai-stt-3-7", "universal-2"]).payload()
