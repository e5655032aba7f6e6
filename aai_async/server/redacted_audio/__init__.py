"""Redacted audio: masking of a recording (`mask`), stored copies (`shelf`) and their creation (`masker`)."""
