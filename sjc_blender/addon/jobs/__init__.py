# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs: the queue they wait in, what moves them on, where they lie, what becomes of their results."""
