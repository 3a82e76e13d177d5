# SPDX-License-Identifier: GPL-3.0-or-later
"""Exit codes of every command line: the engine's, the farm's and ``blender --command sjc``."""

EXIT_OK = 0
EXIT_FAILED = 1
"""An error was reported; the same command resumes a job from its last checkpoint."""

EXIT_USAGE = 2
"""The command line, or a file that it names, cannot be used: nothing was done."""

EXIT_CANCELLED = 3
"""Stopped on request (a cancel, Ctrl-C, SIGTERM), with a checkpoint; the same command resumes the job."""
