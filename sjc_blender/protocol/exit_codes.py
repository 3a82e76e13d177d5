"""Exit codes of every command line: the engine's, the farm's and ``blender --command sjc``."""

DONE = 0
FAILED = 1
"""Told in a sentence; the same command again goes on from the last checkpoint."""

USAGE = 2
"""The command line itself, or a file that it names, cannot be used: nothing was done."""

STOPPED = 3
"""Stopped on request (a cancel, Ctrl-C, SIGTERM), with a checkpoint; the same command again goes on."""
