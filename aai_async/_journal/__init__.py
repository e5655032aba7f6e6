"""The progress of a batch on disk: each step is recorded before the next, so that nothing is paid twice."""

from aai_async._journal.erasure import ErasedRow as ErasedRow
from aai_async._journal.erasure import Erasure as Erasure
from aai_async._journal.erasure import erase as erase
from aai_async._journal.finished_jobs import FinishedJob as FinishedJob
from aai_async._journal.finished_jobs import FinishedJobs as FinishedJobs
from aai_async._journal.finished_jobs import finished_jobs as finished_jobs
from aai_async._journal.finished_jobs import stored_response as stored_response
from aai_async._journal.journal import Journal as Journal
from aai_async._journal.journal import journal_exists as journal_exists
from aai_async._journal.journal import not_in_journal as not_in_journal
from aai_async._journal.journal import place_of as place_of
from aai_async._journal.lookup import FoundRow as FoundRow
from aai_async._journal.place import Place as Place
from aai_async._journal.reading import find_entry as find_entry
from aai_async._journal.reading import freeze as freeze
from aai_async._journal.reading import kept_at_service as kept_at_service
from aai_async._journal.reading import kept_results as kept_results
from aai_async._journal.reading import open_if_exists as open_if_exists
from aai_async._journal.reading import sources_of as sources_of
from aai_async._journal.reading import undeleted as undeleted
from aai_async._journal.rows import ItemClaim as ItemClaim
from aai_async._journal.rows import JobRow as JobRow
from aai_async._journal.rows import row_price as row_price
from aai_async._journal.writer import JournalWriter as JournalWriter
