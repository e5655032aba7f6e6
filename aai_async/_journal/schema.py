"""
The tables of a journal.

The comments in the schema are its documentation for users, who see them with ``sqlite3 calls.db .schema``.
"""

from __future__ import annotations

VERSION = 6
"""The version of the schema, stored as `PRAGMA user_version`."""

PAGE_SIZE = 8192
"""
Bytes of a page of the file.

It is twice the default of SQLite, so that compressed results of 1 to 3 kB fill it better. A larger page would
make each commit write more.
"""

EMBEDDED_SERVER = "an embedded server"
"""The service of a journal whose jobs end with an embedded server, which has a new URL and key each time."""

APPLICATION = 0x41414931
""""AAI1", stored as `PRAGMA application_id`."""

SCHEMA = """
CREATE TABLE account (         -- the account of the transcripts: one row
  service TEXT NOT NULL,       -- the base URL
  salt BLOB NOT NULL,
  fingerprint TEXT NOT NULL,   -- HMAC-SHA-256 of the API key, which is not stored, with the salt
  dictionary BLOB NOT NULL     -- with which zlib compresses the results
);
CREATE TABLE options (         -- the options of the recordings: one row for all that have the same
  id INTEGER PRIMARY KEY,
  payload TEXT NOT NULL,       -- as JSON, without the secret of a webhook
  digest TEXT NOT NULL,        -- Options.digest: equal for equal options
  UNIQUE (digest, payload)
);
CREATE TABLE jobs (            -- one row for each recording and set of options
  id INTEGER PRIMARY KEY,      -- in the order in which the rows were added
  position INTEGER NOT NULL,   -- index among the sources of the latest batch, from 0
  source TEXT NOT NULL,        -- its name: a path, or a URL without its query
  size INTEGER,                -- in bytes
  options INTEGER NOT NULL REFERENCES options,
  labels TEXT,                 -- the caller's labels, as a JSON object; NULL if none
  state TEXT NOT NULL CHECK (state IN
    ('pending',                -- neither uploaded nor submitted
     'uploaded',               -- uploaded to upload_url at uploaded_at
     'submitting',             -- a submit may have been sent: the list of transcripts shows whether it was
     'submitted',              -- the job has the id transcript_id, and is billed
     'done',                   -- the job is completed
     'failed')),               -- the job ended in an error; the next batch may submit it again
  upload_url TEXT,
  uploaded_at TEXT,            -- in UTC, by the clock of this machine
  submitting_at TEXT,          -- in UTC, by the clock of the service; NULL if unknown
  transcript_id TEXT,
  former_ids TEXT,             -- ids of its earlier jobs, which failed or were deleted, separated by spaces
  finished_at TEXT,            -- in UTC, by the clock of this machine
  audio_duration REAL,         -- in seconds
  expected_duration REAL,      -- in seconds, from the header of the recording, if a batch has a bound
  model TEXT,                  -- the model that ran, of a completed job
  retries INTEGER NOT NULL DEFAULT 0,
  deletion TEXT CHECK (deletion IN
    ('due',                    -- the transcript at the service is to be deleted: its text is in results
     'done')),                 -- it is deleted there; NULL if it stays
  error TEXT,                  -- the last error
  warnings TEXT,               -- of the service about the result, as a JSON array; NULL if none
  missing TEXT                 -- requested features that the result lacks, likewise
);
CREATE TABLE keys (            -- half the SHA-256 of what identifies a recording and its options,
                               -- and of a URL that was submitted for it, until the id of its job is known
  key BLOB PRIMARY KEY,
  job INTEGER NOT NULL REFERENCES jobs
) WITHOUT ROWID;
CREATE TABLE results (         -- the responses of the service as they arrived, compressed
  job INTEGER NOT NULL UNIQUE REFERENCES jobs,  -- no primary key, whose order would leave pages half empty
  transcript BLOB NOT NULL
);
CREATE UNIQUE INDEX jobs_by_upload ON jobs (upload_url) WHERE upload_url IS NOT NULL;
CREATE INDEX jobs_by_state ON jobs (state);
CREATE INDEX keys_by_job ON keys (job);
"""
