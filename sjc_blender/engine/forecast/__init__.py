# SPDX-License-Identifier: GPL-3.0-or-later
"""The memory, disk space and time that a job needs, what is free, and the choice of a memory level."""
