"""
Whatever a user does with a journal, in whatever order: nothing is lost, and nothing is paid for twice.

Runs with faults, that are killed or cancelled; files that are edited, renamed and changed back, or cannot be
read; jobs that the service does not know for a while; recordings that are forgotten; keys that are replaced,
and those of another account. `JOURNAL_MODEL_EXAMPLES=10000` tries more of it.
"""

from __future__ import annotations

import contextlib
import math
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from inline import no_threads
from journal_model import (
    ADDRESSES,
    ALL,
    ANOTHERS_KEY,
    ITEM_KEYS,
    KEYS,
    NAMES,
    OUR_KEY,
    OUR_NEW_KEY,
    Asked,
    Run,
    Trouble,
    World,
)
from test_batch_sequences import MEMORY
from test_fault_sequences import FAULTS

import aai_async as aai
from aai_async._io import object_store
from aai_async._journal import segments

EXAMPLES = int(os.environ.get("JOURNAL_MODEL_EXAMPLES", "40"))

_MOST_IN_PEACE = 3
"""Runs without trouble until all is done: a job that has failed is made again by the next one."""

names = st.sampled_from(NAMES)
some_items = st.lists(st.sampled_from(ALL), min_size=1, max_size=6)
troubles = st.builds(
    Trouble,
    faults=st.lists(st.sampled_from(["none", "none", *FAULTS]), max_size=12),
    lag=st.sampled_from([0.0, 0.3, 1.5, 6.0]),
    kill_at=st.just(math.inf) | st.integers(1, 20),
    is_processed=st.booleans(),
    cancel_after=st.just(math.inf) | st.integers(0, 50).map(lambda hundredths: hundredths / 100),
    jobs=st.sampled_from([1, 2, 400]),
    uploads=st.sampled_from([1, 8]),
)


