"""Carries out one run of the soak test: the rounds of its plan, and then rounds without trouble."""

from __future__ import annotations

import contextlib
import shutil
import signal
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
from fault_server import FaultServer
from programs import Mother
from soak_checks import (
    BrokenPromiseError,
    check_nothing_is_forgotten,
    check_nothing_is_paid_twice,
    check_results,
    check_secrets,
)
from soak_faults import Moment, Trouble
from soak_plan import Item, Plan, Round, said
from soak_service import LedgerService, described
from soak_surfaces import Command, Library, Surface

PATIENCE = 90.0
"""Seconds after which a process counts as one that hangs; it ends in a few."""

_PARTING = {"cancel_grace": 0.5}
_IN_TROUBLE = {"unreachable_after": 5.0, "timeouts": {"stall": 2.0, "reply": 2.0, **_PARTING}}
_AT_PEACE = {"unreachable_after": 60.0, "timeouts": _PARTING}

_MOST_AT_PEACE = 6
"""Rounds without trouble in which all must be done."""


@attrs.frozen
class Workshop:
    """What the runs of the soak test share, one after the other."""

    mother: Mother
    other: Mother
    disk: Path
    is_small: bool
    """Whether the disk is a file system of its own, that can be filled."""


@attrs.define
class Figures:
    """What has happened."""

    runs: int = 0
    commands: int = 0
    """Runs of the command, and not of the library."""
    starts: int = 0
    requests: int = 0
    accepted: int = 0
    beyond_documented: int = 0
    """Jobs that were made again, for the list showed the first later than is documented."""
    in_doubt: int = 0
    """Items that ended with the candidates for their job, between which the user decides."""
    events: Counter[str] = attrs.field(factory=Counter)
    faults: Counter[str] = attrs.field(factory=Counter)
    slowest_end: float = 0.0
    """Seconds from the last Ctrl-C to the end of the process."""

    def add(self, other: Figures) -> None:
        """Count another run."""
        for name in ("runs", "commands", "starts", "requests", "accepted", "beyond_documented", "in_doubt"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.events += other.events
        self.faults += other.faults
        self.slowest_end = max(self.slowest_end, other.slowest_end)

    def __str__(self) -> str:
        """Say all of it."""
        lines = [
            f"{self.runs - self.commands} runs of the library, {self.commands} of the command",
            f"{self.starts} processes, {self.requests} requests, {self.accepted} accepted submits",
            f"jobs made again, for the list lagged more than is documented: {self.beyond_documented}",
            f"items in doubt, with their candidates: {self.in_doubt}",
            f"the slowest end after a Ctrl-C: {self.slowest_end:.2f} s",
        ]
        for title, counts in (("what happened", self.events), ("faults", self.faults)):
            each = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
            lines.append(f"{title}: {sum(counts.values())}: {each}")
        return "\n".join(lines)


class Soak:
    """One run: a folder of recordings, a journal, and a service with its ledger."""

    def __init__(
        self, plan: Plan, backend: str, workshop: Workshop, folder: Path, server: FaultServer
    ) -> None:
        self._plan = plan
        self._backend = backend
        self._workshop = workshop
        self._folder = folder
        self._server = server
        self._service = LedgerService(url=server.url, plan=plan, note=self._note)
        server.service = self._service
        self._trouble = Trouble(plan, self._note)
        server.always("*", self._trouble)
        self._versions = Counter[int]()
        self._disk = workshop.disk / folder.name
        self._disk.mkdir()
        # The command runs on asyncio alone.
        is_command = plan.is_command and backend == "asyncio"
        self._surface: Surface = (Command if is_command else Library)(plan, folder, self._disk)
        self._texts = set[str]()
        """What was to be transcribed so far, in all versions of its files."""
        self._began = time.monotonic()
        self._given: dict[str, str] = {}
        """The id of the transcript of each text that was given."""
        self.figures = Figures(runs=1, commands=int(is_command))

    def run(self) -> Figures:
        """
        Carry it out.

        Raises:
            BrokenPromiseError: A promise was broken.
        """
        for number in range(len(self._plan.recordings)):
            self._write(number)
        try:
            for number, this in enumerate(self._plan.rounds, 1):
                for recording in this.edits:
                    self._versions[recording] += 1
                    self._write(recording)
                self._go_through(this, str(number))
            self._finish()
        finally:
            self._close()
        return self.figures

    def _close(self) -> None:
        figures, ledger = self.figures, self._service.accepted
        figures.requests, figures.accepted = len(self._server.requests), len(ledger)
        figures.faults = self._trouble.injected
        (self._folder / "ledger").write_text("".join(f"{described(job)}\n" for job in ledger))
        shutil.move(self._disk, self._folder / "disk")

    def _write(self, number: int) -> None:
        recording = self._plan.recordings[number]
        if not recording.is_address:
            path = self._folder / recording.name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(recording.content(self._versions[number]))
        self._texts.update(self._text(item) for item in self._plan.items if item.recording == number)

    def _note(self, line: str) -> None:
        with (self._folder / "requests").open("a") as file:
            file.write(f"{time.monotonic() - self._began:.3f} {line}\n")

    def _text(self, item: Item) -> str:
        identity = self._plan.recordings[item.recording].identity(self._versions[item.recording])
        return said(identity, self._plan.asked(item))

    # Rounds.

    def _order(
        self, items: Sequence[Item], run: str, times: Mapping[str, Any], jobs: int, uploads: int
    ) -> dict[str, Any]:
        return {
            "run": run,
            "url": self._server.url,
            "backend": self._backend,
            "log": str(self._folder / "log"),
            "output": str(self._output(run)),
            "ready": str(self._ready(run)),
            **times,
            **self._surface.order(items, run, jobs, uploads),
        }

    def _output(self, run: str) -> Path:
        return self._folder / f"output-{run}"

    def _ready(self, run: str) -> Path:
        return self._folder / f"ready-{run}"

    def _go_through(self, this: Round, run: str) -> None:
        """Do a round with its trouble."""
        moment = Moment.of(this)
        self._note(f"round {run}: {this}")
        self._trouble.begin(run, rate=self._plan.rate, moment=moment)
        self._workshop.mother.start(**self._order(this.items, run, _IN_TROUBLE, this.jobs, this.uploads))
        self._wait_until_it_runs(run)
        is_met = this.what != "run" and self._await(this, moment)
        is_other = is_met and this.what == "two runs"
        try:
            if is_met:
                self._act(this, run)
        finally:
            if moment:
                moment.acted.set()
        code = self._end(self._workshop.mother, run)
        if is_other:
            self._check(this.items, f"{run}b", self._end(self._workshop.other, f"{run}b"))
        (self._disk / "ballast").unlink(missing_ok=True)
        self._check(this.items, run, code, after=this.what if is_met else None)

    def _wait_until_it_runs(self, run: str) -> None:
        while not self._ready(run).exists() and not self._workshop.mother.is_over(0.002):
            pass

    def _await(self, this: Round, moment: Moment | None) -> bool:
        """Wait for the moment of a round; False if its process ends before, or hangs."""
        mother = self._workshop.mother
        if moment is None:
            return not mother.is_over(this.after)
        until = time.monotonic() + PATIENCE
        while not moment.reached.is_set():
            if mother.is_over(0.002) or time.monotonic() >= until:
                return False
        return True

    def _act(self, this: Round, run: str) -> None:
        """Do to a process what its round is about."""
        self._note(f"round {run}: {this.what}")
        self.figures.events[this.what] += 1
        match this.what:
            case "kill":
                self._kill(signal.SIGKILL)
            case "interrupt":
                self._interrupt(this)
            case "disk full":
                self._fill_disk(this.room)
            case "outage":
                self._server.go_down()
                time.sleep(this.gap)
                self._server.come_up()
            case "two runs":
                order = self._order(this.items, f"{run}b", _IN_TROUBLE, this.jobs, this.uploads)
                self._workshop.other.start(**order)

    def _kill(self, how: signal.Signals) -> None:
        # It may have ended by itself just now.
        with contextlib.suppress(ProcessLookupError):
            self._workshop.mother.kill(how)

    def _interrupt(self, this: Round) -> None:
        for number in range(this.interrupts):
            if number and self._workshop.mother.is_over(this.gap):
                break
            self._kill(signal.SIGINT)
        began = time.monotonic()
        if self._workshop.mother.is_over(PATIENCE):
            self.figures.slowest_end = max(self.figures.slowest_end, time.monotonic() - began)

    def _fill_disk(self, room: int) -> None:
        if not self._workshop.is_small:
            return
        with contextlib.suppress(OSError), (self._disk / "ballast").open("wb", buffering=0) as ballast:
            ballast.write(bytes(max(shutil.disk_usage(self._disk).free - room, 0)))

    def _end(self, mother: Mother, run: str) -> int:
        self.figures.starts += 1
        if not mother.is_over(PATIENCE):
            mother.kill(signal.SIGUSR1)
            time.sleep(1)
            mother.kill()
            mother.end()
            raise BrokenPromiseError(f"a hang: the stacks are in {self._output(run)}")
        return mother.end()

    # What must hold.

    def _check(
        self, items: Sequence[Item], run: str, code: int, after: str | None = None
    ) -> list[dict[str, Any]]:
        """Check what a run has done, and give what it has told."""
        self._settle()
        self._surface.check_end(code, self._output(run), after)
        ledger, notes = self._service.accepted, self._surface.notes(items, run)
        check_results(notes, [self._text(item) for item in items], ledger)
        self._check_ids_stay(notes)
        self.figures.beyond_documented = check_nothing_is_paid_twice(ledger)
        check_nothing_is_forgotten(ledger, self._surface.journal)
        self._surface.given(notes, self._texts)
        written = self._folder.glob("[lno]*")
        check_secrets(*written, *self._surface.journal.parent.glob("*.db*"))
        return notes

    def _check_ids_stay(self, notes: list[dict[str, Any]]) -> None:
        for note in notes:
            if "text" in note and self._given.setdefault(note["text"], note["id"]) != note["id"]:
                raise BrokenPromiseError(f"another job than before: {note}")

    def _settle(self) -> None:
        """Wait until the service has done what it was asked by a process that is gone."""
        until = time.monotonic() + 5
        while self._server.open_connections and time.monotonic() < until:
            time.sleep(0.001)

    def _finish(self) -> None:
        """Start it again, without trouble, until all is done."""
        missing: dict[str, Mapping[str, Any]] = {}
        for number in range(_MOST_AT_PEACE):
            missing = self._go_in_peace(f"peace-{number + 1}")
            is_doubted = all(note.get("error") == "AmbiguousSubmitError" for note in missing.values())
            if not missing or (is_doubted and number):
                break
        self._check_missing(missing)

    def _go_in_peace(self, run: str) -> dict[str, Mapping[str, Any]]:
        """Give what a run without trouble has not completed, with what it says of it."""
        items = self._plan.items
        self._note(f"round {run}")
        self._trouble.begin(run, rate=0.0, moment=None)
        self._workshop.mother.start(**self._order(items, run, _AT_PEACE, jobs=400, uploads=8))
        notes = self._check(items, run, self._end(self._workshop.mother, run))
        given = set(self._surface.given(notes, self._texts))
        failed = {self._text(items[note["index"]]): note for note in notes if "error" in note}
        raised = next((note for note in notes if "raised" in note), {})
        wanted = dict.fromkeys(map(self._text, items))
        return {text: failed.get(text, raised) for text in wanted if text not in given}

    def _check_missing(self, missing: Mapping[str, Mapping[str, Any]]) -> None:
        ledger = self._service.accepted
        for text, note in missing.items():
            jobs = {job.id for job in ledger if job.text == text and job.is_billed}
            is_doubted = note.get("error") == "AmbiguousSubmitError" and text.startswith("https://")
            hidden = any(not job.is_listed_in_time for job in ledger if job.text == text)
            if not is_doubted or not (hidden or all(job in note["why"] for job in jobs)):
                raise BrokenPromiseError(f"lost: {text}: {dict(note)}; its jobs are {sorted(jobs)}")
            self.figures.in_doubt += 1
