"""What a batch has done, on disk: written down before the next step, so that nothing is paid twice."""

from aai_async._journal.journal import Journal as Journal
from aai_async._journal.journal import find_entry as find_entry
from aai_async._journal.journal import freeze as freeze
from aai_async._journal.ledger import Ledger as Ledger
from aai_async._journal.ledger import LedgerRecord as LedgerRecord
from aai_async._journal.store import Claim as Claim
from aai_async._journal.store import Entry as Entry