class JournalMachine(RuleBasedStateMachine):
    """A user, with one journal."""

    is_stored = False
    """Whether the journal is in object storage."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
        self._world = World(self._folder, by_content=False)
        self._patches = contextlib.ExitStack()
        self._patches.enter_context(patch.object(object_store, "_open_store", lambda *_: self._world.bucket))
        # Of these short runs, some leave a snapshot and others segments only.
        self._patches.enter_context(patch.object(segments, "_COMPACTED_AFTER", 7))

    @initialize(by_content=st.booleans())
    def begin(self, by_content: bool) -> None:
        """Record what is to be transcribed."""
        shutil.rmtree(self._folder)
        self._folder.mkdir()
        self._world = World(self._folder, by_content=by_content, is_stored=self.is_stored)
        for name in NAMES[:2]:
            self._world.edit(name)

    def teardown(self) -> None:
        try:
            if self._world.owner is not None:
                self._finish()
        finally:
            self._patches.close()
            shutil.rmtree(self._folder)

    # What happens on the disk and at the service.

    @rule(name=names)
    def edit(self, name: str) -> None:
        """Write another content into a file."""
        self._world.edit(name)

    @rule(name=names, data=st.data())
    def change_back(self, name: str, data: st.DataObject) -> None:
        """Put an earlier version of any file in its place, as from a backup."""
        self._world.change_back(name, data.draw(st.integers(1, self._world.versions)))

    @rule(name=names, new=names)
    def rename(self, name: str, new: str) -> None:
        """Rename a file, in place of another one."""
        assume(name in self._world.files and name != new)
        self._world.rename(name, new)

    @rule(
        name=names,
        reason=st.sampled_from(["Transcription failed for a reason that passes.", "Internal server error."]),
    )
    def fail_next(self, name: str, reason: str) -> None:
        """Let the next job of a file end in an error, perhaps one after which it is submitted again."""
        assume(name in self._world.files)
        for account in self._world.accounts.values():
            account.service.failing[self._world.files[name].content] = reason

    @rule(seconds=st.sampled_from([1.0, 200.0, 1000.0, 100_000.0]))
    def wait(self, seconds: float) -> None:
        """Do nothing for a while."""
        self._world.time += seconds

    # What the user does.

    @rule(asked=some_items, trouble=troubles)
    def transcribe(self, asked: list[Asked], trouble: Trouble) -> None:
        """Run a batch with the key of the journal, amid trouble."""
        self._run(self._world.owner or OUR_KEY, asked, trouble)

    @rule(asked=some_items)
    def transcribe_in_peace(self, asked: list[Asked]) -> None:
        """Run a batch that meets no trouble."""
        items, this = self._run(self._world.owner or OUR_KEY, asked, Trouble())
        self._check_done(items, this, may_fail=True)

    @rule(asked=some_items, trouble=troubles)
    def replace_key(self, asked: list[Asked], trouble: Trouble) -> None:
        """Go on with the other key of the account."""
        owner = self._world.owner
        assume(owner in {OUR_KEY, OUR_NEW_KEY})
        other = OUR_NEW_KEY if owner == OUR_KEY else OUR_KEY
        self._run(other, asked, trouble, adopts=True)

    @rule(asked=some_items, trouble=troubles)
    def lose_sight(self, asked: list[Asked], trouble: Trouble) -> None:
        """Run a batch while the service does not know its jobs, which have an id and fail."""
        self._run(self._world.owner or OUR_KEY, asked, replace(trouble, is_hiding=True))

    @rule(name=names, asked=some_items, options=st.integers(0, 1), trouble=troubles)
    def change_for_a_run(self, name: str, asked: list[Asked], options: int, trouble: Trouble) -> None:
        """Run a batch with another version of a file, which then changes back."""
        assume(name in self._world.files)
        version = self._world.files[name].version
        self._world.edit(name)
        self._run(self._world.owner or OUR_KEY, [*asked, Asked(name, options)], trouble)
        self._world.change_back(name, version)

    @rule(
        name=names,
        how=st.sampled_from(["missing", "empty", "folder"]),
        asked=some_items,
        options=st.integers(0, 1),
        trouble=st.just(Trouble()) | troubles,
    )
    def refuse_for_a_run(
        self, name: str, how: str, asked: list[Asked], options: int, trouble: Trouble
    ) -> None:
        """Run a batch while a file cannot be read."""
        assume(name in self._world.files)
        self._world.spoil(name, how)
        items, this = self._run(self._world.owner or OUR_KEY, [*asked, Asked(name, options)], trouble)
        self._world.check_refused(name, items, this)
        self._world.repair(name)

    @rule(asked=some_items, adopts=st.booleans())
    @precondition(lambda self: self._world.owner is not None)
    def use_key_of_another_account(self, asked: list[Asked], adopts: bool) -> None:
        """Take a journal up with a key that does not belong to it."""
        key = OUR_KEY if self._world.account == KEYS[ANOTHERS_KEY] else ANOTHERS_KEY
        before = [tuple(row) for row in self._world.rows()]
        knows_a_job = any(row["transcript_id"] for row in self._world.rows())
        # Where no job is known, nothing can be shown, and the user is believed.
        assume(knows_a_job or not adopts)
        _, this = self._run(key, asked, Trouble(), adopts=adopts)
        assert isinstance(this.error, aai.JournalError)
        assert not this.has_begun
        assert adopts or not this.requests
        assert [tuple(row) for row in self._world.rows()] == before

    @rule(name=st.sampled_from([*NAMES, *ADDRESSES, *ITEM_KEYS]))
    @precondition(lambda self: self._world.owner is not None)
    def forget(self, name: str) -> None:
        """Remove a recording from the journal."""
        self._world.forget(name)

    def _run(self, key: str, asked: Sequence[Asked], trouble: Trouble, **how: Any) -> tuple[list[Asked], Run]:
        items = self._world.items(asked)
        this = self._world.run(key, items, trouble, **how)
        self._world.check_given(key, items, this)
        return items, this

    # What must hold.

    @invariant()
    def nothing_is_lost_or_paid_twice(self) -> None:
        """After each step."""
        self._world.check_nothing_is_paid_twice()
        self._world.check_nothing_is_lost()
        self._world.check_rows_are_of_the_account()

    def _finish(self) -> None:
        """Run all that there is until it is done."""
        for number in range(_MOST_IN_PEACE):
            items, this = self._run(self._world.owner or OUR_KEY, ALL, Trouble())
            is_last = number == _MOST_IN_PEACE - 1
            self._check_done(items, this, may_fail=not is_last)
        self.nothing_is_lost_or_paid_twice()

    def _check_done(self, items: Sequence[Asked], this: Run, *, may_fail: bool) -> None:
        assert this.error is None
        assert sorted(outcome.index for outcome in this.outcomes) == list(range(len(items)))
        for outcome in this.outcomes:
            if outcome.transcript is not None or (
                may_fail and isinstance(outcome.error, aai.TranscriptError)
            ):
                continue
            # Of an address that was submitted twice, it may be that nothing tells whose job is which.
            assert items[outcome.index].name in ADDRESSES, outcome.error
            assert isinstance(outcome.error, aai.AmbiguousSubmitError)
            assert outcome.error.candidates


class StoredJournalMachine(JournalMachine):
    """A user, with one journal in object storage."""

    is_stored = True


@pytest.mark.parametrize("machine", [JournalMachine, StoredJournalMachine])
def test_a_journal_loses_nothing_and_pays_for_nothing_twice(machine: type[JournalMachine]) -> None:
    """One job for each recording and what is asked for it, of the account that the journal belongs to."""
    how = settings(
        max_examples=EXAMPLES,
        stateful_step_count=10,
        deadline=None,
        suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
    )
    with no_threads():
        run_state_machine_as_test(machine, settings=how)
