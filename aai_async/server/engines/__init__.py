"""The speech engines, one module each: `whisper` is the real one, `scripted` answers what a test tells it."""
