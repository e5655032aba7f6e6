"""The two ways in which the soak test has a batch done: the library, and the command `aai-async`."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

from soak_checks import BrokenPromiseError, check_output, notes_of, read_lines
from soak_plan import OPTIONS, Item, Plan


class Surface(Protocol):
    """What is asked of a process, and what it gives."""

    journal: Path

    def order(self, items: Sequence[Item], run: str, jobs: int, uploads: int) -> dict[str, Any]:
        """Give what the process is to do, beside what all of them are told."""

    def notes(self, items: Sequence[Item], run: str) -> list[dict[str, Any]]:
        """Give what a run has told of the items, each by its index among them."""

    def check_end(self, code: int, output: Path, after: str | None) -> None:
        """Check how a process has ended."""

    def given(self, notes: Iterable[dict[str, Any]], texts: Iterable[str]) -> list[str]:
        """Give the texts that the user has after a run, which must be among these."""


class Library:
    """Calls `transcribe_all`."""

    def __init__(self, plan: Plan, folder: Path, disk: Path) -> None:
        self._plan = plan
        self._folder = folder
        self._notes = folder / "notes"
        self.journal = disk / "calls.db"

    def order(self, items: Sequence[Item], run: str, jobs: int, uploads: int) -> dict[str, Any]:
        settings = {"max_jobs": jobs, "max_uploads": uploads, "dedupe_by_content": self._plan.by_content}
        return {
            "items": [self._described(item, run) for item in items],
            "batch": {"journal": str(self.journal), **settings},
            "notes": str(self._notes),
        }

    def _described(self, item: Item, run: str) -> dict[str, Any]:
        recording = self._plan.recordings[item.recording]
        source = recording.source(run)
        return {
            "source": source if recording.is_address else str(self._folder / source),
            "options": OPTIONS[item.options],
            "key": recording.name if recording.is_stream else None,
        }

    def notes(self, items: Sequence[Item], run: str) -> list[dict[str, Any]]:
        return notes_of(self._notes, run)

    def check_end(self, code: int, output: Path, after: str | None) -> None:
        allowed = {
            "kill": {0, -signal.SIGKILL},
            # Python forgets that it was interrupted, and exits with 1, if a thread executes text at its end.
            "interrupt": {0, 1, -signal.SIGINT},
        }
        if code not in allowed.get(after or "", {0}):
            raise BrokenPromiseError(f"the process has ended with {code}: see {output.name}")
        check_output(output, is_interrupted=after == "interrupt")

    def given(self, notes: Iterable[dict[str, Any]], texts: Iterable[str]) -> list[str]:
        return [note["text"] for note in notes if "text" in note]


class Command:
    """Runs `aai-async transcribe`, whose results are files."""

    def __init__(self, plan: Plan, folder: Path, disk: Path) -> None:
        self._plan = plan
        self._folder = folder
        self._results = disk / "results"
        self.journal = self._results / ".aai-async.db"

    def order(self, items: Sequence[Item], run: str, jobs: int, uploads: int) -> dict[str, Any]:
        names = [self._plan.recordings[item.recording].source(run) for item in items]
        options = [f"--set={name}={_plain(value)}" for name, value in OPTIONS[items[0].options].items()]
        bounds = [f"--jobs={jobs}", f"--uploads={uploads}", *["--dedupe"] * self._plan.by_content]
        results = [f"--output-dir={self._results}", "--format=json", "--jsonl", "--progress=none"]
        return {
            "command": ["transcribe", *results, *bounds, *options, *names],
            "notes": str(self._notes(run)),
            "in": str(self._folder),
        }

    def _notes(self, run: str) -> Path:
        return self._folder / f"notes-{run}"

    def notes(self, items: Sequence[Item], run: str) -> list[dict[str, Any]]:
        names = [self._plan.recordings[item.recording].name for item in items]
        lines = [line for line in read_lines(self._notes(run)) if "source" in line]
        # A signature is not shown.
        return [_as_note(line) | {"index": names.index(line["source"].partition("?")[0])} for line in lines]

    def check_end(self, code: int, output: Path, after: str | None) -> None:
        allowed = {"kill": {-signal.SIGKILL}, "interrupt": {130, -signal.SIGINT}}
        if code not in {0, 1, 3, 4, 5} | allowed.get(after or "", set()):
            raise BrokenPromiseError(f"the command has ended with {code}: see {output.name}")
        # Before it receives signals, an interrupt is Python's own.
        is_own = code != -signal.SIGINT
        if is_own and output.exists() and "Traceback" in output.read_text():
            raise BrokenPromiseError(f"a bare exception: see {output.name}")

    def given(self, notes: Iterable[dict[str, Any]], texts: Iterable[str]) -> list[str]:
        known, given = set(texts), list[str]()
        for path in self._results.rglob("*.json"):
            content = path.read_text()
            try:
                text = json.loads(content)["text"]
            except ValueError:
                raise BrokenPromiseError(f"half a result: {path.name}: {content[:80]!r}") from None
            if text not in known:
                raise BrokenPromiseError(f"a result that is not its own: {path.name}: {text!r}")
            given.append(text)
        return given


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _as_note(line: dict[str, Any]) -> dict[str, Any]:
    """Give a line of the command as the library's are noted."""
    match line["type"]:
        case "completed":
            return {"text": line["text"], "id": line["transcript_id"]}
        case "submitted":
            return {"submitted": line["transcript_id"]}
        case "failed":
            return {"error": line["error_type"], "why": line["error"]}
    return {}
