"""Speaker diarization: `speakers` assigns words to speakers; the other modules are its steps."""
