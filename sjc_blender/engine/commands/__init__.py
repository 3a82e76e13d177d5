# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m sjc_blender.engine``: the command line, and a file for each subcommand."""
