"""The progress of a batch, for people: its state, and how a terminal or a notebook shows it."""
