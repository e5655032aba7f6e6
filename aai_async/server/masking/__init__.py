"""Redacted audio: a recording masked (`mask`), what is kept of it (`shelf`), who makes it (`masker`)."""
