"""The wire: what is sent for each operation and how its reply is read. No I/O."""
