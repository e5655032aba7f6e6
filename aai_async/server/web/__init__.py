"""The page of the local server for a browser, to drop recordings, and to read and save transcripts."""
