"""Batches under random trouble keep their promises; `nox -s soak` does this for a hundred times as many."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import attrs
import pytest
from programs import HERE
from soak_checks import (
    BrokenPromiseError,
    check_nothing_is_forgotten,
    check_nothing_is_paid_twice,
    check_output,
    check_results,
    check_secrets,
    notes_of,
)
from soak_plan import DOCUMENTED_LAG, ENDLESS_LAG, NOT_ECHOED, Plan, plan_of
from soak_program import KEY
from soak_service import Accepted, LedgerService

SEEDS = (7, 34)
PLANS = [plan_of(seed) for seed in range(1, 101)]


def test_batches_under_random_trouble_lose_nothing_and_pay_for_nothing_twice() -> None:
    """On both event loops: with faults, kills, Ctrl-C, full disks, outages and edits, until all is done."""
    seeds = [f"--seed={seed}" for seed in SEEDS]
    command = [sys.executable, str(HERE / "soak.py"), "--workers=2", *seeds]
    ended = subprocess.run(command, check=False, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert f"passed: {2 * len(SEEDS)}; failed: 0; not begun in time: 0" in ended.stdout


TROUBLE: dict[str, Callable[[Plan], object]] = {
    "kills amid any request": lambda plan: any(
        one.what == "kill" and one.at_request is not None for one in plan.rounds
    ),
    "kills at any time": lambda plan: any(
        one.what == "kill" and one.at_request is None for one in plan.rounds
    ),
    "one Ctrl-C": lambda plan: any(one.what == "interrupt" and one.interrupts == 1 for one in plan.rounds),
    "two of them": lambda plan: any(one.what == "interrupt" and one.interrupts == 2 for one in plan.rounds),
    "a full disk": lambda plan: any(one.what == "disk full" for one in plan.rounds),
    "an outage": lambda plan: any(one.what == "outage" for one in plan.rounds),
    "two runs at once": lambda plan: any(one.what == "two runs" for one in plan.rounds),
    "files that are edited": lambda plan: any(one.edits for one in plan.rounds),
    "a list that lags": lambda plan: max(plan.lags) > 0,
    "a list that never shows a job": lambda plan: ENDLESS_LAG in plan.lags,
    "a clock that is ahead": lambda plan: plan.skew > 0,
    "the command": lambda plan: plan.is_command,
    "jobs that fail": lambda plan: plan.failing,
    "jobs of others": lambda plan: plan.foreign,
    "addresses of the caller's own": lambda plan: any(one.is_address for one in plan.recordings),
    "streams with a key": lambda plan: any(one.is_stream for one in plan.recordings),
    "a recording that comes twice": lambda plan: len(plan.items) > len(plan.recordings),
    "options that are not echoed": lambda plan: any(
        NOT_ECHOED & plan.asked(item).keys() for item in plan.items
    ),
}


@pytest.mark.parametrize("trouble", TROUBLE)
def test_each_kind_of_trouble_is_drawn_often(trouble: str) -> None:
    """In the hundred runs on one event loop."""
    assert sum(bool(TROUBLE[trouble](plan)) for plan in PLANS) >= 5


def test_a_seed_draws_the_same_each_time() -> None:
    """So that a run that has failed can be repeated."""
    assert [plan_of(seed) for seed in range(1, 101)] == PLANS
    assert len({plan.items for plan in PLANS}) > 90


def accepted(name: str, text: str = "0.wav", lag: float = 0.0, *, fails: bool = False) -> Accepted:
    url = f"http://cdn.test/{name}"
    return Accepted(name, url, {}, datetime.now(UTC), listed_from=0.0, text=text, lag=lag, fails=fails)


def test_a_second_job_is_found() -> None:
    """Unless one of them has failed, or is listed later than is documented."""
    assert check_nothing_is_paid_twice([accepted("a"), accepted("b", "1.wav")]) == 0
    assert check_nothing_is_paid_twice([accepted("a", fails=True), accepted("b")]) == 0
    assert check_nothing_is_paid_twice([accepted("a", lag=ENDLESS_LAG), accepted("b")]) == 1
    with pytest.raises(BrokenPromiseError, match=r"paid twice: 0\.wav"):
        check_nothing_is_paid_twice([accepted("a"), accepted("b")])


def test_the_list_shows_jobs_in_the_order_in_which_they_were_made() -> None:
    """The client assumes so of the real one; a job that is never shown is an exception for its own sake."""
    plan = attrs.evolve(PLANS[0], lags=(0.0, 0.2, DOCUMENTED_LAG, ENDLESS_LAG), foreign=0)
    service = LedgerService(plan=plan, note=lambda _: None)
    for number in range(100):
        service._submit(b'{"audio_url": "https://media.test/%d"}' % number)
    shown = [job.listed_from for job in service.accepted if job.is_listed_in_time]
    assert shown == sorted(shown)
    assert max(job.lag for job in service.accepted if job.is_listed_in_time) < DOCUMENTED_LAG + 0.001
    assert 10 < len(shown) < 100


def test_a_job_that_the_journal_does_not_know_is_found(tmp_path: Path) -> None:
    """It would be lost by the next kill."""
    with pytest.raises(BrokenPromiseError, match="lost sight of a job: a"):
        check_nothing_is_forgotten([accepted("a")], tmp_path / "calls.db")


@pytest.mark.parametrize(
    ("note", "why"),
    [
        ({"id": "a", "text": "1.wav"}, "a wrong text"),
        ({"id": "b", "text": "0.wav"}, "a job that is not its own"),
        ({"submitted": "unknown"}, "a job that is not its own"),
        ({"error": "AAIError", "why": "Item 3 failed unexpectedly: KeyError."}, "a bare exception"),
    ],
)
def test_a_wrong_result_is_found(note: dict[str, str], why: str) -> None:
    """A text or a job that is of another recording, and an error that is none of the library's."""
    ledger = [accepted("a"), accepted("b", "1.wav")]
    check_results([{"index": 0, "id": "a", "text": "0.wav"}], ["0.wav"], ledger)
    with pytest.raises(BrokenPromiseError, match=why):
        check_results([{"index": 0, **note}], ["0.wav"], ledger)


def test_what_a_process_writes_is_read(tmp_path: Path) -> None:
    """A secret, a traceback, and groups of exceptions where only an interrupt may be."""
    output = tmp_path / "output"
    check_output(output, is_interrupted=False)
    interrupted = "Traceback (most recent call last):\n  File\nKeyboardInterrupt"
    output.write_text(f"Exception ignored in: <function _remove>\n{interrupted}: \n{interrupted}\n")
    check_output(output, is_interrupted=True)
    with pytest.raises(BrokenPromiseError, match="a bare exception: KeyboardInterrupt"):
        check_output(output, is_interrupted=False)
    output.write_text("BaseExceptionGroup: of one (1 sub-exception)\nKeyboardInterrupt\n")
    with pytest.raises(BrokenPromiseError, match="a bare exception"):
        check_output(output, is_interrupted=True)
    output.write_text(f"Authorization: {KEY}\n")
    with pytest.raises(BrokenPromiseError, match="a secret is in output"):
        check_secrets(output)


def test_a_note_that_a_kill_has_cut_short_is_none(tmp_path: Path) -> None:
    """The others are read, those of one run alone."""
    notes = tmp_path / "notes"
    notes.write_text('{"run": "1", "index": 0}\n{"run": "2", "index": 1}\n{"run": "1", "ind')
    assert notes_of(notes, "1") == [{"run": "1", "index": 0}]
