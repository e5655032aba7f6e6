"""
Values of flags: the words that they take, and values with rules of their own, as formats and language codes.

Nothing is imported before a value needs it, so that `--help` is quick.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from enum import StrEnum
from pathlib import Path
from typing import get_args

from aai_async._cli.usage_error import UsageError
from aai_async._language.scripts import is_blank

JOURNAL = ".aai-async.db"
"""The default journal in the folder of the results."""

LOCAL_JOURNAL = ".aai-async-local.db"
"""That of `--local`, whose jobs the service does not know."""


class Progress(StrEnum):
    """What standard error shows during a run."""

    AUTO = "auto"
    PLAIN = "plain"
    NONE = "none"


class Status(StrEnum):
    """The status of a transcript."""

    QUEUED = "queued"
    PROCESSING = "processing"
    COMPLETED = "completed"
    ERROR = "error"


class Region(StrEnum):
    """The region of the service."""

    US = "us"
    EU = "eu"


class SubtitleStyle(StrEnum):
    """The published limits that subtitles follow."""

    NETFLIX = "netflix"
    BBC = "bbc"
    SERVICE = "service"


class NormalizationName(StrEnum):
    """Rules by which spelling is not an error."""

    WHISPER_ENGLISH = "whisper-english"
    WHISPER_BASIC = "whisper-basic"
    NONE = "none"


class Overlap(StrEnum):
    """How subtitles show simultaneous speech."""

    CUES = "cues"
    DASHES = "dashes"


def format_names(values: list[str]) -> list[str]:
    """
    Return the names of formats, each once, from values that may have commas.

    Raises:
        BadParameter: There is no such format.
    """
    from aai_async import formats  # noqa: PLC0415 - see the module
    from aai_async._errors import OptionsError  # noqa: PLC0415

    names = [name.strip().lower() for value in values for name in value.split(",") if name.strip()]
    try:
        for name in names:
            formats.check(name)
    except OptionsError as error:
        raise UsageError(str(error)) from None
    return list(dict.fromkeys(names)) or ["txt"]


def journal_file(path: Path) -> Path:
    """
    Return the journal at a path, which may be the folder of its results.

    Raises:
        BadParameter: The folder has no journal, or several.
    """
    from aai_async._io import paths  # noqa: PLC0415 - see the module

    if not paths.is_folder(path):
        return path
    names = [name for name in (JOURNAL, LOCAL_JOURNAL) if paths.is_file(path / name)]
    if not names:
        raise UsageError(f"The folder {str(path)!r} has no journal.")
    if len(names) > 1:
        raise UsageError(
            f"The folder {str(path)!r} has a journal of the service, {JOURNAL}, and one of --local, "
            f"{LOCAL_JOURNAL}: give the file."
        )
    return path / names[0]


def journal_name(name: str) -> str:
    """
    Return the path or URI of a journal that may not exist.

    Raises:
        UsageError: The URI has no bucket, or contains credentials.
    """
    from aai_async._errors import SourceError  # noqa: PLC0415 - see the module
    from aai_async._io.object_source import ObjectURI, is_object_uri  # noqa: PLC0415

    if is_object_uri(name):
        try:
            return str(ObjectURI.parse(name))
        except SourceError as error:
            raise UsageError(str(error)) from None
    return name


def results_name(name: str | None) -> str | None:
    """
    Return the path of a folder, or the URI of a prefix in object storage, if one was given.

    Raises:
        UsageError: The URI is of another kind, has no bucket, or contains credentials.
    """
    from aai_async._errors import SourceError  # noqa: PLC0415 - see the module
    from aai_async._io.object_source import is_object_uri  # noqa: PLC0415
    from aai_async._io.source_factory import is_file_uri, path_of_file_uri  # noqa: PLC0415
    from aai_async._shown_text import without_secrets  # noqa: PLC0415 - see the module

    if name is None or "://" not in name:
        return name
    if is_object_uri(name):
        return journal_name(name)
    if not is_file_uri(name):
        raise UsageError(
            f"{without_secrets(name)!r} is no place for results or a journal: give a path, "
            "s3://BUCKET/PREFIX/, gs://BUCKET/PREFIX/ or az://CONTAINER/PREFIX/."
        )
    try:
        return path_of_file_uri(name)
    except SourceError as error:
        raise UsageError(str(error)) from None


def results_names(names: list[str]) -> list[str]:
    """
    Return each name as `results_name`.

    Raises:
        UsageError: A URI is of another kind, has no bucket, or contains credentials.
    """
    return [required_results_name(name) for name in names]


def required_results_name(name: str) -> str:
    """
    Return a name as `results_name`.

    Raises:
        UsageError: The URI is of another kind, has no bucket, or contains credentials.
    """
    return results_name(name) or name


def new_journal_name(name: str | None) -> str | None:
    """Return the path or URI of a journal that may not exist, as `results_name`, if one was given."""
    return results_name(name)


def readable_journal(name: str) -> str:
    """
    Return the journal at a path, as `journal_file`, or in object storage, also below results.

    Raises:
        BadParameter: The folder has no journal, or several.
    """
    from aai_async._io.object_source import is_object_uri  # noqa: PLC0415 - see the module

    place = results_name(name) or name
    return _stored_journal(place) if is_object_uri(place) else str(journal_file(Path(place)))


def _stored_journal(uri: str) -> str:
    from aai_async._errors import JournalError  # noqa: PLC0415 - see the module
    from aai_async._io.object_source import ObjectURI  # noqa: PLC0415
    from aai_async._journal import journal_exists, journal_in  # noqa: PLC0415

    places = [uri, *(journal_in(ObjectURI.parse(uri), name) for name in (JOURNAL, LOCAL_JOURNAL))]
    try:
        found = [place for place in places if journal_exists(place)]
    except JournalError:
        # The command fails with the same error, and its exit status.
        return uri
    if found[1:] and found[0] != uri:
        raise UsageError(
            f"There is a journal of the service in {uri}, {JOURNAL}/, and one of --local, {LOCAL_JOURNAL}/: "
            "give its prefix."
        )
    return found[0] if found else uri


def optional_journal(name: str | None) -> str | None:
    """
    Return the journal at a path, as `readable_journal`, if one is given.

    Raises:
        BadParameter: The folder has no journal, or several.
    """
    return None if name is None else readable_journal(name)


def proxy_url(value: str | None) -> str | None:
    """
    Return the proxy as it was given, after a check.

    Raises:
        UsageError: It is not the URL of a proxy.
    """
    if value is None:
        return None
    from aai_async._cli.proxy import check_proxy  # noqa: PLC0415 - see the module
    from aai_async._errors import ConfigError  # noqa: PLC0415

    try:
        check_proxy(value)
    except ConfigError as error:
        raise UsageError(str(error.args[0])) from None
    return value


_HOURS = {"h": 1, "d": 24, "w": 24 * 7}

_AGE = re.compile(r"(\d{1,5})([hdw])")


def age(value: str | None) -> str | None:
    """
    Return an age as it was given, after a check.

    Raises:
        BadParameter: It is no age.
    """
    if value is not None and not _AGE.fullmatch(value.strip()):
        raise UsageError(f"{value!r} is no age such as 30d, 12h or 2w.")
    return value


def ago(age: str, now: dt.datetime) -> dt.datetime:
    """Return the time that was an age ago."""
    found = _AGE.fullmatch(age.strip())
    return now if found is None else now - dt.timedelta(hours=int(found[1]) * _HOURS[found[2]])


def iso_day(value: str | None) -> str | None:
    """
    Return a day as the service reads it.

    Raises:
        BadParameter: It is no day.
    """
    if value is None:
        return None
    try:
        return dt.date.fromisoformat(value.strip()).isoformat()
    except ValueError:
        raise UsageError(f"{value!r} is no day such as 2026-11-24.") from None


def complete_format(incomplete: str) -> list[str]:
    """Return the formats that complete the last one of a list with commas."""
    from aai_async import formats  # noqa: PLC0415 - see the module

    before, comma, last = incomplete.rpartition(",")
    return [f"{before}{comma}{name}" for name in formats.NAMES if name.startswith(last)]


def check_names(values: list[str]) -> list[str]:
    """
    Return names of speakers as they were given, after a check.

    Raises:
        BadParameter: A value is not LABEL=NAME, or nothing of one of them can be seen.
    """
    for value in values:
        label, _, name = value.partition("=")
        if is_blank(label) or is_blank(name):
            raise UsageError(f"{value!r} is not LABEL=NAME, such as A=Anna.")
    return values


def check_labels(values: list[str]) -> list[str]:
    """
    Return labels of recordings as they were given, after a check.

    Raises:
        BadParameter: A value is not NAME=VALUE, or the label cannot be kept.
    """
    from aai_async._batch.item import checked_labels  # noqa: PLC0415 - see the module
    from aai_async._errors import ConfigError  # noqa: PLC0415

    for value in values:
        if "=" not in value:
            raise UsageError(f"{value!r} is not NAME=VALUE, such as team=sales.")
    names = [value.partition("=")[0] for value in values]
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if twice:
        raise UsageError(f"The label {twice[0]!r} is given twice.")
    try:
        checked_labels(labels_from(values))
    except ConfigError as error:
        raise UsageError(str(error.args[0])) from None
    return values


def labels_from(values: list[str]) -> dict[str, str]:
    """Return labels that were written as NAME=VALUE."""
    return {name: label for name, _, label in (value.partition("=") for value in values)}


def above_zero(value: float | None) -> float | None:
    """
    Return a bound as it was given, after a check.

    Raises:
        BadParameter: It is no finite number above 0.
    """
    if value is not None and not 0 < value < math.inf:
        raise UsageError(f"{value:g} is no bound: it must be a number above 0.")
    return value


def language_code(value: str | None) -> str | None:
    """
    Return a language code as the service writes it.

    Raises:
        BadParameter: The service does not know the language.
    """
    if value is None:
        return None
    import difflib  # noqa: PLC0415 - see the module

    codes = _language_codes()
    code = value.strip().lower().replace("-", "_")
    if code in codes:
        return code
    alike = [code.partition("_")[0]] if code.partition("_")[0] in codes else None
    alike = alike or [one for one in codes if len(code) > 3 and code.startswith(one)]
    alike = alike or difflib.get_close_matches(code, codes, 1, cutoff=0.5)
    meant = f" Did you mean {' or '.join(alike)}?" if alike else ""
    raise UsageError(
        f"The service has no language code {value!r}.{meant} Codes are such as en, en_us, de; a code that is "
        f"new at the service is sent with --set language_code={code}."
    )


def complete_language(incomplete: str) -> list[str]:
    """Return the language codes with a beginning."""
    return [code for code in _language_codes() if code.startswith(incomplete.lower())]


def _language_codes() -> list[str]:
    from aai_async._options.vocabulary import LanguageCode  # noqa: PLC0415 - see the module

    known, _ = get_args(LanguageCode)
    return list(get_args(known))
