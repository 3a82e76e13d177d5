# SPDX-License-Identifier: GPL-3.0-or-later
"""Child processes: the engine's interpreter, pipes, ends, and the differences between systems. Knows no bpy."""
