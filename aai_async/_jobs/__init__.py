"""The life of one job: upload, submit, polling, and the search after a lost response."""
