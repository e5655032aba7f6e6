"""What a batch has done, on disk: written down before the next step, so that nothing is paid twice."""

from aai_async._journal.journal import Journal as Journal
from aai_async._journal.journal import JournalRecord as JournalRecord
from aai_async._journal.store import Claim as Claim
from aai_async._journal.store import Entry as Entry
from aai_async._journal.store import State as State
