"""What can be sent and what is written: sources, files and streams. No HTTP."""
