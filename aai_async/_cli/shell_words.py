"""Messages of the library in the words of a shell: flags and commands instead of the Python API."""

from __future__ import annotations

import dataclasses
import functools
import re
import typing
from collections.abc import Iterable, Mapping

from aai_async._cli.flags import RequestFlags, RequestOption

_CONTINUE = "Its job continues: `aai-async get --wait {id}`."

PHRASES = {
    "within Polling(give_up_after=...). Wait for it again.": f"in time. {_CONTINUE}",
    "within Polling(unreachable_after=...). Wait for the result again.": f"in 15 minutes. {_CONTINUE}",
    ", so it retries none for now: see Retry(budget=...).": ", so it retries none for now.",
    "Search Client.list for this audio_url before you submit it again.": (
        "Compare `aai-async list` before you transcribe it again."
    ),
    ": call Client.wait('{id}').": ": `aai-async get --wait {id}` waits for it.",
    "use Journal(path, adopt_key=True), or --adopt-key": "pass --adopt-key",
    " A str must be a path or an http(s) URL.": "",
    ": open it, and pass the file object": ": pass its content by standard input, as the recording -",
}
"""Parts of messages, and what takes their place; `{id}` stands for the id of the transcript."""

_PATTERNS = (
    (re.compile(r"within the time of Timeouts\(\w+=\.\.\.\)"), "in time"),
    (re.compile(r"; or, in Python, use \w+\([^)]*\)"), ""),
    (re.compile(r"; or create the engine with speakers=False"), "; or transcribe without --speaker-labels"),
    (re.compile(r"\Abase_url\b"), "ASSEMBLYAI_BASE_URL"),
)

_OPTION_PHRASES = (
    (re.compile(r" \(for JSON use Options\.from_dict\)"), ""),
    (re.compile(r"a list of aai\.\w+\(\.\.\.\)"), "a JSON list of objects"),
    (re.compile(r"aai\.\w+\(\.\.\.\)"), "a JSON object"),
    (re.compile(r"\ba dict of\b"), "a JSON object of"),
    (re.compile(r"\b(lists?) of str\b"), r"\1 of texts"),
    (re.compile(r"\bmust be str\b"), "must be text"),
    (re.compile(r"\bmust be int or float\b"), "must be a number"),
    (re.compile(r"\bmust be int\b"), "must be a whole number"),
    (re.compile(r"\bTrue or False\b"), "true or false"),
    (
        re.compile(r"CustomSpelling needs both from_ and to: .*"),
        'custom_spelling needs both from and to: [{"from": ["k eight s"], "to": "K8s"}].',
    ),
    (re.compile(r"CustomSpelling\(to=\.\.\.\)"), "to in custom_spelling"),
    (re.compile(r"pass it to Client\.transcribe or Client\.submit instead"), "pass the URL as a recording"),
)

_VALUE = r"(?:=(?P<value>\[[^\]]*\]|'[^']*'|True|False|\d+))?"

_OPTION = re.compile(r"(?<![\w./-])(?P<name>[a-z]\w*(?:\.\w+)*)" + _VALUE + r"(?![\w.]*\w)")
"""The path of an option, perhaps with a value in Python's notation."""

_QUOTED = re.compile(r"'([^']*)'")


def in_shell_words(message: str, transcript_id: str | None = None) -> str:
    """Replace the parts of a message that are about the Python API."""
    for phrase, words in PHRASES.items():
        message = message.replace(
            phrase.replace("{id}", transcript_id or ""), words.replace("{id}", transcript_id or "ID")
        )
    return _replaced(message, _PATTERNS)


def options_in_shell_words(message: str, *, set_by_name: Iterable[str] = ()) -> str:
    """
    Replace the names and values of options by flags: `speaker_labels=True` by `--speaker-labels`.

    Args:
        message: A message of the library.
        set_by_name: The names of --set, which are no flags of the command that is run.
    """
    names = _flags() | _by_last_part({name: name for name in set_by_name})
    return _replaced(_OPTION.sub(lambda match: _in_command(match, names), message), _OPTION_PHRASES)


def _replaced(message: str, patterns: Iterable[tuple[re.Pattern[str], str]]) -> str:
    for pattern, words in patterns:
        message = pattern.sub(words, message)
    return message


def _in_command(match: re.Match[str], names: Mapping[str, str]) -> str:
    """Return an option as the command has it: a flag, or a name of --set."""
    name, value = match["name"], match["value"]
    known = names.get(name, name)
    if value is None:
        # Words such as `prompt` are English, too.
        return known if "_" in name else match[0]
    values = _QUOTED.findall(value) or [value.lower()]
    is_flag = known.startswith("-")
    if not is_flag or value == "False":
        return f"--set {name if is_flag else known}={','.join(values)}"
    return known if value == "True" else " ".join(f"{known} {one}" for one in values)


@functools.cache
def _flags() -> dict[str, str]:
    hints = typing.get_type_hints(RequestFlags, include_extras=True)
    return _by_last_part(
        {
            mark.path: f"--{field.name.replace('_', '-')}"
            for field in dataclasses.fields(RequestFlags)
            for mark in getattr(hints[field.name], "__metadata__", ())
            if isinstance(mark, RequestOption)
        }
    )


def _by_last_part(names: dict[str, str]) -> dict[str, str]:
    """Add the last part of each path: a rule of a nested object names its fields without their path."""
    return {path.rpartition(".")[2]: name for path, name in names.items()} | names
