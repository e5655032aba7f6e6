"""Cancellation, background tasks and threads."""
