# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine as a child process: its interpreter, its pipes, its end; what differs between systems. Knows no bpy."""
