"""What a batch has done, on disk: written down before the next step, so that nothing is paid twice."""

from aai_async._journal.erasure import ErasedRow as ErasedRow
from aai_async._journal.erasure import Erasure as Erasure
from aai_async._journal.erasure import erase as erase
from aai_async._journal.journal import Journal as Journal
from aai_async._journal.journal import find_entry as find_entry
from aai_async._journal.journal import freeze as freeze
from aai_async._journal.journal import not_in_journal as not_in_journal
from aai_async._journal.queries import Claim as Claim
from aai_async._journal.queries import Entry as Entry
from aai_async._journal.writer import Ledger as Ledger
from aai_async._journal.writer import LedgerRecord as LedgerRecord
