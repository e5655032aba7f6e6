"""Many recordings at a time."""
