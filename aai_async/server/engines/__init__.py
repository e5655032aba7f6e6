"""The speech engines, one module each: `whisper` recognises speech, `scripted` returns set results."""
