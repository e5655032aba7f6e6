"""What the service answers, read so that nothing which it adds or leaves out makes an answer unreadable."""
