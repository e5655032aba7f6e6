"""Decodes uploaded files: which track, where each sample lies in the file's time, and what was lost."""
