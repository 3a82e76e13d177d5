# SPDX-License-Identifier: GPL-3.0-or-later
"""Exit codes of every command line: the engine's, the farm's and ``blender --command sjc``."""

EXIT_OK = 0
EXIT_FAILED = 1
"""Told in a sentence; a job goes on from its last checkpoint when the command is given again."""

EXIT_USAGE = 2
"""The command line, or a file that it names, cannot be used: nothing was done."""

EXIT_CANCELLED = 3
"""Stopped on request (a cancel, Ctrl-C, SIGTERM), with a checkpoint; the same command again goes on."""
