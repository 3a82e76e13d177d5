"""The engine's own process: its memory, threads, signals, pauses, libraries and network."""
